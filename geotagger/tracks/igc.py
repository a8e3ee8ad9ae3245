"""IGC, the flight recorders' format (FAI technical specification for GNSS flight recorders, appendix A).

A B record is a fix with the time of day, the H record DTE the date at its start. Fixes of validity V (without
a height, or without satellites) count less; where they only repeat the place before, they say nothing.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO

from geotagger.tracks.bounds import lines
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point

_DATE = re.compile(rb"H[FOP]DTE(?:DATE)?:?\s*(\d\d)(\d\d)(\d\d)")
_FIX = re.compile(rb"B(\d\d)(\d\d)(\d\d)(\d\d)(\d{5})([NS])(\d{3})(\d{5})([EW])([AV])")
_ACCURACY = re.compile(rb"(\d\d)(\d\d)FXA")
_HALF_A_DAY = timedelta(hours=12)
_FLAT_ERROR_KM = 0.5
"""Of a fix of validity V: assumed, as one from three satellites is off sideways by its error in height."""


def read_igc(file: IO[bytes]) -> Iterator[Point]:
    day: datetime | None = None
    last = timedelta(0)
    accuracy: slice | None = None
    place_before = b""
    for line in lines(file):
        if date := _DATE.match(line):
            day, last = _day(*map(int, date.groups())), timedelta(0)
        elif line[:1] == b"I":
            columns = _ACCURACY.search(line)
            accuracy = None if columns is None else slice(int(columns[1]) - 1, int(columns[2]))
        elif (fix := _FIX.match(line)) and day is not None:
            moment = timedelta(hours=int(fix[1]), minutes=int(fix[2]), seconds=int(fix[3]))
            if moment < last - _HALF_A_DAY:
                day += timedelta(days=1)
            last = moment
            place = line[7:24]
            is_flat = fix[10] == b"V"
            if is_flat and place_before in (b"", place):
                place_before = place
                continue
            place_before = place
            latitude = int(fix[4]) + int(fix[5]) / 60_000
            longitude = int(fix[7]) + int(fix[8]) / 60_000
            metres = line[accuracy] if accuracy is not None else b""
            error_km = max(RECEIVER_ERROR_KM, int(metres) / 1000) if metres.isdigit() else RECEIVER_ERROR_KM
            error_km = max(error_km, _FLAT_ERROR_KM) if is_flat else error_km
            yield Point(
                (day + moment).timestamp(),
                -latitude if fix[6] == b"S" else latitude,
                -longitude if fix[9] == b"W" else longitude,
                error_km,
            )


def _day(day: int, month: int, year: int) -> datetime | None:
    """Two digits of the year: the format is of 1995."""
    try:
        return datetime(year + (1900 if year >= 80 else 2000), month, day, tzinfo=UTC)
    except ValueError:
        return None
