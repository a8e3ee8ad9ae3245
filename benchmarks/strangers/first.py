"""The first set of people: see the package."""

from collections.abc import Mapping

import numpy as np

from benchmarks.strangers.album import Album, Person
from geotagger.evaluate.trial import Sighting
from geotagger.geo import destination
from tests.estimate.archives import HOMES


def sailor(seed: int) -> list[Sighting]:
    """At home in town for months; then three weeks along a coast, 15 to 70 km a day, a few photos a leg."""
    a = Album(seed)
    day = 0.0
    while day < 500:
        for _ in range(int(a.rng.integers(5, 15))):
            day += float(a.rng.exponential(7))
            a.series(day, a.near(a.home, 4.0), "phone", int(a.rng.integers(1, 4)), 20, 0.2)
        boat, heading = a.near(a.home, 600.0), float(a.rng.uniform(0, 360))
        for _ in range(21):
            day += 1
            heading += float(a.rng.normal(0, 25))
            leg = float(a.rng.uniform(15, 70))
            for part in np.sort(a.rng.uniform(0, 1, int(a.rng.poisson(3)))):
                lat, lng = destination(*boat, heading, leg * float(part))
                a.shoot(day + 0.3 + 0.35 * float(part), (float(lat), float(lng)), "phone")
            lat, lng = destination(*boat, heading, leg)
            boat = float(lat), float(lng)
    return a.photos


def studio(seed: int) -> list[Sighting]:
    """A camera without offsets: portraits in one room on weekdays, a wedding at up to 150 km on Saturdays."""
    a = Album(seed)
    room = a.near(a.home, 3.0)
    for day in range(180):
        if day % 7 < 5 and a.rng.random() < 0.25:
            a.series(day + 0.4, room, "camera", int(a.rng.integers(5, 25)), 3, 0.003, offset=False)
        if day % 7 == 5 and a.rng.random() < 0.6:
            church, inn = a.near(a.home, 60.0), a.near(a.home, 60.0)
            a.series(day + 0.5, church, "camera", int(a.rng.integers(10, 25)), 5, 0.05, offset=False)
            a.series(day + 0.65, inn, "camera", int(a.rng.integers(5, 20)), 15, 0.02, offset=False)
        if a.rng.random() < 0.15:
            a.series(day + 0.7, a.near(a.home, 5.0), "phone", int(a.rng.integers(1, 4)), 30, 0.5)
    return a.photos


def trio(seed: int) -> list[Sighting]:
    """Two phones and a tablet. The tablet stays at home but for holidays; the phones work in two towns."""
    a = Album(seed)
    works = [a.near(a.home, 15.0), a.near(a.home, 15.0)]
    away, left = a.home, 0
    for day in range(350):
        if left == 0 and a.rng.random() < 0.025:
            away, left = a.near(a.home, 1200.0), int(a.rng.integers(3, 15))
        for person in range(2):
            if left or a.rng.random() < 0.2:
                base = a.near(away, 6.0) if left else (works[person] if a.rng.random() < 0.5 else a.home)
                if a.rng.random() < 0.7:
                    a.series(day + float(a.rng.uniform(0.3, 0.7)), base, f"phone {person}",
                             int(a.rng.integers(1, 5)), 25, 0.4)  # fmt: skip
        if a.rng.random() < 0.12:
            a.series(day + 0.6, a.near(away, 1.0) if left else a.home, "tablet", 2, 2, 0.01, offset=False)
        left = max(left - 1, 0)
    return a.photos


def weekender(seed: int) -> list[Sighting]:
    """Monday to Thursday in one city, Friday to Sunday in another, photos on the train between them."""
    a = Album(seed)
    lat, lng = destination(*a.home, float(a.rng.uniform(0, 360)), 400.0)
    other = float(lat), float(lng)
    for day in range(300):
        if a.rng.random() < 0.35:
            base = other if day % 7 < 4 else a.home
            a.series(day + float(a.rng.uniform(0.3, 0.6)), a.near(base, 3.0), "phone",
                     int(a.rng.integers(1, 5)), 45, 0.8)  # fmt: skip
        if day % 7 in (0, 4) and a.rng.random() < 0.3:
            part = float(a.rng.uniform(0.1, 0.9))
            between = a.home[0] + part * (other[0] - a.home[0]), a.home[1] + part * (other[1] - a.home[1])
            a.shoot(day + 0.75, between, "phone")
    return a.photos


def emigrant(seed: int) -> list[Sighting]:
    """A year here, a year on another continent, with two visits back, of a few weeks each."""
    a = Album(seed)
    new = a.near(HOMES[(seed + 1) % (len(HOMES) - 1)], 50.0)
    visits = [(450, 470), (600, 615)]
    for day in range(730):
        is_back = any(first <= day < last for first, last in visits)
        base = a.home if day < 365 or is_back else new
        if a.rng.random() < (0.6 if is_back else 0.22):
            reach = 3.0 if a.rng.random() < 0.8 else 60.0
            a.series(day + float(a.rng.uniform(0.3, 0.6)), a.near(base, reach), "phone",
                     int(a.rng.integers(1, 6)), 40, 0.6)  # fmt: skip
    return a.photos


FIRST: Mapping[str, Person] = {
    "sailor": sailor,
    "studio": studio,
    "trio": trio,
    "weekender": weekender,
    "emigrant": emigrant,
}
