"""What lies around photos in time: the fixes before and after, and the places visited near in time.

Takes known places and the times of photos, gives rows of the one for the other. Knows nothing of
probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.doubts import USUAL_DOUBT
from geotagger.estimate.movement import FloatArray, IntArray, Motion

Number = TypeVar("Number", np.float64, np.int64)

VISITS = 24
"""How many visited places near in time may speak."""
OWN_CAMERA_REACH = 3.0
"""The own camera's fix is preferred until it is this many times as far in time as another's."""
SOON_S = 60.0


@dataclass(frozen=True, slots=True)
class FixTable:
    """Places known at times, ordered by time: float64 (n,) each; error_km at 68 %; camera codes, −1
    unknown; visits: rows that count as visited places (one a place and day). doubt and astray_km as of `Fix`;
    empty where nothing is in doubt."""

    utc: FloatArray
    lat: FloatArray
    lng: FloatArray
    error_km: FloatArray
    camera: IntArray
    visits: IntArray
    doubt: FloatArray = field(default_factory=lambda: np.empty(0))
    astray_km: FloatArray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """For n photos what lies around them in time. before, after: rows of fixes, −1 where none; lags in
    seconds, infinite where none; strange: whether the fix is another camera's. visit: rows (n, VISITS)."""

    fixes: FixTable
    before: IntArray
    after: IntArray
    lag_before: FloatArray
    lag_after: FloatArray
    strange_before: NDArray[np.bool_]
    strange_after: NDArray[np.bool_]
    visit: IntArray
    visit_lag: FloatArray
    visit_strange: NDArray[np.bool_]

    @property
    def nearest_lag(self) -> FloatArray:
        return np.minimum(self.lag_before, self.lag_after)


def surroundings(
    fixes: FixTable,
    utc: FloatArray,
    camera: IntArray,
    first: IntArray,
    last: IntArray,
    speaking: Mapping[int, NDArray[np.bool_]] | None = None,
) -> Surroundings:
    """`first` and `last` (n,): the rows of fixes from `first` up to but not including `last` are
    hidden from the photo; equal where nothing is. `speaking`: by the code of a camera, which rows of fixes
    speak for its photos, bool; of any other all do."""
    parts = []
    listening = np.isin(camera, list(speaking or {}))
    if not listening.all() or not len(camera):
        parts.append((~listening, _surroundings(fixes, utc, camera, first, last, ~listening)))
    for code, heard in (speaking or {}).items():
        mine = listening & (camera == code)
        if mine.any():
            parts.append((mine, _among(fixes, utc, camera, first, last, mine, heard)))
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort(np.concatenate([np.flatnonzero(mine) for mine, _ in parts]))
    return chosen(joined([around for _, around in parts]), order)


def _among(
    fixes: FixTable,
    utc: FloatArray,
    camera: IntArray,
    first: IntArray,
    last: IntArray,
    mine: NDArray[np.bool_],
    heard: NDArray[np.bool_],
) -> Surroundings:
    """As if only some rows of fixes were there, of which the others' numbers are told."""
    rows = np.flatnonzero(heard)
    number = np.concatenate([[0], np.cumsum(heard)])
    part = FixTable(
        fixes.utc[rows],
        fixes.lat[rows],
        fixes.lng[rows],
        fixes.error_km[rows],
        fixes.camera[rows],
        number[fixes.visits[heard[fixes.visits]]],
        *(one[rows] if len(one) else one for one in (fixes.doubt, fixes.astray_km)),
    )
    around = _surroundings(part, utc, camera, number[first], number[last], mine)
    of_all = np.append(rows, -1)
    return replace(
        around,
        fixes=fixes,
        before=of_all[around.before],
        after=of_all[around.after],
        visit=of_all[around.visit],
    )


def _surroundings(
    fixes: FixTable,
    utc: FloatArray,
    camera: IntArray,
    first: IntArray,
    last: IntArray,
    mine: NDArray[np.bool_],
) -> Surroundings:
    utc, camera, first, last = utc[mine], camera[mine], first[mine], last[mine]
    n = len(utc)
    before, strange_before = _neighbours(fixes, utc, camera, first - 1, -1)
    after, strange_after = _neighbours(fixes, utc, camera, last, +1)
    timeless = np.isnan(utc)
    before, after = np.where(timeless, -1, before), np.where(timeless, -1, after)
    known_utc = np.append(fixes.utc, np.nan)
    lag_before = np.where(before >= 0, np.abs(utc - known_utc[before]), np.inf)
    lag_after = np.where(after >= 0, np.abs(known_utc[after] - utc), np.inf)
    # visits nearest in time: as many on either side, then the nearest of both
    left = np.searchsorted(fixes.visits, first)[:, None] - 1 - np.arange(VISITS)[None, :]
    right = np.searchsorted(fixes.visits, last)[:, None] + np.arange(VISITS)[None, :]
    slots = np.concatenate([left, right], axis=1)
    there = (slots >= 0) & (slots < len(fixes.visits))
    rows = np.where(there, np.append(fixes.visits, -1)[np.where(there, slots, -1)], -1)
    rows = np.where(timeless[:, None], -1, rows)
    lag = np.where(rows >= 0, np.abs(known_utc[rows] - utc[:, None]), np.inf)
    nearest = np.argsort(lag, axis=1, kind="stable")[:, :VISITS]
    rows, lag = np.take_along_axis(rows, nearest, axis=1), np.take_along_axis(lag, nearest, axis=1)
    visit_camera = np.append(fixes.camera, -1)[rows]
    strange = (camera[:, None] >= 0) & (visit_camera != camera[:, None])
    return Surroundings(
        fixes, before, after, lag_before, lag_after, strange_before, strange_after,
        rows.reshape(n, -1), lag, strange,
    )  # fmt: skip


