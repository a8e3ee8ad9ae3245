"""The time zone that a camera states as evidence of where it was.

Takes offsets from UTC and what else is known, gives that weighed by legal times. How often a camera's
offset is the legal one of the place is learned (learning.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.atoms import ById, atoms_of
from geotagger.estimate.movement import CameraClock, FloatArray, IntArray
from geotagger.estimate.people import peopled, share_in_zone, share_of_earth
from geotagger.estimate.prior import ANYWHERE, Mixture
from geotagger.zones import offsets_at, zone_at

_ANOTHER = 1.0
"""Legal time of some other zone: one second of UTC is that of none."""
_LEAST = 1e-5
_WIDE_KM = 20.0
"""A wider density lies in several zones."""
_RULES_HOLD_S = 1800
"""Legal times change at full and half hours of UTC."""


def weighed_by_zone(
    mix: Mixture, utc: FloatArray, offsets_s: Sequence[float | None], clocks: Sequence[CameraClock]
) -> Mixture:
    """Every place of the mixture by how probable it makes the offset that the camera states (Bayes' rule).
    What a trip holds in that zone, though it starts in another, is then somewhere, nobody knows where: an
    offset that no known place explains speaks for a place that is not known. Where visited places lie in the
    zone and the fixes around do not, trips start from those, as probable among all trips as they are among
    all visits: who has gone back to another region need not be at the very place known there."""
    offset_s = np.array([np.nan if offset is None else offset for offset in offsets_s], dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(offset_s) & np.isfinite(utc) & mix.weight.any(axis=1))
    if not len(rows):
        return mix
    times, offset = utc[rows], offset_s[rows, None]
    legal = _legal_times(mix, rows, times)
    earth = np.array(
        [[share_of_earth(*one)] for one in zip(times.tolist(), offset[:, 0].tolist(), strict=True)]
    )
    right, wrong, as_legal = _stating(clocks, rows, offset, legal, earth)
    before, fits = mix.weight[rows], np.isnan(legal) | (legal == offset)
    speaks, is_wide = before > _LEAST, mix.scale_km[rows] >= _WIDE_KM
    crossing = speaks & is_wide & ~fits
    crosses = _shares_in_zone(mix, rows, times, offset, crossing)
    # as the parameters were fitted: a trip that starts in the zone is taken to stay in it
    factor = np.where(is_wide, np.where(fits, right, as_legal * (1 - crosses)), as_legal)
    weight = before * np.where(speaks, factor, 1.0)
    away = np.sum(before * right * crosses, axis=1)

    lat, lng, by_people = mix.lat.copy(), mix.lng.copy(), mix.peopled.copy()
    trips = crossing & (mix.peopled[rows] > 0)
    visited = speaks & ~is_wide & (legal == offset)
    visited[:, : mix.about] = False
    for n in np.flatnonzero(trips.any(axis=1) & visited.any(axis=1)).tolist():
        row, visits = rows[n], np.flatnonzero(visited[n])
        start = visits[int(before[n, visits].argmax())]
        share = float(right[n, 0] * before[n, visits].sum() / before[n, mix.about :].sum())
        # a density has one middle: where the clock may well be wrong, trips stay about the fix
        moved = np.flatnonzero(trips[n] & (share * before[n] > weight[n]))
        weight[n, moved] += share * before[n, moved]
        lat[row, moved], lng[row, moved] = mix.lat[row, start], mix.lng[row, start]
        by_people[row, moved] = peopled(
            lat[row, moved], lng[row, moved], mix.scale_km[row, moved], mix.tail[row, moved]
        )

    away += mix.anywhere[rows] * (right * earth + wrong * (1 - earth))[:, 0]
    total = weight.sum(axis=1)
    all_weight, anywhere = mix.weight.copy(), mix.anywhere.copy()
    # what is spread over the Earth stands for doubt in all of this, too
    anywhere[rows] = np.maximum(away / np.maximum(total + away, 1e-300), ANYWHERE)
    all_weight[rows] = weight * ((1 - anywhere[rows]) / np.maximum(total, 1e-300))[:, None]
    return replace(mix, lat=lat, lng=lng, weight=all_weight, anywhere=anywhere, peopled=by_people)


def _legal_times(mix: Mixture, rows: IntArray, utc: FloatArray) -> FloatArray:
    """Offsets from UTC (n, c), NaN where none is known or nothing of weight lies."""
    legal = np.full((len(rows), mix.weight.shape[1]), np.nan)
    photo, column = np.nonzero(mix.weight[rows] > _LEAST)
    of = rows[photo], column
    legal[photo, column] = offsets_at(mix.lat[of], mix.lng[of], utc[photo])
    return legal


def _stating(
    clocks: Sequence[CameraClock], rows: IntArray, offset: FloatArray, legal: FloatArray, living: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How probable these photos' cameras make their offsets (n, 1), by which so many people live (n, 1):
    where they are legal, (n, 1); in some other zone, (n, 1); and where those times are legal (n, c)."""
    right, wrong, as_legal = np.empty_like(offset), np.empty_like(offset), np.empty_like(legal)
    of_rows = [clocks[row] for row in rows.tolist()]
    for clock in set(of_rows):
        mine = np.array([one == clock for one in of_rows])
        right[mine] = clock.stating(offset[mine], offset[mine], living[mine])
        wrong[mine] = clock.stating(offset[mine], _ANOTHER, living[mine])
        as_legal[mine] = clock.stating(offset[mine], legal[mine], living[mine])
    return right, wrong, as_legal


def _shares_in_zone(
    mix: Mixture, rows: IntArray, utc: FloatArray, offset: FloatArray, wanted: NDArray[np.bool_]
) -> FloatArray:
    """Of those that are `wanted` (n, c) how much lies where these times are legal; 0 of the others."""
    shares = np.zeros(wanted.shape)
    photo, column = np.nonzero(wanted)
    of = rows[photo], column
    densities = (mix.lat[of], mix.lng[of], mix.scale_km[of], mix.tail[of], utc[photo], offset[photo, 0])
    columns = [values.tolist() for values in densities]
    shares[photo, column] = [share_in_zone(*one) for one in zip(*columns, strict=True)]
    return shares


def atom_priors(
    photo: IntArray,
    atoms: IntArray,
    prior: FloatArray,
    table: CellTable,
    utc: FloatArray,
    offsets_s: Sequence[float | None],
    trust: float,
) -> FloatArray:
    """The prior of each atom (k,) of each photo (k,), ascending rows of the n photos of which nothing else
    is known: as frequent as it was while training, weighed by the camera's time zone as above."""
    prior = prior.copy()
    edges = np.searchsorted(photo, np.arange(len(utc) + 1))
    for row, offset in enumerate(offsets_s):
        if offset is not None and np.isfinite(utc[row]):
            of_photo = slice(edges[row], edges[row + 1])
            fits = _fits_zone(ById(table), int(utc[row] // _RULES_HOLD_S), offset, trust)
            prior[of_photo] *= fits[atoms[of_photo]]
    return prior


@lru_cache(maxsize=16)
def _fits_zone(table: ById, period: int, offset_s: float, trust: float) -> FloatArray:
    """By what the prior of each atom is multiplied, in the mean by 1."""
    zones, zone_of = _zones_of(table)
    now = datetime.fromtimestamp(period * _RULES_HOLD_S, UTC)
    legal = [now.astimezone(zone).utcoffset() if zone else None for zone in zones]
    fits = np.array([one is None or one.total_seconds() == offset_s for one in legal], dtype=np.bool_)
    atoms = atoms_of(table.table)
    factor = np.where(fits, 1.0, (1 - trust) / trust)[zone_of]
    return atoms.spread(factor / float(atoms.prior[: atoms.classes] @ factor))


@lru_cache(maxsize=4)
def _zones_of(table: ById) -> tuple[list[ZoneInfo | None], IntArray]:
    """The time zones in which the mean places of the classes lie, and which of them each class has."""
    places = zip(table.table.lat.tolist(), table.table.lng.tolist(), strict=True)
    number: dict[ZoneInfo | None, int] = {}
    zone_of = [number.setdefault(zone_at(lat, lng), len(number)) for lat, lng in places]
    return list(number), np.array(zone_of, dtype=np.int64)
