"""The subtitles that DJI's drones write beside their films, with where they were (`DJI_0012.SRT`).

An entry has a date and a time of the drone's own clock, without a zone, and a place, in one of two spellings:
`[latitude: 48.2] [longitude: 16.4]` (also `longtitude`) or `GPS(16.4,48.2,19)`, longitude first. Those of the
first Phantoms have no date, and say nothing here.
"""

import re
from collections.abc import Iterator
from typing import IO

from geotagger.tracks.bounds import lines
from geotagger.tracks.fields import utc_of
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point

_TIME = re.compile(r"(\d{4})[-./](\d\d)[-./](\d\d)[ T](\d\d:\d\d:\d\d)")
_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_NAMED = re.compile(rf"latitude\s*:\s*{_NUMBER}.*?longt?itude\s*:\s*{_NUMBER}", re.IGNORECASE)
_BRACKETED = re.compile(rf"\bGPS\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}")


def read_srt(file: IO[bytes]) -> Iterator[Point]:
    """One point a second: there is an entry for every picture of the film."""
    moment, last, place = "", "", None
    for line in lines(file):
        text = line.decode("utf-8", "replace")
        if "-->" in text:
            moment, place = "", None
            continue
        if time := _TIME.search(text):
            moment = f"{time[1]}-{time[2]}-{time[3]} {time[4]}"
        place = _place(text) or place
        if moment and place and moment != last:
            last = moment
            utc = utc_of(moment, *place)
            if utc is not None:
                yield Point(utc, *place, RECEIVER_ERROR_KM)


def _place(text: str) -> tuple[float, float] | None:
    if named := _NAMED.search(text):
        return float(named[1]), float(named[2])
    if bracketed := _BRACKETED.search(text):
        return float(bracketed[2]), float(bracketed[1])
    return None
