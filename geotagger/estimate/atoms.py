"""What a picture's probability is told of: atoms. The classes of a model, regions of many classes, and the
places of a gallery, each with what the model took it for before it looked, and with points to lay its
probability on.

Takes a cell table. Leaf cells (heaps of photos with one default coordinate) are suspect: of their
probability only a tenth is believed. Knows nothing of what a picture says.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.cells import CellIds, CellTable, parents, points_within
from geotagger.estimate.people import usual_at
from geotagger.geo import EARTH_RADIUS_KM, lat_lng_of, unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

REGION_LEVEL = 4
"""Classes are taken together by S2 cells of some 500 km."""
SUSPECT_BELIEF = 0.1
_LEAST_SIZE_KM = 0.1
_SPREADS: tuple[tuple[float, tuple[tuple[float, float], ...], int], ...] = (
    (4.0, ((0.5, 0.5), (0.5, 1.15)), 0),
    (12.0, ((0.5, 0.5),), 2),
    (40.0, ((0.35, 0.5),), 3),
    (np.inf, ((0.3, 0.25), (0.3, 0.6)), 4),
)
"""How photos lie in a cell: up to which cell radius (km); discs about the mean place of the training
photos, each with its share and its radius in cell radii; and how many points a side are
laid evenly over the cell for the share that is left. Fitted to YFCC26k, of whose photos half lie within
0.44 cell radii of the mean place and a tenth beyond 0.95, whatever the size of the cell."""


def class_prior(table: CellTable) -> FloatArray:
    """How often the classifier met each class while training, as far as it is believed; an adaptive
    partition makes them about equally frequent, so that is what is taken where nobody recorded it."""
    prior = frequency(table) * np.where(table.suspect, SUSPECT_BELIEF, 1.0)
    return np.asarray(prior / prior.sum())


def frequency(table: CellTable) -> FloatArray:
    if table.photos is None:
        return np.full(len(table), 1.0 / len(table))
    counts = np.maximum(table.photos.astype(np.float64), 1.0)
    return np.asarray(counts / counts.sum())


class Atoms:
    """What a picture's probability is told of: the classes, then the regions, then the places of the gallery,
    one numbering for all. prior (k,): how often the classifier met each while training. area_km2 (k,). Of
    the sample points where the probability of each is laid when it is spread: vectors (m, 3), size_km (m,)
    and share (m,) of it, and how densely photos are taken there, usual (m,)."""

    def __init__(self, table: CellTable) -> None:
        self.table = table
        prior = class_prior(table)
        self._regions_of(table)
        regions = len(self.region_ids)
        radius = table.radius_km
        areas = np.pi * np.square(radius)
        parts = [_class_samples(table), self._region_samples(table, prior)]
        priors = [prior, np.bincount(self.region_of, prior, regions)]
        sizes = [areas, np.bincount(self.region_of, areas, regions)]
        self.classes = len(table)
        self.places_in = np.zeros(len(table), np.int64)
        self.parent = np.concatenate([np.arange(len(table)), np.full(regions, -1)])
        if (gallery := table.gallery) is not None:
            size = np.maximum(gallery.gap_km, _LEAST_SIZE_KM)
            vectors = unit_vectors(gallery.lat, gallery.lng)
            parts.append((np.ones(len(size), np.int64), vectors, size, np.ones(len(size))))
            self.places_in = np.bincount(gallery.classes, minlength=len(table))
            priors.append((prior / np.maximum(self.places_in, 1))[gallery.classes])
            sizes.append(np.pi * np.square(size))
            self.parent = np.concatenate([self.parent, gallery.classes])
        self.prior, self.area_km2 = np.concatenate(priors), np.concatenate(sizes)
        counts = np.concatenate([part[0] for part in parts])
        self._first = np.concatenate([[0], np.cumsum(counts)])
        self.vectors = np.concatenate([part[1] for part in parts])
        self.size_km = np.maximum(np.concatenate([part[2] for part in parts]), _LEAST_SIZE_KM)
        self.share = np.concatenate([part[3] for part in parts])
        self.usual = usual_at(*lat_lng_of(self.vectors))

    def _regions_of(self, table: CellTable) -> None:
        level = np.minimum(table.levels, REGION_LEVEL)
        self.region_ids, self.region_of = np.unique(parents(table.ids, level), return_inverse=True)
        self.by_region = np.argsort(self.region_of, kind="stable")
        self.region_starts = np.searchsorted(self.region_of[self.by_region], np.arange(len(self.region_ids)))

    def _region_samples(
        self, table: CellTable, prior: FloatArray
    ) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
        """Of each region the mean places of its parts one level down, as wide as their classes lie about."""
        level = np.minimum(table.levels, REGION_LEVEL + 1)
        part_ids, part_of = np.unique(parents(table.ids, level), return_inverse=True)
        places = unit_vectors(table.lat, table.lng)
        weight = np.bincount(part_of, prior)
        mean = np.stack([np.bincount(part_of, prior * axis) for axis in places.T], axis=1)
        mean = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        away = EARTH_RADIUS_KM * np.linalg.norm(places - mean[part_of], axis=1)
        # a disc of radius r has its points r/√2 from its middle, root mean square
        square = np.bincount(part_of, prior * (2 * np.square(away) + np.square(table.radius_km))) / weight
        region = np.zeros(len(part_ids), np.int64)
        region[part_of] = self.region_of
        order = np.argsort(region, kind="stable")
        share = weight / np.bincount(region, weight)[region]
        counts = np.bincount(region, minlength=len(self.region_ids))
        return counts.astype(np.int64), mean[order], np.sqrt(square)[order], share[order]

    def numbers(self, codes: ArrayLike) -> IntArray:
        """Atoms by how a `Posterior` writes them."""
        codes = np.asarray(codes, dtype=np.int64)
        regions = len(self.region_ids)
        return np.where(
            codes < 0, self.classes - 1 - codes, codes + np.where(codes >= self.classes, regions, 0)
        )

    def is_class(self, atoms: IntArray) -> NDArray[np.bool_]:
        return atoms < self.classes

    def is_region(self, atoms: IntArray) -> NDArray[np.bool_]:
        return (atoms >= self.classes) & (atoms < self.classes + len(self.region_ids))

    def of(self, atoms: IntArray) -> tuple[IntArray, IntArray]:
        """Rows of the samples of these atoms, and to which of the given ones each belongs."""
        first, counts = self._first[atoms], self._first[atoms + 1] - self._first[atoms]
        owner = np.repeat(np.arange(len(atoms)), counts)
        starts = np.cumsum(counts) - counts
        return np.arange(len(owner)) - starts[owner] + first[owner], owner

    def regions_of(self, leaves: CellIds, classes: IntArray) -> IntArray:
        """The region atom of each leaf cell, whose class is known; −1 where no region is."""
        cells = parents(leaves, REGION_LEVEL)
        at = np.minimum(np.searchsorted(self.region_ids, cells), len(self.region_ids) - 1)
        region = np.where(self.region_ids[at] == cells, at, -1)
        region = np.where(classes >= 0, self.region_of[classes], region)
        return np.where(region >= 0, self.classes + region, -1)

    def spread(self, of_class: FloatArray) -> FloatArray:
        """What factors of the classes' prior (classes,) are to all atoms."""
        prior = self.prior[: self.classes]
        regions = np.bincount(self.region_of, prior * of_class) / np.bincount(self.region_of, prior)
        points = of_class[self.parent[self.classes + len(regions) :]]
        return np.concatenate([of_class, regions, points])


