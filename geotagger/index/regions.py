"""Regions drawn by hand: the polygons of a GeoJSON file (RFC 7946), and whether a place lies inside.

A ring may cross the antimeridian: an edge takes the shorter way round. One whose corners all lie on one
meridian, as -180 and 180 do, goes round the whole Earth; one that encircles a pole holds it. A ring that
crosses itself counts by the even-odd rule, as map programs fill it. Takes a path, gives a value; starts
without numpy.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geotagger.errors import UsageError
from geotagger.index.soundness import is_on_earth
from geotagger.small_files import read_small

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LARGEST = 64 << 20

Ring = tuple[tuple[float, float], ...]
"""Corners as (longitude, latitude), longitudes going on beyond ±180 where the ring does; closed."""

Axes = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""The same as longitudes and latitudes: a border may have a million corners."""


@dataclass(frozen=True, slots=True)
class Polygons:
    """Each polygon is its outer ring and its holes. `south` … `east` hold all; west > east crosses the
    antimeridian."""

    polygons: tuple[tuple[Axes, ...], ...]
    south: float
    west: float
    north: float
    east: float

    def holds(self, latitude: float, longitude: float) -> bool:
        if not is_on_earth(latitude, longitude):
            return False  # a damaged row
        return any(
            sum(_is_inside(ring, latitude, longitude) for ring in polygon) % 2 == 1
            for polygon in self.polygons
        )


def read_polygons(path: Path) -> Polygons:
    """The polygons of a GeoJSON geometry, feature or collection. UsageError, with what is wrong, for a file
    that has none."""
    try:
        content = json.loads(read_small(path, _LARGEST))
    except OSError as error:
        raise UsageError(f"--within {path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--within {path}: not JSON ({error})") from error
    try:
        polygons = tuple(tuple(_ring(ring) for ring in polygon) for polygon in _polygons(content))
    except (KeyError, TypeError, ValueError, IndexError, RecursionError, OverflowError) as error:
        raise UsageError(f"--within {path}: not GeoJSON with polygons in degrees ({error})") from error
    corners = [corner for polygon in polygons for ring in polygon for corner in ring]
    if not corners:
        raise UsageError(f"--within {path}: there is no Polygon or MultiPolygon in it")
    west, east = min(lng for lng, _ in corners), max(lng for lng, _ in corners)
    if east - west >= 360:
        west, east = -180.0, 180.0
    south, north = min(lat for _, lat in corners), max(lat for _, lat in corners)
    axes = tuple(tuple(_axes(ring) for ring in polygon) for polygon in polygons)
    return Polygons(axes, south, _wrapped(west), north, _wrapped(east) if east != 180 else east)


def _polygons(content: Any) -> Iterator[Any]:
    kind = content["type"]
    if kind == "FeatureCollection":
        for feature in content["features"]:
            yield from _polygons(feature)
    elif kind == "Feature":
        if content["geometry"] is not None:
            yield from _polygons(content["geometry"])
    elif kind == "GeometryCollection":
        for geometry in content["geometries"]:
            yield from _polygons(geometry)
    elif kind == "MultiPolygon":
        yield from content["coordinates"]
    elif kind == "Polygon":
        yield content["coordinates"]


def _ring(corners: Any) -> Ring:
    ring: list[tuple[float, float]] = []
    for corner in [*corners, corners[0]]:
        lng, lat = float(corner[0]), float(corner[1])
        if not (abs(lat) <= 90 and abs(lng) <= 360):
            raise ValueError(f"{lng:g},{lat:g} is not on the Earth; GeoJSON has the longitude first")
        if ring:
            before = ring[-1][0]
            lng += 360 * round((before - lng) / 360)
        ring.append((lng, lat))
    if len(ring) < 4:
        raise ValueError("a ring has fewer than three corners")
    if len({lng for lng, _ in ring}) == 1:
        return tuple((float(corner[0]), float(corner[1])) for corner in [*corners, corners[0]])
    if ring[-1][0] != ring[0][0]:  # once round: a pole lies inside, the nearer one
        pole = math.copysign(90.0, sum(lat for _, lat in ring))
        ring += [(ring[-1][0], pole), (ring[0][0], pole), ring[0]]
    return tuple(ring)


def _is_inside(ring: Axes, lat: float, lng: float) -> bool:
    """Even-odd, looking east; the place is tried wherever the ring's longitudes go, which may be round the
    Earth many times."""
    import numpy as np

    x, y = ring
    low, high = x.min(), x.max()
    first = lng + 360 * -(-(low - lng) // 360)  # the first turn at or east of the ring's western edge
    turns = first + 360 * np.arange(max(0, (high - first) // 360 + 1))
    crosses = (y[:-1] > lat) != (y[1:] > lat)
    x1, x2, y1, y2 = (axis[crosses] for axis in (x[:-1], x[1:], y[:-1], y[1:]))
    edges = np.sort(x1 + (lat - y1) * (x2 - x1) / (y2 - y1))
    east_of_it = len(edges) - np.searchsorted(edges, turns, side="right")
    return bool((east_of_it % 2 == 1).any())


def _axes(ring: Ring) -> Axes:
    import numpy as np

    x, y = np.array(ring).T
    return x, y


def _wrapped(lng: float) -> float:
    return (lng + 180) % 360 - 180
