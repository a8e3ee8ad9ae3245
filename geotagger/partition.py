"""The adaptive S2 partition: which cells become the classes of a classifier.

Start from the six faces of the cube, split a cell while it holds more than t1 photos, drop
cells that hold fewer than t2 (PlaNet, Weyand et al. 2016, section 3.1). Takes degrees, gives a
CellTable with mean places, photo counts and spreads. `reference_partition` is the plain
s2sphere way that the fast one is held against. Knows nothing of images or networks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import MAX_LEVEL, CellIds, CellTable, centres, leaf_ids, levels, ranges
from geotagger.geo import EARTH_RADIUS_KM, lat_lng_of, unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK = 1 << 14
"""Places handled at once: the temporaries of a chunk stay in the processor's cache."""

_FACES: CellIds = (np.arange(6, dtype=np.uint64) << np.uint64(61)) | np.uint64(1 << 60)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A cell of more than `t1` photos is split unless it has reached `max_level`; a cell of
    fewer than `t2` is dropped. A cell coarser than `tight_level` is also split when most of
    its photos stay in classes: the papers, with millions of photos, do without (0)."""

    t1: int
    t2: int
    max_level: int = MAX_LEVEL
    tight_level: int = 0


PRESETS = {
    # RN101-5k500: the name says at most 5,000 and at least 500 photos a cell
    "rn101-5k500": Thresholds(t1=5_000, t2=500),
    # PlaNet, section 3.1
    "planet": Thresholds(t1=10_000, t2=50),
}

_KILOMETRE_LEVEL = 13
"""Cells about 1.2 km across: finer classes of a small collection would each be one doorway."""

_TOWN_LEVEL = 10
"""Cells about 9 km across. A small collection has a town's photos alone in a cell as wide as a
continent; a certainty spread over that would be none."""

_MOST = 0.85
"""Of the photos of a cell that is split only to be tight, so many stay in classes, over all its splits."""


def thresholds_for(photos: int) -> Thresholds:
    """What suits a collection of hundreds to hundreds of thousands of photos, where the published
    numbers would leave no cells: about a hundred classes, none finer than a kilometre, as many as can
    be no wider than a town."""
    t1 = max(50, photos // 100)
    return Thresholds(t1, max(3, t1 // 20), max_level=_KILOMETRE_LEVEL, tight_level=_TOWN_LEVEL)


def partition(lat: FloatArray, lng: FloatArray, thresholds: Thresholds) -> CellTable:
    """The classes for photos at the given degrees, float64 (n,), in the order of the cell ids.

    Takes about 24 bytes a place beside its input. The mean place is the direction of the mean of
    the unit vectors, which a convex cell always holds; the spread is the root mean square
    chord from there, as an arc.
    """
    leaves = all_leaf_ids(lat, lng)
    by_curve = np.sort(leaves)
    ids, photos = _split(lambda first, last: _count(by_curve, first, last), thresholds)
    kept = photos >= max(thresholds.t2, 1)
    return _described(np.sort(ids[kept]), leaves, lat, lng)


def all_leaf_ids(lat: FloatArray, lng: FloatArray) -> CellIds:
    """`cells.leaf_ids`, a cacheful at a time."""
    leaves = np.empty(len(lat), dtype=np.uint64)
    for part in _chunks(len(lat)):
        leaves[part] = leaf_ids(lat[part], lng[part])
    return leaves


def classes_of(table: CellTable, lat: FloatArray, lng: FloatArray) -> NDArray[np.int32]:
    """The class of each place, −1 where no cell holds it; int32 (n,)."""
    classes = np.full(len(lat), -1, dtype=np.int32)
    if not len(table):
        return classes
    for part in _chunks(len(lat)):
        classes[part] = table.classes_of(lat[part], lng[part])
    return classes


def coarsened(table: CellTable, t1: int) -> tuple[CellIds, NDArray[np.int32]]:
    """Ancestors that hold at most `t1` photos each, or are single classes of the table, and for
    every class the row of its ancestor, int32 (len(table),): one more level of a hierarchy."""
    first, _ = ranges(table.ids)
    order = np.argsort(first)
    starts = first[order]
    weights = np.ones(len(table), dtype=np.int64) if table.photos is None else table.photos
    before = np.concatenate([[0], np.cumsum(weights[order])])

    def count(low: CellIds, high: CellIds) -> IntArray:
        a, b = np.searchsorted(starts, low), np.searchsorted(starts, high, side="right")
        # one class is never divided, however many photos it has
        return np.asarray(np.where(b - a > 1, before[b] - before[a], np.minimum(before[b] - before[a], t1)))

    ids, photos = _split(count, Thresholds(t1, 1))
    ids = np.sort(ids[photos > 0])
    _, last = ranges(ids)
    return ids, np.searchsorted(last, table.ids).astype(np.int32)


def reference_partition(lat: Sequence[float], lng: Sequence[float], thresholds: Thresholds) -> list[int]:
    """The same cells by s2sphere and a list a cell, as the papers tell it; sorted cell ids."""
    from s2sphere import CellId, LatLng

    waiting: list[tuple[CellId, list[CellId], float]] = []
    leaves = [
        CellId.from_lat_lng(LatLng.from_degrees(float(a), float(b))) for a, b in zip(lat, lng, strict=True)
    ]
    for face in range(6):
        cell = CellId.from_face_pos_level(face, 0, 0)
        waiting.append((cell, [leaf for leaf in leaves if cell.contains(leaf)], 1.0))
    kept = []
    while waiting:
        cell, inside, share = waiting.pop()
        sorted_out: dict[int, list[CellId]] = {}
        if cell.level() < thresholds.max_level:
            for leaf in inside:
                sorted_out.setdefault(leaf.parent(cell.level() + 1).id(), []).append(leaf)
        kept_below = sum(len(members) for members in sorted_out.values() if len(members) >= thresholds.t2)
        too_many = len(inside) > thresholds.t1
        left = 1.0 if too_many else share * kept_below / max(len(inside), 1)
        is_wide = cell.level() < thresholds.tight_level and left >= _MOST
        if sorted_out and (too_many or is_wide):
            waiting += [(CellId(child), members, left) for child, members in sorted_out.items()]
        elif len(inside) >= max(thresholds.t2, 1):
            kept.append(cell.id())
    return sorted(kept)


def _split(count: Callable[[CellIds, CellIds], IntArray], thresholds: Thresholds) -> tuple[CellIds, IntArray]:
    """The cells that are not split, with their counts."""
    cells, level = _FACES, 0
    counts = count(*ranges(cells))
    share = np.ones(len(cells))  # of the photos that were there before cells were made tight
    done_ids, done_counts = [], []
    while len(cells):
        split = np.zeros(len(cells), dtype=bool)
        if level < thresholds.max_level:
            # the four children of a cell: a quarter of its range each, in curve order
            quarter = np.uint64(1 << (2 * (MAX_LEVEL - level - 1)))
            steps = np.array([-3, -1, 1, 3], dtype=np.int64).view(np.uint64) * quarter
            children = cells[:, None] + steps[None, :]
            inside = count(*ranges(children))
            split = counts > thresholds.t1
            if level < thresholds.tight_level:
                kept = np.where(inside >= thresholds.t2, inside, 0).sum(axis=1)
                left = np.where(split, 1.0, share * kept / np.maximum(counts, 1))
                split |= (left >= _MOST) & (counts > 0)
                share = np.repeat(left[split], 4)
            else:
                share = np.ones(4 * int(split.sum()))
        done_ids.append(cells[~split])
        done_counts.append(counts[~split])
        if not split.any():
            break
        cells, counts = children[split].ravel(), inside[split].ravel()
        level += 1
    return np.concatenate(done_ids), np.concatenate(done_counts)


def _count(by_curve: CellIds, first: CellIds, last: CellIds) -> IntArray:
    return np.asarray(np.searchsorted(by_curve, last, side="right") - np.searchsorted(by_curve, first))


def _described(ids: CellIds, leaves: CellIds, lat: FloatArray, lng: FloatArray) -> CellTable:
    if not len(ids):
        return CellTable(ids, np.empty(0), np.empty(0), np.empty(0, np.int64), np.empty(0))
    table = CellTable(ids, *centres(ids))
    photos = np.zeros(len(ids) + 1, dtype=np.int64)
    sums = np.zeros((3, len(ids) + 1))
    for part in _chunks(len(leaves)):
        slot = table.classes_of_ids(leaves[part])  # −1, no cell, counts into the last place
        slot = np.where(slot < 0, len(ids), slot)
        photos += np.bincount(slot, minlength=len(photos))
        p = unit_vectors(lat[part], lng[part])
        for axis in range(3):
            sums[axis] += np.bincount(slot, weights=p[:, axis], minlength=len(photos))
    means = (sums / np.maximum(photos, 1)).T[:-1]
    mean_lat, mean_lng = lat_lng_of(means)
    chord = np.sqrt(np.clip(2 - 2 * np.linalg.norm(means, axis=1), 0, None))
    spread = 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(chord / 2, 0, 1))
    # rounding can put the mean of a square-centimetre cell just outside of it
    inside = table.classes_of(mean_lat, mean_lng) == np.arange(len(ids))
    middle_lat, middle_lng = centres(ids)
    return CellTable(
        ids,
        np.where(inside, mean_lat, middle_lat),
        np.where(inside, mean_lng, middle_lng),
        photos[:-1],
        spread,
    )


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, n, CHUNK))


def level_counts(table: CellTable) -> dict[int, int]:
    """How many classes each S2 level has, coarsest first."""
    levels_used, counts = np.unique(levels(table.ids), return_counts=True)
    return dict(zip(levels_used.tolist(), counts.tolist(), strict=True))
