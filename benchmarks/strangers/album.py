"""What a person who does not exist has photographed: an album that is filled photo by photo, each with the
time that its camera writes and the place where it was taken. Knows nothing of what is made of that."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from geotagger.estimate.clock import Clocked
from geotagger.evaluate.trial import Sighting
from geotagger.geo import destination
from geotagger.zones import offset_at
from tests.estimate.archives import HOMES, START

Place = tuple[float, float]
Person = Callable[[int], list[Sighting]]


class Album:
    """What one of them has photographed so far."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 77])
        self.home = self.near(HOMES[seed % (len(HOMES) - 1)], 200.0)
        self.photos: list[Sighting] = []

    def near(self, place: Place, km: float) -> Place:
        """A place whose distance is half-normal about `place`."""
        lat, lng = destination(*place, self.rng.uniform(0, 360), abs(float(self.rng.normal(0, km))))
        return float(lat), float(lng)

    def shoot(self, day: float, place: Place, camera: str, *, offset: bool = True) -> None:
        """One photo at a place, so many days after the beginning, by UTC."""
        moment: datetime = START + timedelta(days=day)
        legal = offset_at(*place, moment.timestamp()) or timedelta(0)
        local = (moment + legal).replace(tzinfo=None)
        clocked = Clocked(local, legal if offset else None, None, camera, *place)
        self.photos.append(Sighting(f"{len(self.photos):05}", clocked))

    def series(
        self,
        day: float,
        place: Place,
        camera: str,
        photos: int,
        pause_min: float,
        step_km: float,
        *,
        offset: bool = True,
    ) -> None:
        """Photos one after the other, with a step between each two."""
        for _ in range(photos):
            self.shoot(day, place, camera, offset=offset)
            day += float(self.rng.gamma(0.7, pause_min)) / 1440
            place = self.near(place, step_km)
