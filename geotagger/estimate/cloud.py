"""Probabilities over places as clouds of weighted points, and the places to be told from them.

Takes points with masses and sizes (unit vectors, kilometres) of many photos at once, gives for each a
point, a radius and the probability inside it. Knows nothing of where the probability came from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.geo import EARTH_RADIUS_KM, lat_lng_of, unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Single = NDArray[np.float32]
Floats = NDArray[Any]
Corrected = Callable[[IntArray, FloatArray, FloatArray, FloatArray], FloatArray]
"""Calibrated probabilities of photos (n,), for the probabilities that their clouds hold within radii (km) and
those that they held before pictures were looked at: (n, k) each."""

_CENTRES = 16
"""How many points of each kind are tried as the middle."""
_LEADING = 5
_LEAST_TOLD = 0.005
_AS_GOOD = 0.85
_LEAST_RADIUS_KM = 0.01
_RADII, _FINER = 32, 12
_AT_ONCE = 1 << 17
"""Distances computed at once: as many as stay in a core's cache."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """vectors: float64 (p, 3) on the unit sphere. mass: float64 (p,), summing to at most 1; what
    lacks lies nobody knows where. size_km: float64 (p,), radius of the disc each point stands for."""

    vectors: FloatArray
    mass: FloatArray
    size_km: FloatArray

    @staticmethod
    def of_places(lat: FloatArray, lng: FloatArray, mass: FloatArray, size_km: FloatArray) -> "Cloud":
        return Cloud(unit_vectors(lat, lng), mass, size_km)


@dataclass(frozen=True, slots=True)
class Clouds:
    """One cloud a photo: (n, p, 3), (n, p), (n, p). Rows with fewer points than p are filled up with
    points without mass. prior (n, p): the masses before pictures were looked at, None where none were.
    choosing (n, p): the masses by which the place is chosen, None where it is by what it holds."""

    vectors: FloatArray
    mass: FloatArray
    size_km: FloatArray
    prior: FloatArray | None = None
    choosing: FloatArray | None = None

    @staticmethod
    def of(clouds: Sequence[Cloud]) -> "Clouds":
        photo = np.repeat(np.arange(len(clouds)), [len(cloud.mass) for cloud in clouds])
        empty = Cloud(np.empty((0, 3)), np.empty(0), np.empty(0))
        return Clouds.ragged(
            len(clouds),
            photo,
            np.concatenate([cloud.vectors for cloud in clouds] or [empty.vectors]),
            np.concatenate([cloud.mass for cloud in clouds] or [empty.mass]),
            np.concatenate([cloud.size_km for cloud in clouds] or [empty.size_km]),
        )

    @staticmethod
    def ragged(
        photos: int, photo: IntArray, vectors: FloatArray, mass: FloatArray, size_km: FloatArray
    ) -> "Clouds":
        """From the points of all photos in one row; `photo`, ascending, tells whose each is."""
        rows = rows_by_photo(photos, photo)
        return Clouds(vectors, mass, size_km).chosen(rows) if len(photo) else _empty(photos)

    def chosen(self, rows: IntArray) -> "Clouds":
        """Of points in one row, those in `rows` (n, p); −1 fills up, with the first of the same cloud: no
        point of another one may be told as its place."""
        mass = np.where(rows >= 0, self.mass[rows], 0.0)
        filled = np.where(rows >= 0, rows, rows[:, :1])
        return Clouds(self.vectors.take(filled, axis=0), mass, self.size_km[filled])

    def __len__(self) -> int:
        return len(self.mass)

    def __getitem__(self, row: int) -> Cloud:
        return Cloud(self.vectors[row], self.mass[row], self.size_km[row])

    def part(self, rows: slice | IntArray) -> "Clouds":
        prior = None if self.prior is None else self.prior[rows]
        choosing = None if self.choosing is None else self.choosing[rows]
        return Clouds(self.vectors[rows], self.mass[rows], self.size_km[rows], prior, choosing)

    def weighed(self, mass: FloatArray) -> "Clouds":
        return replace(self, mass=mass)


def _empty(photos: int) -> Clouds:
    return Clouds(np.tile([1.0, 0.0, 0.0], (photos, 1, 1)), np.zeros((photos, 1)), np.ones((photos, 1)))


def rows_by_photo(photos: int, photo: IntArray) -> IntArray:
    """For entries of many photos in one row, ascending: which are of each, (photos, most), −1 fills up."""
    counts = np.bincount(photo, minlength=photos)
    first = np.cumsum(counts) - counts
    place = np.arange(max(int(counts.max(initial=0)), 1))
    return np.asarray(np.where(place < counts[:, None], first[:, None] + place, -1))


@dataclass(frozen=True, slots=True)
class Gathered:
    """The places that gather most of n clouds, (n,) each; see `Estimate` for radius and confidence.
    leading (n, 5): points of the cloud that gather most, then most of the rest, and so on; mass, how
    much, 0 where there is nothing left to tell."""

    latitude: FloatArray
    longitude: FloatArray
    radius_km: FloatArray
    confidence: FloatArray
    leading: IntArray
    mass: FloatArray

    @staticmethod
    def joined(parts: Sequence["Gathered"]) -> "Gathered":
        return Gathered(*(
            np.concatenate([getattr(part, name) for part in parts]) for name in Gathered.__slots__
        ))  # fmt: skip


def gather_each(
    clouds: Clouds, within_km: float, certainty: float, corrected: Corrected | None = None
) -> Gathered:
    """Of the points that gather nearly as much (85 %) as that with the most probability within `within_km`,
    the one with the least expected logarithm of the distance, so that it is also good inside the circle. Both
    are counted by `choosing` where the clouds have that.

    `corrected` maps the probabilities that clouds hold to calibrated ones.
    """
    step = max(1, _AT_ONCE // (2 * _CENTRES * clouds.mass.shape[1]))
    parts = []
    for first in range(0, max(len(clouds), 1), step):
        part = clouds.part(slice(first, first + step))
        here = None if corrected is None else _from(corrected, first)
        parts.append(_gather(part, within_km, certainty, here))
    return Gathered.joined(parts)


def middle(cloud: Cloud, within_km: float) -> tuple[float, float]:
    """The place alone, of one cloud."""
    tried = _Tried.of(Clouds.of([cloud]), within_km)
    lat, lng = lat_lng_of(tried.chosen)
    return float(lat[0]), float(lng[0])


def _from(corrected: Corrected, first: int) -> Corrected:
    return lambda rows, inside, radii, before: corrected(first + rows, inside, radii, before)


def _gather(clouds: Clouds, within_km: float, certainty: float, corrected: Corrected | None) -> Gathered:
    tried = _Tried.of(clouds, within_km)
    leading, leading_mass = _leading(tried.centres, tried.distance, tried.share, tried.disc, within_km)
    radius, confidence = _radius(tried.from_chosen, clouds, within_km, certainty, corrected)
    lat, lng = lat_lng_of(tried.chosen)
    return Gathered(lat, lng, radius, confidence, leading, leading_mass)


@dataclass(frozen=True, slots=True)
class _Tried:
    """Points that may be the middle, `centres` (n, c), with the distances of all others (n, c, p) and how
    much of each lies within; and the place that is best, `chosen` (n, 3), with the distances from it."""

    centres: IntArray
    distance: Single
    share: Single
    disc: "_Discs"
    chosen: FloatArray
    from_chosen: Single

    @staticmethod
    def of(clouds: Clouds, within_km: float) -> "_Tried":
        n = np.arange(len(clouds))
        weight = clouds.mass if clouds.choosing is None else clouds.choosing
        centres = _centres(clouds.weighed(weight), within_km)
        tried = np.take_along_axis(clouds.vectors, centres[:, :, None], axis=1)
        distance = _arcs_km(_squares(tried, clouds.vectors).astype(np.float32))
        disc = _Discs(clouds, within_km)
        share = disc.shares(distance)
        inside = _weighed(share, disc.most * weight.astype(np.float32))
        expected = _weighed(_log_distances(distance, clouds.size_km), weight.astype(np.float32))
        good = inside >= _AS_GOOD * inside.max(axis=1, keepdims=True)
        best = np.argmin(np.where(good, expected, np.inf), axis=1)
        return _Tried(centres, distance, share, disc, tried[n, best], distance[n, best])


def _log_distances(distance: Single, size_km: FloatArray) -> Single:
    """Of discs (n, p) whose middles are so far (n, c, p): twice the mean logarithm of the distance to a point
    of each, less what does not depend on where from. With r the disc's radius that mean is ln d from outside,
    for the logarithm is harmonic in the plane, and ln r − ½ + d² / 2r² from inside."""
    square = distance / np.maximum(size_km, _LEAST_RADIUS_KM).astype(np.float32)[:, None]
    np.square(square, out=square)
    beyond: Single = np.log(np.maximum(square, 1.0))
    beyond += np.minimum(square, 1.0, out=square)
    return beyond


class _Discs:
    """The points' discs against a circle of one radius, as (n, p) numbers that make the share of each
    disc in a circle two operations: `share_inside` where the radius is the same for all."""

    def __init__(self, clouds: Clouds, radius_km: float) -> None:
        size = np.maximum(clouds.size_km, 1e-9)
        smaller = np.minimum(size, radius_km)
        self.slope = (-0.5 / smaller).astype(np.float32)
        self.start = ((radius_km + size) / (2 * smaller)).astype(np.float32)
        self.most = np.square(smaller / size).astype(np.float32)
        self.mass = clouds.mass.astype(np.float32) * self.most

    def shares(self, distance: Single) -> Single:
        """Of discs (n, p) whose middles are so far (n, c, p), as parts of the most each can have inside."""
        share = distance * self.slope[:, None]
        share += self.start[:, None]
        return np.clip(share, 0.0, 1.0, out=share)


def _weighed(shares: Floats, mass: Floats) -> Floats:
    """Σ over points: (n, c, p) with (n, p) gives (n, c)."""
    return np.asarray((shares @ mass[:, :, None])[:, :, 0])


def _leading(
    centres: IntArray, distance: Single, share: Single, discs: _Discs, within_km: float
) -> tuple[IntArray, FloatArray]:
    n, mass = np.arange(len(centres)), discs.mass
    leading = np.zeros((len(mass), _LEADING), dtype=np.int64)
    leading_mass = np.zeros((len(mass), _LEADING))
    for place in range(_LEADING):
        inside = _weighed(share, mass)
        best = np.argmax(inside, axis=1)
        leading[:, place], leading_mass[:, place] = centres[n, best], inside[n, best]
        mass = mass * np.where(distance[n, best] < 2 * within_km, 0.0, 1 - discs.most * share[n, best])
    return leading, np.where(np.minimum.accumulate(leading_mass, axis=1) >= _LEAST_TOLD, leading_mass, 0.0)


def _centres(clouds: Clouds, within_km: float) -> IntArray:
    """Points worth trying as the middle (n, c): the heaviest, and the densest at two resolutions."""
    points = clouds.mass.shape[1]
    if points <= 3 * _CENTRES:
        return np.broadcast_to(np.arange(points), clouds.mass.shape)
    finest = (np.inf, 0.02 * within_km, 0.002 * within_km)
    return _distinct(np.concatenate([
        np.argpartition(
            clouds.mass * -1.0 if km == np.inf else -clouds.mass / np.square(np.maximum(clouds.size_km, km)),
            _CENTRES,
            axis=1,
        )[:, :_CENTRES]
        for km in finest
    ], axis=1))  # fmt: skip


def _distinct(numbers: IntArray) -> IntArray:
    """Of each row the numbers that are no repetition, as they stand, and as few repetitions behind them as
    make rows of one length."""
    order = np.argsort(numbers, axis=1, kind="stable")
    ordered = np.take_along_axis(numbers, order, axis=1)
    again = np.zeros(numbers.shape, dtype=np.bool_)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    width = numbers.shape[1] - int(again.sum(axis=1).min(initial=numbers.shape[1]))
    first = np.argsort(again, axis=1, kind="stable")[:, : max(width, 1)]
    return np.take_along_axis(numbers, first, axis=1)


def probability_within(
    cloud: Cloud, latitude: ArrayLike, longitude: ArrayLike, radius_km: FloatArray
) -> FloatArray:
    """The mass inside each radius (m,) about a place."""
    distance = distances_km(unit_vectors(latitude, longitude)[None], cloud.vectors)[0]
    return share_inside(distance[None, :], cloud.size_km, radius_km[:, None]) @ cloud.mass


def distances_km(a: FloatArray, b: FloatArray) -> FloatArray:
    """Great-circle distances (…, n, m) of unit vectors (…, n, 3) and (…, m, 3), by the chord, which is
    exact to some centimetres where the arc cosine of the dot product loses metres."""
    return _arcs_km(_squares(a, b))


def _squares(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared chords on the unit sphere."""
    square = a @ b.swapaxes(-1, -2)
    square *= -2
    square += 2
    return np.asarray(np.maximum(square, 0.0, out=square))


