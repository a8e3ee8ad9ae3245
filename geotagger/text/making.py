"""Makes the table of countries that signs are compared with:

    pip install babel phonenumbers
    python -m geotagger.text.making photo-coordinates-100k.csv

Languages and currencies are those of Unicode's CLDR as the package babel has it (Unicode licence),
telephone prefixes those that the package phonenumbers lists (Apache-2.0); how many photos are taken in a
country is counted from the gallery of GeoCLIP, 100,000 places of photos (MIT). Codes are ISO 3166's.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

from geotagger.gazetteer import country_words
from geotagger.gazetteer.borders import countries_of
from geotagger.text.countries import FILE

_HEADER = """\
# Made by geotagger.text.making from Unicode CLDR (babel; Unicode licence), phonenumbers (Apache-2.0) and the
# 100,000 places of GeoCLIP's gallery (MIT).
# country\tphotos\ttelephone\tcurrency\tlanguages: percent of the people, o official, r in regions
"""
_STATUS = {"official": "o", "de_facto_official": "o", "official_regional": "r"}
_LEAST_PERCENT = 0.5


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
    counted = _photos_by_country(photos)
    lines = []
    for code in sorted(country_words()):
        spoken = []
        for name, told in languages.get(code, {}).items():
            if (percent := told["population_percent"]) >= _LEAST_PERCENT:
                status = _STATUS.get(told["official_status"] or "", "")
                spoken.append(f"{name.split('_')[0]}={percent:.3g}{status}")
        (currency, *_) = get_territory_currencies(code) or ("",)
        fields = (code, str(counted[code]), prefixes.get(code, ""), currency, ",".join(spoken))
        lines.append("\t".join(fields))
    target.write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _photos_by_country(path: Path) -> Counter[str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    found, _ = countries_of([float(row[0]) for row in rows], [float(row[1]) for row in rows])
    return Counter(code for code in found if code)


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]))} countries\n")
