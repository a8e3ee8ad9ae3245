"""Where photos without a fix may be, from the fixes around them in time: mixtures of radial densities.

For each photo: the fixes before and after, the point between them, longer trips from both, and
the places visited near in time. All photos at once, in arrays; the density is normalised
by construction, so that the parameters can be learned by likelihood.

Takes known places and times, gives mixtures and the clouds drawn from them. Knows nothing of what
pictures show.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.cloud import Cloud, distances_km
from geotagger.estimate.movement import (
    DAY_S,
    FloatArray,
    IntArray,
    Motion,
    radial_density,
    radial_quantile,
    stacked,
)
from geotagger.estimate.people import AROUND_KM, peopled, usual_at, where_people_are
from geotagger.estimate.surroundings import SOON_S, Surroundings, values_at
from geotagger.geo import destination, distance_km, interpolate, lat_lng_of, unit_vectors

REGION_KM = 15.0
"""Places this near are taken to be one region, a town and its surroundings."""
ANYWHERE = 0.01
"""The share of the density that is spread over the whole Earth."""
ABOUT = 5
NEAR, TRIP = 1, 3
"""The columns of what is near the fix before, and of a trip from it; those of the fix after follow."""
_THIRDS = 3
ASTRAY_TAIL = 1.0
_WEEKS_S = 10 * DAY_S
_TRIP_TAIL, FAR_TRIP_TAIL = 0.5, 0.25
"""Of a place never visited, about the fix: within days one in ten is farther off than ten times the scale,
weeks later one in three is …"""
WORLD = 0.2
"""… and of all that are new so many lie anywhere in the world. Fitted as docs/evidence.md says."""
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
        used = np.flatnonzero(self.weight[row] > 1e-4)
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
class _Sides:
    """The fixes before and after n photos as the parameters see them, (…, n) each, for one set of
    parameters or for many: lags as they count, how far people get in them, the distance between the two."""

    has_b: NDArray[np.bool_]
    has_a: NDArray[np.bool_]
    b: tuple[FloatArray, FloatArray]
    a: tuple[FloatArray, FloatArray]
    lag_b: FloatArray
    lag_a: FloatArray
    scale_b: FloatArray
    scale_a: FloatArray
    apart: FloatArray
    doubt_b: FloatArray
    doubt_a: FloatArray
    astray_b: FloatArray
    astray_a: FloatArray


@dataclass(frozen=True, slots=True)
class _Visits:
    """The visited places of n photos, (…, n, VISITS): how much each counts, how well it is remembered, and
    how much it belongs to the region of the fix before and to that of the fix after."""

    attention: FloatArray
    recalled: FloatArray
    by_b: FloatArray
    by_a: FloatArray


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
    parts = _parts(around, motion)
    return _joined(around, [parts], parts, motion.haunt_km, motion.haunt_tail)


def averaged(around: Surroundings, draws: Sequence[Motion]) -> Mixture:
    """The mean of the mixtures under all draws. A visited place is one density, as is what lies about a wrong
    fix; what lies about the fixes stands once for each third of the draws, in the order of how far people
    get in them."""
    ordered = stacked(sorted(draws, key=lambda draw: draw.hour_km))
    parts = _parts(around, ordered)
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
    haunt_km = float(np.exp(np.log(ordered.haunt_km).mean()))
    mix = _joined(around, thirds, mean, haunt_km, float(np.mean(ordered.haunt_tail)))
    for column in range(TRIP, ABOUT * len(thirds), ABOUT):
        for trip in (column, column + 1):
            mix.peopled[:, trip] = peopled(*(getattr(mix, name)[:, trip] for name in _PLACE))
    return mix


_PLACE = ("lat", "lng", "scale_km", "tail")


def _joined(
    around: Surroundings, parts: Sequence[_Parts], mean: _Parts, haunt_km: float, haunt_tail: float
) -> Mixture:
    fixes, rows = around.fixes, around.visit
    columns = [[getattr(one, name) for one in parts] for name in ("lat", "lng", "weight", "scale_km", "tail")]
    sides = slice(NEAR, NEAR + 2)
    tails = np.full_like(mean.astray, ASTRAY_TAIL)
    wrong = (mean.lat[:, sides], mean.lng[:, sides], mean.astray, mean.astray_km, tails)
    visits = (
        values_at(fixes.lat, rows, 0.0),
        values_at(fixes.lng, rows, 0.0),
        mean.visited,
        np.full(rows.shape, haunt_km),
        np.full(rows.shape, haunt_tail),
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


def _parts(around: Surroundings, motion: Motion) -> _Parts:
    sides, visits = _sides(around, motion), _visits(around, motion)
    fixed = sides.has_b | sides.has_a
    both = sides.has_b & sides.has_a
    nearest = np.minimum(sides.lag_b, sides.lag_a)
    recent = np.minimum(nearest, 1e10)
    away = np.where(both, motion.away_share(recent, sides.apart), motion.away_share(recent))
    home = np.where(fixed, 1 - away, 0.0)
    for_b, for_a = _regions(sides, visits, motion)
    at_haunt = _logistic(motion.haunt + motion.haunt_lag * np.log(nearest / DAY_S + 1e-4))
    at_b, at_a = visits.recalled * visits.by_b, visits.recalled * visits.by_a
    # what no visit can take goes to the densities about the fixes
    haunt_b = np.where(at_b.sum(axis=-1) > 0, at_haunt, 0.0)
    haunt_a = np.where(at_a.sum(axis=-1) > 0, at_haunt, 0.0)
    new = np.where(fixed, _new_share(visits, motion), 0.0)
    left = np.where(fixed, away, 1.0)
    visited = (
        (home * for_b * haunt_b)[..., None] * _normalised(at_b)
        + (home * for_a * haunt_a)[..., None] * _normalised(at_a)
        + (left * (1 - new))[..., None] * _normalised(visits.recalled)
    )
    near_b, near_a = home * for_b * (1 - haunt_b), home * for_a * (1 - haunt_a)
    between, mid, mid_scale = _bridge(sides, motion)
    # where one of two fixes is wrong the other is right, and nothing lies between them
    both_near, right_b, right_a = (near_b + near_a) * between, 1 - sides.doubt_b, 1 - sides.doubt_a
    wrong = both_near * sides.doubt_b * sides.doubt_a
    weight = (
        both_near * right_b * right_a,
        near_b * (1 - between) * right_b + both_near * right_b * sides.doubt_a,
        near_a * (1 - between) * right_a + both_near * right_a * sides.doubt_b,
        left * new * for_b * (1 - WORLD),
        left * new * for_a * (1 - WORLD),
    )
    astray = (
        near_b * (1 - between) * sides.doubt_b + wrong / 2,
        near_a * (1 - between) * sides.doubt_a + wrong / 2,
    )
    astray_km = (np.hypot(sides.scale_b, sides.astray_b), np.hypot(sides.scale_a, sides.astray_a))
    tail_b, tail_a = motion.tail_at(sides.lag_b), motion.tail_at(sides.lag_a)
    far = np.zeros_like(nearest) + motion.trip_km
    far_tail = np.where(nearest < _WEEKS_S, _TRIP_TAIL, FAR_TRIP_TAIL)
    return _Parts(
        _five(nearest, mid[0], sides.b[0], sides.a[0], sides.b[0], sides.a[0]),
        _five(nearest, mid[1], sides.b[1], sides.a[1], sides.b[1], sides.a[1]),
        _five(nearest, *weight),
        _five(nearest, mid_scale, sides.scale_b, sides.scale_a, far, far),
        _five(nearest, np.maximum(tail_b, tail_a), tail_b, tail_a, far_tail, far_tail),
        np.stack(astray, axis=-1),
        np.stack(astray_km, axis=-1),
        visited,
        left * new * (for_b + for_a) * WORLD,
    )


def _five(like: FloatArray, *columns: FloatArray) -> FloatArray:
    return np.stack([np.broadcast_to(one, like.shape) for one in columns], axis=-1)


def _sides(around: Surroundings, motion: Motion) -> _Sides:
    fixes, b, a = around.fixes, around.before, around.after
    has_b, has_a = b >= 0, a >= 0
    at_b, at_a = (
        (values_at(fixes.lat, b, 0.0), values_at(fixes.lng, b, 0.0)),
        (values_at(fixes.lat, a, 0.0), values_at(fixes.lng, a, 0.0)),
    )
    lag_b = around.lag_before * np.where(around.strange_before, motion.stranger, 1.0)
    lag_a = around.lag_after * np.where(around.strange_after, motion.stranger, 1.0)
    return _Sides(
        has_b,
        has_a,
        at_b,
        at_a,
        lag_b,
        lag_a,
        np.hypot(motion.scale_km(lag_b), values_at(fixes.error_km, b, 0.0)),
        np.hypot(motion.scale_km(lag_a), values_at(fixes.error_km, a, 0.0)),
        np.where(has_b & has_a, distance_km(*at_b, *at_a), 0.0),
        *(values_at(fixes.doubt, row, 0.0) for row in (b, a)),
        *(values_at(fixes.astray_km, row, 0.0) for row in (b, a)),
    )


def _visits(around: Surroundings, motion: Motion) -> _Visits:
    fixes, rows = around.fixes, around.visit
    there = rows >= 0
    lat, lng = values_at(fixes.lat, rows, 0.0), values_at(fixes.lng, rows, 0.0)

    def beside(fix: IntArray) -> FloatArray:
        near = _same_region(values_at(fixes.lat, fix, 0.0), values_at(fixes.lng, fix, 0.0), lat, lng)
        return near * (there & (fix >= 0)[:, None])

    stranger, fade, recall_days, recall = (
        np.asarray(value)[..., None]
        for value in (motion.stranger, motion.fade, motion.recall_days, motion.recall)
    )
    lag = np.where(there, around.visit_lag, 1e10) * np.where(around.visit_strange, stranger, 1.0)
    attention = (lag + SOON_S) ** -fade
    recalled = np.where(there, (1 + lag / (recall_days * DAY_S)) ** -recall, 0.0)
    return _Visits(attention, recalled, beside(around.before), beside(around.after))


def _regions(sides: _Sides, visits: _Visits, motion: Motion) -> tuple[FloatArray, FloatArray]:
    """In which of the regions of the two fixes, by how near in time they were photographed in, as far as the
    fixes are right."""
    fade = motion.fade
    right_b, right_a = 1 - sides.doubt_b, 1 - sides.doubt_a
    for_b = right_b * (sides.lag_b + SOON_S) ** -fade + (visits.attention * visits.by_b).sum(axis=-1)
    for_a = right_a * (sides.lag_a + SOON_S) ** -fade + (visits.attention * visits.by_a).sum(axis=-1)
    for_b, for_a = np.where(sides.has_b, for_b, 0.0), np.where(sides.has_a, for_a, 0.0)
    total = np.maximum(for_b + for_a, 1e-300)
    return for_b / total, for_a / total


def _new_share(visits: _Visits, motion: Motion) -> FloatArray:
    """The probability that a place chosen anew was never visited: a Chinese restaurant whose tables
    are forgotten (Blei & Frazier 2011), exp(explore) / (exp(explore) + what the visits count)."""
    alpha = np.exp(motion.explore)
    return np.asarray(alpha / (alpha + visits.recalled.sum(axis=-1)))


def _bridge(sides: _Sides, motion: Motion) -> tuple[FloatArray, tuple[FloatArray, FloatArray], FloatArray]:
    """Between two fixes: its share, its middle, its scale. The product of two Gaussians of the scales of
    both sides, swollen where they disagree."""
    both = sides.has_b & sides.has_a
    square = sides.scale_b**2 + sides.scale_a**2
    ratio = np.square(sides.apart) / square
    fraction = np.where(both, sides.scale_b**2 / square, np.where(sides.has_b, 0.0, 1.0))
    middle = interpolate(*sides.b, *sides.a, fraction)
    scale = sides.scale_b * sides.scale_a / np.sqrt(square) * np.sqrt(1 + motion.bridge_swell * ratio)
    share = np.where(both, _logistic(motion.bridge - motion.bridge_fall * np.log1p(ratio)), 0.0)
    return share, middle, scale


def cloud(mix: Mixture, row: int, fine: int = 32, coarse: int = 8) -> Cloud:
    """Points drawn from one photo's mixture."""
    return points_of(mix, np.array([row]), fine, coarse)[1]


def points_of(mix: Mixture, rows: IntArray, fine: int = 32, coarse: int = 8) -> tuple[IntArray, Cloud]:
    """Points drawn from the mixtures of photos, one photo's after the other, and whose each is, an index of
    `rows`: `fine` of each density about the fixes, `coarse` of each visited place, on spirals that follow the
    radial quantiles."""
    photo, column = np.nonzero(mix.weight[rows] > 2e-3)
    used = rows[photo], column
    counts = np.where(column < mix.about, fine * ABOUT // mix.about, coarse)
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


def _same_region(lat: FloatArray, lng: FloatArray, v_lat: FloatArray, v_lng: FloatArray) -> FloatArray:
    distance = distance_km(lat[:, None], lng[:, None], v_lat, v_lng)
    return np.asarray((1 + np.square(distance / REGION_KM)) ** -2.0)


def _normalised(weights: FloatArray) -> FloatArray:
    return np.asarray(weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-300))


def _logistic(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-x)))
