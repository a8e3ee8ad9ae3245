"""A probability over places as a cloud of weighted points, and the place to be told from it.

Takes points with masses and sizes (degrees, kilometres), gives a point, a radius and the
probability inside it. Knows nothing of where the probability came from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geotagger import cells
from geotagger.estimate.values import Candidate
from geotagger.geo import EARTH_RADIUS_KM, lat_lng_of, unit_vectors

FloatArray = NDArray[np.float64]
Corrected = Callable[[FloatArray, FloatArray], FloatArray]
"""Calibrated probabilities, for probabilities and the radii (km) that they are of."""

_CENTRES = 16
"""How many points of each kind are tried as the middle."""
_LEADING = 5
_LEAST_TOLD = 0.005
_AS_GOOD = 0.85
_NEAR_KM = 3.0
_LEAST_RADIUS_KM = 0.01
_RADII, _FINER = 32, 12
_LEVEL_ZERO_EDGE_KM = 9220.0
"""Edge of the square with the area of a face cell; each level halves it."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """vectors: float64 (n, 3) on the unit sphere. mass: float64 (n,), summing to at most 1; what
    lacks lies nobody knows where. size_km: float64 (n,), radius of the disc each point stands for."""

    vectors: FloatArray
    mass: FloatArray
    size_km: FloatArray

    @staticmethod
    def of_places(lat: FloatArray, lng: FloatArray, mass: FloatArray, size_km: FloatArray) -> "Cloud":
        return Cloud(unit_vectors(lat, lng), mass, size_km)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The place that gathers most of a cloud; see `Estimate` for radius and confidence. `leading` are
    the rows of the cloud that gather most, then most of the rest, and so on, with how much."""

    latitude: float
    longitude: float
    radius_km: float
    confidence: float
    leading: tuple[tuple[int, float], ...]


def gather(cloud: Cloud, within_km: float, certainty: float, corrected: Corrected | None = None) -> Gathered:
    """The point with the most probability within `within_km`; of points that gather nearly as much
    (85 %), the one with the least expected log distance, so that it is also good inside the circle.

    `corrected` maps the probabilities that the cloud holds to calibrated ones.
    """
    rows = _centres(cloud, within_km)
    distance = distances_km(cloud.vectors[rows], cloud.vectors)
    share = _share(distance, cloud.size_km, within_km)
    inside = share @ cloud.mass
    leading = _leading(rows, distance, share, cloud.mass, within_km)
    # the best point drawn need not be the middle of what it gathers: step to the mean
    best = int(np.argmax(inside))
    mean = (cloud.mass * (distance[best] <= within_km)) @ cloud.vectors
    length = float(np.linalg.norm(mean))
    middle = (mean / length if length > 0 else cloud.vectors[rows[best]])[None]
    beyond = distances_km(middle, cloud.vectors)
    inside = np.append(inside, _share(beyond, cloud.size_km, within_km) @ cloud.mass)
    as_good = np.flatnonzero(inside >= _AS_GOOD * inside.max())
    distance = np.concatenate([distance, beyond])[as_good]
    apart = np.minimum(np.hypot(distance, 0.7 * cloud.size_km), within_km)
    chosen = int(np.argmin(np.log1p(apart / _NEAR_KM) @ cloud.mass))
    radius, confidence = _radius(distance[chosen], cloud, within_km, certainty, corrected)
    point = middle[0] if as_good[chosen] == len(rows) else cloud.vectors[rows[as_good[chosen]]]
    lat, lng = lat_lng_of(point)
    return Gathered(float(lat), float(lng), radius, confidence, leading)


def _leading(
    rows: NDArray[np.int64], distance: FloatArray, share: FloatArray, mass: FloatArray, within_km: float
) -> tuple[tuple[int, float], ...]:
    rest = mass
    found: list[tuple[int, float]] = []
    while len(found) < _LEADING:
        inside = share @ rest
        best = int(np.argmax(inside))
        if inside[best] < _LEAST_TOLD:
            break
        found.append((int(rows[best]), float(inside[best])))
        rest = rest * np.where(distance[best] < 2 * within_km, 0.0, 1 - share[best])
    return tuple(found)


def _centres(cloud: Cloud, within_km: float) -> NDArray[np.int64]:
    """Rows worth trying as the middle: the heaviest, and the densest at two resolutions."""
    if len(cloud.mass) <= 2 * _CENTRES:
        return np.arange(len(cloud.mass))
    found = [np.argpartition(-cloud.mass, _CENTRES)[:_CENTRES]]
    for finest in (0.02, 0.002):
        density = cloud.mass / np.maximum(cloud.size_km, finest * within_km) ** 2
        found.append(np.argpartition(-density, _CENTRES)[:_CENTRES])
    return np.unique(np.concatenate(found))


def probability_within(cloud: Cloud, latitude: float, longitude: float, radius_km: FloatArray) -> FloatArray:
    """The mass inside each radius (m,) about a place."""
    distance = distances_km(unit_vectors(latitude, longitude)[None], cloud.vectors)[0]
    return _share(distance[None, :], cloud.size_km, radius_km[:, None]) @ cloud.mass


