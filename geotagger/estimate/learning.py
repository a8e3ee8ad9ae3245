"""Learning how an archive moves: each fix is hidden, alone and with its whole outing, and predicted.

The parameters are those under which the hidden fixes are most probable, held by the prior
(maximum a posteriori); what the model then still gets wrong in its certainties is corrected by a
logistic regression on the same predictions. With few fixes the prior speaks.

Takes known places and times, gives parameters. Knows nothing of photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.estimate.certainty_correction import CertaintyCorrection, Outcomes, fit_whole
from geotagger.estimate.cloud import middle, probability_within
from geotagger.estimate.likelihood import Likelihood
from geotagger.estimate.movement import (
    DAY_S,
    FEWEST_TO_LEARN_FROM,
    GPS_ERROR_KM,
    MOST_VISITS,
    OUTING_GAP_S,
    PRIOR_DRAWS,
    ZONE_TRUST,
    CameraClock,
    FloatArray,
    IntArray,
    Motion,
    Movement,
    Pairs,
)
from geotagger.estimate.prior import averaged, clouds_of
from geotagger.estimate.search import draws_about, most_probable
from geotagger.estimate.surroundings import VISITS, FixTable, Surroundings, chosen, joined, surroundings
from geotagger.estimate.together import learned_pairs, speaking_to
from geotagger.geo import distance_km
from geotagger.zones import offset_at

MOST_TAUGHT = 200
"""How many fixes are predicted while learning; more changed no parameter by a tenth of its spread."""
_FEWEST = 3
FOLDS = 3
_TURN_OUTINGS = 6
_TORN_LAG_S = 900.0
"""At shorter lags a torn outing teaches nothing that photos hidden alone do not."""
_LEVELS = np.array([0.5, 0.7, 0.8, 0.9, 0.95])
_RADII_KM = np.array([1.0, 5.0, 25.0])
"""The correction is fitted where it will be used: at the radii that hold these shares, which no estimate
lets exceed the last of these radii, and at these radii."""
_GRID_KM = np.geomspace(0.005, _RADII_KM[-1], 48)
_FEW = 30.0
"""The correction is held (this / n)² times as strongly on top where only n outings teach: of so few what went
wrong is chance."""
WRONG = 0.5
_ZONE_PRIOR, _CLOCK_PRIOR, _ZONES_ASKED = 20.0, 5.0, 500


@dataclass(frozen=True, slots=True)
class Lesson:
    """Fixes that are hidden and predicted. rows: of the fixes (n,). outing: int (n,), the number of that
    in which each was taken. ways: surroundings under each way of hiding, with weights (n,)."""

    fixes: FixTable
    rows: IntArray
    outing: IntArray
    ways: tuple[tuple[Surroundings, FloatArray], ...]

    @property
    def outings(self) -> int:
        return len(np.unique(self.outing))

    @property
    def fold(self) -> IntArray:
        """Thirds of the archive in turns of some outings, (n,): of few outings shorter turns, so that each
        third is predicted by what others taught, and not by the prior that they moved."""
        outings, nth = np.unique(self.outing, return_inverse=True)
        if len(outings) >= FOLDS * _TURN_OUTINGS:
            return self.outing // _TURN_OUTINGS % FOLDS
        # of a few large outings among small ones the numbers may all be of one third
        return np.asarray(nth // max(len(outings) // FOLDS, 1) % FOLDS)


def lesson_of(fixes: FixTable, pairs: Pairs | None = None) -> Lesson:
    """Each fix hidden alone; with the end of its outing, or the beginning, so that half of what lay on the
    other side of it stays; with its outing; and with the outing before, the one after, or both, in turn."""
    total = len(fixes.utc)
    rows = np.unique(np.linspace(0, total - 1, min(total, MOST_TAUGHT)).round().astype(np.int64))
    starts = np.concatenate([[True], np.diff(fixes.utc) > OUTING_GAP_S])
    outing = np.cumsum(starts) - 1
    edges = np.append(np.flatnonzero(starts), total)
    mine = outing[rows]
    turn = np.arange(len(rows)) % 3
    first = np.where(turn == 0, mine, np.maximum(mine - 1, 0))
    last = np.where(turn == 1, mine, np.minimum(mine + 1, len(edges) - 2))
    start, end = edges[mine], edges[mine + 1]
    to_the_end = np.arange(len(rows)) % 2 == 0
    torn_from = np.where(to_the_end, rows - (rows - start) // 2, start)
    torn_to = np.where(to_the_end, end, end - (end - rows) // 2)
    hidden = (
        (0.0, rows, rows + 1),
        (_TORN_LAG_S, torn_from, torn_to),
        (0.0, start, end),
        (0.0, edges[first], edges[last + 1]),
    )
    utc, camera = fixes.utc[rows], fixes.camera[rows]
    ways = []
    near = np.zeros(total + 1)
    np.add.at(near, np.maximum(edges[first] - VISITS, 0), 1)
    np.add.at(near, np.minimum(edges[last + 1] + VISITS, total), -1)
    speaking = speaking_to(fixes, camera, Motion(), pairs or Pairs(), np.cumsum(near)[:-1] > 0)
    for least_lag_s, low, high in hidden:
        around = surroundings(fixes, utc, camera, low, high, speaking)
        lag = around.nearest_lag
        teaches = np.isfinite(lag) & (lag >= least_lag_s)
        ways.append((around, np.where(teaches, 1 / len(hidden), 0.0)))
    return Lesson(fixes, rows, mine, tuple(ways))


def fit_motions(lesson: Lesson, without: Sequence[int | None]) -> list[tuple[Motion, tuple[Motion, ...]]]:
    """For each fold that is left out, None for none: the most probable parameters, and draws from what else
    may be true."""
    # all ways of hiding at once: for an archive of a few photos the calls would cost more than the numbers
    teaching = [np.flatnonzero(weight > 0) for _, weight in lesson.ways]
    rows = np.concatenate(teaching)
    weight = np.concatenate([one[rows] for (_, one), rows in zip(lesson.ways, teaching, strict=True)])
    weights = np.stack([np.where(lesson.fold[rows] != fold, weight, 0.0) for fold in without])
    around = joined([chosen(way, rows) for (way, _), rows in zip(lesson.ways, teaching, strict=True)])
    truth = lesson.rows[rows]
    likelihood = Likelihood(around, lesson.fixes.lat[truth], lesson.fixes.lng[truth])

    def seen(searches: Sequence[int], tried: Sequence[Motion]) -> FloatArray:
        return np.asarray(np.einsum("kn,kn->k", weights[searches], likelihood.log_densities(tried)))

    searches = [n for n, fold in enumerate(without) if np.sum(lesson.fold != fold) >= _FEWEST]
    fitted = {n: (one, draws_about(seen, n, one)) for n, one in most_probable(seen, searches).items()}
    return [fitted.get(n, (Motion(), PRIOR_DRAWS)) for n in range(len(without))]


def fit_correction(lesson: Lesson, without: Sequence[Sequence[Motion]]) -> CertaintyCorrection:
    """Of "the truth lay inside this radius" by the probability stated for it. Each fold of the archive is
    predicted with what the others taught (`without[n]`): a model is always too sure of what it has learned
    from."""
    if len(lesson.rows) < _FEWEST:
        return CertaintyCorrection()
    fixes, rows = lesson.fixes, lesson.rows
    stated, inside, radii, lags, weights, cameras = [], [], [], [], [], []
    for around, weight in lesson.ways:
        for fold, draws in enumerate(without):
            here = np.flatnonzero((weight > 0) & (lesson.fold == fold))
            clouds = clouds_of(averaged(chosen(around, here), draws), fine=24)
            for row, drawn in zip(here.tolist(), clouds, strict=True):
                lat, lng = middle(drawn, _RADII_KM[-1])
                certainty_at = probability_within(drawn, lat, lng, _GRID_KM)
                radius = np.concatenate([np.interp(_LEVELS, certainty_at, _GRID_KM), _RADII_KM])
                away = distance_km(lat, lng, fixes.lat[rows[row]], fixes.lng[rows[row]])
                stated.append(np.interp(radius, _GRID_KM, certainty_at))
                inside.append(away <= radius)
                radii.append(radius)
                lags.append(around.nearest_lag[row])
                weights.append(weight[row])
                cameras.append(fixes.camera[rows[row]])
    if not stated:
        return CertaintyCorrection()
    # as much as so many photos with features of the usual size would: the outings are what is independent
    few = 1 + (_FEW / lesson.outings) ** 2
    columns = (np.array(one) for one in (stated, inside, radii, lags, weights, cameras))
    return fit_whole(Outcomes(*columns), few)


def learn_movement(
    utc: ArrayLike,
    lat: ArrayLike,
    lng: ArrayLike,
    camera: Sequence[str | None] | None = None,
    utc_offset_s: ArrayLike | None = None,
    doubt: ArrayLike | None = None,
    astray_km: ArrayLike | None = None,
) -> Movement:
    """From the archive's own fixes: POSIX seconds and degrees, each (n,), in any order; NaN times
    are left out. `utc_offset_s` (n,): what their photos state, NaN where they state none. `doubt` and
    `astray_km` (n,): as of `Fix`; what is as probably wrong as right is no visit."""
    t, la, ln = (np.asarray(a, dtype=np.float64) for a in (utc, lat, lng))
    names = list(camera) if camera is not None else [None] * len(t)
    offsets = np.full(len(t), np.nan) if utc_offset_s is None else np.asarray(utc_offset_s, dtype=np.float64)
    usable = np.flatnonzero(np.isfinite(t) & np.isfinite(la) & np.isfinite(ln))
    order = usable[np.argsort(t[usable], kind="stable")]
    cameras = tuple(sorted({name for name in (names[n] for n in order) if name is not None}))
    code_of = {name: n for n, name in enumerate(cameras)}
    codes = np.array([code_of.get(names[n] or "", -1) for n in order], dtype=np.int64)
    t, la, ln = t[order], la[order], ln[order]
    wrong, km = (
        np.zeros(len(t)) if one is None else np.asarray(one, dtype=np.float64)[order]
        for one in (doubt, astray_km)
    )
    sound = np.flatnonzero(wrong < WRONG)
    kept = sound[distinct_visits(t[sound], la[sound], ln[sound])]
    fixes = FixTable(t, la, ln, np.full(len(t), GPS_ERROR_KM), codes, kept, wrong, km)
    motion, draws, correction, pairs = Motion(), PRIOR_DRAWS, CertaintyCorrection(), Pairs()
    if len(t) >= FEWEST_TO_LEARN_FROM:
        pairs = learned_pairs(fixes, motion)
        lesson = lesson_of(fixes, pairs)
        (motion, draws), *others = fit_motions(lesson, [None, *range(FOLDS)])
        correction = fit_correction(lesson, [of_fold for _, of_fold in others])
    trust, clocks, home_s = _clocks(fixes, offsets[order], len(cameras))
    return Movement(
        motion=motion,
        draws=draws,
        correction=correction,
        utc=t[kept],
        lat=la[kept],
        lng=ln[kept],
        camera=codes[kept],
        cameras=cameras,
        zone_trust=trust,
        clocks=clocks,
        home_s=home_s,
        pairs=pairs,
        learned_from=len(t),
    )


def _clocks(
    fixes: FixTable, offset_s: FloatArray, cameras: int
) -> tuple[float, tuple[CameraClock, ...], float | None]:
    """How often a stated offset was the legal one, over visits, with a prior worth `_ZONE_PRIOR` of
    them at `ZONE_TRUST`; and the same of each camera, held to that by `_CLOCK_PRIOR` visits at home and as
    many away: one whose owner never sets it on journeys is right at home. Last, the offset of home, which
    is legal at most visits."""
    home = _most(_legal_at(fixes, _thinned(fixes.visits)))
    stated = _thinned(fixes.visits[np.isfinite(offset_s[fixes.visits])])
    legal = _legal_at(fixes, stated)
    has_zone, right = np.isfinite(legal), legal == offset_s[stated]
    trust = float((ZONE_TRUST * _ZONE_PRIOR + right.sum()) / (_ZONE_PRIOR + has_zone.sum()))

    def share(of: NDArray[np.bool_]) -> float:
        return float((trust * _CLOCK_PRIOR + right[of].sum()) / (_CLOCK_PRIOR + of.sum()))

    clocks = []
    for code in range(cameras):
        own = has_zone & (fixes.camera[stated] == code)
        stated_most = _most(offset_s[stated[own]])
        own_home = home if stated_most is None else stated_most
        at_home = legal == own_home
        clocks.append(CameraClock(share(own & at_home), share(own & ~at_home), own_home))
    return trust, tuple(clocks), home


def _thinned(visits: IntArray) -> IntArray:
    return visits[:: max(1, len(visits) // _ZONES_ASKED)]


def _legal_at(fixes: FixTable, rows: IntArray) -> FloatArray:
    """The legal offset at each of these fixes, seconds (n,), NaN where there is none."""
    places = zip(*(one[rows].tolist() for one in (fixes.lat, fixes.lng, fixes.utc)), strict=True)
    zones = [offset_at(*place) for place in places]
    return np.array([np.nan if zone is None else zone.total_seconds() for zone in zones], dtype=np.float64)


def _most(offsets_s: FloatArray) -> float | None:
    """The most frequent, None where there is none."""
    values, counts = np.unique(offsets_s[np.isfinite(offsets_s)], return_counts=True)
    return float(values[counts.argmax()]) if len(values) else None


def visited_place(t: FloatArray, lat: FloatArray, lng: FloatArray) -> IntArray:
    """The number (n,) of each place (0.01°) and day."""
    # one number for all three: a tenth of the memory and time that rows of three would take
    place = np.floor(t / DAY_S).astype(np.int64) * 18_001 + np.rint(100 * lat).astype(np.int64) + 9_000
    return np.asarray(place * 36_001 + np.rint(100 * lng).astype(np.int64) + 18_000)


def distinct_visits(t: FloatArray, lat: FloatArray, lng: FloatArray) -> IntArray:
    """Rows that are the first of their place (0.01°) and day; of too many, an even share."""
    _, first = np.unique(visited_place(t, lat, lng), return_index=True)
    first.sort()
    return np.asarray(first[:: max(1, -(-len(first) // MOST_VISITS))], dtype=np.int64)
