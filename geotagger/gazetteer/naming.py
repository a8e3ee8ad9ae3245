"""How people call a place: the nearest town, the first-level region, the country.

The country goes by the border (`borders`), town and region by the nearest town of that country in the list
of GeoNames.
Takes degrees, gives values; many places at once cost little more than one.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geotagger.gazetteer import Place, places, places_in
from geotagger.gazetteer.borders import countries_of
from geotagger.gazetteer.words import country_name, region_name
from geotagger.geo import EARTH_RADIUS_KM, destination, unit_vectors

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


class SureNames(NamedTuple):
    """What a circle is called, in the words that go into photos; "" for what cannot be said of all of it."""

    city: str = ""
    region: str = ""
    country: str = ""
    code: str = ""


def sure_names_of(lat: Sequence[float], lng: Sequence[float], radius_km: Sequence[float]) -> list[SureNames]:
    """The names that hold for many circles, each as a whole: the country and the region where its middle and
    eight points of its rim agree, the town where the nearest one is near and the circle no wider than a
    city."""
    if not len(lat):
        return []
    bearings = np.arange(0.0, 360.0, 45.0)
    middle = np.asarray(lat, dtype=np.float64)[:, None], np.asarray(lng, dtype=np.float64)[:, None]
    rim_lat, rim_lng = destination(*middle, bearings, np.maximum(radius_km, _LEAST_RIM_KM)[:, None])
    all_lat = np.concatenate((middle[0], rim_lat), axis=1).ravel().tolist()
    all_lng = np.concatenate((middle[1], rim_lng), axis=1).ravel().tolist()
    names, each = names_of(all_lat, all_lng), 1 + len(bearings)
    return [
        _agreed(names[n * each : (n + 1) * each], at, radius)
        for n, (*at, radius) in enumerate(zip(lat, lng, radius_km, strict=True))
    ]


def _agreed(names: Sequence[PlaceNames], at: Sequence[float], radius_km: float) -> SureNames:
    middle = names[0]
    if middle.country is None or any(one.country != middle.country for one in names):
        return SureNames()
    region = middle.region if all(one.region == middle.region for one in names) else None
    city = _city_at(at, middle) if region is not None and radius_km <= _TOWN_RADIUS_KM else None
    return SureNames(city or "", region or "", country_name(middle.country), middle.country)


def _city_at(at: Sequence[float], names: PlaceNames) -> str | None:
    """The nearest town; where a section of a town is nearer, the largest that holds it as a disc."""
    if names.place_km is None or names.place_km > _TOWN_KM:
        return None
    towns, where = _whole_towns_of(names.country)
    if not towns:
        return names.place
    chords = np.linalg.norm(unit_vectors([at[0]], [at[1]]) - where, axis=1)
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, chords / 2))
    nearest = int(np.argmin(km))
    if round(float(km[nearest]), 1) == names.place_km:
        return towns[nearest].name
    around = (town for town, far in zip(towns, km.tolist(), strict=True) if far <= town.radius_km)
    largest = max(around, key=lambda town: town.population, default=None)
    if largest is not None:
        return largest.name
    return towns[nearest].name if km[nearest] <= _TOWN_KM else None


_LEAST_RIM_KM = 0.5
"""As far as the borders are true."""
_TOWN_KM, _TOWN_RADIUS_KM = 10.0, 16.0
"""Further from its middle a photo is in another place; a circle as wide as Paris is still called Paris."""


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
    towns = places_in(country) if country else list(places())
    return towns, unit_vectors(
        np.array([town.latitude for town in towns]), np.array([town.longitude for town in towns])
    )


@functools.cache
def _whole_towns_of(country: str | None) -> tuple[list[Place], NDArray[np.float64]]:
    """The same without the sections of towns."""
    towns, where = _towns_of(country)
    whole = [n for n, town in enumerate(towns) if not town.is_section]
    return [towns[n] for n in whole], where[whole]
