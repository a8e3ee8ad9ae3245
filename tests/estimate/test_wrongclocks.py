"""Wrong clocks: one that is off is found with its evidence, a right one is left alone."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from geotagger.estimate.tracks import Tracks
from geotagger.estimate.wrongclocks import ClockEvidence, find_wrong_clock
from geotagger.tracks import clean_track

FloatArray = NDArray[np.float64]


class Life(NamedTuple):
    """Photos: POSIX times (n,) and places (n, 2) in degrees."""

    utc: FloatArray
    places: FloatArray


def laid_over(photos: Life, reference: Life, off_s: float = 0.0) -> ClockEvidence | None:
    track = clean_track("other", reference[0], *reference[1].T.copy(), np.full(len(reference[0]), 0.05))
    assert track is not None
    utc, places = photos
    return find_wrong_clock("Canon", utc - off_s, *places.T, Tracks((track,)).places_at)


def trip(rng: np.random.Generator, photos: int, days: int) -> tuple[Life, Life]:
    """Two cameras that travel together, moving by day in bouts of half an hour; the second took three
    times as many photos."""
    minutes = np.arange(days * 1440)
    by_day = (minutes % 1440 > 9 * 60) & (minutes % 1440 < 19 * 60)
    speed = np.repeat(rng.normal(0, 0.0006, (len(minutes) // 30, 2)), 30, axis=0)
    places = np.array([40.0, -3.0]) + np.cumsum(speed * by_day[:, None], axis=0)
    own, other = (np.sort(rng.choice(np.flatnonzero(by_day), n, replace=False)) for n in (photos, 3 * photos))
    own_life, other_life = (
        Life(1.5e9 + 60.0 * at, places[at] + rng.normal(0, 0.0005, (len(at), 2))) for at in (own, other)
    )
    return own_life, other_life


def townsman(rng: np.random.Generator, photos: int, days: int, spots: FloatArray) -> Life:
    """One who photographs on some days of a year and a half, an hour and longer at one spot."""
    bouts = [
        day * 86400 + rng.normal(14 * 3600, 3 * 3600, rng.integers(1, 8))
        for day in rng.choice(500, days, replace=False)
    ]
    utc = 1.5e9 + np.sort(np.concatenate(bouts))[:photos]
    at = rng.integers(0, len(spots), len(utc))
    for n in range(1, len(utc)):
        if utc[n] - utc[n - 1] < 3600:
            at[n] = at[n - 1]
    return Life(utc, spots[at] + rng.normal(0, 0.0005, (len(utc), 2)))


@pytest.mark.parametrize("off_s", [3780.0, -7 * 3600.0, 24 * 3600.0])
def test_a_wrong_clock_is_found_with_its_evidence(off_s: float) -> None:
    for seed in range(5):
        photos, reference = trip(np.random.default_rng(seed), 24, 3)
        found = laid_over(photos, reference, off_s)
        assert found is not None
        assert found.shift_s == pytest.approx(off_s, abs=600)
        assert found.median_after_km < found.median_before_km / 2
        assert str(found).startswith(f"Canon: clock is off; {'-' if off_s < 0 else '+'}")


def test_a_clock_that_is_right_on_a_trip_is_left_alone() -> None:
    for seed in range(20):
        photos, reference = trip(np.random.default_rng(seed), 24, 3)
        assert laid_over(photos, reference) is None


def test_too_few_photos_tell_nothing() -> None:
    (utc, places), reference = trip(np.random.default_rng(0), 24, 3)
    assert laid_over(Life(utc[:3], places[:3]), reference, 3780.0) is None


@pytest.mark.parametrize("shared", [False, True], ids=["own spots", "the same spots"])
def test_two_people_of_one_town_do_not_correct_each_others_clocks(shared: bool) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        spots = np.array([50.0, 8.0]) + rng.normal(0, 0.03, (24, 2))
        often = [0] * 4 + list(range(12))
        own, other = (spots[often], spots[often] if shared else spots[12:][often])
        photos, reference = townsman(rng, 60, 60, own), townsman(rng, 800, 200, other)
        assert laid_over(photos, reference) is None


def test_a_couple_that_is_often_together_keeps_its_clocks() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        spots = (np.array([50.0, 8.0]) + rng.normal(0, 0.03, (12, 2)))[[0] * 4 + list(range(12))]
        utc, places = townsman(rng, 800, 200, spots)
        beside = np.sort(rng.choice(len(utc), 30, replace=False))
        alone = townsman(rng, 30, 30, spots)
        both_utc = np.concatenate([utc[beside] + rng.normal(0, 300, 30), alone[0]])
        both_places = np.concatenate([places[beside] + rng.normal(0, 0.001, (30, 2)), alone[1]])
        order = np.argsort(both_utc)
        assert laid_over(Life(both_utc[order], both_places[order]), Life(utc, places)) is None
