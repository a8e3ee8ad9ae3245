"""Where photos without a fix may be, from the fixes around them in time: mixtures of radial densities.

For each photo: the fixes before and after, the point between them, longer trips from both, and
the places visited near in time. All photos at once, in arrays; the density is normalised
by construction, so that the parameters can be learned by likelihood.

Takes known places and times, gives mixtures and the clouds drawn from them. Knows nothing of what
pictures show.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from geotagger.estimate.cloud import Cloud, distances_km
from geotagger.estimate.movement import (
    FloatArray,
    IntArray,
    Motion,
    radial_density,
    radial_quantile,
    stacked,
)
from geotagger.estimate.people import AROUND_KM, peopled, usual_at, where_people_are
from geotagger.estimate.shares import Lie, counts_of, lie_of, middle_of, shares_of, sides_of
from geotagger.estimate.surroundings import VISITS, Surroundings
from geotagger.geo import destination, distance_km, lat_lng_of, unit_vectors

ANYWHERE = 0.01
"""The share of the density that is spread over the whole Earth."""
LEAST_WEIGHT = 1e-4
"""What weighs less in a mixture counts for nothing at a point."""
ABOUT = 5
NEAR, TRIP = 1, 3
"""The columns of what is near the fix before, and of a trip from it; those of the fix after follow."""
_THIRDS = 3
_OF_ONE_TIME = ABOUT * _THIRDS + 2
"""So many densities lie about the fixes where the time is certain, and whom the camera was with."""
ASTRAY_TAIL = 1.0
_FARTHEST_KM = 15000.0
_GOLDEN_DEG = 180 * (3 - np.sqrt(5))


@dataclass(frozen=True, slots=True)
class Mixture:
    """For n photos c radial densities each: centres in degrees, weights, scales in km, tails; all (n, c).
    `anywhere` (n,): the share that is spread over the whole Earth as photos are, at least ANYWHERE; with
    the weights it sums to 1, where anything is known. `peopled` (n, c): of a density that lies where people
    are beyond AROUND_KM, one over what is usual there in the mean (people.py); 0 of the others. Columns:
    the bridge, near before, near after, a trip from before, a trip from after, once or for each third of
    the draws; about the fix before and after, should these be wrong; `about` in all, once for each part of
    a combined mixture; then the visited places."""

    lat: FloatArray
    lng: FloatArray
    weight: FloatArray
    scale_km: FloatArray
    tail: FloatArray
    about: int
    anywhere: FloatArray
    peopled: FloatArray

    def density(self, lat: FloatArray, lng: FloatArray) -> FloatArray:
        """Per km², of photo i at place i: (n,)."""
        distance = distance_km(self.lat, self.lng, lat[:, None], lng[:, None])
        usual = usual_at(lat, lng)
        parts = self.weight * radial_density(distance, self.scale_km, self.tail)
        parts *= where_people_are(distance, usual[:, None], self.peopled)
        return np.asarray(parts.sum(axis=1) + self.anywhere * usual)

    def density_at(self, row: int, vectors: FloatArray) -> FloatArray:
        """Per km², of one photo at unit vectors (p, 3)."""
        return self.densities_at(row, vectors, usual_at(*lat_lng_of(vectors)))[0]

    def densities_at(
        self, row: int, vectors: FloatArray, usual: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The same; what of it stands for doubt in all of this (ANYWHERE); and what it would be if nothing
        were known but whence the camera came: half about there, as trips are, half anywhere. usual (p,): how
        densely photos are taken at the points (people.usual_at)."""
        used = np.flatnonzero(self.weight[row] > LEAST_WEIGHT)
        weight, by_people = self.weight[row, used], self.peopled[row, used]
        # most densities lie about the same few places
        centre, of = np.unique(self.lat[row, used] + 1j * self.lng[row, used], return_inverse=True)
        distance = distances_km(vectors, unit_vectors(centre.real, centre.imag))
        parts = radial_density(distance[:, of], self.scale_km[row, used], self.tail[row, used])
        trip = np.flatnonzero(by_people > 0)
        parts[:, trip] *= where_people_are(distance, usual[:, None], by_people[trip], of[trip])
        trips = parts[:, trip] @ (weight[trip] / max(float(weight[trip].sum()), 1e-12))
        return parts @ weight + self.anywhere[row] * usual, ANYWHERE * usual, 0.5 * (trips + usual)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What about the fixes (…, n, 5), about fixes that are wrong (…, n, 2), at the visited places
    (…, n, VISITS) and anywhere in the world (…, n) a mixture is made of."""

    lat: FloatArray
    lng: FloatArray
    weight: FloatArray
    scale_km: FloatArray
    tail: FloatArray
    astray: FloatArray
    astray_km: FloatArray
    visited: FloatArray
    world: FloatArray


def mixture(around: Surroundings, motion: Motion) -> Mixture:
    """The model of docs/evidence.md, for all photos at once."""
    return mixture_of(lie_of(around), motion)


def mixture_of(lie: Lie, motion: Motion) -> Mixture:
    """The same, where the places are worked out already."""
    parts = _parts(lie, motion)
    return _joined(lie, [parts], parts, motion.haunt_km, motion.haunt_tail)


def averaged(around: Surroundings, draws: Sequence[Motion]) -> Mixture:
    """The mean of the mixtures under all draws. A visited place is one density, as is what lies about a wrong
    fix; what lies about the fixes stands once for each third of the draws, in the order of how far people
    get in them."""
    ordered = _ordered(tuple(draws))
    haunt_km = float(np.exp(np.log(ordered.haunt_km).mean()))
    haunt_tail = float(np.mean(ordered.haunt_tail))
    if not len(around.fixes.utc):
        return _nowhere(len(around.before), ABOUT * min(_THIRDS, len(draws)) + 2, haunt_km, haunt_tail)
    lie = lie_of(around)
    parts = _parts(lie, ordered)
    thirds = []
    for rows in np.array_split(np.arange(len(draws)), min(_THIRDS, len(draws))):
        middle = int(rows[len(rows) // 2])
        thirds.append(
            _Parts(
                parts.lat[middle],
                parts.lng[middle],
                parts.weight[rows].sum(axis=0) / len(draws),
                np.exp(np.log(parts.scale_km[rows]).mean(axis=0)),
                parts.tail[rows].mean(axis=0),
                parts.astray[middle],
                parts.astray_km[middle],
                parts.visited[middle],
                parts.world[middle],
            )
        )
    mean = replace(
        thirds[0],
        astray=parts.astray.mean(axis=0),
        astray_km=np.exp(np.log(parts.astray_km).mean(axis=0)),
        visited=parts.visited.mean(axis=0),
        world=parts.world.mean(axis=0),
    )
    mix = _joined(lie, thirds, mean, haunt_km, haunt_tail)
    trips = [third * ABOUT + side for third in range(len(thirds)) for side in (TRIP, TRIP + 1)]
    of_trips = (getattr(mix, name)[:, trips].ravel() for name in ("lat", "lng", "scale_km", "tail"))
    mix.peopled[:, trips] = peopled(*of_trips).reshape(-1, len(trips))
    return mix


def _nowhere(photos: int, about: int, haunt_km: float, haunt_tail: float) -> Mixture:
    """Of photos about which no place is known; `with_habits_only` may lay visited places over it."""
    none = np.zeros((photos, about + VISITS))
    scale_km, tail = np.full(none.shape, haunt_km), np.full(none.shape, haunt_tail)
    return Mixture(none, none, none, scale_km, tail, about, np.full(photos, ANYWHERE), none)


@lru_cache(maxsize=8)
def _ordered(draws: tuple[Motion, ...]) -> Motion:
    """One Motion of all, in the order of how far people get in them."""
    return stacked(sorted(draws, key=lambda draw: draw.hour_km))


def _joined(lie: Lie, parts: Sequence[_Parts], mean: _Parts, haunt_km: float, haunt_tail: float) -> Mixture:
    columns = [[getattr(one, name) for one in parts] for name in ("lat", "lng", "weight", "scale_km", "tail")]
    sides = slice(NEAR, NEAR + 2)
    tails = np.full_like(mean.astray, ASTRAY_TAIL)
    wrong = (mean.lat[:, sides], mean.lng[:, sides], mean.astray, mean.astray_km, tails)
    visits = (
        lie.visit_lat,
        lie.visit_lng,
        mean.visited,
        np.full(lie.visit_lat.shape, haunt_km),
        np.full(lie.visit_lat.shape, haunt_tail),
    )
    lat, lng, weight, scale_km, tail = (
        np.concatenate([*column, astray, visit], axis=1)
        for column, astray, visit in zip(columns, wrong, visits, strict=True)
    )
    share = (1 - ANYWHERE) / np.maximum(weight.sum(axis=1) + mean.world, 1e-300)
    everywhere = ANYWHERE + share * mean.world
    weight *= share[:, None]
    about = ABOUT * len(parts) + 2
    return Mixture(lat, lng, weight, scale_km, tail, about, everywhere, np.zeros_like(weight))


def _parts(lie: Lie, motion: Motion) -> _Parts:
    sides, counts = sides_of(lie, motion), counts_of(lie, motion)
    shares = shares_of(lie, sides, counts.sums(lie), motion)
    (mid_lat, mid_lng), nearest = middle_of(lie, sides), sides.nearest
    visited = (
        shares.visited_b[..., None] * _normalised(counts.recalled * lie.by_b)
        + shares.visited_a[..., None] * _normalised(counts.recalled * lie.by_a)
        + shares.visited[..., None] * _normalised(counts.recalled)
    )
    return _Parts(
        _five(nearest, (mid_lat, lie.b[0], lie.a[0], lie.b[0], lie.a[0])),
        _five(nearest, (mid_lng, lie.b[1], lie.a[1], lie.b[1], lie.a[1])),
        _five(nearest, shares.weight),
        _five(nearest, shares.scale_km),
        _five(nearest, shares.tail),
        np.stack(shares.astray, axis=-1),
        np.stack(shares.astray_km, axis=-1),
        visited,
        shares.world,
    )


def _five(like: FloatArray, columns: Sequence[FloatArray]) -> FloatArray:
    five = np.empty((*like.shape, ABOUT))
    for n, one in enumerate(columns):
        five[..., n] = one
    return five


def cloud(mix: Mixture, row: int, fine: int = 32, coarse: int = 8) -> Cloud:
    """Points drawn from one photo's mixture."""
    return points_of(mix, np.array([row]), fine, coarse)[1]


