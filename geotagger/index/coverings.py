"""Regions of the Earth as ranges of leaf cell ids: an S2 covering, each range a scan over one index.

A range may hold more than was asked for, never less: what it holds is then to be tested exactly. Starts
without numpy, and loads s2sphere when a region is asked for.
"""

import math
from typing import Any

from geotagger.errors import UsageError

EARTH_RADIUS_KM = 6371.0

Ranges = list[tuple[int, int]]
"""Of signed leaf ids, first and last included, ascending and apart."""

_MOST_RANGES = 24
# a covering is computed in floating point: a little more than asked for, the exact test cuts it
_SLACK_RAD = 1e-9


def ranges_around(latitude: float, longitude: float, radius_km: float) -> Ranges | None:
    """Of a disc; None for the whole Earth."""
    if radius_km >= math.pi * EARTH_RADIUS_KM:
        return None
    import s2sphere

    axis = s2sphere.LatLng.from_degrees(latitude, longitude).to_point()
    angle = min(math.pi, radius_km / EARTH_RADIUS_KM + _SLACK_RAD)
    return _covering(s2sphere.Cap.from_axis_angle(axis, s2sphere.Angle.from_radians(angle)))


def ranges_between(south: float, west: float, north: float, east: float) -> Ranges:
    """Of what lies between two parallels and two meridians; west > east crosses the antimeridian."""
    import s2sphere

    width = (east - west) % 360.0
    if width > 359.999 or (east > west and width == 0):
        longitudes = s2sphere.SphereInterval.full()
    else:
        longitudes = s2sphere.SphereInterval(
            _wrapped(math.radians(west) - _SLACK_RAD), _wrapped(math.radians(east) + _SLACK_RAD)
        )
    latitudes = s2sphere.LineInterval(
        max(-math.pi / 2, math.radians(max(-90.0, south)) - _SLACK_RAD),
        min(math.pi / 2, math.radians(min(90.0, north)) + _SLACK_RAD),
    )
    return _covering(s2sphere.LatLngRect(latitudes, longitudes))


def ranges_of_cell(token: str) -> Ranges:
    """Raises UsageError for what is no S2 token."""
    import s2sphere

    cell = s2sphere.CellId.from_token(token) if _is_hexadecimal(token) else s2sphere.CellId.none()
    if not cell.is_valid():
        raise UsageError(f"{token}: not the token of an S2 cell (1 to 16 hexadecimal digits, as in 47e66f)")
    return [_signed_range(cell)]


def _covering(region: Any) -> Ranges:
    import s2sphere

    coverer = s2sphere.RegionCoverer()
    coverer.max_cells = _MOST_RANGES
    ranges = sorted(_signed_range(cell) for cell in coverer.get_covering(region))
    joined: Ranges = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 2:  # neighbouring leaves differ by 2
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def common(some: Ranges, others: Ranges) -> Ranges:
    """What lies in both."""
    return [(max(a, c), min(b, d)) for a, b in some for c, d in others if max(a, c) <= min(b, d)]


def _signed_range(cell: Any) -> tuple[int, int]:
    """The first and last leaf of a cell as SQLite's signed integers; a cell lies within one face,
    where the order is kept."""
    return _signed(cell.range_min().id()), _signed(cell.range_max().id())


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _wrapped(angle: float) -> float:
    return math.remainder(angle, 2 * math.pi)


def _is_hexadecimal(token: str) -> bool:
    return 1 <= len(token) <= 16 and all(c in "0123456789abcdefABCDEF" for c in token)
