"""What the pictures show: from class probabilities to a probability over places.

Takes a classifier's probabilities and its cell table, gives posteriors and clouds of points. What a
picture tells is how much more probable it makes a place than the classifier took it for before it
looked: p over prior. That is what a temperature acts on. A cell's probability is spread over the cell by
its own size; of a gallery's place it is a disc as wide as the gap to its neighbours; and what the leading
classes leave is told by region. Leaf cells (heaps of photos with one default coordinate) are suspect:
of their probability only a tenth is believed.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.cells import CellTable, leaf_ids, parents, points_within
from geotagger.estimate.cloud import Cloud, Clouds
from geotagger.estimate.values import Posterior
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KEPT_MASS = 0.99
KEPT_CLASSES = 64
KEPT_REGIONS = 64
KEPT_POINTS = 64
WORTH_REGIONS = 0.1
"""Where the leading classes leave no more than this, it is not told region by region."""
REGION_LEVEL = 4
"""Classes are taken together by S2 cells of some 500 km."""
SUSPECT_BELIEF = 0.1
_LEAST_SIZE_KM = 0.1
_ROUNDED = 4e-6
"""Relative: nearer to its prior than that, a float32 softmax has said nothing."""
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
    prior = _met(table) * np.where(table.suspect, SUSPECT_BELIEF, 1.0)
    return np.asarray(prior / prior.sum())


def _met(table: CellTable) -> FloatArray:
    if table.photos is None:
        return np.full(len(table), 1.0 / len(table))
    counts = np.maximum(table.photos.astype(np.float64), 1.0)
    return np.asarray(counts / counts.sum())


def tempered(probabilities: NDArray[np.floating], table: CellTable, temperature: float) -> FloatArray:
    """Class probabilities (n, classes) after temperature, summing to 1. The temperature divides the logarithm
    of p / prior, so that an answer that is the classifier's own prior says nothing at any temperature; with
    classes of equal frequency that is a power of p (Guo et al. 2017, "On calibration of modern
    networks")."""
    p = np.maximum(np.asarray(probabilities, dtype=np.float64), 1e-30)
    said = np.log(p / p.sum(axis=1, keepdims=True) / _met(table))
    said = np.sign(said) * np.maximum(np.abs(said) - _ROUNDED, 0.0) / temperature
    told = class_prior(table) * np.exp(said - np.maximum(said.max(axis=1, keepdims=True), 0.0))
    return np.asarray(told / told.sum(axis=1, keepdims=True))


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
    leading, held, counts = _leading(p, KEPT_CLASSES)
    by_region = np.add.reduceat(p[:, atoms.by_region], atoms.region_starts, axis=1)
    found = []
    for n, count in enumerate(counts.tolist()):
        classes, mass = leading[n, :count], held[n, :count]
        regions, left = _regions(atoms, by_region[n], classes, mass)
        codes = [classes, -1 - regions]
        masses = [mass, left]
        if points is not None and point_probabilities is not None and table.gallery is not None:
            rows, share = _of_gallery(
                atoms, points[n], point_probabilities[n], probabilities[n], p[n], temperature
            )
            codes.append(len(table) + rows)
            masses.append(share)
        found.append(_that_say(atoms, np.concatenate(codes), np.concatenate(masses)))
    return found


def _leading(p: FloatArray, most: int) -> tuple[IntArray, FloatArray, IntArray]:
    kept = min(most, p.shape[1])
    leading = np.argpartition(-p, kept - 1, axis=1)[:, :kept]
    held = np.take_along_axis(p, leading, axis=1)
    order = np.argsort(-held, axis=1)
    leading, held = np.take_along_axis(leading, order, axis=1), np.take_along_axis(held, order, axis=1)
    counts = np.sum(np.cumsum(held, axis=1) - held < KEPT_MASS, axis=1)
    return leading.astype(np.int64), held, counts


def _regions(
    atoms: "Atoms", by_region: FloatArray, classes: IntArray, mass: FloatArray
) -> tuple[IntArray, FloatArray]:
    """The leading regions by what the listed classes leave in them."""
    lacking = 1.0 - float(mass.sum())
    if lacking <= WORTH_REGIONS:
        return np.empty(0, np.int64), np.empty(0)
    left = np.maximum(by_region - np.bincount(atoms.region_of[classes], mass, len(by_region)), 0.0)
    order = np.argsort(-left)[:KEPT_REGIONS]
    held = left[order]
    count = int(np.sum(np.cumsum(held) - held < lacking - (1.0 - KEPT_MASS)))
    return order[:count], held[:count]


def _of_gallery(
    atoms: "Atoms",
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


def _that_say(atoms: "Atoms", codes: IntArray, mass: FloatArray) -> Posterior:
    """Without what tells no more than all that is left out does: it is as well left out, too."""
    listed = Listed.of(atoms, np.zeros(len(codes), np.int64), atoms.numbers(codes), mass, 1)
    said = np.abs(np.log(np.maximum(listed.ratio, 1e-30) / listed.rest[0])) > _ROUNDED
    if said.any():
        said[0] = True
        # a place needs its class, which needs its place's absence to be told apart
        said[: int(np.sum((codes >= 0) & (codes < len(atoms.table))))] = True
    return Posterior(codes[said].astype(np.int32), mass[said].astype(np.float32))


class Atoms:
    """What a picture's probability is told of: the classes, then the regions, then the places of the gallery,
    one numbering for all. prior (k,): how often the classifier met each while training. area_km2 (k,). Of
    the sample points where the probability of each is laid when it is spread: vectors (m, 3), size_km (m,)
    and share (m,) of it."""

    def __init__(self, table: CellTable) -> None:
        self.table = table
        prior = class_prior(table)
        self._regions_of(table, prior)
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

    def _regions_of(self, table: CellTable, prior: FloatArray) -> None:
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

    def regions_at(self, lat: ArrayLike, lng: ArrayLike, classes: IntArray) -> IntArray:
        """The region atom of each place, whose class is known; −1 where no region is."""
        cells = parents(leaf_ids(lat, lng), REGION_LEVEL)
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
        for disc, (held, part) in enumerate(about):
            rows = (kind[owner] == n) & (place == disc)
            share[rows], size[rows] = held, part * radius[rows]
        rows = (kind[owner] == n) & (place >= len(about))
        if rows.any():
            at = place[rows] - len(about)
            s, t = (at % grid + 0.5) / grid, (at // grid + 0.5) / grid
            lat[rows], lng[rows] = points_within(table.ids[owner[rows]], s, t)
            share[rows] = (1 - sum(held for held, _ in about)) / grid**2
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
    return Clouds.ragged(len(posteriors), photo, atoms.vectors[rows], mass, atoms.size_km[rows])


def cloud_of(posterior: Posterior, table: CellTable) -> Cloud:
    """The same of one posterior."""
    return clouds_of([posterior], table)[0]
