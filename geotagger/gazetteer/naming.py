"""How people call a place: the nearest town, the first-level region, the country.

The country goes by the border (`borders`), town and region by the nearest town of that country in the list
of GeoNames.
Takes degrees, gives values; many places at once cost little more than one.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.gazetteer import Place, places
from geotagger.gazetteer.borders import countries_of
from geotagger.gazetteer.words import region_name
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors

TOWN_WITHIN_KM = 100.0
"""A town further away names a place no better than its country does."""
_MOST_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """`country` and `near_border` are ISO 3166 codes: where it is, and the nearest other country within
    20 km. `place` is the nearest town of that country, `place_km` how far its middle is, `region` its
    first-level region. None where there is none."""

    country: str | None = None
    region: str | None = None
    place: str | None = None
    place_km: float | None = None
    near_border: str | None = None


def names_of(lat: Sequence[float], lng: Sequence[float]) -> list[PlaceNames]:
    """The names of many places."""
    if not len(lat):
        return []
    countries, others = countries_of(lat, lng)
    at = unit_vectors(np.asarray(lat, dtype=np.float64), np.asarray(lng, dtype=np.float64))
    names: list[PlaceNames] = [PlaceNames()] * len(countries)
    groups: dict[str | None, list[int]] = {}
    for n, country in enumerate(countries):
        groups.setdefault(country, []).append(n)
    for country, members in groups.items():
        towns, where = _towns_of(country)
        step = max(1, _MOST_AT_ONCE // max(1, len(towns)))
        for few in (members[n : n + step] for n in range(0, len(members), step)):
            for n, (town, km) in zip(few, _nearest(at[few], towns, where), strict=True):
                if town is None:
                    names[n] = PlaceNames(country, near_border=others[n])
                else:
                    region = region_name(town.country, town.region)
                    names[n] = PlaceNames(country, region, town.name, round(km, 1), others[n])
    return names


def _nearest(
    at: NDArray[np.float64], towns: list[Place], where: NDArray[np.float64]
) -> list[tuple[Place | None, float]]:
    if not towns:
        return [(None, 0.0)] * len(at)
    nearness = at @ where.T
    best = np.argmax(nearness, axis=1)
    # the arc from the chord: the cosine is too coarse for short ones
    chord = np.linalg.norm(at - where[best], axis=1)
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, chord / 2))
    return [
        (towns[n] if far <= TOWN_WITHIN_KM else None, far)
        for n, far in zip(best.tolist(), km.tolist(), strict=True)
    ]


@functools.cache
def _towns_of(country: str | None) -> tuple[list[Place], NDArray[np.float64]]:
    """The towns of a country, or all for a place that is in none, and their directions."""
    towns = _by_country().get(country, []) if country else list(places())
    return towns, unit_vectors(
        np.array([town.latitude for town in towns]), np.array([town.longitude for town in towns])
    )


@functools.cache
def _by_country() -> dict[str, list[Place]]:
    towns: dict[str, list[Place]] = {}
    for place in places():
        towns.setdefault(place.country, []).append(place)
    return towns
