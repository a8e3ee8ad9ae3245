"""How much more probable pictures make each class than the model took it for before it looked, at any
temperature.

Takes what a network said of pictures: the probabilities of classes and, of a gallery, of its likeliest
places. A temperature divides the logarithm of p over the prior: of each place that is told by itself, and of
the mean of all others of a class; with classes alone a power of p (Guo et al. 2017, "On calibration of
modern networks"). So a class is as probable as its places make it. Were only the class's own ratio divided,
one place that stands out in a cell of many would be lost in their mean before it could count. Knows nothing
of how a probability is spread over the Earth.
"""

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.atoms import atoms_of, class_prior, frequency

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LEAST = 1e-30
ROUNDED = 4e-6
"""Of a logarithm: nearer to its prior than that, a float32 softmax has said nothing."""


class PictureRatios:
    """Of n pictures. probabilities: float32 (n, classes) as the network gave them. points,
    point_probabilities (n, k): rows of the table's gallery and the part of the probability at each.

    logs (n, classes): the logarithm of p over the prior. Of the places that are told by themselves, all
    pictures' in one row: photo, place (a row of the gallery)."""

    def __init__(
        self,
        probabilities: NDArray[np.floating],
        table: CellTable,
        points: NDArray[np.int64] | None = None,
        point_probabilities: NDArray[np.float32] | None = None,
    ) -> None:
        self.prior = class_prior(table)
        p = np.maximum(probabilities, _LEAST, dtype=np.float64)  # changed in place: it may fill a gigabyte
        p /= p.sum(axis=1, keepdims=True)
        p /= frequency(table)
        self.logs = _beyond_rounding(np.log(p, out=p))
        self.photo, self.place = np.empty(0, np.int64), np.empty(0, np.int64)
        if points is None or point_probabilities is None or table.gallery is None:
            return
        inside = (points >= 0) & (points < len(table.gallery.lat)) & (point_probabilities > 0)
        self.photo, rank = np.nonzero(inside)
        self.place = points[self.photo, rank]
        share = point_probabilities[self.photo, rank].astype(np.float64)
        keys = self.photo * len(table) + table.gallery.classes[self.place]
        groups, self._group = np.unique(keys, return_inverse=True)
        self._of, self._class = np.divmod(groups, len(table))
        places = atoms_of(table).places_in[self._class]
        in_class = np.maximum(probabilities[self._of, self._class].astype(np.float64), _LEAST)
        self._others = places - np.bincount(self._group, minlength=len(groups))
        left = np.maximum(in_class - np.bincount(self._group, share, len(groups)), 0.0)
        usual = np.maximum(in_class / places, _LEAST)
        # in parts of the class's mean, so that no power of it underflows
        self._apart = _beyond_rounding(np.log(share / usual[self._group]))
        even = left / np.maximum(self._others, 1) / usual
        lost = places / np.maximum(self._others, 1)
        self._even = _beyond_rounding(np.log(np.maximum(even, _LEAST)), lost)
        self._places = places.astype(np.float64)

    def classes(self, temperature: float) -> FloatArray:
        """Probabilities (n, classes), summing to 1."""
        p = self.logs / temperature
        if len(self.photo):
            p[self._of, self._class] += np.log(self._totals(temperature) / self._places)
        p -= np.maximum(p.max(axis=1, keepdims=True), 0.0)
        np.exp(p, out=p)
        p *= self.prior
        p /= p.sum(axis=1, keepdims=True)
        return p

    def of_places(self, classes: FloatArray, temperature: float) -> FloatArray:
        """What of its class's probability, of those in `classes` (n, classes), each place has."""
        if not len(self.photo):
            return np.empty(0)
        part = np.exp(self._apart / temperature) / self._totals(temperature)[self._group]
        return np.asarray(classes[self.photo, self._class[self._group]] * part)

    def _totals(self, temperature: float) -> FloatArray:
        each = np.exp(self._apart / temperature)
        told = np.bincount(self._group, each, len(self._others))
        return np.asarray(told + self._others * np.exp(self._even / temperature))


def _beyond_rounding(logs: FloatArray, lost: FloatArray | float = 1.0) -> FloatArray:
    size = np.abs(logs)
    size -= ROUNDED * lost
    return np.asarray(np.copysign(np.maximum(size, 0.0, out=size), logs, out=size))
