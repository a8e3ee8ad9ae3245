"""NMEA 0183, the sentences that receivers speak."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import IO

from geotagger.tracks.fields import number
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point

_KNOTS_FIELDS = 10


def read_nmea(file: IO[bytes]) -> Iterator[Point]:
    """NMEA 0183: RMC sentences carry the date, GGA only the time of day; sentences with a wrong
    checksum or no fix are passed over, as the standard asks."""
    day: datetime | None = None
    last_time: timedelta | None = None
    for raw in file:
        fields = _sentence(raw.decode("ascii", "replace"))
        if fields is None:
            continue
        kind = fields[0][2:]
        if kind == "RMC" and len(fields) >= _KNOTS_FIELDS and fields[2] == "A":
            day = _nmea_day(fields[9]) or day
            place, moment, dop = _nmea_place(fields[3:7]), _nmea_time(fields[1]), None
        elif kind == "GGA" and len(fields) >= _KNOTS_FIELDS and fields[6] not in ("", "0"):
            place, moment, dop = _nmea_place(fields[2:6]), _nmea_time(fields[1]), number(fields[8])
        else:
            continue
        if place is None or moment is None or day is None:
            continue
        if kind == "GGA" and last_time is not None and moment < last_time - timedelta(hours=12):
            day += timedelta(days=1)  # past midnight, before the next RMC says so
        last_time = moment
        error = max(RECEIVER_ERROR_KM, 0.005 * dop) if dop is not None else RECEIVER_ERROR_KM
        yield (day + moment).timestamp(), *place, error


def _sentence(line: str) -> list[str] | None:
    match = re.match(r"\s*\$([A-Z]{2}[A-Z]{3},[^*\r\n]*)(?:\*([0-9A-Fa-f]{2}))?", line)
    if match is None:
        return None
    checksum = 0
    for character in match[1]:
        checksum ^= ord(character) & 0xFF
    if match[2] is not None and int(match[2], 16) != checksum:
        return None
    return match[1].split(",")


def _nmea_day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%d%m%y").replace(tzinfo=UTC)
    except ValueError:
        return None


def _nmea_place(fields: Sequence[str]) -> tuple[float, float] | None:
    """ddmm.mmmm, N or S, dddmm.mmmm, E or W."""
    latitude, north, longitude, east = fields
    if not re.fullmatch(r"\d{4}(\.\d*)?", latitude) or not re.fullmatch(r"\d{5}(\.\d*)?", longitude):
        return None
    lat = int(latitude[:2]) + float(latitude[2:]) / 60
    lng = int(longitude[:3]) + float(longitude[3:]) / 60
    return (-lat if north == "S" else lat), (-lng if east == "W" else lng)


def _nmea_time(text: str) -> timedelta | None:
    match = re.fullmatch(r"(\d\d)(\d\d)(\d\d(?:\.\d*)?)", text)
    return timedelta(hours=int(match[1]), minutes=int(match[2]), seconds=float(match[3])) if match else None
