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

from geotagger.cells import CellTable
from geotagger.estimate.atoms import ById, atoms_of
from geotagger.estimate.movement import CameraClock, FloatArray, IntArray
from geotagger.estimate.people import peopled, share_in_zone, share_of_earth
from geotagger.estimate.prior import ANYWHERE, Mixture
from geotagger.zones import offset_at, zone_at

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
    weight, anywhere = mix.weight.copy(), mix.anywhere.copy()
    lat, lng, by_people = mix.lat.copy(), mix.lng.copy(), mix.peopled.copy()
    for row, (offset, clock) in enumerate(zip(offsets_s, clocks, strict=True)):
        if offset is None or not np.isfinite(utc[row]) or not weight[row].any():
            continue
        time = float(utc[row])
        columns = np.flatnonzero(weight[row] > _LEAST)
        places = zip(mix.lat[row, columns].tolist(), mix.lng[row, columns].tolist(), strict=True)
        right, wrong, away = clock.stating(offset, offset), clock.stating(offset, _ANOTHER), 0.0
        trips, visited = list[int](), list[int]()
        for column, place in zip(columns.tolist(), places, strict=True):
            zone = offset_at(*place, time)
            legal = None if zone is None else zone.total_seconds()
            scale, tail = float(mix.scale_km[row, column]), float(mix.tail[row, column])
            if scale < _WIDE_KM:
                weight[row, column] *= clock.stating(offset, legal)
                if column >= mix.about and legal == offset:
                    visited.append(column)
                continue
            in_zone = share_in_zone(*place, scale, tail, time, offset)
            if legal is None or legal == offset:
                # as the parameters were fitted: a trip that starts in the zone is taken to stay in it
                weight[row, column] *= right
            else:
                away += weight[row, column] * right * in_zone
                weight[row, column] *= clock.stating(offset, legal) * (1 - in_zone)
                if mix.peopled[row, column] > 0:
                    trips.append(column)
        if trips and visited:
            of_visits = mix.weight[row, visited]
            start = visited[int(of_visits.argmax())]
            share = right * of_visits.sum() / mix.weight[row, mix.about :].sum()
            # a density has one middle: where the clock may well be wrong, trips stay about the fix
            moved = [trip for trip in trips if share * mix.weight[row, trip] > weight[row, trip]]
            weight[row, moved] += share * mix.weight[row, moved]
            lat[row, moved], lng[row, moved] = mix.lat[row, start], mix.lng[row, start]
            by_people[row, moved] = peopled(
                lat[row, moved], lng[row, moved], mix.scale_km[row, moved], mix.tail[row, moved]
            )
        in_zone = share_of_earth(time, offset)
        away += anywhere[row] * (right * in_zone + wrong * (1 - in_zone))
        total = float(weight[row].sum())
        # what is spread over the Earth stands for doubt in all of this, too
        anywhere[row] = max(away / max(total + away, 1e-300), ANYWHERE)
        weight[row] *= (1 - anywhere[row]) / max(total, 1e-300)
    return replace(mix, lat=lat, lng=lng, weight=weight, anywhere=anywhere, peopled=by_people)


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