class Listed:
    """The atoms that n posteriors list, (k,) each. p and prior: of each without what of it is listed by
    itself, whole: p with that; ratio: p over prior. `rest` (n,): that of all that is not listed."""

    def __init__(
        self,
        photo: IntArray,
        atoms: IntArray,
        whole: FloatArray,
        p: FloatArray,
        prior: FloatArray,
        rest: FloatArray,
    ) -> None:
        self.photo, self.atoms, self.whole, self.p = photo, atoms, whole, p
        self.prior, self.rest = prior, rest
        self.ratio = np.where(prior > 1e-12, p / np.maximum(prior, 1e-12), rest[photo] if len(photo) else 1.0)

    @staticmethod
    def of(atoms: Atoms, photo: IntArray, numbers: IntArray, mass: FloatArray, photos: int) -> "Listed":
        p, prior = mass.astype(np.float64), atoms.prior[numbers].copy()
        is_class, is_region = atoms.is_class(numbers), atoms.is_region(numbers)
        is_place = ~is_class & ~is_region
        whole_p, whole_prior = p.copy(), prior.copy()
        if is_region.any():
            inside = atoms.classes + atoms.region_of[numbers[is_class]]
            _take_out(atoms, photo, numbers, prior, photo[is_class], inside, whole_prior[is_class])
        if is_place.any():
            owner, places = atoms.parent[numbers[is_place]], photo[is_place]
            _take_out(atoms, photo, numbers, prior, places, owner, whole_prior[is_place])
            _take_out(atoms, photo, numbers, p, places, owner, whole_p[is_place])
        prior, p = np.maximum(prior, 0.0), np.maximum(p, 0.0)
        outer = ~is_place
        left = 1.0 - np.bincount(photo[outer], whole_p[outer], photos)
        usual = 1.0 - np.bincount(photo[is_class], whole_prior[is_class], photos)
        usual -= np.bincount(photo[is_region], prior[is_region], photos)
        return Listed(photo, numbers, whole_p, p, prior, np.maximum(left, 1e-4) / np.maximum(usual, 1e-4))


