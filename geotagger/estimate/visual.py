"""What the pictures show: from class probabilities to a probability over places.

Takes a classifier's probabilities and its cell table, gives posteriors and clouds of points. What a
picture tells is how much more probable it makes a place than the classifier took it for before it
looked: p over prior. That is what a temperature acts on. A cell's probability is spread over the cell by
its own size; of a gallery's place it is a disc as wide as the gap to its neighbours; and what the leading
classes leave is told by region.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.atoms import Atoms, Listed, atoms_of, class_prior, frequency
from geotagger.estimate.cloud import Cloud, Clouds, Gathered, gather_each
from geotagger.estimate.values import Posterior

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KEPT_MASS = 0.99
KEPT_CLASSES = 64
KEPT_REGIONS = 64
KEPT_POINTS = 64
WORTH_REGIONS = 0.1
"""Where the leading classes leave no more than this, it is not told region by region."""
_ROUNDED = 4e-6
"""Relative: nearer to its prior than that, a float32 softmax has said nothing."""


def tempered(probabilities: NDArray[np.floating], table: CellTable, temperature: float) -> FloatArray:
    """Class probabilities (n, classes) after temperature, summing to 1. The temperature divides the logarithm
    of p / prior, so that an answer that is the classifier's own prior says nothing at any temperature; with
    classes of equal frequency that is a power of p (Guo et al. 2017, "On calibration of modern
    networks")."""
    p = np.maximum(np.asarray(probabilities, dtype=np.float64), 1e-30)
    said = np.log(p / p.sum(axis=1, keepdims=True) / frequency(table))
    said = np.sign(said) * np.maximum(np.abs(said) - _ROUNDED, 0.0) / temperature
    emission = class_prior(table) * np.exp(said - np.maximum(said.max(axis=1, keepdims=True), 0.0))
    return np.asarray(emission / emission.sum(axis=1, keepdims=True))


def posteriors(
    probabilities: NDArray[np.float32],
    table: CellTable,
    temperature: float = 1.0,
    points: NDArray[np.int64] | None = None,
    point_probabilities: NDArray[np.float32] | None = None,
) -> list[Posterior]:
    """What each picture says: the leading classes, at most 64, that hold 99 % of the probability; of what
    they leave the leading regions; and the likeliest places of the gallery.

    probabilities: float32 (n, classes) as the network gave them. points, point_probabilities (n, k): rows
    of the table's gallery and the part of the probability at each.
    """
    atoms = atoms_of(table)
    p = tempered(probabilities, table, temperature)
    leading, p_leading, counts = _leading(p, KEPT_CLASSES)
    by_region = np.add.reduceat(p[:, atoms.by_region], atoms.region_starts, axis=1)
    clouds = []
    for n, count in enumerate(counts.tolist()):
        classes, mass = leading[n, :count], p_leading[n, :count]
        regions, left = _regions(atoms, by_region[n], classes, mass)
        codes = [classes, -1 - regions]
        masses = [mass, left]
        if points is not None and point_probabilities is not None and table.gallery is not None:
            rows, share = _of_gallery(
                atoms, points[n], point_probabilities[n], probabilities[n], p[n], temperature
            )
            codes.append(len(table) + rows)
            masses.append(share)
        clouds.append(_that_say(atoms, np.concatenate(codes), np.concatenate(masses)))
    return clouds


def _leading(p: FloatArray, most: int) -> tuple[IntArray, FloatArray, IntArray]:
    kept = min(most, p.shape[1])
    leading = np.argpartition(-p, kept - 1, axis=1)[:, :kept]
    p_leading = np.take_along_axis(p, leading, axis=1)
    order = np.argsort(-p_leading, axis=1)
    leading, p_leading = (
        np.take_along_axis(leading, order, axis=1),
        np.take_along_axis(p_leading, order, axis=1),
    )
    counts = np.sum(np.cumsum(p_leading, axis=1) - p_leading < KEPT_MASS, axis=1)
    return leading.astype(np.int64), p_leading, counts


def _regions(
    atoms: Atoms, by_region: FloatArray, classes: IntArray, mass: FloatArray
) -> tuple[IntArray, FloatArray]:
    """The leading regions by what the listed classes leave in them."""
    lacking = 1.0 - float(mass.sum())
    if lacking <= WORTH_REGIONS:
        return np.empty(0, np.int64), np.empty(0)
    left = np.maximum(by_region - np.bincount(atoms.region_of[classes], mass, len(by_region)), 0.0)
    order = np.argsort(-left)[:KEPT_REGIONS]
    sorted_mass = left[order]
    count = int(np.sum(np.cumsum(sorted_mass) - sorted_mass < lacking - (1.0 - KEPT_MASS)))
    return order[:count], sorted_mass[:count]


def _of_gallery(
    atoms: Atoms,
    rows: NDArray[np.int64],
    shares: NDArray[np.float32],
    raw: NDArray[np.float32],
    p: FloatArray,
    temperature: float,
) -> tuple[IntArray, FloatArray]:
    """The likeliest rows of the gallery and what of its class's tempered probability each has: within a class
    the shares are tempered against the even share of those that are not among the likeliest."""
    gallery = atoms.table.gallery
    assert gallery is not None
    inside = (rows >= 0) & (rows < len(gallery.lat)) & (shares > 0)
    rows, shares = rows[inside], shares[inside].astype(np.float64)
    owner = gallery.classes[rows]
    classes, at = np.unique(owner, return_inverse=True)
    others = atoms.places_in[classes] - np.bincount(at, minlength=len(classes))
    left = np.maximum(raw[classes].astype(np.float64) - np.bincount(at, shares, len(classes)), 0.0)
    even = left / np.maximum(others, 1)
    # in parts of the class's mean, so that no power underflows
    usual = raw[classes].astype(np.float64) / np.maximum(atoms.places_in[classes], 1)
    usual = np.maximum(usual, 1e-30)
    each = (shares / usual[at]) ** (1 / temperature)
    total = np.bincount(at, each, len(classes)) + others * (even / usual) ** (1 / temperature)
    mass = p[owner] * each / np.maximum(total[at], 1e-300)
    order = np.argsort(-mass)[:KEPT_POINTS]
    return rows[order], mass[order]


def _that_say(atoms: Atoms, codes: IntArray, mass: FloatArray) -> Posterior:
    """Without what tells no more than all that is left out does: it is as well left out, too."""
    listed = Listed.of(atoms, np.zeros(len(codes), np.int64), atoms.numbers(codes), mass, 1)
    said = np.abs(np.log(np.maximum(listed.ratio, 1e-30) / listed.rest[0])) > _ROUNDED
    if said.any():
        said[0] = True
        # a place needs its class, which needs its place's absence to be told apart
        said[: int(np.sum((codes >= 0) & (codes < len(atoms.table))))] = True
    return Posterior(codes[said].astype(np.int32), mass[said].astype(np.float32))


def listed_of(posteriors: Sequence[Posterior], table: CellTable) -> Listed:
    """All that the posteriors list, photo by photo."""
    atoms = atoms_of(table)
    photo = np.repeat(np.arange(len(posteriors)), [len(one.classes) for one in posteriors])
    codes = np.concatenate([np.empty(0, np.int32), *(one.classes for one in posteriors)])
    p = np.concatenate([np.empty(0, np.float32), *(one.probabilities for one in posteriors)])
    numbers = atoms.numbers(codes)
    there = (numbers >= 0) & (numbers < len(atoms.prior))
    return Listed.of(atoms, photo[there], numbers[there], p[there], len(posteriors))


def clouds_of(posteriors: Sequence[Posterior], table: CellTable) -> Clouds:
    """The posteriors spread over their cells, places and regions; the mass of each is what is listed."""
    atoms, listed = atoms_of(table), listed_of(posteriors, table)
    rows, owner = atoms.of(listed.atoms)
    mass = listed.p[owner] * atoms.share[rows]
    photo = listed.photo[owner]
    points = atoms.vectors[rows], mass, atoms.size_km[rows]
    clouds = Clouds.ragged(len(posteriors), photo, *points)
    if table.gallery is None:
        return clouds
    by = Clouds.ragged(len(posteriors), photo, points[0], mass * listed.ratio[owner], points[2])
    return replace(clouds, choosing=by.mass)


def chosen_by(mass: FloatArray, prior: FloatArray) -> FloatArray:
    """The masses by which a place is chosen where only pictures speak, of a gallery: each times how far it
    exceeds its prior. A flat answer has many faint places, and where the gallery is dense they add up to
    more than the one that the picture shows; so what it shows most clearly counts for more than number."""
    return np.asarray(mass * mass / np.maximum(prior, 1e-12))


def cloud_of(posterior: Posterior, table: CellTable) -> Cloud:
    """The same of one posterior."""
    return clouds_of([posterior], table)[0]


def places_of(
    posteriors: Sequence[Posterior], table: CellTable, within_km: float, certainty: float
) -> Gathered:
    """Where each picture alone would be placed."""
    return gather_each(clouds_of(posteriors, table), within_km, certainty)
