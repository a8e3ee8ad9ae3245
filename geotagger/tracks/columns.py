"""The points of a track as columns, in little room: a location history of two gigabytes has eight million.

Takes arrays, which it puts in order in place, and gives parts of them. Knows nothing of formats.
"""

from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 15
"""Rows that are worked on at once, so that what is in between takes little room."""

E7 = 1e7
"""Of the units that degrees are kept in, in one."""
_MOST_MOVED = 4
"""Times its length that a column is moved about in stretches before all of it is sorted at once."""


class Degrees:
    """Latitudes or longitudes (n,), kept in ten-millionths of a degree (a centimetre), which take half the
    room of floats. Reads like a float64 array; what is taken from it is one."""

    __slots__ = ("e7",)

    def __init__(self, e7: NDArray[np.int32]) -> None:
        self.e7 = e7

    @classmethod
    def of(cls, degrees: "NDArray[np.float64] | Degrees") -> "Degrees":
        """Of degrees from -180 to 180."""
        if isinstance(degrees, Degrees):
            return degrees
        return cls(np.rint(degrees * E7).astype(np.int32))

    def __len__(self) -> int:
        return len(self.e7)

    @overload
    def __getitem__(self, which: int | np.integer) -> float: ...
    @overload
    def __getitem__(self, which: slice | NDArray[np.integer] | NDArray[np.bool_]) -> NDArray[np.float64]: ...
    def __getitem__(
        self, which: int | np.integer | slice | NDArray[np.integer] | NDArray[np.bool_]
    ) -> float | NDArray[np.float64]:
        degrees: float | NDArray[np.float64] = self.e7[which] / E7
        return degrees


class Columns:
    """Rows of points: `utc` POSIX seconds, `lat` and `lng` degrees, `error_km`. The arrays given are the
    columns' own from then on."""

    def __init__(
        self,
        utc: NDArray[np.float64],
        lat: Degrees,
        lng: Degrees,
        error_km: NDArray[np.float64] | NDArray[np.float32],
    ) -> None:
        self.utc = np.require(utc, requirements="W")
        self._lat, self._lng = (np.require(column.e7, requirements="W") for column in (lat, lng))
        self.error_km = np.require(error_km, requirements="W")

    @property
    def lat(self) -> Degrees:
        return Degrees(self._lat)

    @property
    def lng(self) -> Degrees:
        return Degrees(self._lng)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Leaves these rows (n,), closed up."""
        if kept.all():
            return
        for column in self._columns():
            length = 0
            for first in range(0, len(column), BLOCK):
                part = column[first : first + BLOCK][kept[first : first + BLOCK]]
                column[length : length + len(part)] = part
                length += len(part)
        self._slice(slice(np.count_nonzero(kept)))

    def sort(self) -> None:
        """By time. Histories are in order but for a few stretches, or newest first."""
        if np.count_nonzero(self.utc[1:] < self.utc[:-1]) > len(self.utc) // 2:
            self._slice(slice(None, None, -1))
        begins = np.flatnonzero(self.utc[1:] < self.utc[:-1]) + 1
        moved = 0
        for begin, end in pairwise([*begins.tolist(), len(self.utc)]):
            # all before `begin` is in order, and all from there to `end`
            first = int(np.searchsorted(self.utc[:begin], self.utc[begin], side="right"))
            last = begin + int(np.searchsorted(self.utc[begin:end], self.utc[begin - 1]))
            moved += last - first
            if moved > _MOST_MOVED * len(self.utc):
                first, last = 0, len(self.utc)
            order = np.argsort(self.utc[first:last], kind="stable")
            for column in self._columns():
                column[first:last] = column[first:last][order]
            if last - first == len(self.utc):
                break

    def _columns(self) -> tuple[NDArray[np.float64] | NDArray[np.float32] | NDArray[np.int32], ...]:
        return self.utc, self._lat, self._lng, self.error_km

    def _slice(self, rows: slice) -> None:
        self.utc, self.error_km = self.utc[rows], self.error_km[rows]
        self._lat, self._lng = self._lat[rows], self._lng[rows]
