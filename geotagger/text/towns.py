"""Names of towns among recognised words.

Takes words and how probable countries are by other clues, gives towns. Only towns that the language allows:
of 50,000 people and more, of 15,000 where the language is clear; without a language only large ones,
for most short words are the name of some town. Knows nothing of how much a name tells.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger import gazetteer
from geotagger.gazetteer import Place, fold
from geotagger.gazetteer.borders import countries_of
from geotagger.geo import unit_vectors
from geotagger.text.countries import countries

LARGE, WITH_LANGUAGE, WITH_CLEAR_LANGUAGE = 300_000, 50_000, 15_000
"""People of the towns that are thought of: without a language, with one, with one that is clear."""
ALLOWED = 0.3
"""A country must be this probable by the other clues, against the likeliest."""
MOST_NAMES = 4
OTHER_NAME = 0.4
"""A name in another language, or of old, tells less than the name itself."""
_LEAST_LETTERS, _LEAST_OF_LARGE = 5, 4
_LEAST_HAN = 2
_MOST_WORDS = 3
BLOCK_DEGREES = 1.5
_SIZE_COUNTS = 0.7
"""Among towns of one name photos are taken in proportion to people to the power of this."""
_NO_NAMES = frozenset(
    re.findall(
        r"\w+",
        "alba alma apart arena arta asti atlas aurora baden baia balance bali banks bar bath"
        " batman beach belle best beste blanco boden bonus born borne brest bruck buche buena burg"
        " bush carlos casa castro center central centre centro chance charles charlotte chester"
        " chile ciudad colon colonia come comer como concord corona cuba dallas damen david delta"
        " diego dorn east eden eisen enna essen esta ferrara flora florida formosa francisco"
        " franco garden gardens general georgetown gera gijon golf grand grande guarda halle"
        " harbor hassan helena herne herten hilden hill home hoorn horn hotel hove hundred imola"
        " independence italia jackson jose juan king kings lage lange langen laval leben leon"
        " lewis liberal liberty lincoln linden london luis male manta manual marco maria marina"
        " market martin melle merced mobile monte most municipal nice noble norte north nova nove"
        " novo oliva olive open orange orlando palma para park parking pasto paulo pedro pena"
        " phoenix pico pizza plaza police porto praia prato private public puebla reading real"
        " rhode roman rosa rosario rose roses royal rugby sale salem san sana santa santiago santo"
        " santos sauna sierra silver sines sofia son south spa spring stade stadt station stein"
        " strand street sucre sun surprise taxi terra torres tours tula turbo union university"
        " varna vera victoria village vista wales warren washington waterloo weiden welcome west"
        " westend whites wiesen willich windsor witten york young zug",
    )
)
"""Words that stand on signs anywhere and are names of towns as well."""


@dataclass(frozen=True, slots=True)
class NamedTowns:
    """The towns that one name may mean, and how much the name tells of each, summing to 1 or less."""

    places: tuple[Place, ...]
    shares: tuple[float, ...]


def named_towns(
    words: Sequence[str], likelihood: NDArray[np.float64], *, has_language: bool, is_clear: bool
) -> list[NamedTowns]:
    """Of the names among the words the longest first; `likelihood` (c,) is that of the countries by other
    clues."""
    likely = likelihood >= ALLOWED * float(likelihood.max())
    least = WITH_CLEAR_LANGUAGE if is_clear else WITH_LANGUAGE if has_language else LARGE
    towns_of_names: dict[str, NamedTowns] = {}
    taken: set[int] = set()
    for count in range(_MOST_WORDS, 0, -1):
        for at in range(len(words) - count + 1):
            several = words[at : at + count]
            if not all(several) or taken.intersection(range(at, at + count)):
                continue
            key = _key(several)
            if key is None or key in towns_of_names:
                continue
            towns = [
                place
                for place in _by_name().get(key, ())
                if place.population >= least
                and likely[area_row(place)]
                and (len(key) >= _LEAST_LETTERS or not key.isascii() or place.population >= LARGE)
            ]
            if towns:
                weight = np.array([place.population**_SIZE_COUNTS for place in towns])
                own = np.array([1.0 if key == fold(place.name) else OTHER_NAME for place in towns])
                towns_of_names[key] = NamedTowns(tuple(towns), tuple((own * weight / weight.sum()).tolist()))
                taken.update(range(at, at + count))
    return list(towns_of_names.values())[:MOST_NAMES]


def _key(words: Sequence[str]) -> str | None:
    """As the gazetteer has names; None for what is no name."""
    first = words[0][0]
    is_han = "\u3041" <= first <= "\u9fff"
    if not (first.isupper() or is_han):
        return None
    key = fold(" ".join(words))
    if key in _NO_NAMES or len(key) < (_LEAST_HAN if is_han else _LEAST_OF_LARGE):
        return None
    return key


@functools.cache
def _by_name() -> dict[str, tuple[Place, ...]]:
    named: dict[str, list[Place]] = {}
    for names, place in gazetteer.named_places():
        for name in names:
            named.setdefault(name, []).append(place)
    return {name: tuple(places) for name, places in named.items()}


@dataclass(frozen=True, eq=False)
class WorldTowns:
    """All towns by how often photos are taken there: degrees (t,), radius_km (t,), the area's row (t,),
    and the share of its area's photos (t,). block: in which square of BLOCK_DEGREES it lies (t,), a row of
    `blocks`, unit vectors of the middles of such squares (b, 3)."""

    lat: NDArray[np.float64]
    lng: NDArray[np.float64]
    radius_km: NDArray[np.float64]
    country: NDArray[np.int64]
    share: NDArray[np.float64]
    block: NDArray[np.int64]
    blocks: NDArray[np.float64]


def area_row(place: Place) -> int:
    """The row of `countries` that a town belongs to."""
    rows = countries().row_of
    return rows.get(f"{place.country}.{place.region}", rows.get(place.country, 0))


def area_rows(lat: NDArray[np.float64], lng: NDArray[np.float64]) -> NDArray[np.int64]:
    """The rows of `countries` of places in degrees (n,), −1 at sea. In a country with regions of their own
    the nearest town tells."""
    codes, _ = countries_of(lat, lng)
    table, world = countries(), world_towns()
    rows = np.array([table.row_of.get(code or "", -1) for code in codes], dtype=np.int64)
    for code in {code for code in codes if code and len(table.rows_of.get(code, ())) > 1}:
        there = np.flatnonzero(rows == table.row_of[code])
        towns = np.flatnonzero(np.isin(world.country, table.rows_of[code]))
        near = unit_vectors(lat[there], lng[there]) @ unit_vectors(world.lat[towns], world.lng[towns]).T
        rows[there] = world.country[towns[np.argmax(near, axis=1)]]
    return rows


@functools.cache
def world_towns() -> WorldTowns:
    rows = countries().row_of
    towns = [place for place in gazetteer.places() if place.country in rows]
    country = np.array([area_row(place) for place in towns])
    people = np.array([max(place.population, 1000) for place in towns], dtype=np.float64) ** _SIZE_COUNTS
    total = np.bincount(country, people, len(countries().codes))
    lat = np.array([place.latitude for place in towns])
    lng = np.array([place.longitude for place in towns])
    rows_down, across = np.floor(lat / BLOCK_DEGREES), np.floor(lng / BLOCK_DEGREES)
    _, block = np.unique(rows_down * 1000 + across, return_inverse=True)
    middles = np.stack([np.bincount(block, axis) for axis in unit_vectors(lat, lng).T], axis=1)
    return WorldTowns(
        lat,
        lng,
        np.array([place.radius_km for place in towns]),
        country,
        people / total[country],
        block,
        middles / np.linalg.norm(middles, axis=1, keepdims=True),
    )
