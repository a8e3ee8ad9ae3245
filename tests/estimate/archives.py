"""Archives of people who do not exist: a home, a place of work, weekends about, holidays far away."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.clock import Clocked, offset_at
from geotagger.estimate.evaluation import Sighting
from geotagger.geo import destination

HOMES = ((50.94, 6.96), (35.68, 139.69), (-33.87, 151.21), (40.71, -74.0), (-16.5, 179.9))


def life(seed: int, days: int = 400, cameras: int = 1, offsets: bool = True) -> list[Sighting]:
    """A year or so: photos on some days; a holiday now and then, when many are taken."""
    rng = np.random.default_rng(seed)
    home = HOMES[seed % len(HOMES)]
    work = _beside(rng, home, 8.0)
    friends = [_beside(rng, home, float(rng.lognormal(3.0, 1.0))) for _ in range(6)]
    away: tuple[float, float] | None = None
    left = 0
    start = datetime(2023, 3, 1, tzinfo=UTC)
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
        moment = start + timedelta(days=day, hours=float(rng.uniform(8, 18)))
        place = _beside(rng, base, float(rng.exponential(1.5)))
        for _ in range(1 + int(rng.geometric(0.25 if away is not None else 0.5))):
            sightings.append(
                _sighting(len(sightings), moment, place, f"camera {rng.integers(cameras)}", offsets)
            )
            pause = float(rng.exponential(1800))
            moment += timedelta(seconds=pause)
            place = _beside(rng, place, float(rng.exponential(1.2)) * min(pause / 1800, 3))
    return sightings


def _sighting(
    number: int, moment: datetime, place: tuple[float, float], camera: str, offsets: bool
) -> Sighting:
    offset = offset_at(*place, moment.timestamp()) or timedelta(0)
    local = (moment + offset).replace(tzinfo=None)
    return Sighting(f"{number:05}", Clocked(local, offset if offsets else None, None, camera, *place))


def _beside(rng: np.random.Generator, place: tuple[float, float], km: float) -> tuple[float, float]:
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
