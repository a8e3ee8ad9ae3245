"""The table of track formats. A new one is a file with a reader, and a line here.

A format is known by what a file begins with, never by its name.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO

from geotagger.tracks.fit import read_fit
from geotagger.tracks.google import read_google
from geotagger.tracks.gpx import read_gpx
from geotagger.tracks.kml import read_kml, read_kmz
from geotagger.tracks.nmea import read_nmea
from geotagger.tracks.values import Point

HEAD_BYTES = 16 << 10
"""How much of a file is looked at to tell its format."""


@dataclass(frozen=True, slots=True)
class TrackFormat:
    """`beginning` matches somewhere in the first HEAD_BYTES of every file of the format; `read` gives the
    points of an open one, and raises ValueError and the like where it is damaged."""

    name: str
    beginning: re.Pattern[bytes]
    read: Callable[[IO[bytes]], Iterable[Point]]


def _root(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"<(?:[\w.-]+:)?" + name + rb"[\s/>]")


FORMATS = (
    TrackFormat("FIT", re.compile(rb"\A.{8}\.FIT", re.DOTALL), read_fit),
    TrackFormat("KMZ", re.compile(rb"\APK\x03\x04"), read_kmz),
    TrackFormat("GPX", _root(b"gpx"), read_gpx),
    TrackFormat("KML", _root(b"kml"), read_kml),
    TrackFormat("JSON", re.compile(rb"\A(?:\xef\xbb\xbf)?\s*[\[{]"), read_google),
    TrackFormat("NMEA", re.compile(rb"(?:\A|[\r\n])\s*\$[A-Z]{2}[A-Z]{3},"), read_nmea),
)


def format_of(head: bytes) -> TrackFormat | None:
    """The format of a file that begins so; None where no reader knows it."""
    return next((one for one in FORMATS if one.beginning.search(head)), None)
