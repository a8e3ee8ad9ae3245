"""In which part of the world a place is: the continent of the nearest town of the gazetteer."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geotagger.gazetteer import places
from geotagger.geo import unit_vectors

# ISO 3166 codes by continent, as GeoNames has them
_CONTINENTS = {
    "Europe": "AD AL AT AX BA BE BG BY CH CS CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE "
    "LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    "Asia": "AE AF AM AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN "
    "MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE",
    "North America": "AG AI AN AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ "
    "MS MX NI PA PM PR SV SX TC TT US VC VG VI",
    "Africa": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG "
    "ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
    "Antarctica": "AQ BV GS HM TF",
    "South America": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
    "Oceania": "AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS",
}
_OF_COUNTRY = {code: name for name, codes in _CONTINENTS.items() for code in codes.split()}
_CHUNK = 500


@lru_cache(maxsize=1)
def towns() -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Latitudes, longitudes and continents of the gazetteer's towns."""
    towns_of_regions = [
        (p.latitude, p.longitude, _OF_COUNTRY[p.country]) for p in places() if p.country in _OF_COUNTRY
    ]
    lat, lng, continents = zip(*towns_of_regions, strict=True)
    return np.array(lat), np.array(lng), list(continents)


def regions_of(lat: NDArray[np.float64], lng: NDArray[np.float64]) -> list[str]:
    """The continent of each place."""
    town_lat, town_lng, continents = towns()
    there = unit_vectors(town_lat, town_lng).T
    nearest: list[int] = []
    for start in range(0, len(lat), _CHUNK):
        here = unit_vectors(lat[start : start + _CHUNK], lng[start : start + _CHUNK])
        nearest += np.argmax(here @ there, axis=1).tolist()
    return [continents[i] for i in nearest]
