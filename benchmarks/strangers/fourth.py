"""The fourth set, drawn after certainties were put right by lag and by camera."""

from collections.abc import Mapping

import numpy as np

from benchmarks.strangers.album import Person, Place
from benchmarks.strangers.diary import TOWNS, Diary, weekday
from geotagger.evaluate.trial import Sighting
from geotagger.geo import distance_km, interpolate

CRUISES: tuple[tuple[Place, ...], ...] = (
    ((41.36, 2.18), (43.31, 5.36), (44.41, 8.92), (42.09, 11.79), (40.84, 14.26), (38.13, 13.37),
     (39.21, 9.11), (39.55, 2.63), (41.36, 2.18)),
    ((25.77, -80.17), (25.08, -77.34), (19.79, -70.70), (18.46, -66.11), (18.34, -64.93), (18.02, -63.05),
     (17.30, -62.72), (13.11, -59.62), (14.60, -61.06), (25.77, -80.17)),
    ((55.70, 12.60), (54.15, 12.10), (54.39, 18.66), (57.70, 18.29), (59.44, 24.76), (60.15, 24.95),
     (59.32, 18.10), (55.70, 12.60)),
    ((49.29, -123.11), (55.34, -131.65), (58.30, -134.42), (59.45, -135.32), (57.05, -135.34),
     (48.42, -123.39), (49.29, -123.11)),
    ((1.26, 103.82), (3.00, 101.39), (5.42, 100.34), (6.31, 99.85), (7.89, 98.39), (1.26, 103.82)),
    ((-33.86, 151.21), (-37.84, 144.93), (-42.88, 147.34), (-45.80, 170.62), (-43.80, 172.96),
     (-41.28, 174.78), (-37.66, 176.18), (-36.84, 174.77)),
    ((53.54, 9.99), (58.97, 5.73), (60.39, 5.32), (62.10, 7.20), (62.47, 6.15), (69.65, 18.96),
     (68.44, 17.43), (63.43, 10.40), (53.54, 9.99)),
)  # fmt: skip
"""Ports in the order in which ships call at them."""


