"""Archives of people who do not exist, each kind with habits of its own.

`life` has a home, a place of work, weekends about and holidays far away; `commuter` two places, bursts and
few long journeys; `pair` shares two cameras that do not always travel together; `traveller` takes few
photos, hardly two in one place; `driver` is on the road for weeks; `family` has two phones and a camera
that goes with either; `flyer` is in another city every other week; `changer` buys a new phone; `misset`
carries a camera that stays on the time of home; `walker` goes through a city on foot, with a receiver that
is ten metres off, and at times still where it was. None is drawn from the model of docs/evidence.md: steps,
pauses and tails come from other families, so that certainties have something to fail on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.clock import Clocked
from geotagger.evaluate.trial import Sighting
from geotagger.geo import destination
from geotagger.zones import offset_at

HOMES = ((50.94, 6.96), (35.68, 139.69), (-33.87, 151.21), (40.71, -74.0), (-16.5, 179.9))
START = datetime(2023, 3, 1, tzinfo=UTC)

Place = tuple[float, float]


def life(seed: int, days: int = 400, cameras: int = 1, offsets: bool = True) -> list[Sighting]:
    """A year or so: photos on some days; a holiday now and then, when many are taken."""
    rng = np.random.default_rng(seed)
    home = HOMES[seed % len(HOMES)]
    work = _beside(rng, home, 8.0)
    friends = [_beside(rng, home, float(rng.lognormal(3.0, 1.0))) for _ in range(6)]
    away: Place | None = None
    left = 0
    sightings: list[Sighting] = []
    for day in range(days):
        if left == 0:
            away = None
            if rng.random() < 0.03:
                away = _beside(rng, home, float(rng.lognormal(6.2, 1.2)))
                left = int(rng.integers(2, 12))
        else:
            left -= 1
            if away is not None and rng.random() < 0.3:
                away = _beside(rng, away, float(rng.lognormal(4.0, 0.8)))
        if rng.random() > (0.8 if away is not None else 0.25):
            continue
        base = away or (home, work, friends[int(rng.integers(6))])[int(rng.choice(3, p=[0.5, 0.2, 0.3]))]
        moment = START + timedelta(days=day, hours=float(rng.uniform(8, 18)))
        place = _beside(rng, base, float(rng.exponential(1.5)))
        for _ in range(1 + int(rng.geometric(0.25 if away is not None else 0.5))):
            sightings.append(
                _sighting(len(sightings), moment, place, f"camera {rng.integers(cameras)}", offsets)
            )
            pause = float(rng.exponential(1800))
            moment += timedelta(seconds=pause)
            place = _beside(rng, place, float(rng.exponential(1.2)) * min(pause / 1800, 3))
    return sightings


def commuter(seed: int, days: int = 500) -> list[Sighting]:
    """Home and an office thirty kilometres away, bursts of a few seconds, and every few months a flight
    to another continent, from which one comes back overnight."""
    rng = np.random.default_rng(seed)
    home = HOMES[seed % len(HOMES)]
    office = _beside(rng, home, 30.0)
    journeys = set(rng.choice(days - 20, 4, replace=False).tolist())
    sightings: list[Sighting] = []
    abroad: Place | None = None
    until = 0
    for day in range(days):
        if day in journeys:
            abroad, until = _beside(rng, home, float(rng.uniform(3000, 9000))), day + int(rng.integers(5, 14))
        if day >= until:
            abroad = None
        if rng.random() > (0.9 if abroad else 0.35):
            continue
        moment = START + timedelta(days=day, hours=float(rng.normal(12, 3)))
        for _ in range(int(rng.integers(1, 4))):
            at_office = day % 7 < 5 and rng.random() < 0.6
            base = abroad or (office if at_office else home)
            place = _beside(rng, base, float(rng.gamma(2.0, 4.0 if abroad else 0.3)))
            for shot in range(int(rng.integers(1, 5))):
                taken = moment + timedelta(seconds=2 * shot)
                sightings.append(_sighting(len(sightings), taken, place, "phone", True))
            moment += timedelta(hours=float(rng.uniform(0.5, 5)))
    return sightings


def pair(seed: int, days: int = 450) -> list[Sighting]:
    """Two people and one archive. The phone is at home most days; the camera, whose clock writes no
    offset, comes out on holidays, and half of those its owner takes alone."""
    rng = np.random.default_rng(seed)
    home = HOMES[seed % len(HOMES)]
    haunts = [_beside(rng, home, float(rng.lognormal(1.5, 1.0))) for _ in range(4)]
    sightings: list[Sighting] = []
    left, abroad, together = 0, home, False
    for day in range(days):
        if left == 0 and rng.random() < 0.04:
            left, together = int(rng.integers(2, 10)), bool(rng.random() < 0.5)
            abroad = _beside(rng, home, float(rng.lognormal(5.5, 1.0)))
        out = left > 0
        left = max(left - 1, 0)
        if rng.random() < 0.3 or (out and together):
            base = abroad if out and together else haunts[int(rng.integers(4))]
            _roam(rng, sightings, day, base, "phone", True, 0.6)
        if out and rng.random() < 0.8:
            _roam(rng, sightings, day, abroad, "camera", False, 3.0)
    return sightings


def traveller(seed: int, days: int = 900) -> list[Sighting]:
    """One photo every few days, hardly ever twice in one place, and jumps of hundreds of kilometres."""
    rng = np.random.default_rng(seed)
    place = HOMES[seed % len(HOMES)]
    sightings: list[Sighting] = []
    day = 0.0
    while day < days:
        for _ in range(int(rng.geometric(0.7))):
            moment = START + timedelta(days=day, hours=float(rng.uniform(0, 5)))
            sightings.append(_sighting(len(sightings), moment, place, "camera", True))
        day += float(rng.weibull(0.7) * 3.0)
        place = _beside(rng, place, float(rng.pareto(0.9) * 8.0))
    return sightings


def driver(seed: int, days: int = 60) -> list[Sighting]:
    """Weeks on the road: a photo every hour or two of driving, then a night in one place."""
    rng = np.random.default_rng(seed)
    place = HOMES[seed % len(HOMES)]
    heading = float(rng.uniform(0, 360))
    sightings: list[Sighting] = []
    for day in range(days):
        moment = START + timedelta(days=day, hours=8)
        heading += float(rng.normal(0, 50))
        for _ in range(int(rng.integers(2, 8))):
            hours = float(rng.uniform(0.3, 2.5))
            speed = float(rng.choice([3.0, 60.0, 90.0], p=[0.4, 0.4, 0.2]))
            lat, lng = destination(*place, heading + float(rng.normal(0, 20)), hours * speed)
            place = float(lat), float(lng)
            moment += timedelta(hours=hours)
            for shot in range(int(rng.integers(1, 3))):
                sightings.append(
                    _sighting(len(sightings), moment + timedelta(seconds=20 * shot), place, "camera", True)
                )
    return sightings


def family(seed: int, days: int = 300) -> list[Sighting]:
    """Two phones that live their own days in one town, a camera without offsets that one of them carries, and
    holidays that they share, or that one takes alone."""
    rng = np.random.default_rng(seed)
    home = HOMES[seed % len(HOMES)]
    haunts = [[_beside(rng, home, float(rng.lognormal(1.8, 1.0))) for _ in range(4)] for _ in range(2)]
    sightings: list[Sighting] = []
    left, abroad, goes = 0, home, (True, True)
    for day in range(days):
        if left == 0 and rng.random() < 0.05:
            left, abroad = int(rng.integers(2, 11)), _beside(rng, home, float(rng.lognormal(6.0, 1.3)))
            alone = int(rng.integers(2))
            goes = (True, True) if rng.random() < 0.6 else (alone == 0, alone == 1)
        away, left = left > 0, max(left - 1, 0)
        day_of = _beside(rng, abroad, float(rng.exponential(8.0)))
        for person in range(2):
            out = away and goes[person]
            base = day_of if out else haunts[person][int(rng.integers(4))]
            if rng.random() < (0.7 if out else 0.2):
                _roam(rng, sightings, day, base, f"phone {person}", True, 1.5 if out else 0.5)
            if rng.random() < (0.5 if out else 0.02):
                _roam(rng, sightings, day, base, "camera", False, 1.5)
    return sightings


def flyer(seed: int, days: int = 400) -> list[Sighting]:
    """Home every other week; between, two or three days in one of a dozen far cities, some more than once."""
    rng = np.random.default_rng(seed)
    home = HOMES[seed % len(HOMES)]
    cities = [_beside(rng, home, float(rng.uniform(300, 9000))) for _ in range(12)]
    sightings: list[Sighting] = []
    day = 0
    while day < days:
        for _ in range(int(rng.integers(4, 12))):
            if rng.random() < 0.25:
                _roam(
                    rng, sightings, day, _beside(rng, home, float(rng.exponential(4.0))), "phone", True, 0.4
                )
            day += 1
        city = cities[min(int(rng.geometric(0.15)) - 1, 11)]
        for _ in range(int(rng.integers(1, 4))):
            if rng.random() < 0.6:
                _roam(
                    rng, sightings, day, _beside(rng, city, float(rng.exponential(3.0))), "phone", True, 0.8
                )
            day += 1
    return sightings


def changer(seed: int) -> list[Sighting]:
    """A life whose phone is another one from its middle on."""
    photos = life(seed)
    half = len(photos) // 2
    return [replace(p, clocked=replace(p.clocked, camera="new phone")) if n >= half else p
            for n, p in enumerate(photos)]  # fmt: skip


def misset(seed: int) -> list[Sighting]:
    """A life in which every third outing is taken with a camera that writes the time and the offset of home,
    wherever it is."""
    photos = life(seed)
    offset = photos[0].clocked.offset or timedelta(0)
    turned = []
    for p in photos:
        c = p.clocked
        if c.local is not None and c.offset is not None and c.local.toordinal() % 3 == 0:
            p = replace(
                p, clocked=replace(c, local=c.local - c.offset + offset, offset=offset, camera="camera")
            )
        turned.append(p)
    return turned


def walker(seed: int, days: int = 25) -> list[Sighting]:
    """Walks of one to five km/h with a stop at two of five photos. The receiver is some ten metres off; of
    one photo in thirty it tells the place that it had before."""
    rng = np.random.default_rng(seed)
    home = HOMES[seed % len(HOMES)]
    sightings: list[Sighting] = []
    for day in range(0, 3 * days, 3):
        moment = START + timedelta(days=day + int(rng.integers(2)), hours=float(rng.uniform(7, 12)))
        place = seen = _beside(rng, home, float(rng.exponential(5.0)))
        heading = float(rng.uniform(0, 360))
        for _ in range(int(rng.integers(5, 25))):
            stands = rng.random() < 0.4
            pause = float(rng.uniform(5, 60)) if stands else float(rng.exponential(240))
            moment += timedelta(seconds=pause)
            heading += float(rng.normal(0, 40))
            step = 0.0 if stands else pause / 3600 * float(rng.uniform(1, 5))
            lat, lng = destination(*place, heading, step)
            place = float(lat), float(lng)
            seen = seen if rng.random() < 1 / 30 else place
            shown = _beside(rng, seen, abs(float(rng.normal(0, 0.011))))
            sightings.append(_sighting(len(sightings), moment, shown, "phone", True))
    return sightings


PEOPLE: Mapping[str, Callable[[int], list[Sighting]]] = {
    "life": life,
    "commuter": commuter,
    "pair": pair,
    "traveller": traveller,
    "driver": driver,
    "family": family,
    "flyer": flyer,
    "changer": changer,
    "misset": misset,
    "walker": walker,
}


def _roam(
    rng: np.random.Generator,
    sightings: list[Sighting],
    day: int,
    base: Place,
    camera: str,
    offsets: bool,
    step_km: float,
) -> None:
    moment = START + timedelta(days=day, hours=float(rng.uniform(7, 16)))
    place = _beside(rng, base, float(rng.exponential(step_km)))
    for _ in range(int(rng.geometric(0.3))):
        sightings.append(_sighting(len(sightings), moment, place, camera, offsets))
        moment += timedelta(seconds=float(rng.lognormal(6.0, 1.5)))
        place = _beside(rng, place, float(rng.exponential(step_km / 2)))


def _sighting(number: int, moment: datetime, place: Place, camera: str, offsets: bool) -> Sighting:
    offset = offset_at(*place, moment.timestamp()) or timedelta(0)
    local = (moment + offset).replace(tzinfo=None)
    return Sighting(f"{number:05}", Clocked(local, offset if offsets else None, None, camera, *place))


def _beside(rng: np.random.Generator, place: Place, km: float) -> Place:
    lat, lng = destination(*place, rng.uniform(0, 360), min(km, 15_000.0))
    return float(lat), float(lng)


def columns(sightings: list[Sighting]) -> tuple[NDArray[np.float64], ...]:
    """utc, lat, lng of the placed ones."""
    rows = [
        (
            (s.clocked.local - (s.clocked.offset or timedelta(0))).replace(tzinfo=UTC).timestamp(),
            s.clocked.latitude,
            s.clocked.longitude,
        )
        for s in sightings
        if s.clocked.local is not None
    ]
    return tuple(np.array(rows, dtype=np.float64).T)