def candidates(
    cloud: Cloud, found: Gathered, leaves: cells.CellIds, within_km: float
) -> tuple[Candidate, ...]:
    """The leading places, with the S2 cells about as wide as `within_km` that they lie in. `leaves` are
    the leaf cells of the cloud's points."""
    level = int(np.clip(np.floor(np.log2(_LEVEL_ZERO_EDGE_KM / within_km)), 0, cells.MAX_LEVEL))
    rows = [row for row, _ in found.leading]
    lat, lng = lat_lng_of(cloud.vectors[rows])
    tokens = cells.tokens(cells.parents(leaves[rows], level))
    return tuple(
        Candidate(float(lat[n]), float(lng[n]), held, tokens[n]) for n, (_, held) in enumerate(found.leading)
    )


def deepest_cell(cloud: Cloud, leaves: cells.CellIds, certainty: float) -> str:
    """The token of the deepest S2 cell that holds the certainty, "" when no face does.

    A cell that holds more than half of the mass holds its median along the Hilbert curve, so
    only the ancestors of that leaf are asked; for less than half, of the leaves at each step.
    """
    order = np.argsort(leaves)
    ordered, total = leaves[order], np.concatenate([[0.0], np.cumsum(cloud.mass[order])])
    steps = np.arange(0.5, max(1.0, 1 / certainty)) * min(certainty, total[-1])
    best, best_level = "", -1
    for step in steps[steps < total[-1]] if certainty < 0.5 else (total[-1] / 2,):
        at = min(max(int(np.searchsorted(total, step)), 1), len(ordered)) - 1
        size = max(float(cloud.size_km[order[at]]), 1e-6)
        finest = int(np.clip(np.log2(_LEVEL_ZERO_EDGE_KM / size), 0, cells.MAX_LEVEL))
        ancestors = cells.parents(np.repeat(ordered[at], finest + 1), np.arange(finest + 1))
        first, last = cells.ranges(ancestors)
        held = total[np.searchsorted(ordered, last, side="right")] - total[np.searchsorted(ordered, first)]
        enough = np.flatnonzero(held >= certainty)
        if len(enough) and enough[-1] > best_level:
            best_level = int(enough[-1])
            best = cells.tokens(ancestors[best_level : best_level + 1])[0]
    return best


def distances_km(a: FloatArray, b: FloatArray) -> FloatArray:
    """Great-circle distances (n, m) of unit vectors (n, 3) and (m, 3), by the chord, which is exact
    to some centimetres where the arc cosine of the dot product loses metres."""
    square = np.maximum(2.0 - 2.0 * (a @ b.T), 0.0)
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(np.sqrt(square) / 2, 1.0)))


def leaves_of(clouds: Sequence[Cloud]) -> list[cells.CellIds]:
    """The leaf cells of the points of many clouds, by one call, which is what makes it fast."""
    if not clouds:
        return []
    lat, lng = lat_lng_of(np.concatenate([cloud.vectors for cloud in clouds]))
    edges = np.cumsum([len(cloud.mass) for cloud in clouds])[:-1]
    return np.split(cells.leaf_ids(lat, lng), edges)


def _share(distance: FloatArray, size: FloatArray, radius: FloatArray | float) -> FloatArray:
    """How much of a disc of radius `size` lies in one of `radius` whose middle is `distance` away:
    exact when one holds the other or they do not meet, linear between."""
    smaller = np.maximum(np.minimum(size, radius), 1e-9)
    overlap = np.clip((radius + size - distance) / (2 * smaller), 0.0, 1.0)
    return np.asarray(overlap * np.minimum(1.0, (radius / np.maximum(size, 1e-9)) ** 2))


def _radius(
    distance: FloatArray, cloud: Cloud, within_km: float, certainty: float, corrected: Corrected | None
) -> tuple[float, float]:
    near = distance - cloud.size_km < within_km
    away, size, mass = distance[near], cloud.size_km[near], cloud.mass[near]

    def held_by(radii: FloatArray) -> FloatArray:
        inside = np.minimum(_share(away[None, :], size, radii[:, None]) @ mass, 1.0)
        return np.maximum.accumulate(inside if corrected is None else corrected(inside, radii))

    grid = _radii(within_km)
    held = held_by(grid)
    if held[-1] < certainty:
        return within_km, float(held[-1])
    at = int(np.argmax(held >= certainty))
    if at == 0:
        return float(grid[0]), float(held[0])
    finer = np.linspace(grid[at - 1], grid[at], _FINER + 1)[1:]
    held = held_by(finer)
    at = int(np.argmax(held >= certainty))
    return float(finer[at]), float(held[at])


@lru_cache(maxsize=8)
def _radii(within_km: float) -> FloatArray:
    return np.geomspace(min(_LEAST_RADIUS_KM, within_km / 2), within_km, _RADII)
