"""Outings: between fixes, without fixes, with tracks, and when something is missing."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.cells import CellTable, leaf_ids, parents
from geotagger.estimate.atoms import class_prior
from geotagger.estimate.explain import explain
from geotagger.estimate.learning import learn_movement, lesson_of
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import Options, estimate_outing
from geotagger.estimate.surroundings import FixTable
from geotagger.estimate.timeline import Evidence, PhotoRecord, estimate_stream
from geotagger.estimate.values import RUNGS, Estimate, Fix, FixSeries, Observation, Posterior
from geotagger.estimate.zone_evidence import atom_priors
from geotagger.geo import distance_km
from geotagger.zones import offset_at
from tests.estimate.archives import columns, life

HOME, WORK = Fix(50.94, 6.96, 0.01, "camera"), Fix(50.98, 7.05, 0.01, "camera")
HOUR, DAY = 3600.0, 86400.0
CLASSES = np.array([0, 1], np.int32)


def one(found: list[Estimate | None]) -> Estimate:
    assert len(found) == 1
    assert found[0] is not None
    return found[0]


def away_km(estimate: Estimate, fix: Fix) -> float:
    return float(distance_km(estimate.latitude, estimate.longitude, fix.latitude, fix.longitude))


def between(before: Fix, after: Fix, lag_before: float, lag_after: float) -> Estimate:
    return one(
        estimate_outing(
            [Observation(1, 0.0)],
            Observation(0, -lag_before, fix=before),
            Observation(2, lag_after, fix=after),
            Movement(),
        )
    )


def test_between_two_fixes_the_place_is_interpolated_not_copied() -> None:
    found = between(HOME, WORK, 1800, 1800)
    apart = distance_km(HOME.latitude, HOME.longitude, WORK.latitude, WORK.longitude)
    assert away_km(found, HOME) + away_km(found, WORK) < 1.1 * apart
    assert between(HOME, HOME, 60, 60).radius_km < between(HOME, HOME, 4 * HOUR, 4 * HOUR).radius_km


def test_the_nearer_fix_in_time_weighs_more() -> None:
    found = between(HOME, WORK, 60, 3 * HOUR)
    assert away_km(found, HOME) < away_km(found, WORK)


@settings(deadline=None, max_examples=40)
@given(st.floats(1, 40 * DAY), st.floats(1, 40 * DAY), st.floats(-80, 80), st.floats(-180, 180))
def test_whatever_the_fixes_an_estimate_is_in_bounds(b: float, a: float, lat: float, lng: float) -> None:
    found = between(HOME, Fix(lat, lng, 0.01, "camera"), b, a)
    assert -90 <= found.latitude <= 90
    assert -180 <= found.longitude <= 180
    assert 0 < found.radius_km <= 25
    assert 0 <= found.confidence <= 1
    assert found.rungs == ("neighbours",)


def test_across_the_date_line_the_middle_is_near_both() -> None:
    west, east = Fix(-16.5, 179.99, 0.01, "camera"), Fix(-16.5, -179.99, 0.01, "camera")
    found = between(west, east, 600, 600)
    assert max(away_km(found, west), away_km(found, east)) < 3


def test_at_the_pole_nothing_breaks() -> None:
    pole = Fix(90.0, 0.0, 0.01, "camera")
    assert away_km(between(pole, pole, 60, 60), pole) < 1


def test_equal_seconds_share_the_place() -> None:
    found = estimate_outing([Observation(0, 5.0, fix=HOME), Observation(1, 5.0)], None, None, Movement())
    assert found[0] is None
    assert found[1] is not None
    assert away_km(found[1], HOME) < 0.2


def test_a_fix_without_a_time_helps_nobody_and_harms_nobody() -> None:
    assert estimate_outing([Observation(0, None, fix=HOME), Observation(1, 5.0)], None, None, Movement()) == [
        None,
        None,
    ]


def test_without_times_what_is_left_are_the_places_visited_most() -> None:
    rng = np.random.default_rng(0)
    lat = np.where(rng.random(50) < 0.8, HOME.latitude, 40.0)
    lng = np.where(lat == HOME.latitude, HOME.longitude, 10.0)
    learned = learn_movement(np.arange(50) * DAY, lat, lng)
    found = one(estimate_outing([Observation(0, None)], None, None, learned))
    assert away_km(found, HOME) < 5
    assert any("no time" in words for words in found.evidence)
    without = estimate_outing([Observation(0, None)], None, None, learned, None, Options(habits=False))
    assert without == [None]


def test_a_track_gives_the_place_and_its_rung() -> None:
    photo = Observation(0, 0.0, fix=Fix(50.0, 7.0, 0.02, "track"))
    found = one(estimate_outing([photo], Observation(1, -60.0, fix=HOME), None, Movement()))
    assert found.rung == "track"
    assert away_km(found, Fix(50.0, 7.0, 0, "track")) < 0.01
    assert 0.02 < found.radius_km < 0.2
    assert found.confidence == pytest.approx(0.95, abs=0.02)


def test_rungs_are_told_lowest_first_and_the_highest_names_the_estimate() -> None:
    photos = [Observation(0, 0.0, fix=Fix(50.0, 7.0, 0.02, "track")), Observation(1, 100.0)]
    found = estimate_stream([*photos, Observation(2, 200.0, fix=HOME)], Movement())
    for estimate in found[:2]:
        assert estimate is not None
        assert list(estimate.rungs) == sorted(estimate.rungs, key=RUNGS.index)
        assert estimate.rung == estimate.rungs[-1]


def test_the_offset_of_the_clock_speaks_for_the_place_in_its_zone() -> None:
    london, cologne = Fix(51.5, -0.12, 0.01, "camera"), HOME
    noon = 1_720_000_000.0
    photo = Observation(1, noon)
    ends = Observation(0, noon - 5 * HOUR, fix=london), Observation(2, noon + 5 * HOUR, fix=cologne)
    for offset, fix in ((3600.0, london), (7200.0, cologne)):
        assert (
            away_km(one(estimate_outing([replace(photo, utc_offset_s=offset)], *ends, Movement())), fix) < 50
        )


def cell_table() -> CellTable:
    rng = np.random.default_rng(0)
    lat, lng = rng.uniform(-60, 60, 400), rng.uniform(-180, 180, 400)
    lat[0], lng[0] = HOME.latitude, HOME.longitude
    ids = np.unique(parents(leaf_ids(lat, lng), 9))
    home = parents(leaf_ids([HOME.latitude], [HOME.longitude]), 9)[0]
    ids = np.concatenate([[home], ids[ids != home]])
    from geotagger.cells import centres

    return CellTable(ids, *centres(ids))


def test_without_any_fix_the_offset_of_the_clock_speaks_for_the_classes_in_its_zone() -> None:
    lat, lng = np.array([48.85, 35.68, -33.9]), np.array([2.35, 139.7, 18.4])
    ids = parents(leaf_ids(lat, lng), 9)
    table = CellTable(ids, lat, lng, photos=np.array([500, 300, 200]))
    paris, tokyo = Fix(48.85, 2.35, 0.01, "camera"), Fix(35.68, 139.7, 0.01, "camera")

    def seen(in_paris: float, offset_s: float | None, *, time_zone: bool = True) -> Estimate:
        shares = np.array([in_paris, 0.99 - in_paris], np.float32)
        photo = Observation(0, 1_720_000_000.0, utc_offset_s=offset_s, posterior=Posterior(CLASSES, shares))
        return one(estimate_outing([photo], None, None, Movement(), table, Options(time_zone=time_zone)))

    found = seen(0.5, 9 * HOUR)
    assert away_km(found, tokyo) < 30
    assert "time zone: the camera's clock is set to UTC+09:00" in found.evidence
    for unheard in (seen(0.5, None), seen(0.5, 9 * HOUR, time_zone=False), seen(0.5, 2 * HOUR)):
        assert away_km(unheard, paris) < 30
    assert seen(0.5, 2 * HOUR).confidence > seen(0.5, None).confidence
    assert away_km(seen(0.985, 9 * HOUR), paris) < 30, (
        "a clock that was never set must not outvote the picture"
    )


def test_the_prior_of_a_time_zone_is_that_of_the_plain_rule() -> None:
    table, trust = cell_table(), 0.9
    times, offsets = (
        np.array([1_720_000_000.0, 1_700_000_000.0, np.nan, 0.0]),
        [7200.0, -18000.0, 3600.0, None],
    )
    photo, classes = np.repeat(np.arange(4), 5), np.arange(20)
    prior = class_prior(table)[classes]
    found = atom_priors(photo, classes, prior, table, times, offsets, trust)
    for row, (utc, offset) in enumerate(zip(times, offsets, strict=True)):
        weight = class_prior(table)
        if offset is not None and np.isfinite(utc):
            legal = [offset_at(*place, utc) for place in zip(table.lat, table.lng, strict=True)]
            assert any(one == timedelta(seconds=offset) for one in legal)
            other = np.array([one != timedelta(seconds=offset) for one in legal])
            weight = weight * np.where(other, (1 - trust) / trust, 1.0)
        assert found[5 * row : 5 * row + 5] == pytest.approx((weight / weight.sum())[5 * row : 5 * row + 5])


def test_a_torn_outing_teaches_what_a_fix_on_one_side_is_worth() -> None:
    """Two outings of nine fixes, half an hour between fixes."""
    utc = np.concatenate([np.arange(9) * HOUR / 2, 2 * DAY + np.arange(9) * HOUR / 2])
    same = np.zeros(18)
    lesson = lesson_of(FixTable(utc, same, same, same, np.full(18, -1), np.arange(0)))
    torn, weight = lesson.ways[1]
    outing = np.repeat([0, 1], 9)
    near_before = (torn.before >= 0) & (outing[torn.before] == outing)
    near_after = (torn.after >= 0) & (outing[torn.after] == outing)
    assert not (near_before & near_after).any(), "one side is torn away"
    assert (weight[near_before | near_after] > 0).all()
    kept_of_8 = {n: 8 - n for n in (5, 7)}  # odd fixes lose the beginning: half of what lay behind stays
    assert {n: int(torn.after[n] - n) for n in kept_of_8} == {5: 2, 7: 1}
    assert {n: int(n - torn.before[n]) for n in (4, 6, 8)} == {4: 3, 6: 4, 8: 5}


def picture(first: int, share: float) -> Posterior:
    return Posterior(np.array([first, first + 1], np.int32), np.array([share, 0.95 - share], np.float32))


def test_a_picture_decides_between_two_places_that_time_leaves_open() -> None:
    table = cell_table()
    far = Fix(float(table.lat[7]), float(table.lng[7]), 0.01, "camera")
    ends = Observation(0, -2 * DAY, fix=HOME), Observation(2, 2 * DAY, fix=far)
    for row, fix in ((0, HOME), (7, far)):
        photo = Observation(1, 0.0, posterior=picture(row, 0.9))
        found = one(estimate_outing([photo], *ends, Movement(), table))
        assert away_km(found, fix) < 50
        assert found.rungs == ("visual", "neighbours")


def test_a_picture_alone_gives_an_estimate_without_time_or_neighbours() -> None:
    found = one(
        estimate_outing(
            [Observation(0, None, posterior=picture(0, 0.9))], None, None, Movement(), cell_table()
        )
    )
    assert found.rung == "visual"
    assert away_km(found, HOME) < 30


def test_pictures_beside_a_vague_one_tell_where_it_was() -> None:
    table = cell_table()
    vague = Posterior(np.arange(20, 60, dtype=np.int32), np.full(40, 0.02, np.float32))
    photos = [Observation(n, n * 300.0, posterior=picture(0, 0.9) if n != 2 else vague) for n in range(5)]
    found = estimate_outing(photos, None, None, Movement(), table)[2]
    alone = estimate_outing(photos, None, None, Movement(), table, Options(sequence=False))[2]
    assert found is not None
    assert alone is not None
    assert away_km(found, HOME) < 30
    assert away_km(alone, HOME) > 100


def test_the_order_of_a_stream_does_not_matter() -> None:
    photos = [
        Observation(n, float(n % 7) * HOUR + (n // 7) * DAY, fix=HOME if n % 3 == 0 else None)
        for n in range(30)
    ]
    photos.append(Observation(30, None))
    there = estimate_stream(photos, Movement())
    back = estimate_stream(photos[::-1], Movement())[::-1]
    for a, b in zip(there, back, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert (a.latitude, a.radius_km) == pytest.approx((b.latitude, b.radius_km))


def test_an_explanation_tells_each_rung_and_draws_a_map() -> None:
    photo = PhotoRecord(1, 0.0, posterior=picture(0, 0.9))
    ends = [PhotoRecord(0, -HOUR, place=HOME), PhotoRecord(2, HOUR, place=WORK)]
    told = explain(Evidence(FixSeries.of(ends), table=cell_table()), [photo], 0)
    assert told.estimate is not None
    assert set(told.alone) == {"neighbours", "visual"}
    assert sum(source.share for source in told.sources) == pytest.approx(0.99, abs=0.05)
    assert any("X" in line for line in told.map)
    assert explain(Evidence(), [PhotoRecord(0, None)], 0).estimate is None


def test_how_far_an_offset_is_believed_is_learned() -> None:
    """A camera that is never set on journeys says little of the place; one that always is says much."""
    days = np.arange(60) * DAY + 1_700_000_000.0
    away = np.arange(60) % 2 == 0
    lat, lng = np.where(away, 35.68, 50.94), np.where(away, 139.69, 6.96)
    legal = [
        (offset_at(*place) or timedelta(0)).total_seconds() for place in zip(lat, lng, days, strict=True)
    ]
    trusted = [
        learn_movement(days, lat, lng, None, stated).zone_trust
        for stated in (legal, np.full(60, 3600.0), None)
    ]
    assert trusted[1] < 0.7 < trusted[2] < trusted[0] < 1


def test_what_was_learned_survives_storage() -> None:
    learned = learn_movement(*columns(life(0, days=30)))
    again = Movement.from_dict(learned.to_dict())
    assert again.motion == learned.motion
    assert again.correction == learned.correction
    np.testing.assert_array_equal(again.lat, learned.lat)


def test_two_fixes_teach_nothing_and_break_nothing() -> None:
    for n in range(4):
        learned = learn_movement(np.arange(n) * DAY, np.full(n, 50.0), np.full(n, 7.0))
        assert learned.learned_from == n
    assert learn_movement([np.nan, 1.0], [50.0, 51.0], [7.0, 7.0]).learned_from == 1
