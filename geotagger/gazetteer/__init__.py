"""Names of places: where is "São Paulo", and what is near here?

The file `data/gazetteer.tsv.gz` is derived from GeoNames (https://www.geonames.org, cities15000,
CC BY 4.0) by `geotagger.gazetteer.making`: places of more than 15,000 people or capitals, with the
names of the larger ones in other languages.

Looks names up without regard to case, accents and punctuation. Loaded at the first question, in
well under a tenth of a second; knows nothing of photos.
"""

import functools
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geotagger.errors import SourceError

FILE = Path(__file__).parents[1] / "data" / "gazetteer.tsv.gz"
_KM_PER_DEGREE = 111.195


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees; `country` is the ISO 3166 code, `region` GeoNames' code of the first-level
    division (a US state's letters, for instance). `is_section`: a part of a town, such as a quarter."""

    name: str
    country: str
    region: str
    latitude: float
    longitude: float
    population: int
    is_section: bool = False

    @property
    def radius_km(self) -> float:
        """Of a disc for so many people at 3,000 a square kilometre, 2 km at least."""
        return max(2.0, math.sqrt(self.population / (3000 * math.pi)))

    def __str__(self) -> str:
        region = f", {self.region}" if self.country == "US" and self.region else ""
        return f"{self.name}{region}, {self.country}"


def find(text: str) -> list[Place]:
    """The places of that name, most populous first; none when the name is unknown. "Paris, US",
    "Paris, TX" and "Paris, France" narrow it down."""
    whole = _matches(fold(text))
    if whole or "," not in text:
        return whole
    name, _, rest = text.rpartition(",")
    return [place for place in find(name) if _is_in(place, rest)]


def similar(text: str, count: int = 3) -> list[str]:
    """Names of places that are spelt nearly like this."""
    import difflib

    names = {keys[1 : keys.index("|", 1)]: keys for keys in reversed(_lines())}
    alike = difflib.get_close_matches(fold(text.partition(",")[0]), names, n=count, cutoff=0.75)
    return [str(_place(names[name])) for name in alike]


def nearest(latitude: float, longitude: float, within_km: float = 50.0) -> Place | None:
    """The place whose middle is nearest, None when none is that near."""
    grid = _grid()
    best, best_km = None, within_km
    reach = within_km / _KM_PER_DEGREE
    shrink = math.cos(math.radians(min(89.0, abs(latitude) + reach)))
    lng_reach = min(180.0, reach / shrink)
    for row in range(math.floor(latitude - reach), math.floor(latitude + reach) + 1):
        for column in range(math.floor(longitude - lng_reach), math.floor(longitude + lng_reach) + 1):
            for place in grid.get((row, (column + 180) % 360 - 180), ()):
                km = distance_km(latitude, longitude, place.latitude, place.longitude)
                if km <= best_km:
                    best, best_km = place, km
    return best


def places() -> Iterator[Place]:
    """Every place that is known, most populous first."""
    return map(_place, _lines())


def places_in(country: str) -> list[Place]:
    """Those of one country, by its code, most populous first."""
    mark = f"\t{country}\t"  # a region may have the letters of a country, which is told when the line is read
    return [place for line in _lines() if mark in line and (place := _place(line)).country == country]


def settled() -> Iterator[tuple[float, float, int]]:
    """Latitude, longitude and population of every place, most populous first."""
    for line in _lines():
        latitude, longitude, population = line.split("\t", 7)[4:7]
        yield float(latitude), float(longitude), int(population)


def named_places() -> Iterator[tuple[list[str], Place]]:
    """Every place with all its folded names, most populous first."""
    return ((line[1 : line.index("|\t")].split("|"), _place(line)) for line in _lines())


def fold(text: str) -> str:
    """Lower case, without accents, punctuation as single spaces."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^\w]+", " ", "".join(c for c in bare if not unicodedata.combining(c))).strip()


def _matches(key: str) -> list[Place]:
    text, sought, matches = _text(), f"|{key}|", []
    at = text.find(sought) if key else -1
    while at >= 0:
        start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        matches.append(_place(text[start : end if end >= 0 else None]))
        at = -1 if end < 0 else text.find(sought, end)
    return matches


def _is_in(place: Place, where: str) -> bool:
    sought = fold(where)
    return sought in (place.country.casefold(), place.region.casefold()) or sought in country_words().get(
        place.country, ()
    )


def _place(line: str) -> Place:
    _, name, country, region, latitude, longitude, population, *section = line.split("\t")
    place = float(latitude), float(longitude), int(population)
    return Place(name, country, region, *place, is_section=bool(section))


@functools.cache
def _text() -> str:
    import zlib

    try:
        return zlib.decompress(FILE.read_bytes(), wbits=31).decode()  # 31: in gzip's wrapping
    except (OSError, zlib.error, UnicodeDecodeError) as error:
        raise SourceError(
            f"{FILE}: the list of place names cannot be read ({error}); install geotagger again"
        ) from error


@functools.cache
def _lines() -> list[str]:
    return [line for line in _text().split("\n") if line.startswith("|")]


@functools.cache
def country_words() -> dict[str, tuple[str, ...]]:
    """Folded English names by country code, from the lines `@code<tab>name|name`."""
    lines = (line[1:].split("\t") for line in _text().split("\n") if line.startswith("@"))
    return {code: tuple(names.split("|")) for code, names in lines}


@functools.cache
def _grid() -> dict[tuple[int, int], list[Place]]:
    grid: dict[tuple[int, int], list[Place]] = {}
    for place in map(_place, _lines()):
        column = (math.floor(place.longitude) + 180) % 360 - 180
        grid.setdefault((math.floor(place.latitude), column), []).append(place)
    return grid


def distance_km(lat1: float, lng1: float, lat2: float, lng2: float) -> float:
    """Of a great circle, as geo.distance_km has it, without arrays: a query starts fast."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    h = (
        math.sin((phi2 - phi1) / 2) ** 2
        + math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lng2 - lng1) / 2) ** 2
    )
    return 2 * 6371.0 * math.asin(math.sqrt(min(1.0, h)))
