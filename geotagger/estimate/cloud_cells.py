"""The S2 cells that clouds of weighed points gather in, and the leading places named by theirs.

Takes clouds and what was gathered from them, gives tokens and candidates. Knows nothing of photos.
"""

import numpy as np

from geotagger import cells
from geotagger.estimate.cloud import Clouds, Gathered
from geotagger.estimate.movement import IntArray
from geotagger.estimate.values import Candidate
from geotagger.geo import lat_lng_of

_LEVEL_ZERO_EDGE_KM = 9220.0
"""Edge of the square with the area of a face cell; each level halves it."""


def leaves_of(clouds: Clouds) -> cells.CellIds:
    """The leaf cells of all points, (n, p)."""
    return cells.leaf_ids_of(clouds.vectors)


def candidates(
    clouds: Clouds, gathered: Gathered, leaves: cells.CellIds, within_km: float
) -> list[tuple[Candidate, ...]]:
    """The leading places, with the S2 cells about as wide as `within_km` that they lie in. `leaves`
    (n, p) are the leaf cells of the clouds' points."""
    level = int(np.clip(np.floor(np.log2(_LEVEL_ZERO_EDGE_KM / within_km)), 0, cells.MAX_LEVEL))
    photo, place = np.nonzero(gathered.mass > 0)
    points = gathered.leading[photo, place]
    lat, lng = lat_lng_of(clouds.vectors[photo, points])
    tokens = cells.tokens(cells.parents(leaves[photo, points], level))
    candidates_of: list[list[Candidate]] = [[] for _ in range(len(clouds))]
    mass = gathered.mass[photo, place]
    for n, *one in zip(photo.tolist(), lat.tolist(), lng.tolist(), mass.tolist(), tokens, strict=True):
        candidates_of[n].append(Candidate(*one))
    return [tuple(one) for one in candidates_of]


def deepest_cells(clouds: Clouds, leaves: cells.CellIds, certainty: float) -> list[str]:
    """The token of the deepest S2 cell that holds the certainty of each cloud, "" where no face does.

    A cell that holds more than half of the mass holds its median along the Hilbert curve, so
    only the ancestors of that leaf are asked; for less than half, of the leaves at each step.
    """
    n = np.arange(len(clouds))
    order = np.argsort(leaves, axis=1)
    ordered = np.take_along_axis(leaves, order, axis=1)
    mass = np.take_along_axis(clouds.mass, order, axis=1)
    size = np.take_along_axis(clouds.size_km, order, axis=1)
    total = np.cumsum(mass, axis=1)
    steps = np.array([0.5]) if certainty >= 0.5 else np.arange(0.5, 1 / certainty) * certainty
    best, at_level = np.zeros(len(clouds), dtype=np.uint64), np.full(len(clouds), -1)
    for step in steps:
        at = np.argmax(total >= step * total[:, -1:], axis=1)
        leaf = ordered[n, at]
        finest = np.log2(_LEVEL_ZERO_EDGE_KM / np.maximum(size[n, at], 1e-6)).astype(np.int64)
        shared = np.minimum(
            _levels_shared(leaf[:, None], ordered), np.clip(finest, 0, cells.MAX_LEVEL)[:, None]
        )
        # how much lies in the ancestor of each level: what shares that level or a deeper one with the leaf
        keys = (n[:, None] * (cells.MAX_LEVEL + 2) + shared + 1).ravel()
        by_level = np.bincount(keys, mass.ravel(), minlength=len(clouds) * (cells.MAX_LEVEL + 2))
        by_level = by_level.reshape(len(clouds), -1)[:, 1:]
        mass_above = np.cumsum(by_level[:, ::-1], axis=1)[:, ::-1]
        level = np.sum(mass_above >= certainty, axis=1) - 1
        deeper = level > at_level
        best = np.where(deeper, cells.parents(leaf, np.maximum(level, 0)), best)
        at_level = np.where(deeper, level, at_level)
    return [token if level >= 0 else "" for token, level in zip(cells.tokens(best), at_level, strict=True)]


def _levels_shared(a: cells.CellIds, b: cells.CellIds) -> IntArray:
    """The level of the deepest cell that holds both leaves, −1 when they are on different faces."""
    # 61 bits of position below the face, of which the highest differing pair tells the level; frexp
    # of a float64 may round up to the next power of two, which the split into halves avoids
    differing = np.bitwise_xor(a, b)
    high = np.frexp((differing >> np.uint64(32)).astype(np.float64))[1] + 32
    low = np.frexp((differing & np.uint64(0xFFFFFFFF)).astype(np.float64))[1]
    bits = np.where(differing >> np.uint64(32) > 0, high, low)
    return np.where(bits > 61, -1, cells.MAX_LEVEL - bits // 2).astype(np.int64)
