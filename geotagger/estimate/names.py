"""What the names in a photo's metadata say of its place: a city, a region, a country, each as wide as it is.

Names are somebody's word, but not of a point: they narrow what the time says, and where the archive has
never been they are a place of their own, as wide as the city (by its people) or as the towns of a region or
country lie apart. They are wrong, or name another place than the camera's, in `DOUBT` of the photos: assumed,
not measured. Takes names and mixtures, gives areas and mixtures. Knows nothing of disks.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geotagger import gazetteer
from geotagger.estimate.movement import FloatArray
from geotagger.estimate.prior import ANYWHERE, Mixture
from geotagger.estimate.values import NamedArea
from geotagger.gazetteer import Place, fold
from geotagger.gazetteer.words import country_code, region_name
from geotagger.geo import distance_km, lat_lng_of, unit_vectors

DOUBT = 0.1
_MOST_AREAS = 4
_PEOPLE_PER_KM2 = 2500.0
"""Of the towns of the world, roughly; their names are used out to the suburbs."""
_LEAST_CITY_KM = 2.0
_LEAST_REGION_KM = 25.0
_HELD_OF_FARTHEST = 0.5
"""Of the way to its farthest town lies the radius that holds 68 % of a region's photos. Assumed."""
_PER_RADIUS = 0.877
"""68 % of a density of tail 2 lies within this many of its scales."""
_FAR = 2.0
"""Up to how many radii from its middle a place is in the area."""


@functools.lru_cache(maxsize=4096)
def areas_of(city: str, region: str, country: str) -> tuple[NamedArea, ...]:
    """The areas that such names may mean, most probable first, shares summing to 1; none when the gazetteer
    knows none of the names. The narrowest name that is known counts."""
    code = country_code(country) if country else None
    if city:
        cities = [place for place in gazetteer.find(city) if _fits(place, code, region)][:_MOST_AREAS]
        if not cities and code is None and not country:
            cities = gazetteer.find(city)[:_MOST_AREAS]
        if cities:
            people = sum(place.population for place in cities) or 1
            return tuple(
                NamedArea(
                    place.latitude, place.longitude, _city_km(place), place.population / people, str(place)
                )
                for place in cities
            )
    if region and code is not None:
        towns = [place for place in _towns().get(code, ()) if _is_region(place, region)]
        if towns:
            return (_around(towns, f"{region}, {code}"),)
    if code is not None and code in _towns():
        return (_around(_towns()[code], country),)
    return ()


def _fits(place: Place, code: str | None, region: str) -> bool:
    if code is not None and place.country != code:
        return False
    if not region:
        return True
    # a region that the list does not know says nothing: names of regions have many spellings
    is_known = any(_is_region(town, region) for town in _towns().get(place.country, ()))
    return _is_region(place, region) or not is_known


def _is_region(place: Place, region: str) -> bool:
    sought = fold(region)
    return sought in (fold(place.region), fold(region_name(place.country, place.region) or ""))


def _city_km(place: Place) -> float:
    return max(_LEAST_CITY_KM, 1.2 * math.sqrt(max(place.population, 0) / _PEOPLE_PER_KM2 / math.pi))


def _around(towns: Sequence[Place], words: str) -> NamedArea:
    """The area over which these towns lie. Photos are taken between towns as well as in them, so how many
    people live where does not count."""
    lat = np.array([town.latitude for town in towns])
    lng = np.array([town.longitude for town in towns])
    (at_lat,), (at_lng,) = lat_lng_of(unit_vectors(lat, lng).sum(axis=0)[None, :])
    farthest = float(np.max(distance_km(at_lat, at_lng, lat, lng)))
    return NamedArea(
        float(at_lat), float(at_lng), max(_LEAST_REGION_KM, _HELD_OF_FARTHEST * farthest), 1.0, words
    )


@functools.cache
def _towns() -> dict[str, tuple[Place, ...]]:
    """All towns by the code of their country."""
    towns: dict[str, list[Place]] = {}
    for place in gazetteer.places():
        towns.setdefault(place.country, []).append(place)
    return {country: tuple(members) for country, members in towns.items()}


def with_names(mix: Mixture, named: Sequence[tuple[NamedArea, ...]]) -> Mixture:
    """What the time says, narrowed by the names: places outside of the areas keep `DOUBT` of their weight,
    and the areas themselves are possible as far as nothing of the mixture lies in them."""
    most = max(map(len, named), default=0)
    if most == 0:
        return mix
    n = len(named)
    lat, lng, weight = np.zeros((n, most)), np.zeros((n, most)), np.zeros((n, most))
    scale, tail = np.ones((n, most)), np.full((n, most), 2.0)
    old, anywhere = mix.weight.copy(), mix.anywhere.copy()
    for row, areas in enumerate(named):
        if not areas:
            continue
        inside = _inside(mix, row, areas)
        mass = float(np.clip((old[row] * inside).sum(), 0.0, 1.0))
        # nothing else is known: if the names are wrong it is wherever photos are
        anywhere[row] = ANYWHERE if old[row].any() else DOUBT
        old[row] *= DOUBT + (1 - DOUBT) * inside
        for column, area in enumerate(areas):
            lat[row, column], lng[row, column] = area.latitude, area.longitude
            weight[row, column] = (1 - DOUBT) * area.share * (1 - mass)
            scale[row, column] = area.radius_km / _PER_RADIUS
        normal = (1 - anywhere[row]) / max(float(old[row].sum() + weight[row].sum()), 1e-300)
        old[row] *= normal
        weight[row] *= normal
    return Mixture(
        np.concatenate([mix.lat, lat], axis=1),
        np.concatenate([mix.lng, lng], axis=1),
        np.concatenate([old, weight], axis=1),
        np.concatenate([mix.scale_km, scale], axis=1),
        np.concatenate([mix.tail, tail], axis=1),
        mix.about,
        anywhere,
        np.concatenate([mix.peopled, np.zeros_like(weight)], axis=1),
    )


def _inside(mix: Mixture, row: int, areas: Sequence[NamedArea]) -> FloatArray:
    """How much of each density of the mixture's row lies in the areas, 0…1: all where its middle does, less
    where it is wider than they are."""
    parts: list[NDArray[np.float64]] = []
    for area in areas:
        away = distance_km(mix.lat[row], mix.lng[row], area.latitude, area.longitude)
        reach = _FAR * area.radius_km
        near = np.clip(2.0 - away / reach, 0.0, 1.0)
        parts.append(near * np.minimum(1.0, np.square(reach / np.maximum(mix.scale_km[row], 1e-9))))
    return np.asarray(np.max(parts, axis=0))
