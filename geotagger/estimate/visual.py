"""What the pictures show: from class probabilities to a probability over places.

Takes a classifier's probabilities and its cell table, gives posteriors and clouds of points. A
cell's probability is spread over the cell by its own size. Leaf cells (heaps of photos with one
default coordinate) are suspect: of their probability only a tenth is believed.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable, points_within
from geotagger.estimate.cloud import Cloud
from geotagger.estimate.values import Posterior
from geotagger.geo import unit_vectors

FloatArray = NDArray[np.float64]

KEPT_MASS = 0.99
KEPT_CLASSES = 64
SUSPECT_BELIEF = 0.1
_ABOUT_THE_MEAN = 0.5
_SMALL_CELL = 0.85
"""Of the photos of YFCC26k half lie within 0.5 cell radii of their class's mean place, where an even
spread would have a quarter: photos gather where the training photos did."""
_GRIDS = ((4.0, 1), (12.0, 2), (40.0, 3), (np.inf, 4))
"""Up to which cell radius (km) how many sample points a side."""


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
    """The sample points of each class: where its probability is laid when it is spread."""

    def __init__(self, table: CellTable) -> None:
        side = np.array([grid for _, grid in _GRIDS])[
            np.searchsorted(np.array([limit for limit, _ in _GRIDS]), table.radius_km)
        ]
        # small cells are their mean; of a larger one the mean stands for half, a grid for the rest
        counts = np.where(side == 1, 1, side**2 + 1)
        self.first = np.concatenate([[0], np.cumsum(counts)])
        owner = np.repeat(np.arange(len(table)), counts)
        place = np.arange(self.first[-1]) - self.first[owner]
        is_mean, a_side = place == 0, side[owner]
        at = np.maximum(place - 1, 0)
        lat, lng = points_within(
            table.ids[owner], (at % a_side + 0.5) / a_side, (at // a_side + 0.5) / a_side
        )
        lat[is_mean], lng[is_mean] = table.lat[owner[is_mean]], table.lng[owner[is_mean]]
        self.vectors = unit_vectors(lat, lng)
        radius = table.radius_km[owner]
        size = np.where(
            is_mean, np.where(a_side == 1, _SMALL_CELL, _ABOUT_THE_MEAN) * radius, radius / a_side
        )
        self.size_km = np.maximum(size, 0.05)
        self.share = np.where(a_side == 1, 1.0, np.where(is_mean, 0.5, 0.5 / a_side**2))

    def of(self, classes: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the samples of these classes, and to which of the given classes each belongs."""
        first, counts = self.first[classes], self.first[classes + 1] - self.first[classes]
        owner = np.repeat(np.arange(len(classes)), counts)
        starts = np.cumsum(counts) - counts
        return np.arange(len(owner)) - starts[owner] + first[owner], owner


class _ById:
    """A table is cached by which object it is: comparing its arrays would cost more than it saves."""

    def __init__(self, table: CellTable) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.table is self.table


def samples_of(table: CellTable) -> CellSamples:
    return _samples_of(_ById(table))


@lru_cache(maxsize=4)
def _samples_of(table: _ById) -> CellSamples:
    return CellSamples(table.table)


def cloud_of(posterior: Posterior, table: CellTable) -> Cloud:
    """The posterior spread over its cells; its mass is what the leading classes hold."""
    samples = samples_of(table)
    rows, owner = samples.of(posterior.classes)
    mass = posterior.probabilities.astype(np.float64)[owner] * samples.share[rows]
    return Cloud(samples.vectors[rows], mass, samples.size_km[rows])
