"""The time zone that a camera states as evidence of where it was.

Takes offsets from UTC and what else is known, gives that weighed by legal times. How often a camera's
offset is the legal one of the place is learned (learning.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from geotagger.cells import CellTable
from geotagger.estimate.movement import FloatArray, IntArray
from geotagger.estimate.prior import ANYWHERE, Mixture
from geotagger.estimate.visual import ById, atoms_of
from geotagger.zones import offset_at, zone_at

_RULES_HOLD_S = 1800
"""Legal times change at full and half hours of UTC."""


def weighed_by_zone(
    mix: Mixture, utc: FloatArray, offsets_s: Sequence[float | None], trust: float
) -> Mixture:
    """Places whose legal time at that moment is not what the camera's offset says lose weight by
    (1 − trust) / trust; of a trip the place it starts from is asked."""
    weight = mix.weight.copy()
    for row, offset in enumerate(offsets_s):
        if offset is None or not np.isfinite(utc[row]):
            continue
        for column in np.flatnonzero(weight[row] > 1e-3):
            legal = offset_at(float(mix.lat[row, column]), float(mix.lng[row, column]), float(utc[row]))
            if legal is not None and legal.total_seconds() != offset:
                weight[row, column] *= (1 - trust) / trust
        weight[row] *= (1 - ANYWHERE) / max(float(weight[row].sum()), 1e-300)
    return Mixture(mix.lat, mix.lng, weight, mix.scale_km, mix.tail, mix.about)


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
