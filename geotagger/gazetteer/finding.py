"""Which place somebody means who types its name: "Paris", "Paris, Texas", "Springfield, MO, US".

Takes a text, gives places; says what a name is that is none of a town. Knows no arrays: a query starts fast.
"""

import functools
from dataclasses import dataclass

from geotagger.errors import UsageError
from geotagger.gazetteer import Place, distance_km, find, fold, places, similar
from geotagger.gazetteer.words import country_code, region_name, regions_named

Town = tuple[str, str, str]
"""Name, first-level region ("" for none), code of the country: as the index names what is there."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the index may call what lies in a place. `names`: towns or regions, wherever they are; `towns`: of
    one region each; `country`: where the names are to be found, None for anywhere."""

    names: tuple[str, ...] = ()
    towns: tuple[Town, ...] = ()
    country: str | None = None


def places_named(text: str) -> list[Place]:
    """The places of that name, most populous first. A region or country behind a comma, by its code or its
    name, the country's in any language, narrows them down."""
    places = find(text)
    if places or "," not in text:
        return places
    name, _, rest = text.rpartition(",")
    country, region = country_code(rest), fold(rest)
    return [
        place
        for place in places_named(name)
        if place.country == country or fold(region_name(place.country, place.region) or "") == region
    ]


def the_place(text: str) -> tuple[Place, list[Place]]:
    """The most populous place of that name, and the others, those that bear it as their first
    name before those that are called so in another language. Raises UsageError, with names that
    look alike, when there is none."""
    matches = places_named(text)
    if not matches:
        raise UsageError(_what_else_it_is(text))
    key = fold(text.partition(",")[0])
    return matches[0], sorted(matches[1:], key=lambda place: fold(place.name) != key)


def named_in(text: str) -> Named:
    """What a town, with its quarters, or a region is called. UsageError where there is none."""
    towns = places_named(text)
    within = tuple(_named_as(quarter) for town in towns for quarter in _quarters_of(town))
    if "," not in text:
        names = dict.fromkeys([*(town.name for town in towns), *regions_named(text)])
        if not names:
            raise UsageError(_what_else_it_is(text))
        return Named(tuple(names), within)
    name, _, rest = text.rpartition(",")
    country = country_code(rest)
    if not towns and country and (regions := regions_named(name, country)):
        return Named(tuple(regions), country=country)
    if not towns:
        raise UsageError(_what_else_it_is(text))
    return Named(towns=tuple(dict.fromkeys([*map(_named_as, towns), *within])))


def _named_as(town: Place) -> Town:
    return town.name, region_name(town.country, town.region) or "", town.country


def _quarters_of(town: Place) -> list[Place]:
    """The parts of a town that are listed themselves: those in its disc that no larger town holds."""
    if town.is_section:
        return []
    near = [place for place in _all() if place.country == town.country and place is not town]
    larger = [place for place in near if not place.is_section and place.population > town.population]
    return [
        place
        for place in near
        if place.is_section and _holds(town, place) and not any(_holds(other, place) for other in larger)
    ]


@functools.cache
def _all() -> list[Place]:
    return list(places())


def _holds(town: Place, place: Place) -> bool:
    return distance_km(town.latitude, town.longitude, place.latitude, place.longitude) <= town.radius_km


def _what_else_it_is(text: str) -> str:
    if country_code(text):
        return f"{text.strip()} is a country, not a town; --country finds what lies in one"
    if regions_named(text):
        return f"{text.strip()} is a region, not a town; --place finds what lies in one"
    alike = similar(text)
    hint = f"did you mean {' or '.join(alike)}? Coordinates" if alike else "coordinates"
    return (
        f"no place named {text!r} is known here, where towns of 15,000 people and more are; {hint} "
        "always work, as in 48.8584,2.2945"
    )
