"""An album that is kept by the hours of the place where somebody is: what the people of the fourth set and
after it fill. Some cameras keep the time that home has in March, wherever they are and all the year; a phone
in an aeroplane keeps the time of the place that it left."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from benchmarks.strangers.album import Album, Place
from geotagger.geo import destination, distance_km, interpolate
from geotagger.zones import offset_at, zone_at
from tests.estimate.archives import START

TOWNS = (
    (52.52, 13.40), (41.90, 12.50), (53.80, -1.55), (59.33, 18.06), (40.42, -3.70), (50.06, 19.94),
    (45.50, -73.57), (39.74, -104.99), (33.75, -84.39), (49.28, -123.12), (19.43, -99.13), (4.71, -74.07),
    (-23.55, -46.63), (-34.60, -58.38), (-1.29, 36.82), (-26.20, 28.05), (30.04, 31.24), (35.70, 51.42),
    (28.61, 77.21), (13.76, 100.50), (34.69, 135.50), (-34.93, 138.60), (-36.85, 174.76), (3.14, 101.69),
)  # fmt: skip


class Diary(Album):
    """An album by the hours of places, of somebody who lives in one of TOWNS. `clocks`: what cameras add to
    UTC, of those that do not follow the place."""

    def __init__(self, seed: int, kind: int) -> None:
        super().__init__(seed)
        self.rng = np.random.default_rng([seed, 78, kind])
        self.home = self.ashore(TOWNS[int(self.rng.integers(len(TOWNS)))], 12.0)
        self.clocks: dict[str, timedelta] = {}

    def shoot(self, day: float, place: Place, camera: str, *, offset: bool = True) -> None:
        super().shoot(day, place, camera, offset=offset)
        if camera in self.clocks:
            clock, last = self.clocks[camera], self.photos[-1]
            local = (START + timedelta(days=day) + clock).replace(tzinfo=None)
            clocked = replace(last.clocked, local=local, offset=clock if offset else None)
            self.photos[-1] = replace(last, clocked=clocked)

    def ashore(self, place: Place, km: float) -> Place:
        """As `near`, where a country's time holds; where twenty draws fall into the sea, `place`."""
        for _ in range(20):
            candidate = self.near(place, km)
            if is_land(candidate):
                return candidate
        return place

    def beyond(self, place: Place, heading: float, km: float) -> Place:
        """A place ashore about so far away in that direction, nearer where there is the sea."""
        for part in (1.0, 0.8, 0.6, 0.4, 0.2):
            lat, lng = destination(*place, heading, km * part)
            candidate = self.ashore((float(lat), float(lng)), km * 0.05)
            if is_land(candidate):
                return candidate
        return self.ashore(place, km * 0.2)

    def clock_at(self, place: Place, day: float) -> timedelta:
        return offset_at(*place, (START + timedelta(days=day)).timestamp()) or timedelta(0)

    def at(self, day: int, hour: float, place: Place) -> float:
        """The time in days of UTC at which it is so many hours after midnight at a place."""
        return day + hour / 24 - self.clock_at(place, day + hour / 24) / timedelta(days=1)

    def hour(self, first: float, last: float) -> float:
        return float(self.rng.uniform(first, last))

    def count(self, fewest: int, most: int) -> int:
        return int(self.rng.integers(fewest, most + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def one_of(self, places: list[Place], weights: list[float]) -> Place:
        return places[int(self.rng.choice(len(places), p=weights))]

    def ride(
        self,
        day: float,
        start: Place,
        end: Place,
        kmh: float,
        camera: str,
        photos: int,
        *,
        offset: bool = True,
    ) -> float:
        """Photos on the way, each where one is by then; kilometres are those of the straight line. The time
        of arrival."""
        days = float(distance_km(*start, *end)) / kmh / 24
        for part in np.sort(self.rng.uniform(0.03, 0.97, photos)).tolist():
            lat, lng = interpolate(*start, *end, part)
            self.shoot(day + part * days, self.near((float(lat), float(lng)), 1.0), camera, offset=offset)
        return day + days

    def fly(self, day: float, start: Place, end: Place, phone: str) -> float:
        """Sometimes the gate and what is seen from the window, by a phone in flight mode."""
        airport = self.near(start, 15.0)
        if self.chance(0.6):
            self.series(day - 1.5 / 24, airport, phone, self.count(1, 3), 8, 0.05)
        self.clocks[phone] = self.clock_at(start, day)
        arrival = self.ride(day, airport, end, 830, phone, self.count(0, 3))
        del self.clocks[phone]
        return arrival


def is_land(place: Place) -> bool:
    """Whether a country's time holds there: land, or the sea beside it."""
    zone = zone_at(*place)
    return zone is not None and not zone.key.startswith("Etc/")


def weekday(day: int) -> int:
    """0 on Mondays."""
    return (START + timedelta(days=day)).weekday()
