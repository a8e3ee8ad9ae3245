"""Whether the latitudes and longitudes of a gallery changed places, where each could be the other.

Takes places, says how they lie to where people live: photos gather about towns. Places whose columns changed
lie far from people, or among them by chance, and gather about towns once they are changed back. Places at sea
or in a wilderness may by chance lie among people when they are changed, but do not gather about towns there.
The published gallery's places in 150 countries are never told changed as they are, and in 135 of these they
are when they were; where the changed ones lie among as many people (Cyprus, Kenya), nothing is told.
"""

from enum import Enum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geotagger import gazetteer
from geotagger.geo import EARTH_RADIUS_KM, destination, unit_vectors

FloatArray = NDArray[np.float64]

_FEWEST, _LOOKED_AT, _AT_ONCE = 8, 200, 64
_TOWN_KM, _PEOPLE_KM2 = 10.0, 0.1
"""People are counted about towns within some 10 km; 0.1 a km² live where there is no town."""
_AWAY_KM, _BEARINGS = 50.0, (20.0, 140.0, 260.0)
_TEN_TIMES = np.log(10)
_GATHERED, _ERRORS = 0.6, 3.0
"""In logarithms: photos of one country are about towns by 1 to 5 more than places 50 km away are; of places
that lie there by chance the difference is 0 within its standard error."""


class Columns(Enum):
    SOUND = "sound"
    DOUBTFUL = "doubtful"
    CHANGED = "changed"


def columns_of(lat: FloatArray, lng: FloatArray) -> Columns:
    """DOUBTFUL where ten times as many people live about the changed places, CHANGED where these gather about
    towns as well, and more than the places do as they are given."""
    if len(lat) < _FEWEST or (np.abs(lng) > 90).any():
        return Columns.SOUND
    rows = np.unique(np.linspace(0, len(lat) - 1, min(_LOOKED_AT, len(lat))).astype(np.int64))
    lat, lng = lat[rows], lng[rows]
    given, changed = _people_at(lat, lng), _people_at(lng, lat)
    if (changed - given).mean() < _TEN_TIMES:
        return Columns.SOUND
    gathered = _gathered(lng, lat, changed) - _gathered(lat, lng, given)
    error = gathered.std() / np.sqrt(len(gathered))
    return Columns.CHANGED if gathered.mean() > max(_GATHERED, _ERRORS * error) else Columns.DOUBTFUL


def _gathered(lat: FloatArray, lng: FloatArray, here: FloatArray) -> FloatArray:
    """How many more people, in logarithms, live about each place than 50 km away."""
    bearings = np.array(_BEARINGS)[:, None]
    there = destination(lat[None, :], lng[None, :], bearings, _AWAY_KM)
    around = _people_at(*(axis.ravel() for axis in there)).reshape(len(_BEARINGS), -1)
    return np.asarray(here - around.mean(axis=0))


def _people_at(lat: FloatArray, lng: FloatArray) -> FloatArray:
    """The logarithm of how many live there, per km²."""
    towns, people = _towns()
    places = unit_vectors(lat, lng).astype(np.float32)
    parts = []
    for start in range(0, len(places), _AT_ONCE):
        square = np.maximum(2 - 2 * (places[start : start + _AT_ONCE] @ towns.T), 0)
        square *= np.float32((EARTH_RADIUS_KM / _TOWN_KM) ** 2)
        parts.append((1 / (1 + square) ** 2) @ people)
    return np.asarray(np.log(np.concatenate(parts) / (np.pi * _TOWN_KM**2) + _PEOPLE_KM2), dtype=np.float64)


@cache
def _towns() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    towns = list(gazetteer.places())
    lat, lng = (np.array([getattr(town, name) for town in towns]) for name in ("latitude", "longitude"))
    people = np.array([max(town.population, 1) for town in towns])
    return unit_vectors(lat, lng).astype(np.float32), people.astype(np.float32)
