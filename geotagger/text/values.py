"""What passes between the parts of the room, and the one thing that leaves it. Quick to import."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from geotagger.text.countries import Countries

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """What stands on a line, and the mean of the probabilities of its letters."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class TownRatio:
    """A town that is named: degrees, its radius, and what the factor of its country grows by inside it and,
    less and less, within some multiples of NEAR_KM of it."""

    latitude: float
    longitude: float
    radius_km: float
    inside: float
    near: float


@dataclass(frozen=True, slots=True)
class PlaceRatios:
    """countries: factors by ISO 3166 code; elsewhere: that of all others, and of the sea. towns: those that
    are named."""

    countries: tuple[tuple[str, float], ...]
    elsewhere: float
    towns: tuple[TownRatio, ...] = ()

    def by_country(self, table: "Countries") -> Floats:
        """(c,), aligned with the table."""
        factors = np.full(len(table.codes), self.elsewhere)
        for code, factor in self.countries:
            if code in table.row_of:
                factors[table.row_of[code]] = factor
        return factors

    def to_json(self) -> str:
        return json.dumps(
            {
                "countries": dict(self.countries),
                "elsewhere": self.elsewhere,
                "towns": [[t.latitude, t.longitude, t.radius_km, t.inside, t.near] for t in self.towns],
            },
            separators=(",", ":"),
        )

    @staticmethod
    def from_json(text: str) -> "PlaceRatios":
        """Raises ValueError for what `to_json` did not write."""
        try:
            fields: Any = json.loads(text)
            read = PlaceRatios(
                tuple((str(code), float(factor)) for code, factor in fields["countries"].items()),
                float(fields["elsewhere"]),
                tuple(TownRatio(*map(float, town)) for town in fields["towns"]),
            )
        except (TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not the ratios of places: {error}") from None
        numbers = [factor for _, factor in read.countries] + [read.elsewhere]
        numbers += [number for t in read.towns for number in (t.radius_km, t.inside, t.near)]
        degrees = [(t.latitude, t.longitude) for t in read.towns]
        is_sound = all(0 < number < 1e9 for number in numbers if number != 0.0) and all(
            abs(lat) <= 90 and abs(lng) <= 180 for lat, lng in degrees
        )
        if not is_sound or read.elsewhere <= 0:
            raise ValueError("not the ratios of places: a number is out of range")
        return read
