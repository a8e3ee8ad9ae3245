"""Makes the files of the gazetteer from what GeoNames and Natural Earth publish:

    python -m geotagger.gazetteer.making cities15000.zip admin1CodesASCII.txt countries-50m.topo.json

The first two are of https://download.geonames.org/export/dump/ (CC BY 4.0), the third of the npm package
world-atlas (ISC; Natural Earth's countries 1:50m, public domain). Countries' English names are those of the
package `tzdata` (iso3166.tab, public domain); their names in other languages and codes of three letters are
of Unicode's CLDR (Unicode License v3), by way of the package `babel`, which only this program needs.
"""

import gzip
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from geotagger.errors import SourceError
from geotagger.gazetteer import FILE as PLACES
from geotagger.gazetteer import fold
from geotagger.gazetteer.borders import FILE as BORDERS
from geotagger.gazetteer.borders import SEA
from geotagger.gazetteer.words import COUNTRIES
from geotagger.gazetteer.words import FILE as REGIONS

_HEADER = (
    "# Derived from GeoNames cities15000 (https://www.geonames.org), CC BY 4.0, by geotagger.gazetteer.\n"
    "# |folded names|\tname\tcountry\tregion code\tlatitude\tlongitude\tpopulation, most populous first;\n"
    "# an X behind the population of what is a section of a place.\n"
)
_REGIONS_HEADER = (
    "# Derived from GeoNames admin1CodesASCII (https://www.geonames.org), CC BY 4.0, by\n"
    "# geotagger.gazetteer; names of countries from iso3166.tab of the time zone database, public domain.\n"
)
_COUNTRIES_HEADER = (
    "# Derived from Unicode's CLDR (https://cldr.unicode.org), Unicode License v3, by geotagger.gazetteer.\n"
    "# country\tfolded names in other languages and the code of three letters, with | between them.\n"
)
_LANGUAGES = (
    "af am ar az be bg bn bs ca cs cy da de el en es et eu fa fi fil fr ga gl gu he hi hr hu hy id"
    " is it ja ka kk km kn ko ky lo lt lv mk ml mn mr ms my nb ne nl nn pa pl pt pt_PT ro ru si sk"
    " sl sq sr sr_Latn sv sw ta te th tr uk ur uz vi yue zh zh_Hant zu"
)
# names in other languages are kept for places from these populations on, in Latin and in any script
_MANY_NAMES_FROM, _ALL_SCRIPTS_FROM = 75_000, 400_000

# Natural Earth's names that iso3166.tab spells otherwise; what is disputed goes where GeoNames puts its towns
_CODES = {
    name: code
    for name, _, code in (
        pair.partition(":")
        for line in (
            "Vatican:VA,Marshall Is.:MH,N. Mariana Is.:MP,U.S. Virgin Is.:VI,American Samoa:AS",
            "United States of America:US,S. Geo. and the Is.:GS,Br. Indian Ocean Ter.:IO,Saint Helena:SH",
            "Pitcairn Is.:PN,Falkland Is.:FK,Cayman Is.:KY,British Virgin Is.:VG,Turks and Caicos Is.:TC",
            "Trinidad and Tobago:TT,Timor-Leste:TL,eSwatini:SZ,S. Sudan:SS,South Korea:KR,Somaliland:SO",
            "Solomon Is.:SB,São Tomé and Principe:ST,Samoa:WS,St. Vin. and Gren.:VC,Saint Lucia:LC",
            "St. Kitts and Nevis:KN,North Korea:KP,Cook Is.:CK,W. Sahara:EH,Macedonia:MK",
            "St. Pierre and Miquelon:PM,Wallis and Futuna Is.:WF,St-Martin:MF,Fr. Polynesia:PF",
            "Fr. S. Antarctic Lands:TF,Åland:AX,Eq. Guinea:GQ,Dominican Rep.:DO,Faeroe Is.:FO,Czechia:CZ",
            "N. Cyprus:CY,Dem. Rep. Congo:CD,Congo:CG,Macao:MO,Cabo Verde:CV,Myanmar:MM",
            "Bosnia and Herz.:BA,Indian Ocean Ter.:AU,Heard I. and McDonald Is.:HM",
            "Ashmore and Cartier Is.:AU,Antigua and Barb.:AG,Siachen Glacier:IN,Sint Maarten:SX",
        )
        for pair in line.split(",")
    )
}

