"""Where people live, by the towns of the gazetteer: what is usual of a place of which nothing else is known.

Takes degrees and times, gives shares and densities. Knows nothing of photos but how they gather where people
are.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geotagger import gazetteer
from geotagger.estimate.cloud import distances_km
from geotagger.estimate.movement import DAY_S, FloatArray, IntArray, radial_quantile
from geotagger.geo import EARTH_RADIUS_KM, destination, unit_vectors
from geotagger.zones import zone_at

AROUND_KM = 50.0
"""Within this of a place it is not people who tell how probable another one is."""
_CIRCLES, _BEARINGS = 64, 32
_LEAST_SINE = 0.1
_PEOPLE_KM2, _POWER = 0.1, 0.8
"""Photos are as dense as (people + 0.1)^0.8 per km², by squares of a degree: of a few powers and additions
those under which 100,000 photographed places are most probable (-17.3 in the mean of the logarithm, where
evenly over the Earth is -20.1); YFCC26k and Im2GPS3k, which took no part, have -17.3 and -17.4."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Squares of a degree in which towns lie, (n,) each: their middle by people, in degrees; their people;
    and which of `zones` is that of the largest town."""

    lat: FloatArray
    lng: FloatArray
    people: FloatArray
    zone: IntArray
    zones: tuple[ZoneInfo | None, ...]

    @cached_property
    def vectors(self) -> FloatArray:
        """Of their middles, (n, 3)."""
        return unit_vectors(self.lat, self.lng)


@cache
def _settled() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Latitudes, longitudes and people of all towns, most populous first."""
    lat, lng, people = np.array(list(gazetteer.settled()), dtype=np.float64).T
    return lat, lng, people


@cache
def blocks() -> Blocks:
    lat, lng, people = _settled()
    people = np.maximum(people, 1.0)
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


def usual_at(lat: FloatArray, lng: FloatArray) -> FloatArray:
    """How densely photos are taken at places of any shape, of all photos, per km²."""
    row = np.clip(np.floor(lat).astype(np.int64) + 90, 0, 179)
    column = np.floor(lng).astype(np.int64) % 360
    return np.asarray(_usual()[row, column])


@lru_cache(maxsize=4096)
def usual_about(latitude: float, longitude: float, scale_km: float, tail: float) -> float:
    """The mean of that over a radial density about a place, farther than AROUND_KM from it: at circles that
    hold as much of it each."""
    near, far = (1 - (1 + (km / scale_km) ** 2) ** -tail for km in (AROUND_KM, np.pi * EARTH_RADIUS_KM))
    share = near + (far - near) * (np.arange(_CIRCLES) + 0.5) / _CIRCLES
    away = radial_quantile(share, scale_km, tail)
    bearing = np.arange(_BEARINGS) * 360 / _BEARINGS
    lat, lng = destination(latitude, longitude, bearing[None, :], away[:, None])
    return float(usual_at(lat, lng).mean())


def peopled(lat: FloatArray, lng: FloatArray, scale_km: FloatArray, tail: FloatArray) -> FloatArray:
    """One over what is usual in the mean about places, (n,) each."""
    rounded = np.round(lat, 1), np.round(lng, 1), np.rint(scale_km), np.round(tail, 2)
    keys = zip(*(values.tolist() for values in rounded), strict=True)
    return np.array([1 / usual_about(*key) for key in keys], dtype=np.float64)


def where_people_are(
    distance_km: FloatArray, usual: FloatArray, by_people: FloatArray, of: IntArray | None = None
) -> FloatArray:
    """By what densities are multiplied at places so far from their middles, where so many photos are usual.
    of (c,): the column of distances that belongs to each density, where several lie about one place. The
    circles about a place are shorter on the Earth than in the plane, and hold what they do there."""
    if not by_people.any():
        return np.ones(distance_km.shape if of is None else (*distance_km.shape[:-1], len(of)))
    if of is not None:
        about, of = np.unique(of, return_inverse=True)
        distance_km = distance_km[..., about]
    dense = dense_at(distance_km, usual)
    dense = dense if of is None else dense[..., of]
    return np.where((dense > 0) & (by_people > 0), dense * by_people, 1.0)


