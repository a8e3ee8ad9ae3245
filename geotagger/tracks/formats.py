"""The table of track formats. A new one is a file with a reader, and a line here.

A format is known by what a file begins with, never by its name. The first that fits is taken: loggers put
brackets before NMEA, so JSON is last.
"""

import codecs
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO

from geotagger.tracks.fit import read_fit
from geotagger.tracks.google import read_google
from geotagger.tracks.gpx import read_gpx
from geotagger.tracks.igc import read_igc
from geotagger.tracks.kml import read_kml, read_kmz
from geotagger.tracks.nmea import read_nmea
from geotagger.tracks.srt import read_srt
from geotagger.tracks.tcx import read_tcx
from geotagger.tracks.values import Piece

HEAD_BYTES = 16 << 10
"""How much of a file is looked at to tell its format."""


@dataclass(frozen=True, slots=True)
class TrackFormat:
    """`beginning` matches in the first HEAD_BYTES of every file of the format, with or without the blanks
    and the byte order mark in front; `read` gives what is in an open one, and raises ValueError and the like
    where it is damaged. `read_named` wants the name of the file besides, which may tell the day."""

    name: str
    beginning: re.Pattern[bytes]
    read: Callable[[IO[bytes]], Iterable[Piece]]
    read_named: Callable[[IO[bytes], str], Iterable[Piece]] | None = None

    def pieces(self, file: IO[bytes], name: str) -> Iterable[Piece]:
        return self.read(file) if self.read_named is None else self.read_named(file, name)


def _root(name: bytes) -> re.Pattern[bytes]:
    """XML whose first element is called so."""
    before = rb"\A(?:\s|(?><\?.*?\?>)|(?><!--.*?-->)|(?><!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>))*"
    return re.compile(before + rb"<(?:[\w.-]+:)?" + name + rb"[\s/>]", re.DOTALL)


FORMATS = (
    TrackFormat("FIT", re.compile(rb"\A.{8}\.FIT", re.DOTALL), read_fit),
    TrackFormat("KMZ", re.compile(rb"\APK\x03\x04"), read_kmz),
    TrackFormat("GPX", _root(b"gpx"), read_gpx),
    TrackFormat("KML", _root(b"kml"), read_kml),
    TrackFormat("TCX", _root(b"TrainingCenterDatabase"), read_tcx),
    TrackFormat(
        "DJI's SRT",
        re.compile(rb"\A\d+\s+\d\d:\d\d:\d\d[,.]\d+ --> .*?(?:\bGPS ?\(|\[latitude)", re.DOTALL),
        read_srt,
    ),
    TrackFormat("IGC", re.compile(rb"(?m)^(?:HFDTE|B\d{13}[NS]\d{8}[EW][AV])"), read_igc),
    TrackFormat(
        "NMEA",
        re.compile(rb"(?m)^[^\S\n]*\$[A-Z]{5},|\$G[A-Z](?:RMC|GGA|GLL|ZDA),[^*\r\n]*\*[0-9A-Fa-f]{2}"),
        read_nmea,
        read_nmea,
    ),
    TrackFormat("Google's JSON", re.compile(rb"\A[\[{]"), read_google),
)

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LITTLE, _BIG = re.compile(rb"\A(?:[\t\r\n -~]\0){8}"), re.compile(rb"\A(?:\0[\t\r\n -~]){8}")


def utf16_of(head: bytes) -> str | None:
    """The encoding of a text that begins so, where it is one of two bytes a letter; those without a mark are
    known by their ASCII."""
    marked = _UTF16.get(head[:2])
    return marked or ("utf-16-le" if _LITTLE.match(head) else "utf-16-be" if _BIG.match(head) else None)


def format_of(head: bytes) -> TrackFormat | None:
    """The format of a file that begins so, a text in UTF-8; None where no reader knows it."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n\0")
    return next((one for one in FORMATS if one.beginning.search(head) or one.beginning.search(text)), None)
