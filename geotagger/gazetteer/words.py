"""The names of places as words: of regions and countries, and what a person calls a spot.

The file `data/regions.tsv.gz` is derived from GeoNames (admin1CodesASCII, CC BY 4.0) and iso3166.tab (public
domain), `data/countries.tsv.gz` from Unicode's CLDR (Unicode License v3), both by
`geotagger.gazetteer.making`. Knows no arrays, so that a query starts fast.
"""

import functools
import zlib
from collections.abc import Iterator
from pathlib import Path

from geotagger.errors import SourceError
from geotagger.gazetteer import country_words, fold

FILE = Path(__file__).parents[1] / "data" / "regions.tsv.gz"
COUNTRIES = FILE.with_name("countries.tsv.gz")
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


def in_full(
    place: str | None,
    place_km: float | None,
    region: str | None,
    country: str | None,
    near_border: str | None = None,
) -> str:
    """The same with the country's name behind it, "near Sitges, Catalonia, Spain", and whether a border is
    near: "Kehl, Baden-Wurttemberg, Germany (near the border with France)"."""
    name = country_name(country) if country else ""
    spot = in_words(place, place_km, region, name or None)
    if name and not f" {spot}".endswith(f" {name}"):
        spot = f"{spot}, {name}" if spot else name
    border = f" (near the border with {country_name(near_border)})" if near_border else ""
    return spot + border if spot else ""


def country_name(code: str) -> str:
    """The English name of a country; the code itself where none is in the list."""
    return _names().get(f"@{code}", code)


def country_code(text: str) -> str | None:
    """The code of a country that is named by its code of two or three letters, in English, or in one of
    some seventy other languages."""
    sought = fold(text)
    if len(text.strip()) == 2 and f"@{text.strip().upper()}" in _names():
        return text.strip().upper()
    return _codes().get(sought) or _codes_in_other_languages().get(sought)


def countries_like(text: str) -> list[str]:
    """Names of countries that are spelt nearly like this."""
    import difflib

    plain = {fold(name): name for key, name in _names().items() if key.startswith("@")}
    return [plain[key] for key in difflib.get_close_matches(fold(text), plain, n=3, cutoff=0.7)]


def regions_named(text: str, country: str = "") -> list[str]:
    """The names of first-level regions that fold to this one, of one country where its code is given."""
    sought = fold(text)
    regions = ((key, name) for key, name in _names().items() if not key.startswith("@"))
    return [
        name
        for key, name in regions
        if fold(name) == sought and (not country or key.startswith(f"{country}."))
    ]


def area_name(code: str) -> str:
    """ "Estonia" of "EE", "Ticino, Switzerland" of "CH.TI"."""
    country, _, region = code.partition(".")
    return ", ".join(filter(None, [region_name(country, region) if region else None, country_name(country)]))


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
def _codes_in_other_languages() -> dict[str, str]:
    return {word: code for code, words in _lines(COUNTRIES) for word in words.split("|")}


@functools.cache
def _names() -> dict[str, str]:
    return dict(_lines(FILE))


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = zlib.decompress(file.read_bytes(), wbits=31).decode()
    except (OSError, zlib.error, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: the names cannot be read ({error}); install geotagger again") from error
    for line in text.split("\n"):
        if not line.startswith("#"):
            key, _, name = line.partition("\t")
            yield key, name
