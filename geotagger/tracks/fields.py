"""What track files write numbers, lengths and times as, read alike for every format.

Takes the words of a file, gives numbers; None for what is not one.
"""

from datetime import UTC, datetime
from typing import Any

from geotagger.zones import zone_at


def utc_of(text: str, latitude: float, longitude: float) -> float | None:
    """ISO 8601 to POSIX seconds; without a zone it is local time at the place. None if not a time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        zone = zone_at(latitude, longitude)
        moment = moment.replace(tzinfo=zone or UTC)
    return moment.timestamp()


def kilometres(metres: Any, least_km: float) -> float:
    """An error in metres, `least_km` where none is told; nobody is believed to be three times better."""
    told = number(metres)
    return least_km if told is None else max(told / 1000.0, least_km / 3)


def number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
