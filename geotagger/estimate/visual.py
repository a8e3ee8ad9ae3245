"""What the pictures show: from class probabilities to a probability over places.

Takes a classifier's probabilities and its cell table, gives posteriors and clouds of points. A
cell's probability is spread over the cell by its own size. Leaf cells (heaps of photos with one
default coordinate) are suspect: of their probability only a tenth is believed.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable, points_within
from geotagger.estimate.cloud import Cloud, Clouds
from geotagger.estimate.values import Posterior
from geotagger.geo import unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KEPT_MASS = 0.99
KEPT_CLASSES = 64
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


def posteriors(
    probabilities: NDArray[np.float32], table: CellTable, temperature: float = 1.0
) -> list[Posterior]:
    """The leading classes of each photo: those that hold 99 % of the probability, at most 64.

    probabilities: float32 (n, classes) as the network gave them. The temperature divides logits,
    so it is a power of the probabilities (Guo et al. 2017, "On calibration of modern networks").
    """
    kept = min(KEPT_CLASSES, probabilities.shape[1])
    p = np.asarray(probabilities, dtype=np.float64)
    if temperature != 1.0:
        p = p ** (1.0 / temperature)
    p = np.where(table.suspect, p * SUSPECT_BELIEF, p)
    p = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-300)
    leading = np.argpartition(-p, kept - 1, axis=1)[:, :kept]
    held = np.take_along_axis(p, leading, axis=1)
    order = np.argsort(-held, axis=1)
    leading, held = np.take_along_axis(leading, order, axis=1), np.take_along_axis(held, order, axis=1)
    counts = np.sum(np.cumsum(held, axis=1) - held < KEPT_MASS, axis=1)
    return [
        Posterior(classes[:n].astype(np.int32), row[:n].astype(np.float32))
        for classes, row, n in zip(leading, held, counts, strict=True)
    ]


class CellSamples:
    """The sample points of each class: where its probability is laid when it is spread. vectors (m, 3),
    size_km (m,), share (m,) of the class's probability; `prior` (classes,) is how often the classifier
    met each class while training."""

    def __init__(self, table: CellTable) -> None:
        kind = np.searchsorted(np.array([limit for limit, _, _ in _SPREADS]), table.radius_km)
        discs = np.array([len(about) for _, about, _ in _SPREADS])[kind]
        side = np.array([grid for _, _, grid in _SPREADS])[kind]
        counts = discs + side**2
        self._first = np.concatenate([[0], np.cumsum(counts)])
        owner = np.repeat(np.arange(len(table)), counts)
        place = np.arange(len(owner)) - self._first[owner]
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
        self.vectors = unit_vectors(lat, lng)
        self.share = share
        self.size_km = np.maximum(size, _LEAST_SIZE_KM)
        self.prior = class_prior(table)

    def of(self, classes: NDArray[np.int32]) -> tuple[IntArray, IntArray]:
        """Rows of the samples of these classes, and to which of the given classes each belongs."""
        first, counts = self._first[classes], self._first[classes + 1] - self._first[classes]
        owner = np.repeat(np.arange(len(classes)), counts)
        starts = np.cumsum(counts) - counts
        return np.arange(len(owner)) - starts[owner] + first[owner], owner


def class_prior(table: CellTable) -> FloatArray:
    """How often the classifier met each class while training; an adaptive partition makes
    them about equally frequent, so that is what is taken where nobody recorded it."""
    if table.photos is None:
        return np.full(len(table), 1.0 / len(table))
    counts = np.maximum(table.photos.astype(np.float64), 1.0)
    return np.asarray(counts / counts.sum())


class ById:
    """A table as a key of caches, by which object it is: comparing its arrays would cost more
    than it saves."""

    def __init__(self, table: CellTable) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and other.table is self.table


def samples_of(table: CellTable) -> CellSamples:
    return _samples_of(ById(table))


@lru_cache(maxsize=4)
def _samples_of(table: ById) -> CellSamples:
    return CellSamples(table.table)


def clouds_of(posteriors: Sequence[Posterior], table: CellTable) -> Clouds:
    """The posteriors spread over their cells; the mass of each is what its leading classes hold."""
    samples = samples_of(table)
    counts = [len(posterior.classes) for posterior in posteriors]
    classes = np.concatenate([posterior.classes for posterior in posteriors] or [np.empty(0, np.int32)])
    held = np.concatenate([posterior.probabilities for posterior in posteriors] or [np.empty(0, np.float32)])
    rows, owner = samples.of(classes)
    photo = np.repeat(np.arange(len(counts)), counts)[owner]
    mass = held.astype(np.float64)[owner] * samples.share[rows]
    return Clouds.ragged(len(counts), photo, samples.vectors[rows], mass, samples.size_km[rows])


def cloud_of(posterior: Posterior, table: CellTable) -> Cloud:
    """The same of one posterior."""
    return clouds_of([posterior], table)[0]