def _take_out(
    atoms: Atoms,
    photo: IntArray,
    numbers: IntArray,
    values: FloatArray,
    of_photo: IntArray,
    of_atom: IntArray,
    amount: FloatArray,
) -> None:
    """Subtracts from the values of listed atoms what others of the same photo have of them."""
    at = find(atoms, photo, numbers, of_photo, of_atom)
    np.subtract.at(values, at[at >= 0], amount[at >= 0])


def find(atoms: Atoms, photo: IntArray, numbers: IntArray, of_photo: IntArray, of_atom: IntArray) -> IntArray:
    """Where among the listed ones each atom of each photo is, −1 where it is not."""
    if not len(numbers):
        return np.full(len(of_photo), -1)
    total = len(atoms.prior)
    keys = photo * total + numbers
    order = np.argsort(keys)
    sought = of_photo * total + of_atom
    at = order[np.minimum(np.searchsorted(keys, sought, sorter=order), len(order) - 1)]
    return np.where((of_atom >= 0) & (keys[at] == sought), at, -1)


def _class_samples(table: CellTable) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    kind = np.searchsorted(np.array([limit for limit, _, _ in _SPREADS]), table.radius_km)
    discs = np.array([len(about) for _, about, _ in _SPREADS])[kind]
    side = np.array([grid for _, _, grid in _SPREADS])[kind]
    counts = discs + side**2
    first = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(table)), counts)
    place = np.arange(len(owner)) - first[owner]
    radius = table.radius_km[owner]
    lat, lng = table.lat[owner], table.lng[owner]
    share, size = np.empty(len(owner)), np.empty(len(owner))
    for n, (_, about, grid) in enumerate(_SPREADS):
        for disc, (disc_share, part) in enumerate(about):
            rows = (kind[owner] == n) & (place == disc)
            share[rows], size[rows] = disc_share, part * radius[rows]
        rows = (kind[owner] == n) & (place >= len(about))
        if rows.any():
            at = place[rows] - len(about)
            s, t = (at % grid + 0.5) / grid, (at // grid + 0.5) / grid
            lat[rows], lng[rows] = points_within(table.ids[owner[rows]], s, t)
            share[rows] = (1 - sum(disc_share for disc_share, _ in about)) / grid**2
            size[rows] = radius[rows] / grid
    return counts, unit_vectors(lat, lng), size, share


class ById:
    """A table as a key of caches, by which object it is: comparing its arrays would cost more
    than it saves."""

    def __init__(self, table: CellTable) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and other.table is self.table


def atoms_of(table: CellTable) -> Atoms:
    return _atoms_of(ById(table))


@lru_cache(maxsize=4)
def _atoms_of(table: ById) -> Atoms:
    return Atoms(table.table)
