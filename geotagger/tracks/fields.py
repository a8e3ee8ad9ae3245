"""What track files write numbers, lengths and times as, read alike for every format.

Takes the words of a file, gives numbers; None for what is not one.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from geotagger.coordinates import is_place
from geotagger.geo import distance_km
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point
from geotagger.zones import zone_at

_RANGE_ERROR_KM = 0.005
"""A user range error of 5 m a unit of dilution is the usual civil figure."""
_LOOSE_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?"
    r"\s*(Z|[+-]\d{1,2}(?::?\d\d)?)?",
    re.IGNORECASE,
)
_SPREAD_ERROR = 0.15
"""How far, of the way, somebody may be from where an even speed would have brought them."""


def utc_of(text: str, latitude: float, longitude: float, offset_minutes: float | None = None) -> float | None:
    """ISO 8601 to POSIX seconds; without a zone it is local time: of the offset where one is told, else at
    the place. None if not a time of day: a date alone is no moment."""
    moment = _moment(text.strip())
    if moment is None:
        return None
    if moment.tzinfo is None:
        if offset_minutes is not None and abs(offset_minutes) < 24 * 60:
            moment = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
        else:
            moment = moment.replace(tzinfo=zone_at(latitude, longitude) or UTC)
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        return None


def _moment(text: str) -> datetime | None:
    if ":" not in text and "T" not in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    match = _LOOSE_TIME.fullmatch(text)
    if match is None:
        return None
    *whole, part, zone = match.groups()
    year, month, day, hour, minute, second = (int(digits or 0) for digits in whole)
    try:
        moment = datetime(year, month, day) + timedelta(
            hours=hour, minutes=minute, seconds=second + float(f"0.{part or 0}")
        )
    except (ValueError, OverflowError):
        return None
    return moment if zone is None else moment.replace(tzinfo=_zone(zone))


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    offset = timedelta(hours=hours % 24, minutes=minutes % 60)
    return timezone(-offset if text[0] == "-" else offset)


def epoch_or_utc(
    when: Any, latitude: float, longitude: float, offset_minutes: float | None = None
) -> float | None:
    """A time as JSON has it: ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970."""
    if when is None or isinstance(when, bool):
        return None
    text = str(when)
    if text.replace(".", "", 1).isdecimal():
        seconds = float(text)
        if not math.isfinite(seconds):
            return None
        while seconds >= 2e11:  # the year 8307: a thousandth of it is meant
            seconds /= 1000.0
        return seconds
    return utc_of(text, latitude, longitude, offset_minutes)


def kilometres(metres: Any, least_km: float) -> float:
    """An error in metres, `least_km` where none is told; nobody is believed to be three times better."""
    value = number(metres)
    return least_km if value is None or value != value else max(value / 1000.0, least_km / 3)


def diluted(dilution: Any) -> float:
    """The error in km of a receiver that tells its dilution of precision, or does not."""
    value = number(dilution)
    return RECEIVER_ERROR_KM if value is None else max(RECEIVER_ERROR_KM, _RANGE_ERROR_KM * value)


def number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def spread(
    places: Sequence[tuple[float, float]], first_utc: float, last_utc: float, error_km: float
) -> list[Point]:
    """Points along a line of which only the times of its ends are known, as if somebody went evenly. What
    lies between has an error that follows the length of the way."""
    places = [place for place in places if is_place(*place)]
    if not places or last_utc < first_utc:
        return []
    travelled = [0.0]
    for (lat, lng), (next_lat, next_lng) in pairwise(places):
        travelled.append(travelled[-1] + float(distance_km(lat, lng, next_lat, next_lng)))
    length = travelled[-1]
    points = []
    for n, ((lat, lng), way) in enumerate(zip(places, travelled, strict=True)):
        part = way / length if length > 0 else n / max(1, len(places) - 1)
        about = _SPREAD_ERROR * length * 2 * math.sqrt(max(0.0, part * (1 - part)))
        points.append(Point(first_utc + part * (last_utc - first_utc), lat, lng, math.hypot(error_km, about)))
    return points
