"""Fixes err too: what is stale, repeated for hours or out of reach says less of the photos beside it."""

from dataclasses import replace

import pytest

from geotagger.estimate.doubts import USUAL_DOUBT
from geotagger.estimate.timeline import Evidence, PhotoRecord, estimates, learned_from, surrounded
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Estimate, Fix, FixSeries
from geotagger.geo import distance_km
from geotagger.index.photos import IndexedPhoto
from geotagger.tag.standing import EvidenceToday

NOON = 1.75e9 - 1.75e9 % 86400 + 43200
COLOGNE, MUNICH = (50.94, 6.96), (48.14, 11.58)
MINUTE, HOUR = 60.0, 3600.0


def fixed(
    key: int,
    at_s: float,
    place: tuple[float, float] = COLOGNE,
    age_s: float | None = 1.0,
    error_km: float = 0.01,
    offset_s: float | None = 7200.0,
) -> PhotoRecord:
    """A photo with a camera's place, whose receiver saw it so long before."""
    utc = NOON + at_s
    return PhotoRecord(
        key, utc, 2.0, "Acme", offset_s, Fix(*place, error_km, "camera"),
        stamp_utc=None if age_s is None else utc - age_s,
    )  # fmt: skip


def said_of(photos: list[PhotoRecord], at_s: float) -> Estimate:
    """What is said of a photo without a place at that time."""
    asked = PhotoRecord(999, NOON + at_s, 2.0, "Acme", 7200.0)
    fixes = FixSeries.of(photos)
    said = estimates(Evidence(fixes, learned_from(fixes)), [*photos, asked])[-1]
    assert said is not None
    return said


def test_a_fix_speaks_from_when_its_stamp_says_it_was_made() -> None:
    fresh = said_of([fixed(1, 0.0)], 2 * MINUTE)
    stale = said_of([fixed(1, 0.0, age_s=2 * HOUR + 300)], 2 * MINUTE)
    as_old = said_of([fixed(1, -2 * HOUR - 300)], 2 * MINUTE)
    assert fresh.radius_km < 2
    assert stale.radius_km > 3 * fresh.radius_km or stale.confidence < fresh.confidence - 0.1
    assert (stale.radius_km, stale.confidence) == pytest.approx((as_old.radius_km, as_old.confidence))
    assert any("older than its photo" in words for words in stale.evidence)


def test_whole_hours_are_stale_only_where_the_stated_zone_is_the_legal_one() -> None:
    legal = FixSeries.of([fixed(1, 0.0, age_s=3 * HOUR)])
    foreign = FixSeries.of([fixed(1, 0.0, age_s=3 * HOUR, offset_s=5 * HOUR)])
    unstated = FixSeries.of([fixed(1, 0.0, age_s=3 * HOUR, offset_s=None)])
    assert legal.age_s.tolist() == [3 * HOUR]
    assert foreign.age_s.tolist() == unstated.age_s.tolist() == [0.0]


def test_a_clock_that_is_minutes_off_makes_no_fix_stale() -> None:
    photos = [fixed(n, n * HOUR, (50.94 + 0.01 * n, 6.96), age_s=420.0 + n) for n in range(6)]
    assert not FixSeries.of(photos).age_s.any()


def test_stamps_without_minutes_say_nothing() -> None:
    """As dog-signs has them: every day 20:00:00."""
    photos = [fixed(n, n * 86400.0 + 1234 * n, age_s=4 * HOUR + 1234 * n) for n in range(5)]
    assert not FixSeries.of(photos).age_s.any()


def test_a_place_that_repeats_to_the_digit_for_hours_says_less() -> None:
    place = (50.9412345, 6.9612345)
    beside = (50.9412399, 6.9612399)
    repeated = said_of([fixed(n, n * HOUR, place) for n in range(4)], 3 * HOUR + 2 * MINUTE)
    seen_anew = said_of([fixed(n, n * HOUR, (place, beside)[n % 2]) for n in range(4)], 3 * HOUR + 2 * MINUTE)
    assert repeated.radius_km > 2 * seen_anew.radius_km
    assert repeated.radius_km > 1
    assert any("repeated for hours" in words for words in repeated.evidence)


def test_places_of_three_decimals_repeat_by_themselves() -> None:
    photos = [fixed(n, n * HOUR, (50.941, 6.961)) for n in range(4)]
    assert FixSeries.of(photos).doubt.tolist() == [USUAL_DOUBT] * 4


def test_a_fix_that_nobody_reaches_does_not_draw_photos_to_it() -> None:
    """Cologne, Munich ten minutes later, Cologne ten minutes later: the one in the middle is wrong."""
    photos = [fixed(n, 10 * n * MINUTE, (50.94 + 0.001 * n, 6.96)) for n in range(8)]
    photos[4] = replace(photos[4], place=Fix(*MUNICH, 0.01, "camera"))
    fixes = FixSeries.of(photos)
    assert fixes.doubt.argmax() == 4
    assert fixes.doubt[4] > 0.8
    said = said_of(photos, 41 * MINUTE)
    assert distance_km(said.latitude, said.longitude, *COLOGNE) < 5
    assert said.confidence > 0.5
    both = said_of(
        [*photos[:4], *(replace(p, place=Fix(*MUNICH, 0.01, "camera")) for p in photos[4:])], 35 * MINUTE
    )
    assert both.confidence < 0.8


