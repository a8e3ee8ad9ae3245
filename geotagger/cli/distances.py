"""Distances as people write them: 30, 30km, 500 m, 20mi. A bare number is of kilometres. Imports nothing."""

import re
from collections.abc import Callable

_UNITS_KM = {
    "km": 1.0,
    "kilometres": 1.0,
    "m": 0.001,
    "metres": 0.001,
    "mi": 1.609344,
    "miles": 1.609344,
    "nmi": 1.852,
    "ft": 0.0003048,
    "feet": 0.0003048,
    "yd": 0.0009144,
    "yards": 0.0009144,
}
"""International units of 1959; the nautical mile of 1929."""
_OTHER_SPELLINGS = {
    "kms": "km",
    "kilometre": "km",
    "kilometer": "km",
    "kilometers": "km",
    "metre": "m",
    "meter": "m",
    "meters": "m",
    "mile": "mi",
    "foot": "ft",
    "yard": "yd",
}
_DISTANCE = re.compile(
    r"([+-]?(?:\d+(?:\.\d*|,(?!\d{3}(?!\d))\d+)?|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*)\.?", re.IGNORECASE
)
"""1,5 is one and a half; 1,000 may be one or a thousand, and is not read."""
_WANTED = "one as in 5km, 500m, 20mi, or 5 for kilometres"
LARGEST_KM = 50_000.0
"""More than once around the Earth; what is larger is a slip of the keyboard."""


def distance_reader(least_km: float = 0.0) -> Callable[[str | float], float]:
    """A reader of one distance, in kilometres, `least_km` at least. It raises ValueError, which says what is
    wanted."""

    def read(text: str | float) -> float:
        match = _DISTANCE.fullmatch(str(text).strip())
        unit = "" if match is None else match[2].casefold()
        factor = _UNITS_KM.get(_OTHER_SPELLINGS.get(unit, unit or "km"))
        if match is None or factor is None:
            raise ValueError(f"{str(text).strip()!r} is not a distance; wanted is {_WANTED}")
        km = float(match[1].replace(",", ".")) * factor
        if km < least_km:
            raise ValueError(f"{text} is too small; {least_km:g} km or more is wanted")
        if km > LARGEST_KM:
            raise ValueError(f"{text} is too large; {LARGEST_KM:g} km or less is wanted")
        return km

    return read
