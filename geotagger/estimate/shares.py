"""What the parameters of movement make of the fixes and visits around photos: shares, scales and tails.

What no parameter changes (places, distances, regions) is worked out once, as a `Lie`; the rest is cheap
enough to try hundreds of parameters. docs/evidence.md has the formulas.

Takes surroundings and parameters, one set or many at once, gives the numbers that a mixture is made of.
Knows nothing of densities.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import DAY_S, FloatArray, IntArray, Motion
from geotagger.estimate.surroundings import SOON_S, Surroundings, values_at
from geotagger.geo import Arcs, distance_km

REGION_KM = 15.0
"""Places this near are taken to be one region, a town and its surroundings."""
_WEEKS_S = 10 * DAY_S
_TRIP_TAIL, FAR_TRIP_TAIL = 0.5, 0.25
"""Of a place never visited, about the fix: within days one in ten is farther off than ten times the scale,
weeks later one in three is …"""
WORLD = 0.2
"""… and of all that are new so many lie anywhere in the world. Fitted as docs/evidence.md says."""
_NEVER_S = 1e10

Place = tuple[FloatArray, FloatArray]
"""Degrees, latitudes and longitudes."""


@dataclass(frozen=True, slots=True)
class Lie:
    """Of the surroundings of n photos what no parameter changes. Fixes before (b) and after (a), (n,):
    whether there are any, their places, errors, doubts and how far astray a wrong one may be; the way from
    the one to the other. Visited places (n, VISITS): whether there are any, and how much each belongs to
    the region of the fix before and to that of the fix after."""

    around: Surroundings
    has_b: NDArray[np.bool_]
    has_a: NDArray[np.bool_]
    b: Place
    a: Place
    error_b: FloatArray
    error_a: FloatArray
    doubt_b: FloatArray
    doubt_a: FloatArray
    astray_b: FloatArray
    astray_a: FloatArray
    apart: FloatArray
    way: Arcs
    there: NDArray[np.bool_]
    visit_lat: FloatArray
    visit_lng: FloatArray
    visit_lag: FloatArray
    by_b: FloatArray
    by_a: FloatArray


def lie_of(around: Surroundings) -> Lie:
    fixes, before, after, visit = around.fixes, around.before, around.after, around.visit
    b, a, visited = (
        (values_at(fixes.lat, rows, 0.0), values_at(fixes.lng, rows, 0.0)) for rows in (before, after, visit)
    )
    there = visit >= 0

    def beside(rows: IntArray, place: Place) -> FloatArray:
        distance = distance_km(place[0][:, None], place[1][:, None], *visited)
        return np.asarray((1 + np.square(distance / REGION_KM)) ** -2.0 * (there & (rows >= 0)[:, None]))

    return Lie(
        around=around,
        has_b=before >= 0,
        has_a=after >= 0,
        b=b,
        a=a,
        error_b=values_at(fixes.error_km, before, 0.0),
        error_a=values_at(fixes.error_km, after, 0.0),
        doubt_b=values_at(fixes.doubt, before, 0.0),
        doubt_a=values_at(fixes.doubt, after, 0.0),
        astray_b=values_at(fixes.astray_km, before, 0.0),
        astray_a=values_at(fixes.astray_km, after, 0.0),
        apart=np.where((before >= 0) & (after >= 0), distance_km(*b, *a), 0.0),
        way=Arcs.between(*b, *a),
        there=there,
        visit_lat=visited[0],
        visit_lng=visited[1],
        visit_lag=np.where(there, around.visit_lag, _NEVER_S),
        by_b=beside(before, b),
        by_a=beside(after, a),
    )


@dataclass(frozen=True, slots=True)
class Sides:
    """The fixes before and after n photos as the parameters see them, (…, n) each: lags as they count, and
    how far people get in them."""

    lag_b: FloatArray
    lag_a: FloatArray
    scale_b: FloatArray
    scale_a: FloatArray

    @property
    def nearest(self) -> FloatArray:
        return np.minimum(self.lag_b, self.lag_a)


def sides_of(lie: Lie, motion: Motion) -> Sides:
    around = lie.around
    lag_b = around.lag_before * np.where(around.strange_before, motion.stranger, 1.0)
    lag_a = around.lag_after * np.where(around.strange_after, motion.stranger, 1.0)
    return Sides(
        lag_b,
        lag_a,
        np.hypot(motion.scale_km(lag_b), lie.error_b),
        np.hypot(motion.scale_km(lag_a), lie.error_a),
    )


@dataclass(frozen=True, slots=True)
class Sums:
    """Over the visited places of n photos, (…, n) each: how much speaks for the region of the fix before and
    for that of the fix after; what is remembered in those, and in all."""

    for_b: FloatArray
    for_a: FloatArray
    recalled_b: FloatArray
    recalled_a: FloatArray
    recalled: FloatArray


@dataclass(frozen=True, slots=True)
class Counts:
    """Each visited place, (…, n, VISITS): how much it speaks for a region, how well it is remembered."""

    attention: FloatArray
    recalled: FloatArray

    def sums(self, lie: Lie) -> Sums:
        return Sums(
            (self.attention * lie.by_b).sum(axis=-1),
            (self.attention * lie.by_a).sum(axis=-1),
            (self.recalled * lie.by_b).sum(axis=-1),
            (self.recalled * lie.by_a).sum(axis=-1),
            self.recalled.sum(axis=-1),
        )


def counts_of(lie: Lie, motion: Motion) -> Counts:
    return Counts(attention_of(lie, motion), recalled_of(lie, motion))


def attention_of(lie: Lie, motion: Motion) -> FloatArray:
    return np.asarray((_visit_lag(lie, motion) + SOON_S) ** -_columns(motion.fade))


def recalled_of(lie: Lie, motion: Motion) -> FloatArray:
    after = _columns(motion.recall_days) * DAY_S
    return np.where(lie.there, (1 + _visit_lag(lie, motion) / after) ** -_columns(motion.recall), 0.0)


def _visit_lag(lie: Lie, motion: Motion) -> FloatArray:
    return lie.visit_lag * np.where(lie.around.visit_strange, _columns(motion.stranger), 1.0)


def _columns(parameter: object) -> FloatArray:
    return np.asarray(parameter, dtype=np.float64)[..., None]


@dataclass(frozen=True, slots=True)
class Shares:
    """What is given, (…, n) each or broadcast to it, to the five densities about the fixes (the bridge, near
    before and after, trips from before and after), with their scales and tails; to what lies about a fix that
    is wrong; to the visited places of the region before, of that after, of all; to the whole world."""

    weight: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
    scale_km: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
    tail: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
    astray: tuple[FloatArray, FloatArray]
    astray_km: tuple[FloatArray, FloatArray]
    visited_b: FloatArray
    visited_a: FloatArray
    visited: FloatArray
    world: FloatArray


def shares_of(lie: Lie, sides: Sides, sums: Sums, motion: Motion) -> Shares:
    fixed = lie.has_b | lie.has_a
    nearest = sides.nearest
    recent = np.minimum(nearest, _NEVER_S)
    both = lie.has_b & lie.has_a
    away = np.where(both, motion.away_share(recent, lie.apart), motion.away_share(recent))
    home = np.where(fixed, 1 - away, 0.0)
    for_b, for_a = _regions(lie, sides, sums, motion)
    at_haunt = _logistic(motion.haunt + motion.haunt_lag * np.log(nearest / DAY_S + 1e-4))
    # what no visit can take goes to the densities about the fixes
    haunt_b = np.where(sums.recalled_b > 0, at_haunt, 0.0)
    haunt_a = np.where(sums.recalled_a > 0, at_haunt, 0.0)
    new = np.where(fixed, _new_share(sums.recalled, motion), 0.0)
    left = np.where(fixed, away, 1.0)
    near_b, near_a = home * for_b * (1 - haunt_b), home * for_a * (1 - haunt_a)
    between, mid_scale = _bridge(lie, sides, motion)
    # where one of two fixes is wrong the other is right, and nothing lies between them
    both_near, right_b, right_a = (near_b + near_a) * between, 1 - lie.doubt_b, 1 - lie.doubt_a
    wrong = both_near * lie.doubt_b * lie.doubt_a
    tail_b, tail_a = motion.tail_at(sides.lag_b), motion.tail_at(sides.lag_a)
    far = np.zeros_like(nearest) + motion.trip_km
    far_tail = np.where(nearest < _WEEKS_S, _TRIP_TAIL, FAR_TRIP_TAIL)
    return Shares(
        weight=(
            both_near * right_b * right_a,
            near_b * (1 - between) * right_b + both_near * right_b * lie.doubt_a,
            near_a * (1 - between) * right_a + both_near * right_a * lie.doubt_b,
            left * new * for_b * (1 - WORLD),
            left * new * for_a * (1 - WORLD),
        ),
        scale_km=(mid_scale, sides.scale_b, sides.scale_a, far, far),
        tail=(np.maximum(tail_b, tail_a), tail_b, tail_a, far_tail, far_tail),
        astray=(
            near_b * (1 - between) * lie.doubt_b + wrong / 2,
            near_a * (1 - between) * lie.doubt_a + wrong / 2,
        ),
        astray_km=(np.hypot(sides.scale_b, lie.astray_b), np.hypot(sides.scale_a, lie.astray_a)),
        visited_b=home * for_b * haunt_b,
        visited_a=home * for_a * haunt_a,
        visited=left * (1 - new),
        world=left * new * (for_b + for_a) * WORLD,
    )


def middle_of(lie: Lie, sides: Sides) -> Place:
    """Where two fixes agree best: the middle of the product of two Gaussians of the scales of both sides."""
    square = sides.scale_b**2 + sides.scale_a**2
    only = np.where(lie.has_b, 0.0, 1.0)
    return lie.way.at(np.where(lie.has_b & lie.has_a, sides.scale_b**2 / square, only))


def _bridge(lie: Lie, sides: Sides, motion: Motion) -> tuple[FloatArray, FloatArray]:
    """Between two fixes: its share and its scale, that of the same product, swollen where they disagree."""
    square = sides.scale_b**2 + sides.scale_a**2
    ratio = np.square(lie.apart) / square
    scale = sides.scale_b * sides.scale_a / np.sqrt(square) * np.sqrt(1 + motion.bridge_swell * ratio)
    share = _logistic(motion.bridge - motion.bridge_fall * np.log1p(ratio))
    return np.where(lie.has_b & lie.has_a, share, 0.0), scale


def _regions(lie: Lie, sides: Sides, sums: Sums, motion: Motion) -> tuple[FloatArray, FloatArray]:
    """In which of the regions of the two fixes, by how near in time they were photographed in, as far as the
    fixes are right."""
    fade = motion.fade
    for_b = (1 - lie.doubt_b) * (sides.lag_b + SOON_S) ** -fade + sums.for_b
    for_a = (1 - lie.doubt_a) * (sides.lag_a + SOON_S) ** -fade + sums.for_a
    for_b, for_a = np.where(lie.has_b, for_b, 0.0), np.where(lie.has_a, for_a, 0.0)
    total = np.maximum(for_b + for_a, 1e-300)
    return for_b / total, for_a / total


def _new_share(recalled: FloatArray, motion: Motion) -> FloatArray:
    """The probability that a place chosen anew was never visited: a Chinese restaurant whose tables
    are forgotten (Blei & Frazier 2011), exp(explore) / (exp(explore) + what the visits count)."""
    alpha = np.exp(motion.explore)
    return np.asarray(alpha / (alpha + recalled))


def _logistic(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-x)))
