"""The third set, drawn after what came of the first and before anything was tried on it."""

from collections.abc import Mapping

from benchmarks.strangers.album import Album, Person
from geotagger.evaluate.trial import Sighting
from geotagger.geo import destination
from tests.estimate.archives import HOMES


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


THIRD: Mapping[str, Person] = {
    "nurse": nurse,
    "boarder": boarder,
    "salesman": salesman,
    "climber": climber,
    "grandparents": grandparents,
}
