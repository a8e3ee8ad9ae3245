"""Facts of a photo as columns of the table `photos`, and back, without loss."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from geotagger.estimate.clock import Clocked
from geotagger.index.store import plain_text
from geotagger.marks import Mark
from geotagger.photo.formats import VIDEO_FORMATS
from geotagger.photo.values import CaptureTime, Facts, GpsFix, NamedPlace

COLUMNS = (
    "format",
    "width",
    "height",
    "orientation",
    "taken",
    "utc_offset_s",
    "camera",
    "gps_utc",
    "fix_latitude",
    "fix_longitude",
    "fix_altitude_m",
    "fix_error_m",
    "fix_dop",
    "fix_utc",
    "fix_mark",
    "not_a_photo",
    "problems",
    "fix_dimensions",
    "unreadable_position",
    "told_city",
    "told_region",
    "told_country",
    "software",
)


def to_row(facts: Facts | None) -> tuple[Any, ...]:
    """Values of COLUMNS; all null without facts."""
    if facts is None:
        return (None,) * len(COLUMNS)
    return tuple(_storable(value) for value in _values(facts))


def _storable(value: Any) -> Any:
    """What SQLite can keep and give back: numbers within 64 bits, text without lone surrogates."""
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return plain_text(value) if isinstance(value, str) else value


def _values(facts: Facts) -> tuple[Any, ...]:
    taken, fix, named = facts.taken, facts.fix, facts.named
    return (
        facts.format,
        facts.width,
        facts.height,
        facts.orientation,
        taken and taken.local.isoformat(sep=" "),
        None if taken is None or taken.offset is None else taken.offset.total_seconds(),
        plain_text(facts.camera),
        facts.gps_utc and facts.gps_utc.isoformat(sep=" "),
        fix and fix.latitude,
        fix and fix.longitude,
        fix and fix.altitude_m,
        fix and fix.error_m,
        fix and fix.dop,
        fix and fix.utc and fix.utc.isoformat(sep=" "),
        None if fix is None or fix.mark is None else json.dumps(asdict(fix.mark)),
        plain_text(facts.not_a_photo),
        json.dumps(facts.problems) if facts.problems else None,
        fix and fix.dimensions,
        plain_text(facts.unreadable_position),
        *(plain_text(name or None) for name in (named.city, named.region, named.country, facts.software)),
    )


def from_row(row: Sequence[Any]) -> Facts | None:
    """The facts that `to_row` laid out; None where a photo has none, and of a damaged row."""
    if row[0] is None:
        return None
    try:
        return _facts(row)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def _facts(row: Sequence[Any]) -> Facts:
    offset = _offset(row[5])
    fix = None
    if row[8] is not None:
        fix = GpsFix(
            latitude=_on_earth(row[8], 90),
            longitude=_on_earth(row[9], 180),
            altitude_m=row[10],
            error_m=row[11],
            dop=row[12],
            utc=_time(row[13]),
            mark=_mark(row[14]),
            dimensions=row[17],
        )
    local = _time(row[4])
    return Facts(
        format=row[0],
        width=row[1],
        height=row[2],
        orientation=row[3],
        taken=None if local is None else CaptureTime(local, offset),
        camera=row[6],
        gps_utc=_time(row[7]),
        fix=fix,
        not_a_photo=row[15],
        problems=tuple(map(str, json.loads(row[16]))) if row[16] else (),
        unreadable_position=row[18],
        named=NamedPlace(*(str(name or "") for name in row[19:22])),
        software=str(row[22] or ""),
    )


def clocked(row: Sequence[Any]) -> Clocked:
    """What a photo says of its time, with the place of its own fix but not of an estimate; `row` is taken,
    utc_offset_s, gps_utc, camera, fix_latitude, fix_longitude, fix_mark, format. Nothing of a damaged row."""
    try:
        taken, offset_s, gps_utc, camera, latitude, longitude, told_mark, form = row
        mark = _mark(told_mark)
        if latitude is None or longitude is None or (mark is not None and mark.is_estimate):
            latitude = longitude = None
        else:
            latitude, longitude = _on_earth(latitude, 90), _on_earth(longitude, 180)
        offset = None if taken is None else _offset(offset_s)
        either = form in VIDEO_FORMATS and taken is not None and gps_utc is not None
        return Clocked(_time(taken), offset, _time(gps_utc), camera, latitude, longitude, either)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return Clocked(None, None, None, None, None, None)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _offset(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _mark(text: str | None) -> Mark | None:
    return None if text is None else Mark(**json.loads(text))


def _on_earth(degrees: float, most: float) -> float:
    if not abs(degrees) <= most:
        raise ValueError("not on the Earth")
    return degrees
