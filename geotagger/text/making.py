"""Makes the table of countries that signs are compared with:

    pip install babel phonenumbers
    python -m geotagger.text.making photo-coordinates-100k.csv

Languages and currencies are those of Unicode's CLDR as the package babel has it (Unicode licence),
telephone prefixes those that the package phonenumbers lists (Apache-2.0); how many photos are taken in a
country is counted from the gallery of GeoCLIP, 100,000 places of photos (MIT). Codes are ISO 3166's. Where
the signs of a region are in another language than its country's, the region has a line of its own; which
these are, and how much of each language is seen there, is the authors' estimate.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

from geotagger.gazetteer import country_words, nearest
from geotagger.gazetteer.borders import countries_of
from geotagger.text.countries import FILE

_HEADER = """\
# Made by geotagger.text.making from Unicode CLDR (babel; Unicode licence), phonenumbers (Apache-2.0) and the
# 100,000 places of GeoCLIP's gallery (MIT).
# area\tphotos\ttelephone\tcurrency\tlanguages: percent of the people, o official, r in regions
"""
_STATUS = {"official": "o", "de_facto_official": "o", "official_regional": "r"}
_LEAST_PERCENT = 0.5

_LANGUAGES_OF = {
    "BE.VLG": "nl=98o", "BE.WAL": "fr=98o", "BE.BRU": "fr=70o,nl=30o",
    "CA": "en=97o,fr=3", "CA.10": "fr=90o,en=10o", "CA.04": "en=70o,fr=30o",
    "CH": "de=97o", "CH.VD": "fr=97o", "CH.GE": "fr=97o", "CH.NE": "fr=97o", "CH.FR": "fr=70o,de=30o",
    "CH.VS": "fr=65o,de=35o", "CH.TI": "it=97o",
    "ES": "es=99o", "ES.56": "ca=70o,es=50o", "ES.07": "ca=45o,es=60o", "ES.60": "ca=30o,es=80o",
    "ES.58": "gl=45o,es=60o", "ES.59": "eu=35o,es=80o",
    "GB": "en=99o", "GB.WLS": "en=75o,cy=25o",
    "IT": "it=99o", "IT.17": "it=60o,de=40o",
}  # fmt: skip
"""By GeoNames' code of the region; of a country, what its other regions have."""


def make(photos: Path, target: Path = FILE) -> int:
    """Gives the number of countries."""
    from babel.core import get_global
    from babel.numbers import get_territory_currencies
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    prefixes = {
        region: str(prefix)
        for prefix, regions in COUNTRY_CODE_TO_REGION_CODE.items()
        for region in regions
        if prefix != 1 or region in ("US", "CA")
    }
    languages = get_global("territory_languages")
    counted = _photos_by_area(photos)
    lines = []
    for area in sorted({*country_words(), *_LANGUAGES_OF}):
        code = area.partition(".")[0]
        spoken = []
        for name, speakers in languages.get(code, {}).items():
            if (percent := speakers["population_percent"]) >= _LEAST_PERCENT:
                status = _STATUS.get(speakers["official_status"] or "", "")
                spoken.append(f"{name.split('_')[0]}={percent:.3g}{status}")
        (currency, *_) = get_territory_currencies(code) or ("",)
        written = _LANGUAGES_OF.get(area) or ",".join(spoken)
        fields = (area, str(counted[area]), prefixes.get(code, ""), currency, written)
        lines.append("\t".join(fields))
    target.write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _photos_by_area(path: Path) -> Counter[str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    lat, lng = ([float(row[n]) for row in rows] for n in (0, 1))
    codes, _ = countries_of(lat, lng)
    split = {area.partition(".")[0] for area in _LANGUAGES_OF if "." in area}
    counted: Counter[str] = Counter()
    for code, *at in zip(codes, lat, lng, strict=True):
        town = nearest(*at) if code in split else None
        area = f"{code}.{town.region}" if town is not None and town.country == code else code
        if code is not None:
            counted[area if area in _LANGUAGES_OF else code] += 1
    return counted


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]))} countries\n")
