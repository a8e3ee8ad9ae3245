"""Archives that help each other, read as if they were one.

Roots that were named in one command, or that the owner joined, stay what they are in the index: each has its
folders, its settings, what was learned of it. Here their photos come in one order of time.
"""

import heapq
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.values import FixSeries
from geotagger.index.photos import IndexedPhoto, Photos, Timed


class Company:
    """`root_ids`: one or more, each once."""

    def __init__(self, photos: Photos, root_ids: Sequence[int]) -> None:
        self._photos, self._root_ids = photos, tuple(root_ids)

    def in_time(self, model_id: int | None = None) -> Iterator[IndexedPhoto]:
        """As `Photos.in_time`."""
        several = [self._photos.in_time(root_id, model_id) for root_id in self._root_ids]
        return heapq.merge(*several, key=lambda photo: (photo.utc is None, photo.utc or 0.0, photo.id))

    def clocked(self, *, gone: bool = False) -> Iterator[list[Timed]]:
        """As `Photos.clocked`, one root after the other."""
        for root_id in self._root_ids:
            yield from self._photos.clocked(root_id, gone=gone)

    def fixes(self, *, gone: bool = False) -> FixSeries:
        """As `Photos.fixes`."""
        return self._photos.fixes(*self._root_ids, gone=gone)

    def missing(self) -> NDArray[np.int64]:
        """The numbers of the photos that are not there."""
        return np.concatenate([self._photos.missing(root_id) for root_id in self._root_ids])

    def count(self) -> int:
        """How many photos are there."""
        return sum(self._photos.count(root_id) for root_id in self._root_ids)
