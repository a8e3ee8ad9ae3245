"""Garmin FIT, by fitdecode: the records of activities, and what Garmin's cameras note of their way.

A course is planned and gives nothing. What an app from elsewhere put into the file without describing it, or
what is damaged in it, is no affair of the owner's as long as the places can be read.
"""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from geotagger.tracks.fields import kilometres
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point

_SEMICIRCLE_DEG = 180.0 / 2**31


def read_fit(file: IO[bytes]) -> Iterator[Point]:
    import fitdecode  # type: ignore[import-untyped]

    handling = {"check_crc": fitdecode.CrcCheck.DISABLED, "error_handling": fitdecode.ErrorHandling.IGNORE}
    try:
        with warnings.catch_warnings(action="ignore"), fitdecode.FitReader(file, **handling) as reader:
            is_course, switched_on = False, None
            for frame in reader:
                if not isinstance(frame, fitdecode.FitDataMessage):
                    continue
                if frame.name == "file_id":
                    is_course = frame.get_value("type", fallback=None) == "course"
                elif frame.name == "timestamp_correlation":
                    switched_on = _switched_on(frame)
                elif frame.name in ("record", "gps_metadata") and not is_course:
                    yield from _point(frame, switched_on)
    except fitdecode.FitError as error:
        raise ValueError(str(error)) from error


def _switched_on(frame: Any) -> datetime | None:
    """When a camera was switched on, from which its messages count (Garmin's FIT profile, 162)."""
    when = frame.get_value("timestamp", fallback=None)
    since_s = frame.get_raw_value("system_timestamp", fallback=None)
    if not isinstance(when, datetime) or not isinstance(since_s, int):
        return None
    return when - timedelta(seconds=since_s)


def _point(frame: Any, switched_on: datetime | None) -> Iterator[Point]:
    """A camera's own time may count from when it was switched on; the time of its GPS then stands beside, or
    when that was stands in another message."""
    when = frame.get_value("utc_timestamp", fallback=None) if frame.name == "gps_metadata" else None
    later_ms = 0
    if not isinstance(when, datetime):
        when = frame.get_value("timestamp", fallback=None)
        later_ms = frame.get_value("timestamp_ms", fallback=None) or 0
        if isinstance(when, int) and switched_on is not None:
            when = switched_on + timedelta(seconds=when)
    lat = frame.get_value("position_lat", fallback=None)
    lng = frame.get_value("position_long", fallback=None)
    if isinstance(when, datetime) and isinstance(lat, int) and isinstance(lng, int):
        aware = when if when.tzinfo else when.replace(tzinfo=UTC)
        error_km = kilometres(frame.get_value("gps_accuracy", fallback=None), RECEIVER_ERROR_KM)
        yield Point(
            aware.timestamp() + later_ms / 1000.0, lat * _SEMICIRCLE_DEG, lng * _SEMICIRCLE_DEG, error_km
        )
