"""GPX 1.0 and 1.1.

The points of tracks say where a device was. A way point or a point of a route has the time when it was made
("creation/modification timestamp", GPX 1.1), and a geocache the day when it was hidden.
"""

from collections.abc import Iterator, Mapping
from typing import IO

from geotagger.tracks.fields import diluted, number, utc_of
from geotagger.tracks.markup import elements
from geotagger.tracks.values import Mark, Point

_KINDS = ("trkpt", "rtept", "wpt")
_TOLD = ("time", "hdop", "fix", "type", "sym", "cache")
MARK_ERROR_KM = 0.05
"""Assumed: a mark may be set beside the thing that it marks."""


def read_gpx(file: IO[bytes]) -> Iterator[Point | Mark]:
    place: Mapping[str, str] = {}
    told: dict[str, str] = {}
    depth = 0
    for event in elements(file, (*_KINDS, *_TOLD)):
        if event.opens and event.name in _KINDS:
            place, told, depth = event.attributes, {}, event.depth
        elif not event.opens and event.name in _KINDS:
            piece = _piece(event.name, place, told)
            if piece is not None:
                yield piece
            depth = 0
        elif not event.opens and depth and (event.depth == depth + 1 or event.name == "cache"):
            told.setdefault(event.name, event.text)


def _piece(kind: str, place: Mapping[str, str], told: Mapping[str, str]) -> Point | Mark | None:
    latitude, longitude = number(place.get("lat")), number(place.get("lon"))
    if latitude is None or longitude is None or "time" not in told or told.get("fix") == "none":
        return None
    utc = utc_of(told["time"], latitude, longitude)
    if utc is None:
        return None
    if kind == "trkpt":
        return Point(utc, latitude, longitude, diluted(told.get("hdop")))
    return None if _is_of_geocaching(told) else Mark(utc, latitude, longitude, MARK_ERROR_KM)


def _is_of_geocaching(told: Mapping[str, str]) -> bool:
    """A cache, or one of the points that belong to one ("Waypoint|Parking Area")."""
    words = f"{told.get('type', '')} {told.get('sym', '')}".lower()
    return "cache" in told or "cache" in words or "waypoint|" in words
