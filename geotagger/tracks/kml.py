"""KML 2.2 and KMZ, which is KML in a zip.

gx:Track (when beside coord); placemarks with a point and a time; placemarks with a time span, which are stays
where they have a point and ways where they have a line. Placemarks in folders that GPSBabel calls Waypoints
and Routes are marks, with the time when they were made.
"""

import sys
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import SEEK_END
from typing import IO, cast

from geotagger.tracks.bounds import Bounded
from geotagger.tracks.fields import number, spread, utc_of
from geotagger.tracks.gpx import MARK_ERROR_KM
from geotagger.tracks.markup import Event, elements
from geotagger.tracks.values import RECEIVER_ERROR_KM, Piece, Point, Stay, WayPoint

_NAMES = frozenset(
    (
        *("Placemark", "Track", "Folder", "LookAt", "Camera", "Point", "LineString", "Polygon"),
        *("name", "when", "coord", "begin", "end", "coordinates"),
    )
)
_FOLDERS_OF_MARKS = frozenset(("waypoints", "routes"))
_MOST_WAITING = 1_000_000
_VISIT_ERROR_KM = 0.05


def read_kmz(file: IO[bytes]) -> Iterator[Piece]:
    with zipfile.ZipFile(file) as archive:
        # what it says of itself may be a lie
        packed_bytes = min(sum(entry.compress_size for entry in archive.infolist()), file.seek(0, SEEK_END))
        budget, most = Bounded.budget(packed_bytes), Bounded.elements(packed_bytes)
        for entry in archive.infolist():
            if entry.filename.lower().endswith(".kml"):
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    # Python unpacks others by the block, and a block of bzip2 or LZMA may be gigabytes
                    raise ValueError(f"packed in a way (number {entry.compress_type}) that no KMZ is")
                with archive.open(entry) as packed:
                    unpacked = Bounded(packed, budget)
                    yield from read_kml(cast(IO[bytes], unpacked), most)
                    budget = unpacked.left


@dataclass(slots=True)
class _Placemark:
    whens: list[str] = field(default_factory=list)
    begin: str = ""
    end: str = ""
    points: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def read_kml(file: IO[bytes], most: int = sys.maxsize) -> Iterator[Piece]:
    """`most`: elements."""
    placemark: _Placemark | None = None
    inside: list[str] = []  # what of these names is open, outermost first
    folders: dict[int, str] = {}  # by depth
    whens: deque[str] = deque()
    coords: deque[str] = deque()
    for event in elements(file, _NAMES, most):
        if event.opens:
            inside.append(event.name)
            if event.name == "Placemark":
                placemark = _Placemark()
            elif event.name == "Track":
                whens.clear()
                coords.clear()
            continue
        inside.pop()
        if event.name == "Folder":
            folders.pop(event.depth, None)
        elif event.name == "name" and inside and inside[-1] == "Folder":
            folders[event.depth - 1] = event.text.lower()
        elif event.name == "Placemark" and placemark is not None:
            yield from _pieces(placemark, any(name in _FOLDERS_OF_MARKS for name in folders.values()))
            placemark = None
        elif event.name in ("when", "coord") and inside and inside[-1] == "Track":
            (whens if event.name == "when" else coords).append(event.text)
            if len(whens) + len(coords) > _MOST_WAITING:
                raise ValueError("more than a million times without coordinates")
            while whens and coords:
                yield from _timed(whens.popleft(), coords.popleft().split())
        elif placemark is not None and "LookAt" not in inside and "Camera" not in inside:
            _note(placemark, event, inside)


def _note(placemark: _Placemark, event: Event, inside: list[str]) -> None:
    if event.name == "when":
        placemark.whens.append(event.text)
    elif event.name == "begin":
        placemark.begin = event.text
    elif event.name == "end":
        placemark.end = event.text
    elif event.name == "coordinates" and "Polygon" not in inside:
        (placemark.points if inside[-1] == "Point" else placemark.lines).append(event.text)


def _pieces(placemark: _Placemark, is_mark: bool) -> Iterator[Piece]:
    moments = [text for text in (*placemark.whens[:1], placemark.begin, placemark.end) if text]
    if len(placemark.points) == 1 and moments:
        place = placemark.points[0].split(",")
        points = list(_timed(moments[0], place))
        ends = list(_timed(placemark.end, place)) if placemark.begin and placemark.end else []
        for point in points:
            if is_mark:
                yield WayPoint(*point[:3], MARK_ERROR_KM)
            elif ends and not placemark.whens and ends[0].utc > point.utc:
                yield Stay(point.utc, ends[0].utc, *point[1:3], _VISIT_ERROR_KM)
            else:
                yield point
    if len(placemark.lines) == 1 and not is_mark:
        corners = (_place(corner.split(",")) for corner in placemark.lines[0].split())
        way = [corner for corner in corners if corner is not None]
        begin = utc_of(placemark.begin, *way[0]) if way else None
        end = utc_of(placemark.end, *way[-1]) if way else None
        if begin is not None and end is not None:
            yield from spread(way, begin, end, RECEIVER_ERROR_KM)


def _timed(when: str, corner: list[str]) -> Iterator[Point]:
    place = _place(corner)
    utc = None if place is None else utc_of(when, *place)
    if place is not None and utc is not None:
        yield Point(utc, *place, RECEIVER_ERROR_KM)


def _place(corner: list[str]) -> tuple[float, float] | None:
    """KML has the longitude first."""
    if len(corner) < 2:
        return None
    longitude, latitude = number(corner[0]), number(corner[1])
    return None if latitude is None or longitude is None else (latitude, longitude)
