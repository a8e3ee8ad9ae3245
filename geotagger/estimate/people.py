"""Where people live, by the towns of the gazetteer: what is usual of a place of which nothing else is known.

Takes degrees and times, gives shares. Knows nothing of photos.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geotagger import gazetteer
from geotagger.estimate.movement import DAY_S, FloatArray, IntArray, radial_density
from geotagger.geo import distance_km
from geotagger.zones import zone_at


@dataclass(frozen=True, eq=False)
class Blocks:
    """Squares of a degree in which towns lie, (n,) each: their middle by people, in degrees; their people;
    and which of `zones` is that of the largest town."""

    lat: FloatArray
    lng: FloatArray
    people: FloatArray
    zone: IntArray
    zones: tuple[ZoneInfo | None, ...]


@cache
def blocks() -> Blocks:
    towns = list(gazetteer.places())
    lat = np.array([town.latitude for town in towns])
    lng = np.array([town.longitude for town in towns])
    people = np.array([float(max(town.population, 1)) for town in towns])
    # most populous first, so that the first of a square is its largest
    square = np.floor(lat).astype(np.int64) * 361 + np.floor(lng).astype(np.int64)
    _, largest, of = np.unique(square, return_index=True, return_inverse=True)
    total = np.bincount(of, people).astype(np.float64)
    numbers: dict[ZoneInfo | None, int] = {}
    zone = [
        numbers.setdefault(zone_at(*place), len(numbers))
        for place in zip(lat[largest].tolist(), lng[largest].tolist(), strict=True)
    ]
    return Blocks(
        np.bincount(of, people * lat) / total,
        np.bincount(of, people * lng) / total,
        total,
        np.array(zone, dtype=np.int64),
        tuple(numbers),
    )


def share_in_zone(
    latitude: float, longitude: float, scale_km: float, tail: float, utc: float, offset_s: float
) -> float:
    """Of the people about a place, as a radial density weighs them, those whose legal time is so far ahead of
    UTC on that day."""
    return _share_in_zone(
        round(latitude, 1), round(longitude, 1), round(scale_km), round(tail, 2), int(utc // DAY_S), offset_s
    )


def share_of_earth(utc: float, offset_s: float) -> float:
    """The same of all people of the Earth."""
    fits = _fits(int(utc // DAY_S), offset_s)
    return float(blocks().people @ fits / blocks().people.sum())


@lru_cache(maxsize=512)
def _share_in_zone(
    latitude: float, longitude: float, scale_km: float, tail: float, day: int, offset_s: float
) -> float:
    here = blocks()
    away = distance_km(latitude, longitude, here.lat, here.lng)
    weight = here.people * radial_density(away, scale_km, tail)
    return float(weight @ _fits(day, offset_s) / weight.sum())


@lru_cache(maxsize=64)
def _fits(day: int, offset_s: float) -> NDArray[np.bool_]:
    noon = datetime.fromtimestamp((day + 0.5) * DAY_S, UTC)
    legal = [noon.astimezone(zone).utcoffset() if zone else None for zone in blocks().zones]
    fits = np.array([offset is not None and offset.total_seconds() == offset_s for offset in legal])
    return np.asarray(fits[blocks().zone], dtype=np.bool_)