def test_two_cameras_may_be_in_two_cities() -> None:
    photos = [fixed(n, 10 * n * MINUTE, (COLOGNE, MUNICH)[n % 2]) for n in range(8)]
    photos = [replace(p, camera=("Acme", "Bolt")[n % 2]) for n, p in enumerate(photos)]
    photos = [replace(p, place=Fix(p.place.latitude + 1e-5 * n, p.place.longitude, 0.01, "camera"))
              for n, p in enumerate(photos) if p.place]  # fmt: skip
    assert FixSeries.of(photos).doubt.max() == USUAL_DOUBT


def test_a_place_that_its_owner_gave_is_not_doubted() -> None:
    photos = [fixed(n, n * HOUR, age_s=5 * HOUR) for n in range(4)]
    given = [replace(p, place=Fix(*COLOGNE, 0.01, "manual")) for p in photos]
    series = FixSeries.of(given)
    assert not series.doubt.any()
    assert not series.age_s.any()


def test_a_fix_older_than_its_outing_is_not_there_twice() -> None:
    """Its photo is one of the outing, the fix itself lies before it."""
    photos = [fixed(1, 0.0, age_s=9 * HOUR + 500), fixed(2, HOUR, (50.95, 6.97))]
    said = said_of(photos, 30 * MINUTE)
    alone = said_of(photos[1:], 30 * MINUTE)
    assert distance_km(said.latitude, said.longitude, alone.latitude, alone.longitude) < 1.5


def test_a_fix_that_is_surely_wrong_leaves_what_its_neighbours_say() -> None:
    """One of eight is out of reach, or its stamp a year off; asked is a minute after it."""
    walk = [fixed(n, 10 * n * MINUTE, (50.94 + 0.001 * n, 6.96)) for n in range(8)]
    without = said_of([*walk[:4], *walk[5:]], 41 * MINUTE)
    out_of_reach = replace(walk[4], place=Fix(*MUNICH, 0.01, "camera"))
    ancient = replace(walk[4], stamp_utc=NOON - 365 * 24 * HOUR)
    for wrong in (out_of_reach, ancient):
        said = said_of([*walk[:4], wrong, *walk[5:]], 41 * MINUTE)
        assert said.radius_km < 1.3 * without.radius_km
        assert said.confidence == pytest.approx(without.confidence, abs=0.01)


def test_a_place_repeated_for_hours_was_so_within_the_first_hour() -> None:
    place = (50.9412345, 6.9612345)
    photos = [fixed(n, 10 * n * MINUTE, place, age_s=None) for n in range(13)]
    doubt = FixSeries.of(photos).doubt
    assert doubt[0] == USUAL_DOUBT
    assert (doubt[1:] > USUAL_DOUBT).all()
    assert set(FixSeries.of(photos[:6]).doubt) == {USUAL_DOUBT}


def test_a_stamp_that_dates_a_repeated_place_is_believed() -> None:
    """Nine photos with the fix of the first: one fix of then, which was right then."""
    place = (50.9412345, 6.9612345)
    photos = [fixed(n, 10 * n * MINUTE, place, age_s=10 * n * MINUTE) for n in range(9)]
    assert set(FixSeries.of(photos).doubt) == {USUAL_DOUBT}


def test_a_wrong_fix_that_ends_an_outing_hides_none_before_it() -> None:
    """Cologne until 10:20, Munich at 10:30, which nobody reaches; asked in the evening."""
    walk = [fixed(n, 10 * n * MINUTE, (50.94 + 0.001 * n, 6.96)) for n in range(3)]
    gone = fixed(3, 30 * MINUTE, MUNICH)
    without = said_of(walk, 8 * HOUR)
    said = said_of([*walk, gone], 8 * HOUR)
    assert distance_km(said.latitude, said.longitude, *COLOGNE) < 2
    assert said.confidence == pytest.approx(without.confidence, abs=0.1)


def test_an_estimate_remembers_the_fix_that_spoke_for_one_in_doubt() -> None:
    """Else nobody would notice that its owner moved it."""
    walk = [fixed(n, 10 * n * MINUTE, (50.94 + 0.001 * n, 6.96)) for n in range(6)]
    walk[3] = replace(walk[3], place=Fix(*MUNICH, 0.01, "camera"))
    today = EvidenceToday(FixSeries.of(walk), Tracks(), {}, None, ())
    asked = IndexedPhoto(
        9, 1, "a.jpg", 1, 1, 0, None, NOON + 31 * MINUTE, 2.0, None, None, None, None, None, None, None
    )
    assert set(today.support_of(asked).fixes) == {2, 3, 4}
    near_right_ones = replace(asked, utc=NOON + 11 * MINUTE)
    assert set(today.support_of(near_right_ones).fixes) == {1, 2}


def test_a_photos_own_old_fix_does_not_stand_in_for_one_in_doubt() -> None:
    """It was made before that one, of another photo; `why` asks what would be said without it."""
    before = [fixed(n, 10 * n * MINUTE, COLOGNE) for n in range(2)]
    ancient = replace(fixed(2, HOUR, MUNICH), stamp_utc=NOON - 365 * 24 * HOUR)
    asked = fixed(9, 9 * HOUR, (50.95, 6.97), age_s=9 * HOUR - 27 * MINUTE)
    fixes = FixSeries.of([*before, ancient, asked])
    assert fixes.keys.tolist() == [0, 1, 9, 2]
    around = surrounded(Evidence(fixes), [replace(asked, place=None)])
    assert [beside.key for beside in around.inside] == [1]