def clouds_of(mix: Mixture, fine: int = 32) -> list[Cloud]:
    """The same of every photo."""
    photo, points = points_of(mix, np.arange(len(mix.weight)), fine)
    edges = np.searchsorted(photo, np.arange(len(mix.weight) + 1)).tolist()
    return [
        Cloud(points.vectors[a:b], points.mass[a:b], points.size_km[a:b])
        for a, b in itertools.pairwise(edges)
    ]


def points_of(mix: Mixture, rows: IntArray, fine: int = 32, coarse: int = 8) -> tuple[IntArray, Cloud]:
    """Points drawn from the mixtures of photos, one photo's after the other, and whose each is, an index of
    `rows`: `fine` for each of ABOUT densities about the fixes, shared by all that there are of them, `coarse`
    of each visited place, on spirals that follow the radial quantiles."""
    weight = mix.weight[rows]
    # where next to all is anywhere the largest of what little is left speaks all the same
    photo, column = np.nonzero(weight > np.minimum(2e-3, 0.1 * weight.max(axis=1, initial=0.0))[:, None])
    used = rows[photo], column
    is_about = column < mix.about
    # most photos of an outing have none in the parts that are of another's uncertain time
    several = np.bincount(photo[is_about], minlength=len(rows))
    each = fine * ABOUT // np.maximum(several, max(1, min(mix.about, _OF_ONE_TIME)))
    counts = np.where(is_about, np.maximum(each, 1)[photo], coarse)
    owner = np.repeat(np.arange(len(counts)), counts)
    of = counts[owner]
    place = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
    scale, tail = mix.scale_km[used][owner], mix.tail[used][owner]
    # the first point of a spiral is its centre and stands for the innermost share
    middle = np.where(place == 0, 0.0, (place + 0.5) / of)
    distance = np.minimum(radial_quantile(middle, scale, tail), _FARTHEST_KM)
    inner = np.minimum(radial_quantile(place / of, scale, tail), _FARTHEST_KM)
    outer = np.minimum(radial_quantile((place + 0.99) / of, scale, tail), _FARTHEST_KM)
    lat, lng = destination(mix.lat[used][owner], mix.lng[used][owner], place * _GOLDEN_DEG, distance)
    mass = mix.weight[used][owner] / of
    beyond = np.flatnonzero((mix.peopled[used] > 0)[owner] & (distance > AROUND_KM))
    if len(beyond):
        usual = usual_at(lat[beyond], lng[beyond]) * mass[beyond]
        usual_mass, plain = np.bincount(owner[beyond], usual), np.bincount(owner[beyond], mass[beyond])
        mass[beyond] = usual * (plain / np.maximum(usual_mass, 1e-300))[owner[beyond]]
    whose = photo[owner]
    share = (1 - mix.anywhere[rows]) / np.maximum(np.bincount(whose, mass, len(rows)), 1e-300)
    size = np.sqrt(np.maximum(outer**2 - inner**2, 1e-12))
    return whose, Cloud(unit_vectors(lat, lng), mass * share[whose], size)


def _normalised(weights: FloatArray) -> FloatArray:
    return np.asarray(weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-300))