def birdwatcher(seed: int) -> list[Sighting]:
    """Bursts at dawn by a camera that keeps the time of home and states no offset: at four hides near home
    on weekends, and from three lodges on a far trip once a year. The phone is for the garden and the inn."""
    a = Diary(seed, 0)
    a.clocks["camera"] = a.clock_at(a.home, 0)
    hides = [a.ashore(a.home, 18.0) for _ in range(4)]
    first = a.count(120, 340)
    region = a.ashore(TOWNS[int(a.rng.integers(len(TOWNS)))], 300.0)
    lodges = [region, a.ashore(region, 100.0), a.ashore(region, 160.0)]

    def watch(day: float, place: Place, birds: int, step_km: float) -> None:
        for _ in range(birds):
            a.series(day, place, "camera", 1 + int(a.rng.geometric(0.4)), 0.06, 0.002, offset=False)
            day += float(a.rng.gamma(1.5, 14.0)) / 1440
            place = a.near(place, step_km)

    day = 0
    while day < 430:
        if day == first:
            a.fly(a.at(day, 11, a.home), a.home, region, "phone")
            for n in range(12):
                lodge = lodges[n // 4]
                today = day + 2 + n
                watch(a.at(today, a.hour(5.3, 6.5), lodge), a.near(lodge, 5.0), a.count(1, 6), 0.5)
                if a.chance(0.6):
                    a.series(a.at(today, a.hour(11, 13), lodge), lodge, "phone", a.count(1, 4), 6, 0.03)
                if a.chance(0.5):
                    watch(a.at(today, a.hour(15.5, 16.5), lodge), a.near(lodge, 8.0), a.count(1, 4), 0.4)
            a.fly(a.at(day + 14, 20, region), region, a.home, "phone")
            day += 17
            continue
        if a.chance(0.4 if weekday(day) >= 5 else 0.04):
            hide = a.one_of(hides, [0.5, 0.25, 0.15, 0.1])
            watch(a.at(day, a.hour(5.8, 8.0), a.home), a.near(hide, 0.05), a.count(1, 4), 0.1)
            if a.chance(0.3):
                a.shoot(a.at(day, a.hour(11.5, 12.5), a.home), a.near(hide, 2.0), "phone")
        elif a.chance(0.08):
            where = a.home if a.chance(0.6) else a.near(a.home, 5.0)
            a.series(a.at(day, a.hour(12, 19), a.home), where, "phone", a.count(1, 3), 5, 0.01)
        day += 1
    return a.photos


def band(seed: int) -> list[Sighting]:
    """Three tours in a van, another town each night: the road by the phone, the stage in the dark by a camera
    that states no offset, the bar after midnight. Between them a rehearsal room, and concerts nearby."""
    a = Diary(seed, 1)
    room = a.ashore(a.home, 5.0)
    tours = [a.count(30, 70), a.count(180, 230), a.count(340, 390)]

    def concert(day: int, town: Place) -> None:
        hall = a.near(town, 2.5)
        if a.chance(0.5):
            a.series(a.at(day, a.hour(17, 18.5), town), hall, "phone", a.count(1, 3), 10, 0.02)
        if a.chance(0.75):
            a.series(
                a.at(day, a.hour(20.8, 21.6), town), hall, "camera", a.count(4, 14), 6, 0.01, offset=False
            )
        if a.chance(0.45):
            a.series(a.at(day, a.hour(24.2, 25.5), town), a.near(hall, 0.6), "phone", a.count(1, 3), 7, 0.02)

    day = 0
    while day < 480:
        if day in tours:
            town, nights, heading = a.home, a.count(10, 16), a.hour(0, 360)
            for _ in range(nights):
                if a.chance(0.88):
                    heading += 360 / nights + float(a.rng.normal(0, 20))
                    to = a.beyond(town, heading, a.hour(80, 340))
                    a.ride(a.at(day, a.hour(10, 11.5), town), town, to, 68, "phone", int(a.rng.poisson(1.5)))
                    town = to
                    concert(day, town)
                elif a.chance(0.7):
                    a.series(
                        a.at(day, a.hour(12, 17), town), a.near(town, 1.5), "phone", a.count(2, 7), 18, 0.4
                    )
                day += 1
            a.ride(a.at(day, 9, town), town, a.home, 72, "phone", a.count(0, 4))
            day += 2
            continue
        if weekday(day) == 2 and a.chance(0.35):
            a.series(a.at(day, a.hour(19.5, 22), room), room, "phone", a.count(1, 4), 15, 0.003)
        elif weekday(day) == 5 and a.chance(0.12):
            concert(day, a.ashore(a.home, 60.0))
        elif a.chance(0.06):
            a.series(a.at(day, a.hour(13, 23), a.home), a.near(a.home, 4.0), "phone", a.count(1, 3), 20, 0.2)
        day += 1
    return a.photos


def watchman(seed: int) -> list[Sighting]:
    """Five nights of nine at two of five sites: doors and meters by the firm's phone, which states no offset,
    for the report. The own phone sleeps until afternoon; once a year it goes home by coach for four weeks."""
    a = Diary(seed, 2)
    sites = [a.ashore(a.home, 12.0) for _ in range(5)]
    village = a.beyond(a.home, a.hour(0, 360), a.hour(500, 1100))
    leave = a.count(100, 300)
    day = 0
    while day < 400:
        if day == leave:
            a.ride(a.at(day, 17, a.home), a.home, village, 58, "phone", a.count(3, 8))
            for n in range(2, 26):
                if a.chance(0.45):
                    where = a.near(village, 0.8 if a.chance(0.75) else 25.0)
                    a.series(a.at(day + n, a.hour(9, 20), village), where, "phone", a.count(1, 6), 18, 0.1)
            a.ride(a.at(day + 27, 15, village), village, a.home, 58, "phone", a.count(1, 5))
            day += 29
            continue
        if day % 9 < 5 and a.chance(0.5):
            start, pair = a.hour(21.5, 23.0), a.rng.choice(5, 2, replace=False, p=[0.4, 0.25, 0.15, 0.1, 0.1])
            for part, site in enumerate(pair.tolist()):
                if a.chance(0.75):
                    begin = a.at(day, start + 3.5 * part + a.hour(0, 1.5), a.home)
                    a.series(begin, sites[site], "firm", a.count(2, 5), 9, 0.06, offset=False)
            if a.chance(0.15):
                a.shoot(a.at(day, a.hour(29.3, 30.3), a.home), a.near(sites[int(pair[1])], 0.1), "phone")
        elif a.chance(0.3 if day % 9 >= 5 else 0.08):
            reach = 0.5 if a.chance(0.5) else 9.0
            a.series(
                a.at(day, a.hour(14, 20), a.home), a.near(a.home, reach), "phone", a.count(1, 4), 25, 0.2
            )
        day += 1
    return a.photos


def railwayman(seed: int) -> list[Sighting]:
    """Two lines from one depot, out and back on a duty, early in one week and late in the next, a night at
    the far end now and then: photos in stations and where trains meet. Old engines by a camera on Sundays."""
    a = Diary(seed, 3)
    depot, heading = a.ashore(a.home, 6.0), a.hour(0, 360)
    long_line = a.beyond(depot, heading, a.hour(170, 260))
    short_line = a.beyond(depot, heading + a.hour(80, 200), a.hour(70, 130))

    def drive(begin: float, start: Place, end: Place, stops: int, mean: float) -> float:
        days = float(distance_km(*start, *end)) / 80 / 24
        for _ in range(int(a.rng.poisson(mean))):
            part = a.count(1, stops) / (stops + 1) if a.chance(0.75) else a.hour(0, 1)
            lat, lng = interpolate(*start, *end, part)
            a.series(begin + part * days, (float(lat), float(lng)), "phone", a.count(1, 2), 0.7, 0.02)
        return begin + days

    for day in range(430):
        duty = weekday(day) < 5 if day // 7 % 2 else weekday(day) not in (1, 2)
        if duty and a.chance(0.38):
            end = long_line if a.chance(0.65) else short_line
            hour = a.hour(4.5, 6.0) if day // 7 % 2 else a.hour(12.5, 14.0)
            arrival = drive(a.at(day, hour, depot), depot, end, 7, 1.0)
            if a.chance(0.4):
                a.series(arrival + 0.4 / 24, a.near(end, 0.3), "phone", a.count(1, 4), 6, 0.05)
            if a.chance(0.8):
                drive(arrival + 1.1 / 24, end, depot, 7, 0.8)
            elif a.chance(0.7):
                a.series(arrival + 2.5 / 24, a.near(end, 1.0), "phone", a.count(1, 3), 15, 0.2)
                drive(arrival + 12 / 24, end, depot, 7, 0.8)
        elif weekday(day) == 6 and not duty and a.chance(0.4):
            shed = a.ashore(a.home, 80.0)
            a.series(a.at(day, a.hour(10, 13), shed), shed, "camera", a.count(8, 30), 4, 0.05, offset=False)
        elif not duty and a.chance(0.15):
            a.series(a.at(day, a.hour(10, 20), a.home), a.near(a.home, 3.0), "phone", a.count(1, 3), 20, 0.1)
    return a.photos


def passenger(seed: int) -> list[Sighting]:
    """Three cruises in two years: a port by day, the sea by night. The camera is used on journeys only and
    keeps the time of home, without stating it; the phone is everywhere, and has few photos at home."""
    a = Diary(seed, 4)
    a.clocks["camera"] = a.clock_at(a.home, 0)
    starts = [a.count(60, 120), a.count(280, 340), a.count(520, 580)]
    day = 0
    while day < 690:
        if day in starts:
            ports = CRUISES[int(a.rng.integers(len(CRUISES)))]
            a.fly(a.at(day, a.hour(9, 14), a.home), a.home, ports[0], "phone")
            day += 2
            for port, next_port in zip(ports, (*ports[1:], None), strict=True):
                begin = a.at(day, a.hour(8.5, 10), port)
                if a.chance(0.35):
                    sight = a.ashore(port, 35.0)
                    a.series(begin + 1.5 / 24, sight, "camera", a.count(5, 16), 5, 0.15, offset=False)
                    a.series(begin + 1.6 / 24, sight, "phone", a.count(0, 4), 15, 0.15)
                else:
                    walk = a.near(port, 1.5)
                    a.series(begin, walk, "camera", a.count(6, 20), 9, 0.2, offset=False)
                    a.series(begin + 0.5 / 24, walk, "phone", a.count(0, 5), 25, 0.25)
                if next_port is None:
                    break
                departure = a.at(day, 18, port)
                if a.chance(0.5):
                    a.series(departure + 0.3 / 24, a.near(port, 3.0), "phone", a.count(1, 3), 4, 0.4)
                km = float(distance_km(*port, *next_port))
                sea_days = max(0, int(np.ceil((km * 1.15 / 36 - 14) / 24)))
                kmh = km / (14 + 24 * sea_days)
                a.ride(departure, port, next_port, kmh, "phone", int(a.rng.poisson(0.4 + 1.5 * sea_days)))
                shots = int(a.rng.poisson(2.0 * sea_days))
                a.ride(departure, port, next_port, kmh, "camera", shots, offset=False)
                day += 1 + sea_days
            a.fly(a.at(day + 1, a.hour(10, 16), ports[-1]), ports[-1], a.home, "phone")
            day += 4
            continue
        if a.chance(0.09):
            reach = 0.3 if a.chance(0.4) else 7.0
            a.series(
                a.at(day, a.hour(10, 19), a.home), a.near(a.home, reach), "phone", a.count(1, 3), 20, 0.1
            )
        day += 1
    return a.photos


def parents(seed: int) -> list[Sighting]:
    """Two phones: afternoons after school, matches on Saturdays, outings on Sundays, and he is on business
    elsewhere now and then. With the grandparents in another time zone in summer, where he follows two weeks
    after her, and at New Year; a camera that states no offset, set to the place, comes along."""
    a = Diary(seed, 5)
    school, club = a.near(a.home, 1.5), a.ashore(a.home, 7.0)
    away = [town for town in TOWNS if a.clock_at(town, 0) != a.clock_at(a.home, 0)]
    old_home = a.ashore(away[int(a.rng.integers(len(away)))], 40.0)
    visits = [(a.count(115, 140), 23, 14), (a.count(292, 297), 13, 0)]
    business, until = a.home, 0
    her_first, her_last, his_first = 0, 0, 0
    for day in range(420):
        for first, days, later in visits:
            if day == first:
                her_first, her_last, his_first = first, first + days, first + later
                a.fly(a.at(day, a.hour(9, 13), a.home), a.home, old_home, "hers")
            if day == first + later and later:
                a.fly(a.at(day, a.hour(9, 13), a.home), a.home, old_home, "his")
            if day == first + days:
                a.fly(a.at(day, a.hour(9, 13), old_home), old_home, a.home, "hers")
        if her_first <= day < her_last:
            if day < her_first + 2:
                continue
            where = a.near(old_home, 0.2) if a.chance(0.6) else a.ashore(old_home, 35.0)
            begin = a.at(day, a.hour(10, 18), where)
            if a.chance(0.55):
                a.series(begin, where, "hers", a.count(1, 6), 15, 0.1)
            if a.chance(0.25):
                a.series(begin + 0.2 / 24, where, "camera", a.count(3, 12), 5, 0.1, offset=False)
            if day >= his_first + 2:
                if a.chance(0.4):
                    a.series(begin + 0.1 / 24, where, "his", a.count(1, 4), 15, 0.1)
            elif day < his_first and a.chance(0.1):
                a.shoot(a.at(day, a.hour(18, 22), a.home), a.near(a.home, 4.0), "his")
            continue
        if day < her_last + 2 and her_last:
            continue
        if day >= until and weekday(day) < 3 and a.chance(0.05):
            business, until = a.beyond(a.home, a.hour(0, 360), a.hour(150, 800)), day + a.count(2, 3)
        if day < until and a.chance(0.5):
            a.series(
                a.at(day, a.hour(11, 22), business), a.near(business, 3.0), "his", a.count(1, 3), 40, 0.4
            )
        if weekday(day) < 5:
            if a.chance(0.2):
                where = a.one_of([a.home, school, a.near(a.home, 4.0)], [0.5, 0.2, 0.3])
                a.series(a.at(day, a.hour(15.5, 20), a.home), where, "hers", a.count(1, 4), 12, 0.05)
            if day >= until and a.chance(0.08):
                a.series(a.at(day, a.hour(18, 21), a.home), a.home, "his", a.count(1, 2), 5, 0.01)
        elif a.chance(0.4):
            where = club if weekday(day) == 5 and a.chance(0.6) else a.ashore(a.home, 40.0)
            begin = a.at(day, a.hour(9.5, 15), a.home)
            a.series(begin, where, "hers", a.count(1, 5), 14, 0.12)
            if a.chance(0.6):
                a.series(begin + a.hour(0, 0.5) / 24, where, "his", a.count(1, 4), 14, 0.12)
    return a.photos


FOURTH: Mapping[str, Person] = {
    "birdwatcher": birdwatcher,
    "band": band,
    "watchman": watchman,
    "railwayman": railwayman,
    "passenger": passenger,
    "parents": parents,
}
