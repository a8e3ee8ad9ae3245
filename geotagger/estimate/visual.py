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
from geotagger.estimate.atoms import Atoms, Listed, atoms_of
from geotagger.estimate.cloud import Cloud, Clouds, Gathered, gather_each, share_inside
from geotagger.estimate.picture_ratios import ROUNDED, PictureRatios
from geotagger.estimate.values import Posterior
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KEPT_MASS = 0.99
KEPT_CLASSES = 64
KEPT_REGIONS = 64
KEPT_POINTS = 64
CHOOSING_POWER = 2.5
"""At the temperature 1: with what networks of simulated skill say of GeoCLIP's gallery, places come
nearest at 2 to 3, for every skill (benchmarks/galleries.py)."""
_PLACES_AT_ONCE = 100
WORTH_REGIONS = 0.1
"""Where the leading classes leave no more than this, it is not told region by region."""


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
    ratios = PictureRatios(probabilities, table, points, point_probabilities)
    p = ratios.classes(temperature)
    of_places = ratios.of_places(p, temperature)
    first = np.searchsorted(ratios.photo, np.arange(len(p) + 1))
    leading, p_leading, counts = _leading(p, KEPT_CLASSES)
    by_region = np.add.reduceat(p[:, atoms.by_region], atoms.region_starts, axis=1)
    clouds = []
    for n, count in enumerate(counts.tolist()):
        classes, mass = leading[n, :count], p_leading[n, :count]
        regions, left = _regions(atoms, by_region[n], classes, mass)
        codes = [classes, -1 - regions]
        masses = [mass, left]
        here = slice(first[n], first[n + 1])
        likeliest = np.argsort(-of_places[here])[:KEPT_POINTS]
        codes.append(len(table) + ratios.place[here][likeliest])
        masses.append(of_places[here][likeliest])
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


def _that_say(atoms: Atoms, codes: IntArray, mass: FloatArray) -> Posterior:
    """Without what tells no more than all that is left out does: it is as well left out, too."""
    listed = Listed.of(atoms, np.zeros(len(codes), np.int64), atoms.numbers(codes), mass, 1)
    said = np.abs(np.log(np.maximum(listed.ratio, 1e-30) / listed.rest[0])) > ROUNDED
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
    by = chosen_by(mass, listed.ratio[owner], table.gallery.temperature)
    return replace(clouds, choosing=Clouds.ragged(len(posteriors), photo, points[0], by, points[2]).mass)


def chosen_by(mass: FloatArray, ratio: FloatArray, temperature: float) -> FloatArray:
    """The masses by which a place is chosen where only pictures speak, of a gallery: with how far each
    exceeds its prior to CHOOSING_POWER, whatever temperature the masses were made with. A flat answer has
    many faint places, and where the gallery is dense they add up to more than the one that the picture
    shows; so what it shows most clearly counts for more than number. Where a temperature has made
    the answer that sharp already, nothing is added."""
    more = max(CHOOSING_POWER * temperature - 1.0, 0.0)
    return np.asarray(mass * np.maximum(ratio, 1e-12) ** more)


def shares_near(
    table: CellTable, lat: FloatArray, lng: FloatArray, within_km: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """Which classes lay their probability within `within_km` of each place (degrees, (n,)), and how much
    of it: places, classes, shares, (k,) each."""
    atoms = atoms_of(table)
    rows, owner = atoms.of(np.arange(len(table)))
    samples, size = atoms.vectors[rows], atoms.size_km[rows]
    reach = np.cos(np.minimum((within_km + size) / EARTH_RADIUS_KM, np.pi)) - 1e-9
    of_place, of_class, shares = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for first in range(0, len(lat), _PLACES_AT_ONCE):
        some = unit_vectors(lat[first : first + _PLACES_AT_ONCE], lng[first : first + _PLACES_AT_ONCE])
        place, sample = np.nonzero(some @ samples.T >= reach)
        chord = np.linalg.norm(some[place] - samples[sample], axis=1)
        away = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1.0))
        of_place.append(first + place)
        of_class.append(owner[sample])
        shares.append(share_inside(away, size[sample], within_km) * atoms.share[rows[sample]])
    return np.concatenate(of_place), np.concatenate(of_class), np.concatenate(shares)


def cloud_of(posterior: Posterior, table: CellTable) -> Cloud:
    """The same of one posterior."""
    return clouds_of([posterior], table)[0]


def places_of(
    posteriors: Sequence[Posterior], table: CellTable, within_km: float, certainty: float
) -> Gathered:
    """Where each picture alone would be placed."""
    return gather_each(clouds_of(posteriors, table), within_km, certainty)
