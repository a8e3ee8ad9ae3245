"""The places that are known of an archive's photos, as the estimate room takes them: a series in time."""

import contextlib
import json
import os
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import GPS_ERROR_KM
from geotagger.estimate.twins import Origin
from geotagger.estimate.values import FixSeries
from geotagger.index.soundness import are_texts, is_on_earth
from geotagger.index.store import Store, path_of
from geotagger.photo.values import SCAN

_AT_ONCE = 10_000
VAGUE_KM = 1.0
"""A sidecar's place that is known no better: Google Takeout's, which may be Google's own estimate."""


def fixes_of(store: Store, root_ids: Sequence[int], *, gone: bool) -> FixSeries:
    """See `Photos.fixes`."""
    ids, numbers, cameras = array("q"), array("d"), {"": 0}
    rows = store.stream(
        "select photos.id, utc, coalesce(e.latitude, fix_latitude), coalesce(e.longitude, fix_longitude),"
        " case when e.id is null then fix_error_m / 1000.0 else e.radius_km end, utc_offset_s,"
        " coalesce(e.confirmed_by is not null or e.rung = 'sidecar' and"
        f" e.radius_km >= {VAGUE_KM}, 0), e.id is null and fix_mark is null, camera, gps_utc"
        " from photos"
        " left join estimates as e on e.photo_id = photos.id and e.current = 1"
        " and (e.rung in ('sidecar', 'manual') or e.confirmed_by is not null)"
        f" where root_id in ({','.join('?' * len(root_ids))}) and utc is not null"
        + ("" if gone else " and missing_since is null")
        + f" and (not_a_photo is null or not_a_photo not like '{SCAN}%')"  # its time is the scanner's
        + " and (e.id is not null or"
        " (fix_latitude is not null and"
        " (fix_mark is null or case when json_valid(fix_mark) then json_extract(fix_mark, '$.rung') end"
        " = 'manual'))) order by utc, photos.id",
        tuple(root_ids),
    )
    for row in rows:
        if not _is_sound(row):
            store.damage.pass_over(f"row {row[0]} of photos, or its place,")  # nobody knows what it would say
            continue
        ids.extend((row[0], cameras.setdefault(row[8] or "", len(cameras))))
        numbers.extend(float("nan") if value is None else value for value in row[1:8])
        numbers.append(_posix(row[9]))
    photo_ids, camera = np.asarray(ids, dtype=np.int64).reshape(-1, 2).T
    table = np.asarray(numbers, dtype=np.float64).reshape(-1, 8)
    utc, lat, lng, error_km, offset_s, vague, received, stamp = np.ascontiguousarray(table.T)
    stated = np.where(error_km > 0, error_km, GPS_ERROR_KM)

    def origins(wanted_rows: NDArray[np.int64]) -> list[Origin]:
        seen = {
            number: Origin(os.path.join(path_of(root), path_of(path)), str(software or ""))
            for first in range(0, len(wanted_rows), _AT_ONCE)
            for number, root, path, software in store.stream(
                "select photos.id, roots.path, photos.path, software from photos"
                " join roots on roots.id = root_id where photos.id in (select value from json_each(?))",
                (json.dumps(photo_ids[wanted_rows[first : first + _AT_ONCE]].tolist()),),
            )
        }
        return [seen[number] for number in photo_ids[wanted_rows].tolist()]

    return FixSeries.read(
        photo_ids, utc, lat, lng, stated, camera, tuple(cameras), offset_s, vague == 0, stamp, received == 1,
        origins,
    )  # fmt: skip


def _posix(utc: Any) -> float:
    """POSIX seconds of a time stamp as the index keeps it, NaN where it holds none."""
    with contextlib.suppress(ValueError, TypeError):
        return datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()
    return float("nan")


def _is_sound(row: tuple[Any, ...]) -> bool:
    """Whether what stands there are numbers of a place on the Earth, and a camera's name."""
    numbers = all(value is None or isinstance(value, int | float) for value in row[1:8])
    return numbers and is_on_earth(row[2], row[3]) and are_texts((row[8],))
