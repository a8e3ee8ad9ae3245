"""How often the pictures of an outing mislead together, as an archive shows it whose places are known.

Of each outing two explanations are held against each other, those of misleading.py: its pictures show where
they were taken; or all of them show some place that has nothing to do with it, drawn as the model met places
while it was trained. How many outings the second explains better is what the model's mistakes are like in
this archive. Takes posteriors and places, gives a number.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.atoms import Atoms, atoms_of, find
from geotagger.estimate.movement import MISLEADS
from geotagger.estimate.states import Offers, emission_at, offers_of
from geotagger.estimate.values import Posterior
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_HELD_BY = 10.0
"""So many outings weigh as much as what is assumed before any is known."""
_ROUNDS = 50
_BESIDE_KM = 25.0
"""As far as an estimate may be off: what a picture shows so near has told where it was taken."""
_PAIRS = 1_000_000
"""Photos and places beside them that are looked up at once."""


def fitted_misleads(
    posteriors: Sequence[Posterior],
    lat: FloatArray,
    lng: FloatArray,
    weight: FloatArray,
    outing: IntArray,
    table: CellTable,
) -> float:
    """The most probable share (EM, held at MISLEADS). lat, lng: where the photos were taken, degrees (n,).
    weight (n,): how many looks each is worth. outing (n,): the number of each photo's outing, ascending."""
    n = len(posteriors)
    if not n:
        return MISLEADS
    offers = offers_of(posteriors, table, weight, np.zeros(n, dtype=np.bool_))
    shown = _of_where_they_were(offers, outing, unit_vectors(lat, lng), table)
    misleading = _of_one_place(offers, outing, atoms_of(table))
    against = np.exp(np.clip(misleading - shown, -700, 700))
    share = MISLEADS
    for _ in range(_ROUNDS):
        misled = share * against / (share * against + 1 - share)
        share = float((misled.sum() + _HELD_BY * MISLEADS) / (len(misled) + _HELD_BY))
    return share


def _of_where_they_were(
    offers: Offers, outing: IntArray, vectors: FloatArray, table: CellTable
) -> FloatArray:
    """Of each outing the log of how probable all of its pictures are together if they show where they were
    taken, at `vectors`: half the time the very places, half some place within `_BESIDE_KM` of where a stretch
    of them was, drawn as the model met places there: who shows the next cell has not misled."""
    exact = np.log(emission_at(offers, np.arange(len(vectors)), vectors, table))
    first = _stretches(outing, vectors)
    of_exact = np.add.reduceat(exact, first)
    beside = _of_a_place_beside(offers, first, vectors, table)
    logs = np.where(np.isfinite(beside), np.logaddexp(of_exact, beside) - np.log(2), of_exact)
    return np.asarray(np.bincount(outing[first], logs, int(outing[-1]) + 1), dtype=np.float64)


def _of_a_place_beside(offers: Offers, first: IntArray, vectors: FloatArray, table: CellTable) -> FloatArray:
    """Of each stretch the same if its pictures show one place near it; minus infinity where the model
    knows none there. first: where the stretches begin."""
    met, usual = _places_met(table)
    middles = np.add.reduceat(vectors, first)
    middles /= np.maximum(np.linalg.norm(middles, axis=1, keepdims=True), 1e-12)
    ends = np.append(first[1:], len(vectors))
    logs = np.full(len(first), -np.inf)
    block: list[tuple[int, IntArray]] = []
    pairs = 0
    for n, middle in enumerate(middles):
        near = np.flatnonzero(met @ middle >= np.cos(_BESIDE_KM / EARTH_RADIUS_KM))
        if len(near):
            block.append((n, near))
            pairs += len(near) * int(ends[n] - first[n])
        if block and (pairs > _PAIRS or n == len(middles) - 1):
            photo = np.concatenate([np.repeat(np.arange(first[k], ends[k]), len(near)) for k, near in block])
            place = np.concatenate([np.tile(near, ends[k] - first[k]) for k, near in block])
            each = np.log(emission_at(offers, photo, met[place], table))
            at = 0
            for k, near in block:
                size = len(near) * int(ends[k] - first[k])
                there = each[at : at + size].reshape(-1, len(near)).sum(axis=0)
                most = float(there.max())
                logs[k] = most + float(np.log(usual[near] @ np.exp(there - most) / usual[near].sum()))
                at += size
            block, pairs = [], 0
    return logs


def _places_met(table: CellTable) -> tuple[FloatArray, FloatArray]:
    """The places of the gallery, or without one the mean places of the classes, unit vectors (k, 3), and how
    often the model met each."""
    atoms, gallery = atoms_of(table), table.gallery
    if gallery is None:
        return unit_vectors(table.lat, table.lng), atoms.prior[: len(table)]
    return unit_vectors(gallery.lat, gallery.lng), atoms.prior[-len(gallery.lat) :]


def _stretches(outing: IntArray, vectors: FloatArray) -> IntArray:
    """Where each begins: photos of an outing that follow one another within `_BESIDE_KM` of the first."""
    starts, far = [0], (_BESIDE_KM / EARTH_RADIUS_KM) ** 2
    for n in range(1, len(outing)):
        if outing[n] != outing[starts[-1]] or np.square(vectors[n] - vectors[starts[-1]]).sum() > far:
            starts.append(n)
    return np.array(starts, dtype=np.int64)


def _of_one_place(offers: Offers, outing: IntArray, atoms: Atoms) -> FloatArray:
    """Of each outing the log of how probable all of its pictures are together if they show one place, drawn
    from the model's own prior."""
    missed = np.log(offers.missed)
    more = np.log(offers.emission) - missed[offers.photo]
    outer = _around(atoms, offers.atoms)
    at = find(atoms, offers.photo, offers.atoms, offers.photo, outer)
    # a class counts beyond its region and a place beyond its class, where the picture tells of these
    beyond = more - np.where(at >= 0, more[at], 0.0)
    edges = np.searchsorted(outing[offers.photo], np.arange(int(outing[-1]) + 2))
    base = np.bincount(outing, missed)
    logs = np.empty(len(base))
    for n, (a, b) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        listed, of = np.unique(offers.atoms[a:b], return_inverse=True)
        total, prior = np.bincount(of, beyond[a:b]), atoms.prior[listed].copy()
        within = _around(atoms, listed)
        inside = np.searchsorted(listed, within)
        is_listed = (within >= 0) & (listed[np.minimum(inside, len(listed) - 1)] == within)
        own = total.copy()
        for kind in (atoms.is_class(listed) & is_listed, ~atoms.is_class(listed) & is_listed):
            own[kind] += own[inside[kind]]
        np.subtract.at(prior, inside[is_listed], atoms.prior[listed[is_listed]])
        prior = np.maximum(prior, 0.0)
        terms = np.append(own, 0.0)
        share = np.append(prior, max(1.0 - float(prior.sum()), 0.0))
        most = float(terms.max())
        logs[n] = base[n] + most + float(np.log(np.maximum(share @ np.exp(terms - most), 1e-300)))
    return logs


def _around(atoms: Atoms, numbers: IntArray) -> IntArray:
    """The region of each class and the class of each place, −1 of regions."""
    is_class = atoms.is_class(numbers)
    region = atoms.classes + atoms.region_of[np.where(is_class, numbers, 0)]
    return np.where(is_class, region, np.where(atoms.is_region(numbers), -1, atoms.parent[numbers]))
