"""Which cameras of an archive travel together, and whether one was where another's fix says.

Two people's phones may go together for years and part for a week. A fix of another camera speaks for a
photo with the probability that the two were together then: how often they are, learned for each pair from
fixes at one time, against what the own camera's fixes before and after say of that place. Takes known
places, gives probabilities. Knows nothing of photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import DAY_S, HOUR_S, FloatArray, IntArray, Motion, Pairs
from geotagger.estimate.prior import mixture_of
from geotagger.estimate.shares import lie_of
from geotagger.estimate.surroundings import FixTable, Surroundings, surroundings, values_at
from geotagger.geo import distance_km

SPEAKS = 0.5
"""From which probability of being together on a fix of another camera speaks at all."""
FASTEST_KM_H = 1000.0
"""An airliner. Nobody is farther from a place after so long."""
_SLACK_S = HOUR_S
"""A zone that was guessed is rarely wrong, and then by an hour."""
_FAR_S = 365 * DAY_S
_AT_ONCE_S = 1800.0
_PAIR_PRIOR, _MEAN_PRIOR = 3.0, 4.0
"""In meetings of two cameras: what a pair's share is held to the archive's with, and that to `Pairs`' own."""
_MOST_MEETINGS = 400
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Two cameras' fixes at about one time: how much more probable the place of the one is by the fixes of
    the other than by habit."""

    pair: tuple[int, int]
    ratio: float


def together(
    fixes: FixTable, codes: IntArray, motion: Motion, pairs: Pairs, near: NDArray[np.bool_] | None = None
) -> dict[int, FloatArray]:
    """By the codes of these cameras, for each row of fixes (n,) the probability that the camera was with the
    one whose fix that is: 1 for its own and for those of no camera, such as a track's. `near`: which rows are
    looked at; of the others the pair's share is told."""
    shares: dict[int, FloatArray] = {}
    strange: dict[int, IntArray] = {}
    for code in codes.tolist():
        shares[code] = np.ones(len(fixes.utc))
        strangers = (fixes.camera >= 0) & (fixes.camera != code)
        for other in np.unique(fixes.camera[strangers]).tolist():
            shares[code][fixes.camera == other] = pairs.share(code, other)
        strange[code] = np.flatnonzero(strangers if near is None else strangers & near)
    counts = [len(rows) for rows in strange.values()]
    camera, rows = np.repeat(codes, counts), np.concatenate([*strange.values(), np.empty(0, np.int64)])
    ratio = _ratio(fixes, rows, camera, motion)
    for code, share in shares.items():
        usual, of_code = share[strange[code]], ratio[camera == code]
        share[strange[code]] = usual * of_code / (usual * of_code + 1 - usual)
    return shares


def _ratio(fixes: FixTable, rows: IntArray, camera: IntArray, motion: Motion) -> FloatArray:
    """How much more probable the places of the rows asked for are by the fixes of these cameras near in time
    than by their places at any time, (k,); 1 for a camera without fixes."""
    ratio = np.ones(len(rows))
    own = {code: fixes.camera == code for code in np.unique(camera).tolist()}
    has_fixes = np.isin(camera, [code for code, of_code in own.items() if of_code.any()])
    if not has_fixes.any():
        return ratio
    rows, camera = rows[has_fixes], camera[has_fixes]
    lat, lng = fixes.lat[rows], fixes.lng[rows]
    around = surroundings(fixes, fixes.utc[rows], camera, rows, rows + 1, own)
    lie, far_s = lie_of(around), np.full(len(rows), _FAR_S)
    at_any_time = replace(
        lie,
        around=replace(around, lag_before=far_s, lag_after=far_s),
        visit_lag=np.where(lie.there, _FAR_S, lie.visit_lag),
    )
    more = mixture_of(lie, motion).density(lat, lng) / mixture_of(at_any_time, motion).density(lat, lng)
    ratio[has_fixes] = np.where(_reachable(around, lat, lng), more, 0.0)
    return ratio


