"""Time itself is uncertain: the hour that comes twice, a zone that is guessed, no time at all."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from geotagger.estimate.clock import (
    BARE_DATE_ERROR_S,
    FAR_ZONE_ERROR_S,
    UNKNOWN_ZONE_ERROR_S,
    Clocked,
    ClockReader,
    Reading,
    moments_of,
    resolve_times,
)
from geotagger.estimate.learning import learn_movement
from geotagger.estimate.timeline import Evidence, PhotoRecord, estimate_stream, estimates, recorded_fix
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Estimate, Fix, Observation
from geotagger.geo import distance_km
from geotagger.tracks import clean_track

FIRST_PASS = datetime(2024, 10, 27, 0, 30, tzinfo=UTC).timestamp()
"""02:30 in Cologne, for the first time."""
COLOGNE, BONN = (50.94, 6.96), (50.73, 7.10)


def test_the_hour_that_comes_twice_has_two_times() -> None:
    neighbour = Clocked(datetime(2024, 10, 26, 20, 0), None, None, "phone", *COLOGNE)
    asked = Clocked(datetime(2024, 10, 27, 2, 30), None, None, "phone")
    later = Clocked(datetime(2024, 10, 27, 3, 30), None, None, "phone")
    stated = Clocked(datetime(2024, 10, 27, 2, 30), timedelta(hours=2), None, "phone")
    reader = ClockReader([neighbour, asked, later, stated])
    twice, once, told = map(reader.read, (asked, later, stated))
    assert _moments(twice) == ((FIRST_PASS, 0.5), (FIRST_PASS + 3600, 0.5))
    assert "in the hour that it repeats" in twice.source
    assert _moments(once) == ((once.utc, 1.0),)
    assert _moments(told) == ((FIRST_PASS, 1.0),)


def _moments(reading: Reading) -> tuple[tuple[float, float], ...]:
    return moments_of(reading.utc, reading.error_s, reading.other_utc)


def test_lord_howe_repeats_half_an_hour() -> None:
    there = Clocked(datetime(2023, 4, 1, 20, 0), None, None, "phone", -31.55, 159.08)
    asked = Clocked(datetime(2023, 4, 2, 1, 45), None, None, "phone")
    before = Clocked(datetime(2023, 4, 2, 1, 15), None, None, "phone")
    reader = ClockReader([there, asked, before])
    (first, _), (second, _) = _moments(reader.read(asked))
    assert second - first == 1800
    assert len(_moments(reader.read(before))) == 1


@pytest.mark.parametrize("created", [datetime(1970, 1, 1, 12), datetime(2099, 6, 1, 12)])
@pytest.mark.parametrize("films", [{}, {"phone": True}, {"phone": False}])
def test_a_film_whose_date_is_not_believed_has_no_time(created: datetime, films: dict[str, bool]) -> None:
    film = Clocked(created, None, created, "phone", either=True)
    reading = ClockReader([film]).read(film, films=films)
    assert np.isnan(reading.utc)
    assert reading.other_utc is None


def test_a_date_without_an_hour_is_a_day() -> None:
    zone = timedelta(hours=2)
    bare, midnight = Clocked(datetime(2024, 6, 1), zone), Clocked(datetime(2024, 6, 1, 0, 0, 1), zone)
    times = resolve_times([bare, midnight])
    day = (datetime(2024, 6, 1, tzinfo=UTC) - zone).timestamp()
    moments = [moment - day for moment, _ in moments_of(times.utc[0], times.error_s[0])]
    assert min(moments) > 0
    assert 12 * 3600 < max(moments) < 24 * 3600
    assert times.utc[1] == day + 1
    assert times.error_s[1] < 60
    stamped = Clocked(datetime(2024, 6, 1), zone, datetime(2024, 5, 31, 22, 0))
    assert resolve_times([stamped]).utc[0] == day


@pytest.mark.parametrize("error_s", [FAR_ZONE_ERROR_S, UNKNOWN_ZONE_ERROR_S])
def test_the_times_spread_as_far_as_the_error_says(error_s: float) -> None:
    times, shares = np.array(moments_of(1e9, error_s)).T
    assert shares.sum() == pytest.approx(1.0)
    middle = float(times @ shares)
    assert float(np.square(times - middle) @ shares) ** 0.5 == pytest.approx(error_s, rel=1e-6)


def _on_the_way(speed_km_h: float) -> Tracks:
    """A track of a day."""
    utc = FIRST_PASS + np.arange(0.0, 24 * 3600, 120)
    lng = COLOGNE[1] + (utc - FIRST_PASS) / 3600 * speed_km_h / 70
    track = clean_track("way", utc, np.full(len(utc), COLOGNE[0]), lng, np.full(len(utc), 0.01))
    assert track is not None
    return Tracks((track,))


def test_a_track_places_a_photo_of_uncertain_time_only_where_it_stayed() -> None:
    noon = FIRST_PASS + 12 * 3600
    moving, resting = _on_the_way(40.0), _on_the_way(0.001)
    assert recorded_fix(moving, noon, 60.0, None) is not None
    assert recorded_fix(moving, noon, 60.0, noon + 3600) is None
    assert recorded_fix(moving, noon, BARE_DATE_ERROR_S, None) is None
    for other in (None, noon + 3600):
        fix = recorded_fix(resting, noon, BARE_DATE_ERROR_S, other)
        assert fix is not None
        assert distance_km(fix.latitude, fix.longitude, *COLOGNE) < 1


def test_points_of_a_track_speak_for_all_hours_of_a_date() -> None:
    """Neither noon nor any other hour is told by a date alone."""
    photo = PhotoRecord(0, FIRST_PASS + 12 * 3600, BARE_DATE_ERROR_S, "camera")
    said = estimates(Evidence(tracks=_on_the_way(40.0)), [photo])[0]
    assert said is not None
    assert said.confidence < 0.3


def _between_two_towns(error_s: float, other_utc: float | None = None) -> Estimate:
    """One fix at the first pass and one at the second, 25 km apart; a photo at either."""
    fixes = [
        Observation(
            n,
            FIRST_PASS + 3600 * (n // 5) + 60 * (n % 5),
            "phone",
            Fix(*(COLOGNE, BONN)[n // 5], 0.01, "camera"),
        )
        for n in range(10)
    ]
    learned = learn_movement([], [], [])
    said = estimate_stream(
        [*fixes, Observation(99, FIRST_PASS + 130, "phone", utc_error_s=error_s, other_utc=other_utc)],
        learned,
    )[-1]
    assert said is not None
    return said


def test_the_certainty_says_that_an_hour_came_twice() -> None:
    known, twice = _between_two_towns(2.0), _between_two_towns(60.0, FIRST_PASS + 3730)
    assert known.confidence > 0.9
    assert known.radius_km < 5
    assert distance_km(known.latitude, known.longitude, *COLOGNE) < 3
    assert twice.radius_km > 20 or twice.confidence < 0.6


def test_a_zone_that_is_guessed_makes_less_certain() -> None:
    known, guessed = _between_two_towns(2.0), _between_two_towns(UNKNOWN_ZONE_ERROR_S)
    assert guessed.radius_km > known.radius_km


def test_a_photo_without_a_time_may_be_where_nobody_has_been() -> None:
    """The fewer the visits, the likelier."""
    certain = []
    for days in (1, 4, 60):
        t = 1.6e9 + 86400.0 * np.arange(days)
        learned = learn_movement(t, np.full(days, 50.94), np.full(days, 6.96), ["phone"] * days)
        said = estimate_stream([Observation(0, None, "camera")], learned)[0]
        assert said is not None
        certain.append(said.confidence)
    assert certain[0] < 0.6
    assert certain[0] < certain[1] < certain[2]
    assert certain[2] > 0.8


@pytest.mark.parametrize("other_utc", [None, FIRST_PASS + 900])
def test_a_photo_of_uncertain_time_leaves_those_beside_it_as_sharp(other_utc: float | None) -> None:
    """Two phones that go together, a photo of each; the clock of one is read by a zone that is guessed."""
    minutes = ((0, "one"), (20, "one"), (8, "other"), (66, "other"), (-1500, "other"))
    fixes = [
        Observation(n, FIRST_PASS + 60 * at, camera, Fix(COLOGNE[0] + 1e-4 * at, COLOGNE[1], 0.01, "camera"))
        for n, (at, camera) in enumerate(minutes)
    ]
    learned = learn_movement(
        [fix.utc for fix in fixes],
        [COLOGNE[0] + 1e-4 * at for at, _ in minutes],
        [COLOGNE[1]] * len(fixes),
        [camera for _, camera in minutes],
    )
    sure = Observation(98, FIRST_PASS + 600, "one", utc_error_s=2.0)
    guessed = Observation(99, FIRST_PASS + 700, "other", utc_error_s=FAR_ZONE_ERROR_S, other_utc=other_utc)
    alone = estimate_stream([*fixes, sure], learned)[-1]
    beside, uncertain = estimate_stream([*fixes, sure, guessed], learned)[-2:]
    assert alone is not None
    assert beside is not None
    assert uncertain is not None
    assert (beside.radius_km, beside.confidence) == pytest.approx((alone.radius_km, alone.confidence))
    assert alone.radius_km < uncertain.radius_km
    assert uncertain.confidence > 0.93