# what Natural Earth counts to its country but ISO 3166 has a code of its own for: south, west, north, east
_PARTS = {
    "FR": {
        "GP": (15.7, -61.9, 16.6, -60.9),
        "MQ": (14.3, -61.3, 15.0, -60.7),
        "GF": (2.0, -55.0, 6.0, -51.0),
        "RE": (-21.5, 55.0, -20.8, 56.0),
        "YT": (-13.1, 44.9, -12.6, 45.4),
    },
    "NO": {"SJ": (74.0, -10.0, 81.0, 34.0)},
}


def make_places(cities: Path, target: Path = PLACES) -> int:
    """Makes the list of towns from GeoNames' zip; gives its size in bytes. SourceError for
    anything else."""
    rows = sorted(_cities(cities, target), key=lambda fields: (-int(fields[14]), int(fields[0])))
    lines = [f"@{code}\t{'|'.join(names)}" for code, names in _folded_country_names()]
    lines += [_line(fields) for fields in rows]
    content = gzip.compress((_HEADER + "\n".join(lines)).encode(), mtime=0)
    target.parent.mkdir(exist_ok=True)
    return target.write_bytes(content)


def make_regions(cities: Path, regions: Path, target: Path = REGIONS) -> int:
    """Names of countries and of the first-level regions in which a town of the list lies."""
    used = {f"{fields[8]}.{fields[10]}" for fields in _cities(cities, target)}
    lines = [f"@{code}\t{name}" for code, name in _country_names().items()]
    for line in _text(regions, target).splitlines():
        code, name, *_ = line.split("\t")
        if code in used:
            lines.append(f"{code}\t{name}")
    return target.write_bytes(gzip.compress((_REGIONS_HEADER + "\n".join(lines)).encode(), mtime=0))


def make_countries(target: Path = COUNTRIES) -> int:
    """What countries are called in other languages; a word that is two countries' is none's."""
    from babel import Locale
    from babel.core import get_global

    codes = _country_names()
    english: dict[str, str | None] = {}
    for code, spellings in _folded_country_names():
        for word in spellings:
            english[word] = code if word not in english else None
    names = dict(english)
    for language in _LANGUAGES.split():
        for code, name in Locale.parse(language).territories.items():
            if code in codes and (word := fold(name)):
                names[word] = code if names.get(word, code) == code else None
    for letters, aliases in get_global("territory_aliases").items():
        if len(letters) == 3 and letters.isalpha() and len(aliases) == 1 and aliases[0] in codes:
            names[letters.lower()] = aliases[0]
    words: dict[str, list[str]] = {}
    for word, country in sorted(names.items()):
        if country is not None and word not in english:
            words.setdefault(country, []).append(word)
    lines = [f"{code}\t{'|'.join(words[code])}" for code in sorted(words)]
    return target.write_bytes(gzip.compress((_COUNTRIES_HEADER + "\n".join(lines)).encode(), mtime=0))


def make_borders(topology: Path, target: Path = BORDERS) -> int:
    """The lines between countries, and between countries and the sea."""
    topo = json.loads(_text(topology, target))
    countries = topo["objects"]["countries"]["geometries"]
    names = [country["properties"]["name"] for country in countries]
    by_name = {fold(name): code for code, name in _country_names().items()}
    codes = []
    for name in names:
        code = by_name.get(fold(name)) or _CODES.get(name)
        if code is None:
            raise SourceError(f"{topology}: no code for {name!r} is known; add it to making.py")
        codes.append(code)
    return target.write_bytes(zlib.compress(_packed(topo, countries, codes), 9))


