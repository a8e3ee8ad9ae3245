"""The names of places as words: of regions and countries, and what a person calls a spot.

The file `data/regions.tsv.gz` is derived from GeoNames (admin1CodesASCII, CC BY 4.0) and iso3166.tab (public
domain) by `geotagger.gazetteer.making`. Knows no arrays, so that a query starts fast.
"""

import functools
import zlib
from pathlib import Path

from geotagger.errors import SourceError
from geotagger.gazetteer import country_words, fold

FILE = Path(__file__).parents[1] / "data" / "regions.tsv.gz"
_IN_TOWN_KM, _NEAR_TOWN_KM = 3.0, 30.0


def in_words(place: str | None, place_km: float | None, region: str | None, country: str | None) -> str:
    """ "Sitges, Catalonia", "near Sitges, Catalonia", "60 km from Alice Springs, Northern Territory",
    or the country's name; empty where nothing is near."""
    if place is None or place_km is None:
        return region or (country_name(country) if country else "")
    named = ", ".join(dict.fromkeys(filter(None, (place, region or country))))
    if place_km <= _IN_TOWN_KM:
        return named
    return f"near {named}" if place_km <= _NEAR_TOWN_KM else f"{place_km:.0f} km from {named}"


def country_name(code: str) -> str:
    """The English name of a country; the code itself where none is in the list."""
    return _names().get(f"@{code}", code)


def country_code(text: str) -> str | None:
    """The code of a country that is named by its code or in English."""
    sought = fold(text)
    if len(text.strip()) == 2 and f"@{text.strip().upper()}" in _names():
        return text.strip().upper()
    return _codes().get(sought)


def countries_like(text: str) -> list[str]:
    """Names of countries that are spelt nearly like this."""
    import difflib

    plain = {fold(name): name for key, name in _names().items() if key.startswith("@")}
    return [plain[key] for key in difflib.get_close_matches(fold(text), plain, n=3, cutoff=0.7)]


def regions_named(text: str) -> list[str]:
    """The names of first-level regions that fold to this one."""
    sought = fold(text)
    return [name for key, name in _names().items() if not key.startswith("@") and fold(name) == sought]


def region_name(country: str, region: str) -> str | None:
    return _names().get(f"{country}.{region}")


@functools.cache
def _codes() -> dict[str, str]:
    """Folded English names; a word that several countries share ("Congo", "Korea") is none of them."""
    codes: dict[str, str | None] = {}
    for code, words in country_words().items():
        for word in words:
            codes[word] = code if codes.get(word, code) == code else None
    plain = {fold(name): key[1:] for key, name in _names().items() if key.startswith("@")}
    return {word: code for word, code in codes.items() if code} | plain | {"uk": "GB"}


@functools.cache
def _names() -> dict[str, str]:
    try:
        text = zlib.decompress(FILE.read_bytes(), wbits=31).decode()
    except (OSError, zlib.error, UnicodeDecodeError) as error:
        raise SourceError(
            f"{FILE}: the names of regions cannot be read ({error}); install geotagger again"
        ) from error
    lines = (line.partition("\t") for line in text.split("\n") if not line.startswith("#"))
    return {key: name for key, _, name in lines}
