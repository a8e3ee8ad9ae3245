"""A map of the world in letters, 72 wide: dots for land, digits for photos."""

from collections.abc import Sequence

import numpy as np

from geotagger.gazetteer.borders import countries_of
from geotagger.index.summary import Spot

_COLUMNS, _ROWS = 72, 20
_NORTH, _SOUTH = 80.0, -60.0


def drawn(spots: Sequence[Spot]) -> list[str]:
    """A digit is the length of a number of photos."""
    rows = _NORTH - (np.arange(_ROWS) + 0.5) * (_NORTH - _SOUTH) / _ROWS
    columns = -180 + (np.arange(_COLUMNS) + 0.5) * 360 / _COLUMNS
    lat, lng = np.meshgrid(rows, columns, indexing="ij")
    land, _ = countries_of(lat.ravel(), lng.ravel())
    signs = [["·" if land[r * _COLUMNS + c] else " " for c in range(_COLUMNS)] for r in range(_ROWS)]
    counts = np.zeros((_ROWS, _COLUMNS), dtype=int)
    for spot in spots:
        r = int((_NORTH - spot.latitude) / (_NORTH - _SOUTH) * _ROWS)
        c = int((spot.longitude + 180) / 360 * _COLUMNS)
        counts[min(max(r, 0), _ROWS - 1), min(max(c, 0), _COLUMNS - 1)] += spot.photos
    for r, c in np.argwhere(counts):
        signs[r][c] = str(min(9, len(str(counts[r, c]))))
    return ["".join(row).rstrip() for row in signs] + ["1: up to 9 photos, 2: up to 99, 3: up to 999 …"]
