"""Time zones by place, from the boundaries that tzfpy carries and the rules that tzdata carries.

Takes degrees, gives zones and offsets. Knows nothing of photos.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from geotagger.coordinates import is_place
from geotagger.geo import wrap_longitude


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
    return datetime.fromtimestamp(utc, UTC).astimezone(zone).utcoffset()


@lru_cache(maxsize=65536)
def _zone_at(latitude: float, longitude: float) -> ZoneInfo | None:
    import tzfpy

    try:
        return ZoneInfo(tzfpy.get_tz(float(wrap_longitude(longitude)), latitude))
    except (KeyError, ValueError):
        return None
