"""Garmin FIT, by fitdecode."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO

from geotagger.tracks.fields import kilometres
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point

_SEMICIRCLE_DEG = 180.0 / 2**31


def read_fit(file: IO[bytes]) -> Iterator[Point]:
    """Garmin FIT, by fitdecode: the records of an activity or a course."""
    import fitdecode  # type: ignore[import-untyped]

    try:
        with fitdecode.FitReader(file, check_crc=fitdecode.CrcCheck.DISABLED) as reader:
            for frame in reader:
                if not isinstance(frame, fitdecode.FitDataMessage) or frame.name != "record":
                    continue
                when = frame.get_value("timestamp", fallback=None)
                lat = frame.get_value("position_lat", fallback=None)
                lng = frame.get_value("position_long", fallback=None)
                if isinstance(when, datetime) and lat is not None and lng is not None:
                    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
                    error = kilometres(frame.get_value("gps_accuracy", fallback=None), RECEIVER_ERROR_KM)
                    yield aware.timestamp(), lat * _SEMICIRCLE_DEG, lng * _SEMICIRCLE_DEG, error
    except fitdecode.FitError as error:
        raise ValueError(str(error)) from error
