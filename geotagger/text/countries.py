"""The countries as signs know them: languages, telephone prefixes, currencies, and how often photos are
taken there. Takes nothing, gives arrays aligned with `codes`; the file is made by geotagger.text.making.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import SourceError

FILE = Path(__file__).parents[1] / "data" / "sign_countries.tsv"
Floats = NDArray[np.float64]

LATIN = frozenset(
    re.findall(
        r"\w+",
        "af ak an ast az bm br bs ca ceb co cs cy da de en eo es et eu ext ff fi fo fr fur fy ga"
        " gd gl gn gv ha haw ho hr ht hu id ig is it jv kl lb lg lij lmo ln lt lv mg mi ms mt na"
        " nb nds nl nn no nr nso nv ny oc om pap pl pt qu rm rn ro rw sc scn se sg sk sl sm sn so"
        " sq ss st su sv sw tk tl tn to tpi tr ts ty uz ve vec vi vo wa wo xh yo za zu fil",
    )
)
"""Languages that are written in Latin letters, as far as CLDR names them for a country."""

ENGLISH = 0.15
"""Of what is written in Latin letters so much is English where it is nobody's language. Assumed: the rough
version had 0.12, and between 0.1 and 0.2 the fitted corpora do not tell."""
FOREIGN = 0.05
"""… and so much is in any language at all: names of firms, menus, souvenirs, books."""
_REGIONAL, _MOST_REGIONAL = 0.5, 0.05
"""A language that is official in parts of a country counts half of its people, most of whom speak the other
as well, and no more than this: where its signs are seen, the region has a line of its own."""
_UNOFFICIAL = 0.02
_FEWEST_PHOTOS = 20.0
"""A country of which the sample has none is not thought impossible."""
_ALIASES = {"nb": "no", "nn": "no", "fil": "tl"}


@dataclass(frozen=True, eq=False)
class Countries:
    """codes: ISO 3166, or `ES.56`, a region whose signs are in other languages than its country's. photos:
    the share of the world's photos (c,). written: by language, how much of what stands on signs in Latin
    letters is in it (c,). The others: rows by telephone prefix, currency and country."""

    codes: tuple[str, ...]
    photos: Floats
    written: dict[str, Floats]
    prefixes: dict[str, tuple[int, ...]]
    currencies: dict[str, tuple[int, ...]]
    rows_of: dict[str, tuple[int, ...]]

    @functools.cached_property
    def row_of(self) -> dict[str, int]:
        return {code: n for n, code in enumerate(self.codes)}


@functools.cache
def countries() -> Countries:
    try:
        lines = FILE.read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
        codes = tuple(row[0] for row in rows)
        photos = np.array([float(row[1]) + _FEWEST_PHOTOS for row in rows])
        spoken = [dict(_weights(row[4])) for row in rows]
    except (OSError, ValueError, IndexError) as error:
        raise SourceError(f"{FILE}: cannot be read ({error}); install geotagger again") from error
    prefixes: dict[str, tuple[int, ...]] = {}
    currencies: dict[str, tuple[int, ...]] = {}
    of_country: dict[str, tuple[int, ...]] = {}
    for n, row in enumerate(rows):
        country = row[0].partition(".")[0]
        of_country[country] = (*of_country.get(country, ()), n)
        prefixes[row[2]] = (*prefixes.get(row[2], ()), n)
        currencies[row[3]] = (*currencies.get(row[3], ()), n)
    return Countries(codes, photos / photos.sum(), _written(spoken), prefixes, currencies, of_country)


def _weights(listed: str) -> list[tuple[str, float]]:
    weights = []
    for item in listed.split(","):
        name, _, weight = item.partition("=")
        if name not in LATIN:
            continue
        share = float(weight.rstrip("or")) / 100
        if weight.endswith("r"):
            share = min(_MOST_REGIONAL, _REGIONAL * share)
        elif not weight.endswith("o"):
            share *= _UNOFFICIAL
        weights.append((_ALIASES.get(name, name), min(1.0, share)))
    return weights


def _written(spoken: list[dict[str, float]]) -> dict[str, Floats]:
    """P(language | country, Latin letters), what is left after English and foreign words by its languages."""
    names = sorted({name for one in spoken for name in one} | {"en"})
    table = {name: np.zeros(len(spoken)) for name in names}
    for n, one in enumerate(spoken):
        total = sum(one.values())
        # where hardly anybody's language has Latin letters, what is in them is English
        own = 1 - ENGLISH - FOREIGN if total > 0.2 else (1 - ENGLISH - FOREIGN) * total
        for name, weight in one.items():
            table[name][n] += own * weight / max(total, 1e-9)
        table["en"][n] += 1 - FOREIGN - own
    for name in names:
        table[name] += FOREIGN / len(names)
    return table