def _packed(topo: dict[str, Any], countries: list[dict[str, Any]], codes: list[str]) -> bytes:
    """See `borders.read`. In this topology the inside of every ring lies to the right of its arcs."""
    arcs, scale, translate = topo["arcs"], topo["transform"]["scale"], topo["transform"]["translate"]
    left, right = [SEA] * len(arcs), [SEA] * len(arcs)
    numbers: dict[str, int] = {}
    for country, code in zip(countries, codes, strict=True):
        for polygon in country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]:
            x, y = arcs[polygon[0][0] if polygon[0][0] >= 0 else ~polygon[0][0]][0]
            part = _part(code, y * scale[1] + translate[1], x * scale[0] + translate[0])
            number = numbers.setdefault(part, len(numbers))
            for arc in (arc for ring in polygon for arc in ring):
                (right if arc >= 0 else left)[arc if arc >= 0 else ~arc] = number
    kept = [n for n in range(len(arcs)) if left[n] != right[n]]  # what is no border is of no use
    points = np.concatenate([np.cumsum(arcs[n], axis=0) for n in kept])
    differences = np.diff(points, axis=0, prepend=[[0, 0]]).T
    head = {
        "source": "Natural Earth 1:50m countries, public domain, by way of world-atlas 2.0.2 (ISC)",
        "codes": list(numbers),
        "lines": len(kept),
        "points": len(points),
        **topo["transform"],
    }
    columns = [[len(arcs[n]) for n in kept], [left[n] for n in kept], [right[n] for n in kept], *differences]
    body = np.concatenate([np.asarray(column, dtype="<i4") for column in columns])
    return json.dumps(head).encode() + b"\n" + body.tobytes()


def _part(country: str, lat: float, lng: float) -> str:
    for code, (south, west, north, east) in _PARTS.get(country, {}).items():
        if south <= lat <= north and west <= lng <= east:
            return code
    return country


def _cities(cities: Path, target: Path) -> list[list[str]]:
    try:
        with zipfile.ZipFile(cities) as archive:
            rows = archive.read("cities15000.txt").decode().splitlines()
    except (OSError, zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{cities}: not GeoNames' cities15000.zip ({why}); {target} was left as it is"
        ) from error
    return [row.split("\t") for row in rows]


def _text(path: Path, target: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: cannot be read ({why}); {target} was left as it is") from error


def _line(fields: list[str]) -> str:
    name, ascii_name, others, country, region = fields[1], fields[2], fields[3], fields[8], fields[10]
    population = int(fields[14])
    keys = dict.fromkeys([fold(name), fold(ascii_name)])
    for other in others.split(","):
        key = fold(other)
        latin = key.isascii() and population >= _MANY_NAMES_FROM
        if (latin or population >= _ALL_SCRIPTS_FROM) and not re.fullmatch("[A-Z]{3}", other):
            keys[key] = None  # three capitals are an airport
    keys.pop("", None)
    place = f"{float(fields[4]):.4f}\t{float(fields[5]):.4f}"
    section = "\tX" if fields[7] == "PPLX" else ""
    return f"|{'|'.join(keys)}|\t{name}\t{country}\t{region}\t{place}\t{population}{section}"


def _iso3166() -> Iterator[tuple[str, str]]:
    table = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            code, name = line.split("\t")
            yield code, name


def _folded_country_names() -> Iterator[tuple[str, list[str]]]:
    also = {"GB": ["uk", "england", "great britain"], "US": ["usa", "united states of america"]}
    for code, name in _iso3166():
        plain = [fold(part) for part in re.split(r"[()]", name) if fold(part)]
        yield code, [*plain, *also.get(code, [])]


def _country_names() -> dict[str, str]:
    return {**dict(_iso3166()), "GB": "United Kingdom", "XK": "Kosovo"}


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit((__doc__ or "").splitlines()[2].strip())
    cities, regions, topology = map(Path, sys.argv[1:])
    try:
        print(f"{PLACES}: {make_places(cities):,} bytes")
        print(f"{REGIONS}: {make_regions(cities, regions):,} bytes")
        print(f"{COUNTRIES}: {make_countries():,} bytes")
        print(f"{BORDERS}: {make_borders(topology):,} bytes")
    except SourceError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
