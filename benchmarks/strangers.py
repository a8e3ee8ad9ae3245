"""People who do not exist, of whom nothing was known while the model of evidence was made: no parameter,
prior or constant was chosen with them in sight, and none should be. `benchmarks/certainty.py` takes them in
with `--strangers`; they are drawn otherwise than tests/estimate/archives.py.

`sailor` goes along a coast for three weeks at a time; `studio` takes hundreds of photos in one room, and
weddings on Saturdays; `trio` is two phones and a tablet that stays at home; `weekender` lives in two cities
400 km apart by the day of the week; `emigrant` moves to another continent and comes back for visits.

A second set was drawn by somebody who had not seen how the first came out: `courier` photographs doors;
`hiker` has a camera that goes up another mountain on weekends and a telephone that stays at home; `pilot`
comes to the same twelve cities of the world again and again; `student` lives in a town in term and with the
parents in holidays; `coach` makes two tours a year and few photos at home; `reporter` goes all over the
country. Their steps do not depend on the time between two photos, which no legs do.

What was written of the first set was looked into to find out why it was stated too surely. A third one was
drawn after what came of that and before it was tried: `nurse` works by turns in two hospitals; `boarder`
spends terms in one city and breaks with the parents; `salesman` is in another town every day of some weeks;
`climber` goes to the same few ranges of hills; `grandparents` fly to their child on another continent."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import numpy as np

from geotagger.estimate.clock import Clocked
from geotagger.evaluate.trial import Sighting
from geotagger.geo import destination
from geotagger.zones import offset_at
from tests.estimate.archives import HOMES, START

Place = tuple[float, float]


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


def courier(seed: int) -> list[Sighting]:
    """Parcels: on weekdays ten photos of doors along a tour of up to 40 km, on Sundays the family at home."""
    a = Album(seed)
    depot = a.near(a.home, 10.0)
    for day in range(200):
        if day % 7 < 5 and a.rng.random() < 0.3:
            area = a.near(depot, 20.0)
            a.series(day + 0.35, area, "phone", int(a.rng.integers(4, 12)), 40, 1.5)
        if a.rng.random() < 0.1:
            a.series(day + 0.75, a.near(a.home, 1.0), "phone", int(a.rng.integers(1, 5)), 10, 0.05)
    return a.photos


def hiker(seed: int) -> list[Sighting]:
    """Every second weekend another mountain up to 150 km from home, by a camera; the phone is at home."""
    a = Album(seed)
    for day in range(400):
        if day % 7 == 5 and a.rng.random() < 0.5:
            a.series(day + 0.3, a.near(a.home, 80.0), "camera", int(a.rng.integers(8, 30)), 12, 0.4)
        if a.rng.random() < 0.15:
            a.series(day + 0.6, a.near(a.home, 2.0), "phone", int(a.rng.integers(1, 3)), 10, 0.1)
    return a.photos


def pilot(seed: int) -> list[Sighting]:
    """Twelve cities of the world, come to again and again for a night or two; at home between."""
    a = Album(seed)
    hubs = [a.near(HOMES[int(a.rng.integers(0, len(HOMES)))], 400.0) for _ in range(12)]
    day = 0.0
    while day < 500:
        if a.rng.random() < 0.55:
            hub = hubs[min(int(a.rng.geometric(0.25)) - 1, 11)]
            for _ in range(int(a.rng.integers(1, 3))):
                a.series(
                    day + float(a.rng.uniform(0.2, 0.9)),
                    a.near(hub, 5.0),
                    "phone",
                    int(a.rng.integers(1, 7)),
                    30,
                    0.6,
                )
                day += 1
        else:
            if a.rng.random() < 0.4:
                a.series(day + 0.5, a.near(a.home, 3.0), "phone", int(a.rng.integers(1, 4)), 20, 0.2)
            day += float(a.rng.exponential(3))
    return a.photos


def student(seed: int) -> list[Sighting]:
    """A university town in term, the parents' village in holidays, a journey in summer."""
    a = Album(seed)
    town = a.near(a.home, 250.0)
    for day in range(700):
        year = day % 365
        if 200 <= year < 221:
            if a.rng.random() < 0.8:
                a.series(day + 0.4, a.near(_stop(a, year), 15.0), "phone", int(a.rng.integers(2, 9)), 25, 0.5)
            continue
        base = a.home if year > 180 or 85 <= year < 100 else town
        if a.rng.random() < 0.12:
            a.series(
                day + float(a.rng.uniform(0.4, 0.9)),
                a.near(base, 2.0),
                "phone",
                int(a.rng.integers(1, 5)),
                30,
                0.3,
            )
    return a.photos


def _stop(a: Album, year: int) -> Place:
    lat, lng = destination(*a.home, 135.0, 300.0 + 60.0 * (year - 200))
    return float(lat), float(lng)


def coach(seed: int) -> list[Sighting]:
    """Retired: few photos at home in a year, two tours of ten days by coach, a camera without offsets."""
    a = Album(seed)
    for year in range(4):
        for _ in range(12):
            a.series(
                365 * year + float(a.rng.uniform(0, 365)),
                a.near(a.home, 8.0),
                "camera",
                int(a.rng.integers(1, 4)),
                10,
                0.1,
                offset=False,
            )
        for start in a.rng.uniform(90, 280, 2):
            stop = a.near(a.home, 900.0)
            for d in range(10):
                for _ in range(3):
                    a.series(
                        365 * year + start + d + float(a.rng.uniform(0.3, 0.8)),
                        a.near(stop, 10.0),
                        "camera",
                        int(a.rng.integers(2, 8)),
                        8,
                        0.1,
                        offset=False,
                    )
                stop = a.near(stop, 120.0)
    return a.photos


