"""Time zones by place, from the boundaries that tzfpy carries and the rules that tzdata carries.

Takes degrees, gives zones and offsets. Knows nothing of photos.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from geotagger.coordinates import is_place
from geotagger.geo import FloatArray, wrap_longitude

_DAY_S = 86400


def zone_at(latitude: float, longitude: float) -> ZoneInfo | None:
    """The time zone of a place; None off the Earth or where the zone's rules are not known."""
    if not is_place(latitude, longitude):
        return None
    return _zone_at(round(latitude, 2), round(longitude, 2))


def offset_at(latitude: float, longitude: float, utc: float) -> timedelta | None:
    """The legal offset from UTC at a place and POSIX time."""
    zone = zone_at(latitude, longitude)
    if zone is None:
        return None
    return _offset(zone, utc)


def offsets_at(latitude: FloatArray, longitude: FloatArray, utc: FloatArray) -> FloatArray:
    """As `offset_at` for places and times (n,) each, in seconds; NaN where it is None. Many entries may be of
    few places and times."""
    places, of_place = np.unique(latitude + 1j * longitude, return_inverse=True)
    times, of_time = np.unique(utc, return_inverse=True)
    numbers: dict[ZoneInfo | None, int] = {}
    zone = [numbers.setdefault(zone_at(one.real, one.imag), len(numbers)) for one in places.tolist()]
    offsets = [[_seconds(one, at) for at in times.tolist()] for one in numbers]
    table = np.array(offsets, dtype=np.float64).reshape(len(numbers), len(times))
    return np.asarray(table[np.array(zone, np.int64)[of_place], of_time])


def _offset(zone: ZoneInfo, utc: float) -> timedelta | None:
    return datetime.fromtimestamp(utc, UTC).astimezone(zone).utcoffset()


def _seconds(zone: ZoneInfo | None, utc: float) -> float:
    if zone is None:
        return np.nan
    lasting = _all_day(zone, int(utc // _DAY_S))
    return _of_timedelta(_offset(zone, utc)) if lasting is None else lasting


@lru_cache(maxsize=4096)
def _all_day(zone: ZoneInfo, day: int) -> float | None:
    """What is legal on a day of UTC, None where that changes. No zone changes and back within a day."""
    first, last = (_of_timedelta(_offset(zone, of * _DAY_S)) for of in (day, day + 1))
    return first if first == last else None


def _of_timedelta(offset: timedelta | None) -> float:
    return np.nan if offset is None else offset.total_seconds()


@lru_cache(maxsize=65536)
def _zone_at(latitude: float, longitude: float) -> ZoneInfo | None:
    import tzfpy

    try:
        return ZoneInfo(tzfpy.get_tz(float(wrap_longitude(longitude)), latitude))
    except (KeyError, ValueError):
        return None
