"""GPX 1.0 and 1.1.

The points of tracks say where a device was. A way point or a point of a route has the time when it was made
("creation/modification timestamp", GPX 1.1), and a geocache the day when it was hidden.
"""

from collections.abc import Iterator, Mapping
from typing import IO

from geotagger.tracks.fields import diluted, number, utc_of
from geotagger.tracks.markup import elements
from geotagger.tracks.values import Point, WayPoint

_KINDS = ("trkpt", "rtept", "wpt")
_TOLD = ("time", "hdop", "fix", "type", "sym", "cache")
MARK_ERROR_KM = 0.05
"""Assumed: a mark may be set beside the thing that it marks."""


def read_gpx(file: IO[bytes]) -> Iterator[Point | WayPoint]:
    place: Mapping[str, str] = {}
    fields: dict[str, str] = {}
    depth = 0
    for event in elements(file, (*_KINDS, *_TOLD)):
        if event.opens and event.name in _KINDS:
            place, fields, depth = event.attributes, {}, event.depth
        elif not event.opens and event.name in _KINDS:
            piece = _piece(event.name, place, fields)
            if piece is not None:
                yield piece
            depth = 0
        elif not event.opens and depth and (event.depth == depth + 1 or event.name == "cache"):
            fields.setdefault(event.name, event.text)


def _piece(kind: str, place: Mapping[str, str], fields: Mapping[str, str]) -> Point | WayPoint | None:
    latitude, longitude = number(place.get("lat")), number(place.get("lon"))
    if latitude is None or longitude is None or "time" not in fields or fields.get("fix") == "none":
        return None
    utc = utc_of(fields["time"], latitude, longitude)
    if utc is None:
        return None
    if kind == "trkpt":
        return Point(utc, latitude, longitude, diluted(fields.get("hdop")))
    return None if _is_of_geocaching(fields) else WayPoint(utc, latitude, longitude, MARK_ERROR_KM)


def _is_of_geocaching(fields: Mapping[str, str]) -> bool:
    """A cache, or one of the points that belong to one ("Waypoint|Parking Area")."""
    words = f"{fields.get('type', '')} {fields.get('sym', '')}".lower()
    return "cache" in fields or "cache" in words or "waypoint|" in words