_COLUMNS = tuple(name for name in Surroundings.__slots__ if name != "fixes")


def chosen(around: Surroundings, rows: IntArray) -> Surroundings:
    """Those of some photos only."""
    return Surroundings(around.fixes, *(getattr(around, name)[rows] for name in _COLUMNS))


def joined(parts: Sequence[Surroundings]) -> Surroundings:
    """One after the other, all among the same fixes."""
    columns = (np.concatenate([getattr(around, name) for around in parts]) for name in _COLUMNS)
    return Surroundings(parts[0].fixes, *columns)


def _neighbours(
    fixes: FixTable, utc: FloatArray, camera: IntArray, start: IntArray, step: int
) -> tuple[IntArray, NDArray[np.bool_]]:
    """The fix on one side that speaks for each photo: the nearest, but of one in doubt and the nearest that
    is not, the one which leaves less open. `start`: the first row that may, in the direction of `step`."""
    row, strange = _nearest(fixes.utc, fixes.camera, utc, camera, start, step)
    in_doubt = fixes.doubt > USUAL_DOUBT
    if not in_doubt.any():
        return row, strange
    rows = np.flatnonzero(~in_doubt)
    begin = np.searchsorted(rows, start, side="right") - 1 if step < 0 else np.searchsorted(rows, start)
    surer, surer_strange = _nearest(fixes.utc[rows], fixes.camera[rows], utc, camera, begin, step)
    surer = np.append(rows, -1)[surer]
    better = _open_km(fixes, utc, surer, surer_strange) < _open_km(fixes, utc, row, strange)
    return np.where(better, surer, row), np.where(better, surer_strange, strange)


def _open_km(fixes: FixTable, utc: FloatArray, row: IntArray, strange: NDArray[np.bool_]) -> FloatArray:
    """How far from its fix a photo is to be expected, as people usually move; infinite where none is."""
    usual = Motion()
    lag = np.abs(values_at(fixes.utc, row, np.inf) - utc) * np.where(strange, usual.stranger, 1.0)
    scale = np.hypot(usual.scale_km(lag), values_at(fixes.error_km, row, 0.0))
    doubt, astray = values_at(fixes.doubt, row, 0.0), values_at(fixes.astray_km, row, 0.0)
    return np.where(row >= 0, (1 - doubt) * scale + doubt * np.hypot(scale, astray), np.inf)


def _nearest(
    fix_utc: FloatArray, fix_camera: IntArray, utc: FloatArray, camera: IntArray, start: IntArray, step: int
) -> tuple[IntArray, NDArray[np.bool_]]:
    """The nearest fix on one side, the own camera's where that is not much farther in time."""
    total = len(fix_utc)
    any_row = np.where((start >= 0) & (start < total), start, -1)
    own_row = np.full(len(utc), -1, dtype=np.int64)
    for code in np.unique(camera[camera >= 0]):
        mine = np.flatnonzero(fix_camera == code)
        if not len(mine):
            continue
        rows = np.flatnonzero(camera == code)
        if step < 0:
            at = np.searchsorted(mine, start[rows], side="right") - 1
        else:
            at = np.searchsorted(mine, start[rows], side="left")
        there = (at >= 0) & (at < len(mine))
        own_row[rows] = np.where(there, mine[np.where(there, at, 0)], -1)
    own_lag = np.abs(values_at(fix_utc, own_row, np.inf) - utc)
    any_lag = np.abs(values_at(fix_utc, any_row, np.inf) - utc)
    own = (own_row >= 0) & (own_lag <= OWN_CAMERA_REACH * any_lag + SOON_S)
    row = np.where(own, own_row, any_row)
    strange = (row >= 0) & (camera >= 0) & (values_at(fix_camera, row, -1) != camera)
    return row, strange


def values_at(values: NDArray[Number], rows: IntArray, missing: float) -> NDArray[Number]:
    """`values` at the rows, `missing` where a row is −1."""
    if not len(values):
        return np.full(rows.shape, missing, dtype=values.dtype)
    return np.where(rows >= 0, values[rows], values.dtype.type(missing))