def _arcs_km(square: Floats) -> Floats:
    half = np.sqrt(square, out=square)
    half *= 0.5
    arc = np.arcsin(np.minimum(half, 1.0, out=half), out=half)
    arc *= 2 * EARTH_RADIUS_KM
    return arc


def share_inside(distance: Floats, size: Floats, radius: Floats | float) -> Floats:
    """How much of a disc of radius `size` lies in one of `radius` whose middle is `distance` away:
    exact when one holds the other or they do not meet, linear between."""
    smaller = np.maximum(np.minimum(size, radius), 1e-9)
    overlap = np.asarray(radius + size - distance)
    overlap /= 2 * smaller
    overlap = np.clip(overlap, 0.0, 1.0, out=overlap)
    most = np.square(radius / np.maximum(size, 1e-9))
    overlap *= np.minimum(1.0, most)
    return overlap


def _radius(
    distance: Single, clouds: Clouds, within_km: float, certainty: float, corrected: Corrected | None
) -> tuple[FloatArray, FloatArray]:
    """The smallest radii that hold the certainty, and what they hold; at most `within_km`."""
    size, mass = clouds.size_km.astype(np.float32), clouds.mass.astype(np.float32)
    prior = None if clouds.prior is None or corrected is None else clouds.prior.astype(np.float32)

    def held_by(rows: IntArray, radii: FloatArray) -> FloatArray:
        share = share_inside(distance[rows, None], size[rows, None], radii[:, :, None].astype(np.float32))
        inside = np.minimum(_weighed(share, mass[rows]), 1.0).astype(np.float64)
        if corrected is not None:
            before = inside
            if prior is not None:
                before = np.minimum(_weighed(share, prior[rows]), 1.0).astype(np.float64)
            inside = corrected(rows, inside, radii, before)
        return np.maximum.accumulate(inside, axis=1)

    rows, grid = np.arange(len(clouds)), _radii(within_km)
    radius = np.full(len(rows), within_km, dtype=np.float64)
    confidence = np.zeros(len(rows))
    if corrected is None:  # otherwise a smaller circle may be thought to hold more
        confidence = held_by(rows, radius[:, None])[:, 0]
        rows = rows[confidence >= certainty]
    certainty_at = held_by(rows, np.broadcast_to(grid, (len(rows), _RADII)))
    confidence[rows] = certainty_at[:, -1]
    reached = certainty_at[:, -1] >= certainty
    rows, at = rows[reached], np.argmax(certainty_at[reached] >= certainty, axis=1)
    low, high = grid[np.maximum(at - 1, 0)], grid[at]
    finer = np.linspace(low, high, _FINER + 1, axis=1)[:, 1:]
    certainty_at = held_by(rows, finer)
    first = np.argmax(certainty_at >= certainty, axis=1)[:, None]
    radius[rows] = np.take_along_axis(finer, first, axis=1)[:, 0]
    confidence[rows] = np.take_along_axis(certainty_at, first, axis=1)[:, 0]
    return radius, confidence


@lru_cache(maxsize=8)
def _radii(within_km: float) -> FloatArray:
    return np.geomspace(min(_LEAST_RADIUS_KM, within_km / 2), within_km, _RADII)