def reporter(seed: int) -> list[Sighting]:
    """An assignment a week anywhere in the country, the newsroom between."""
    a = Album(seed)
    for day in range(300):
        if a.rng.random() < 0.15:
            a.series(day + 0.4, a.near(a.home, 250.0), "camera", int(a.rng.integers(10, 40)), 4, 0.15)
        elif a.rng.random() < 0.2:
            a.series(day + 0.5, a.near(a.home, 0.5), "phone", int(a.rng.integers(1, 3)), 30, 0.05)
    return a.photos


def nurse(seed: int) -> list[Sighting]:
    """Turns in two hospitals 40 km apart, colleagues at lunch; weekends off within 80 km, two holidays."""
    a = Album(seed)
    hospitals = [a.home, a.near(a.home, 40.0)]
    holidays = [
        (int(a.rng.integers(60, 120)), a.near(a.home, 1500.0)),
        (int(a.rng.integers(200, 260)), a.near(a.home, 400.0)),
    ]
    for day in range(330):
        beach = next((place for first, place in holidays if first <= day < first + 12), None)
        if beach is not None:
            if a.rng.random() < 0.7:
                a.series(day + 0.45, a.near(beach, 8.0), "phone", int(a.rng.integers(2, 7)), 50, 0.7)
        elif a.rng.random() < 0.25:
            off = day % 7 >= 5
            where = a.near(a.home, 40.0) if off else a.near(hospitals[day // 4 % 2], 1.0)
            a.series(day + float(a.rng.uniform(0.2, 0.8)), where, "phone", int(a.rng.integers(1, 4)), 30, 0.3)
    return a.photos


def boarder(seed: int) -> list[Sighting]:
    """Four months of term in a city, two with the parents 300 km away; short trips from either; a camera
    without offsets for parties."""
    a = Album(seed)
    lat, lng = destination(*a.home, float(a.rng.uniform(0, 360)), 300.0)
    parents = float(lat), float(lng)
    for day in range(480):
        base = a.home if day % 180 < 120 else parents
        if a.rng.random() < 0.2:
            reach = 2.5 if a.rng.random() < 0.85 else 90.0
            a.series(day + float(a.rng.uniform(0.4, 0.8)), a.near(base, reach), "phone",
                     int(a.rng.integers(1, 6)), 35, 0.5)  # fmt: skip
        if a.rng.random() < 0.05:
            a.series(
                day + 0.85, a.near(base, 4.0), "camera", int(a.rng.integers(5, 20)), 8, 0.02, offset=False
            )
    return a.photos


def salesman(seed: int) -> list[Sighting]:
    """Two weeks of three at home; in the third another town within 500 km every day. Few photos anywhere."""
    a = Album(seed)
    for day in range(600):
        if day // 7 % 3 == 2 and day % 7 < 5:
            if a.rng.random() < 0.5:
                a.series(day + 0.55, a.near(a.home, 250.0), "phone", int(a.rng.integers(1, 4)), 60, 0.4)
        elif a.rng.random() < 0.12:
            a.series(day + 0.6, a.near(a.home, 5.0), "phone", int(a.rng.integers(1, 5)), 40, 0.4)
    return a.photos


def climber(seed: int) -> list[Sighting]:
    """Few photos at home; most weekends in one of four ranges of hills, walks of hours."""
    a = Album(seed)
    hills = [a.near(a.home, 150.0) for _ in range(4)]
    for day in range(400):
        if day % 7 >= 5 and a.rng.random() < 0.6:
            here = a.near(hills[int(a.rng.choice(4, p=[0.45, 0.3, 0.15, 0.1]))], 6.0)
            a.series(day + 0.3, here, "phone", int(a.rng.integers(4, 16)), 25, 1.0)
        elif a.rng.random() < 0.08:
            a.series(day + 0.7, a.near(a.home, 3.0), "phone", int(a.rng.integers(1, 4)), 30, 0.3)
    return a.photos


def grandparents(seed: int) -> list[Sighting]:
    """A camera that states no offset, and a phone; twice a year some weeks with the
    child on another continent, with day trips there; at home mostly the garden."""
    a = Album(seed)
    child = a.near(HOMES[(seed + 2) % (len(HOMES) - 1)], 30.0)
    for day in range(540):
        is_there = any(first <= day < first + 24 for first in (90, 270, 455))
        base, often = (child, 0.55) if is_there else (a.home, 0.15)
        if a.rng.random() < often:
            reach = 1.0 if a.rng.random() < 0.75 else (70.0 if is_there else 25.0)
            camera = "camera" if a.rng.random() < 0.4 else "phone"
            a.series(day + float(a.rng.uniform(0.35, 0.65)), a.near(base, reach), camera,
                     int(a.rng.integers(2, 8)), 20, 0.2, offset=camera == "phone")  # fmt: skip
    return a.photos


Person = Callable[[int], list[Sighting]]

FIRST: Mapping[str, Person] = {
    "sailor": sailor,
    "studio": studio,
    "trio": trio,
    "weekender": weekender,
    "emigrant": emigrant,
}
SECOND: Mapping[str, Person] = {
    "courier": courier,
    "hiker": hiker,
    "pilot": pilot,
    "student": student,
    "coach": coach,
    "reporter": reporter,
}
THIRD: Mapping[str, Person] = {
    "nurse": nurse,
    "boarder": boarder,
    "salesman": salesman,
    "climber": climber,
    "grandparents": grandparents,
}

STRANGERS: Mapping[str, Mapping[str, Person]] = {"first": FIRST, "second": SECOND, "third": THIRD}
