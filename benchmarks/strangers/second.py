"""The second set, drawn by somebody who had not seen how the first came out."""

from collections.abc import Mapping

from benchmarks.strangers.album import Album, Person, Place
from geotagger.evaluate.trial import Sighting
from geotagger.geo import destination
from tests.estimate.archives import HOMES


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


SECOND: Mapping[str, Person] = {
    "courier": courier,
    "hiker": hiker,
    "pilot": pilot,
    "student": student,
    "coach": coach,
    "reporter": reporter,
}
