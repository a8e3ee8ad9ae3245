"""The places that are known of an archive's photos, as the estimate room takes them: a series in time."""

from array import array

import numpy as np

from geotagger.estimate.values import GPS_ERROR_KM, FixSeries
from geotagger.index.store import Store

VAGUE_KM = 1.0
"""A sidecar's place that is known no better: Google Takeout's, which may be Google's own estimate."""


def fixes_of(store: Store, root_id: int, *, gone: bool) -> FixSeries:
    """See `Photos.fixes`."""
    ids, numbers, cameras = array("q"), array("d"), {"": 0}
    rows = store.stream(
        "select photos.id, utc, coalesce(e.latitude, fix_latitude), coalesce(e.longitude, fix_longitude),"
        " case when e.id is null then fix_error_m / 1000.0 else e.radius_km end, utc_offset_s,"
        f" coalesce(e.rung = 'sidecar' and e.radius_km >= {VAGUE_KM}, 0), camera"
        " from photos"
        " left join estimates as e on e.photo_id = photos.id and e.current = 1"
        " and e.rung in ('sidecar', 'manual')"
        " where root_id = ? and utc is not null"
        + ("" if gone else " and missing_since is null")
        + " and (e.id is not null or"
        " (fix_latitude is not null and"
        " (fix_mark is null or json_extract(fix_mark, '$.rung') = 'manual'))) order by utc, photos.id",
        (root_id,),
    )
    for row in rows:
        ids.extend((row[0], cameras.setdefault(row[7] or "", len(cameras))))
        numbers.extend(float("nan") if value is None else value for value in row[1:7])
    photo_ids, camera = np.asarray(ids, dtype=np.int64).reshape(-1, 2).T
    utc, lat, lng, error_km, offset_s, vague = np.asarray(numbers, dtype=np.float64).reshape(-1, 6).T
    stated = np.where(error_km > 0, error_km, GPS_ERROR_KM)
    return FixSeries(photo_ids, utc, lat, lng, stated, camera, tuple(cameras), offset_s, vague == 0)