def beside_others(fixes: FixTable, codes: IntArray) -> IntArray:
    """Of these cameras those beside which another one has fixes."""
    known = np.unique(codes[codes >= 0])
    others = [bool(np.any((fixes.camera >= 0) & (fixes.camera != code))) for code in known.tolist()]
    return np.asarray(known[np.array(others, dtype=np.bool_)])


def speaking_to(
    fixes: FixTable, codes: IntArray, motion: Motion, pairs: Pairs, near: NDArray[np.bool_] | None = None
) -> dict[int, NDArray[np.bool_]]:
    """For each of these cameras, which rows of fixes speak for its photos: not those of cameras that were
    more probably elsewhere."""
    shares = together(fixes, beside_others(fixes, codes), motion, pairs, near)
    return {code: share >= SPEAKS for code, share in shares.items()}


def _reachable(around: Surroundings, lat: FloatArray, lng: FloatArray) -> NDArray[np.bool_]:
    possible = np.ones(len(lat), dtype=np.bool_)
    for row, lag in ((around.before, around.lag_before), (around.after, around.lag_after)):
        apart = distance_km(
            values_at(around.fixes.lat, row, 0.0), values_at(around.fixes.lng, row, 0.0), lat, lng
        )
        possible &= (row < 0) | (apart <= FASTEST_KM_H * (lag + _SLACK_S) / HOUR_S)
    return possible


def learned_pairs(fixes: FixTable, motion: Motion) -> Pairs:
    """How often the cameras of an archive are together when both take photos: for each pair the share under
    which what was seen is most probable, held to the archive's mean, and that to what is usual."""
    meetings = _meetings(fixes, motion)
    if not meetings:
        return Pairs()
    usual, ratio = Pairs(), np.array([meeting.ratio for meeting in meetings])
    names = sorted({meeting.pair for meeting in meetings})
    which = np.array([names.index(meeting.pair) for meeting in meetings])
    count = np.bincount(which)
    mean, share = usual.mean, np.full(len(names), usual.mean)
    for _ in range(_ROUNDS):
        of = share[which]
        went = np.bincount(which, of * ratio / (of * ratio + 1 - of))
        mean = float((_MEAN_PRIOR * usual.mean + went.sum()) / (_MEAN_PRIOR + count.sum()))
        share = (_PAIR_PRIOR * mean + went) / (_PAIR_PRIOR + count)
    return Pairs(mean, tuple((*pair, float(one)) for pair, one in zip(names, share, strict=True)))


def _meetings(fixes: FixTable, motion: Motion) -> list[_Meeting]:
    """One a pair and day: the fixes of both that are nearest in time to each other."""
    meetings = []
    codes = np.unique(fixes.camera[fixes.camera >= 0]).tolist()
    for code in codes:
        own = fixes.camera == code
        rows = _nearest_a_day(fixes, own, [other for other in codes if other > code])
        if len(rows):
            ratios = _ratio(fixes, rows, np.full(len(rows), code), motion).tolist()
            pairs = [(code, other) for other in fixes.camera[rows].tolist()]
            meetings += [_Meeting(*one) for one in zip(pairs, ratios, strict=True)]
    return meetings


def _nearest_a_day(fixes: FixTable, own: NDArray[np.bool_], others: Sequence[int]) -> IntArray:
    """Rows of the other cameras, one a day each, that lie next to an own fix in time."""
    times = fixes.utc[own]
    rows: list[IntArray] = [np.empty(0, dtype=np.int64)]
    for other in others:
        mine = np.flatnonzero(fixes.camera == other)
        at = np.clip(np.searchsorted(times, fixes.utc[mine]), 1, max(len(times) - 1, 1))
        beside = np.stack([times[np.minimum(at, len(times) - 1)], times[at - 1]])
        lag = np.abs(beside - fixes.utc[mine]).min(axis=0)
        order = mine[np.argsort(lag, kind="stable")]
        order = order[np.sort(lag) <= _AT_ONCE_S]
        _, first = np.unique(fixes.utc[order] // DAY_S, return_index=True)
        rows.append(order[np.sort(first)][:_MOST_MEETINGS])
    return np.concatenate(rows)
