"""How much more probable each place is by what stands in a picture: all that leaves the room.

Takes clues, gives `PlaceRatios`: a factor for each country and, near towns that are named, a further one. The
mean of all factors over the photos of the world is 1, so evidence that says nothing is 1 everywhere. Each
sort of clue is wrong now and then, and so is the whole: `floored` keeps a floor under what it says. What the
constants were fitted to is said in docs/evidence.md, and `benchmarks/text.py` fits them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.text.clues import Clues, clues_of
from geotagger.text.countries import Countries, countries
from geotagger.text.languages import languages_of
from geotagger.text.towns import NamedTowns, named_towns, world_towns
from geotagger.text.values import Line, PlaceRatios, TownRatio

Floats = NDArray[np.float64]

FLOOR = 0.1
"""How often what stands in a picture says nothing of where it was taken: the text of one picture gives no
region more than nine tenths of what the region lacked before."""
_LANGUAGE_MOST = 0.95
"""The language of many letters is told wrongly, or is not that of the place, in 5 %."""
_CLEAR = 0.6
_CLEAR_LETTERS = 20
_ADDRESS, _PREFIX, _CURRENCY, _KANA, _HAN, _GREEK = 40.0, 40.0, 15.0, 60.0, 40.0, 60.0
"""How many times more often such a thing stands on a sign in its own countries than elsewhere: assumed."""
_FEWEST_OF_SCRIPT = 3
_HAN_COUNTRIES = ("CN", "TW", "HK", "MO", "JP", "SG")
_IN_TOWN, _NEAR_TOWN, _IN_COUNTRY = 120.0, 20.0, 5.0
"""How many times more often a town is named in it, within NEAR_KM of it, and in its country than elsewhere:
assumed."""
NEAR_KM = 40.0
_LEAST_TOLD = 0.02
"""In the logarithm; what differs less is one number in the index."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is fitted. `temperature`: of the languages. `half`: the language of so many letters is told
    wrongly, or is not that of the place, half of the time; of twice as many in a fifth."""

    temperature: float = 0.5
    half: float = 15.0


FITTED = Trust()


def ratios_of(lines: Sequence[Line], trust: Trust = FITTED) -> PlaceRatios | None:
    """None where what stands there tells nothing."""
    clues = clues_of(lines)
    table = countries()
    factors = _of_countries(clues, table)
    letters = clues.letters
    spoken = languages_of(clues.latin, trust.temperature) if clues.has_language else {}
    if spoken:
        factors *= _of_language(spoken, letters, table, trust.half)
    is_clear = letters >= _CLEAR_LETTERS and max(spoken.values(), default=0.0) >= _CLEAR
    has_script = max(clues.kana, clues.han, clues.greek) >= _FEWEST_OF_SCRIPT
    named = named_towns(
        clues.words, factors, has_language=bool(spoken) or has_script, is_clear=is_clear or has_script
    )
    if not named and np.ptp(np.log(factors)) < _LEAST_TOLD:
        return None
    return _normalised(factors, named, table)


def _of_countries(clues: Clues, table: Countries) -> Floats:
    """By what is not language: (c,), of mean 1 for each sort of clue."""
    factors = np.ones(len(table.codes))
    if clues.endings:
        factors *= _raised([table.rows_of[code] for code in clues.endings], _ADDRESS, table)
    if clues.prefixes:
        factors *= _raised([table.prefixes[prefix] for prefix in clues.prefixes], _PREFIX, table)
    for group in clues.currencies:
        factors *= _raised([[n for c in group for n in table.currencies.get(c, ())]], _CURRENCY, table)
    if clues.kana >= _FEWEST_OF_SCRIPT:
        factors *= _raised([table.rows_of["JP"]], _KANA, table)
    elif clues.han >= _FEWEST_OF_SCRIPT:
        factors *= _raised([[n for code in _HAN_COUNTRIES for n in table.rows_of[code]]], _HAN, table)
    if clues.greek >= _FEWEST_OF_SCRIPT:
        factors *= _raised([[*table.rows_of["GR"], *table.rows_of["CY"]]], _GREEK, table)
    return factors


def _raised(groups: Sequence[Sequence[int]], times: float, table: Countries) -> Floats:
    """Each group is a sign of its countries; several of them are shared out."""
    factors = np.ones(len(table.codes))
    for rows in groups:
        factors[list(rows)] += (times - 1) / len(groups)
    return np.asarray(factors / (table.photos @ factors))


def _of_language(spoken: dict[str, float], letters: int, table: Countries, half: float) -> Floats:
    likelihood = sum(
        (share * table.written[name] for name, share in spoken.items()), np.zeros(len(table.codes))
    )
    likelihood = likelihood / (table.photos @ likelihood)
    trust = _LANGUAGE_MOST * letters**2 / (letters**2 + half**2)
    return np.asarray(1 - trust + trust * likelihood)


def _normalised(factors: Floats, named: Sequence[NamedTowns], table: Countries) -> PlaceRatios:
    towns, growth = [], np.ones(len(table.codes))
    for name in named:
        for place, share in zip(name.places, name.shares, strict=True):
            weight = share / len(named)
            inside, near = _IN_TOWN * weight, _NEAR_TOWN * weight
            growth[list(table.rows_of[place.country])] += _IN_COUNTRY * weight
            towns.append(TownRatio(place.latitude, place.longitude, place.radius_km, inside, near))
    factors = factors * growth
    mean = mean_of(PlaceRatios(tuple(zip(table.codes, factors.tolist(), strict=True)), 1.0, tuple(towns)))
    return _place_ratios(factors / mean, towns, table)


def _place_ratios(factors: Floats, towns: Sequence[TownRatio], table: Countries) -> PlaceRatios:
    """Countries that hardly differ from most others are left out."""
    middle = float(np.exp(np.median(np.log(factors))))
    differ = np.flatnonzero(np.abs(np.log(factors / middle)) >= _LEAST_TOLD)
    by_country = tuple((table.codes[n], float(f"{factors[n]:.4g}")) for n in differ.tolist())
    kept = tuple(
        TownRatio(
            round(t.latitude, 4), round(t.longitude, 4), round(t.radius_km, 2),
            float(f"{t.inside:.4g}"), float(f"{t.near:.4g}"),
        )
        for t in towns
    )  # fmt: skip
    return PlaceRatios(by_country, float(f"{middle:.4g}"), kept)


def floored(factors: Floats) -> Floats:
    """Factors of mean 1 with the floor under them; the mean stays."""
    return np.asarray(FLOOR + (1 - FLOOR) * factors)


def mean_of(ratios: PlaceRatios, exponent: float = 1.0) -> float:
    """Of the factors to a power, over the photos of the world, taken in towns."""
    table, world = countries(), world_towns()
    by_country = ratios.by_country(table)
    mean = float(table.photos @ by_country**exponent)
    if ratios.towns:
        factors = by_country[world.country]
        grown = factors * growth_at(ratios, world.lat, world.lng)
        share = table.photos[world.country] * world.share
        mean += float(share @ (grown**exponent - factors**exponent))
    return mean


def growth_at(ratios: PlaceRatios, lat: Floats, lng: Floats) -> Floats:
    """What the towns that are named make of the factor of the country at places (n,): 1 and more."""
    growth = np.ones(len(lat))
    for town in ratios.towns:
        # the flat distance is good to some per cent within the hundred kilometres that matter
        north = (lat - town.latitude) * 111.2
        east = ((lng - town.longitude + 180) % 360 - 180) * 111.2 * np.cos(np.radians(town.latitude))
        square = north * north + east * east
        inside = 1 / (1 + square / max(town.radius_km, 1.0) ** 2) ** 2
        near = 1 / (1 + square / NEAR_KM**2) ** 2
        growth += town.inside * inside + town.near * near
    return growth