def dense_at(distance_km: FloatArray, usual: FloatArray) -> FloatArray:
    """The same before it is divided by the mean; 0 within AROUND_KM."""
    angle = distance_km / EARTH_RADIUS_KM
    shorter = np.maximum(np.sin(angle), _LEAST_SINE * angle)
    return np.where(distance_km > AROUND_KM, usual * angle / np.maximum(shorter, 1e-12), 0.0)


def _area_km2(lat: FloatArray) -> FloatArray:
    return np.asarray((EARTH_RADIUS_KM * np.radians(1.0)) ** 2 * np.cos(np.radians(lat)))


@cache
def _usual() -> FloatArray:
    """By square of a degree, from the South Pole and from Greenwich."""
    lat = np.arange(-89.5, 90.0)[:, None]
    people = np.zeros((180, 360))
    town_lat, town_lng, of_town = _settled()
    row = np.floor(town_lat).astype(np.int64) + 90
    column = np.floor(town_lng).astype(np.int64) % 360
    np.add.at(people, (np.clip(row, 0, 179), column), of_town)
    dense = (people / _area_km2(lat) + _PEOPLE_KM2) ** _POWER
    return np.asarray(dense / (dense * _area_km2(lat)).sum())


def share_in_zone(
    latitude: float, longitude: float, scale_km: float, tail: float, utc: float, offset_s: float
) -> float:
    """Of the people about a place, as a radial density weighs them, those whose legal time is so far ahead of
    UTC on that day."""
    place = round(latitude, 1), round(longitude, 1), round(scale_km), round(tail, 2)
    return _share_in_zone(*place, int(utc // DAY_S), offset_s)


@lru_cache(maxsize=16384)
def _share_in_zone(
    latitude: float, longitude: float, scale_km: float, tail: float, day: int, offset_s: float
) -> float:
    return float(_shares(latitude, longitude, scale_km, tail) @ _fits(day, offset_s))


def share_of_earth(utc: float, offset_s: float) -> float:
    """The same of all people of the Earth."""
    return float(_shares_of_earth() @ _fits(int(utc // DAY_S), offset_s))


@lru_cache(maxsize=4096)
def _shares(latitude: float, longitude: float, scale_km: float, tail: float) -> FloatArray:
    """By zone."""
    here = blocks()
    # the density of movement.radial_density, but for a factor: far from all people it would be 0 everywhere
    beyond = 1 + np.square(_away_km(latitude, longitude) / scale_km)
    weight = here.people * (beyond / beyond.min()) ** (-tail - 1)
    return np.asarray(np.bincount(here.zone, weight, len(here.zones)) / weight.sum())


@lru_cache(maxsize=64)
def _away_km(latitude: float, longitude: float) -> FloatArray:
    """Of all blocks: several densities lie about one place."""
    return np.asarray(distances_km(unit_vectors(latitude, longitude)[None], blocks().vectors)[0])


@cache
def _shares_of_earth() -> FloatArray:
    here = blocks()
    return np.asarray(np.bincount(here.zone, here.people, len(here.zones)) / here.people.sum())


@lru_cache(maxsize=64)
def _fits(day: int, offset_s: float) -> NDArray[np.bool_]:
    """Which zones."""
    return np.asarray(_legal_at_noon(day) == offset_s)


@lru_cache(maxsize=64)
def _legal_at_noon(day: int) -> FloatArray:
    """By zone, NaN where its rules are not known."""
    noon = datetime.fromtimestamp((day + 0.5) * DAY_S, UTC)
    legal = [noon.astimezone(zone).utcoffset() if zone else None for zone in blocks().zones]
    return np.array([np.nan if offset is None else offset.total_seconds() for offset in legal])
