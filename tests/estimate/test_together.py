"""Whose camera a fix is of: the own one against a stranger's, and a time zone against both."""

import numpy as np
import pytest

from geotagger.estimate.learning import learn_movement
from geotagger.estimate.movement import DAY_S, HOUR_S, Motion, Movement, Pairs
from geotagger.estimate.surroundings import FixTable, surroundings
from geotagger.estimate.timeline import estimate_stream
from geotagger.estimate.together import together
from geotagger.estimate.values import Estimate, Fix, Observation
from geotagger.geo import distance_km

NOON = 1.7499e9
"""12 June 2025."""
BOSTON, SYDNEY, COLOGNE = (42.36, -71.06), (-33.85, 151.2), (50.94, 6.96)


def _photo(
    key: int, hours: float, camera: str, place: tuple[float, float] | None, offset_h: float | None = None
) -> Observation:
    fix = None if place is None else Fix(*place, 0.01, "camera")
    offset_s = None if offset_h is None else offset_h * HOUR_S
    return Observation(key, NOON + hours * HOUR_S, camera, fix, utc_offset_s=offset_s)


def _learned(photos: list[Observation]) -> Movement:
    fixes = [(o, o.fix) for o in photos if o.fix is not None]
    return learn_movement(
        [o.utc or 0.0 for o, _ in fixes],
        [fix.latitude for _, fix in fixes],
        [fix.longitude for _, fix in fixes],
        [o.camera for o, _ in fixes],
        [np.nan if o.utc_offset_s is None else o.utc_offset_s for o, _ in fixes],
    )


def _estimated(photos: list[Observation], movement: Movement | None = None) -> Estimate:
    """Of the one photo without a place."""
    said = estimate_stream(photos, movement or _learned(photos))
    estimate = next(one for one, photo in zip(said, photos, strict=True) if photo.fix is None)
    assert estimate is not None
    return estimate


def _away(estimate: Estimate, place: tuple[float, float]) -> float:
    return float(distance_km(estimate.latitude, estimate.longitude, *place))


def _in_sydney(minutes: float) -> list[Observation]:
    """Another person's photos, an hour apart, about a moment."""
    return [
        _photo(100 + n, minutes / 60 + n, "Pixel 7", (SYDNEY[0] + 0.01 * n, SYDNEY[1]), 10.0)
        for n in range(-2, 6)
    ]


@pytest.mark.parametrize("offset_h", [-4.0, None])
def test_the_own_camera_outweighs_a_strangers_in_another_city(offset_h: float | None) -> None:
    """The same phone is in Boston eleven hours before and thirteen after; nobody flies to Sydney and back."""
    own = [_photo(n, h, "iPhone 13", BOSTON, offset_h) for n, h in enumerate((-35.0, -11.0, 13.0, 37.0))]
    estimate = _estimated([*own, _photo(9, 0.0, "iPhone 13", None, offset_h), *_in_sydney(-6.0)])
    assert _away(estimate, BOSTON) < 50


def test_a_stranger_nearby_still_tells_the_place() -> None:
    """Two phones that go together: one is minutes away, the own fixes hours."""
    photos = []
    for day in range(12):
        place = (COLOGNE[0] + 0.3 * day, COLOGNE[1])
        photos += [_photo(3 * day, 24 * day, "A", place), _photo(3 * day + 1, 24 * day + 0.2, "B", place)]
    noon = 24 * 5 + 4.0
    near = (COLOGNE[0] + 1.5, COLOGNE[1] + 0.4)
    estimate = _estimated([*photos, _photo(98, noon, "B", near), _photo(99, noon + 0.1, "A", None)])
    assert _away(estimate, near) < 5


def test_an_offset_that_no_known_place_explains_speaks_for_an_unknown_one() -> None:
    """A fix of the day before in Cologne: a clock of there agrees, one of New York does not."""
    fixes = [_photo(n, -24.0 - n, "phone", COLOGNE, 2.0) for n in range(3)]
    learned = _learned(fixes)
    certain = {
        offset: _estimated([*fixes, _photo(9, 0.0, "phone", None, offset)], learned).confidence
        for offset in (2.0, None, -4.0)
    }
    assert certain[2.0] >= certain[None] - 0.01
    assert certain[-4.0] < 0.6 * certain[None]


def test_a_clock_that_stays_at_home_says_nothing_of_journeys() -> None:
    """Twenty visits abroad with the offset of home; then a photo beside a fix abroad, with the same."""
    home = [_photo(n, 24.0 * n, "camera", COLOGNE, 2.0) for n in range(20)]
    abroad = [_photo(20 + n, 24.0 * (20 + n), "camera", BOSTON, 2.0) for n in range(20)]
    photos = [*home, *abroad, _photo(99, 24.0 * 30 + 8, "camera", None, 2.0)]
    learned = _learned(photos)
    clock = learned.clock_of("camera")
    assert clock.trust > 0.9
    assert clock.away < 0.3
    assert _away(_estimated(photos, learned), BOSTON) < 50


@pytest.mark.parametrize("beside", [True, False])
def test_how_far_two_cameras_go_together_is_learned(beside: bool) -> None:
    photos = []
    for day in range(30):
        own = (COLOGNE[0] + 0.5 * np.sin(day), COLOGNE[1])
        other = own if beside else (COLOGNE[0] - 3 + 0.5 * np.cos(day), COLOGNE[1])
        photos += [_photo(2 * day, 24.0 * day, "A", own), _photo(2 * day + 1, 24.0 * day + 0.1, "B", other)]
    learned = _learned(photos)
    share = learned.pairs.share(0, 1)
    assert share > 0.85 if beside else share < 0.3
    assert Movement.from_dict(learned.to_dict()).pairs == learned.pairs


def test_nobody_is_faster_than_an_airliner() -> None:
    """Of two fixes a continent away the one that can be reached may be together, the other cannot."""
    utc = NOON + np.array([0.0, 5.0, 48.0]) * HOUR_S
    lat, lng = np.array([BOSTON[0], SYDNEY[0], SYDNEY[0]]), np.array([BOSTON[1], SYDNEY[1], SYDNEY[1]])
    known = FixTable(utc, lat, lng, np.full(3, 0.01), np.array([0, 1, 1]), np.array([0]))
    share = together(known, np.array([0]), Motion(), Pairs())[0]
    assert share[0] == 1
    assert share[1] == 0
    assert share[2] > 0.1


def test_several_cameras_are_asked_as_each_alone() -> None:
    """Three cameras with fixes, and a fourth without any."""
    rng = np.random.default_rng(5)
    utc, where = NOON + np.sort(rng.uniform(0, 9 * DAY_S, 40)), rng.normal(0, 0.3, (2, 40))
    known = FixTable(
        utc, 50 + where[0], 7 + where[1], np.full(40, 0.01), rng.integers(-1, 3, 40), np.arange(0, 40, 2)
    )
    of_all = together(known, np.array([0, 1, 2, 7]), Motion(), Pairs())
    for code, share in of_all.items():
        alone = together(known, np.array([code]), Motion(), Pairs())[code]
        np.testing.assert_allclose(share, alone, rtol=1e-9)


def test_only_some_rows_speaking_is_as_if_the_others_were_not_there() -> None:
    rng = np.random.default_rng(1)
    utc = np.sort(rng.uniform(0, 30 * DAY_S, 80))
    lat, lng = rng.uniform(50, 51, 80), rng.uniform(7, 8, 80)
    camera = rng.integers(0, 3, 80)
    visits = np.flatnonzero(rng.random(80) < 0.7)
    known = FixTable(utc, lat, lng, np.full(80, 0.01), camera, visits)
    heard = camera != 1
    asked = np.sort(rng.uniform(0, 30 * DAY_S, 20))
    at = np.searchsorted(utc, asked)
    some = surroundings(known, asked, np.zeros(20, dtype=np.int64), at, at, {0: heard})
    rows = np.flatnonzero(heard)
    number = np.cumsum(heard) - 1
    fewer = FixTable(
        utc[rows], lat[rows], lng[rows], np.full(len(rows), 0.01), camera[rows],
        number[visits[heard[visits]]],
    )  # fmt: skip
    at = np.searchsorted(fewer.utc, asked)
    plain = surroundings(fewer, asked, np.zeros(20, dtype=np.int64), at, at)
    assert np.array_equal(some.lag_before, plain.lag_before)
    assert np.array_equal(some.lag_after, plain.lag_after)
    assert np.array_equal(some.visit_lag, plain.visit_lag)
    assert np.array_equal(utc[some.before], fewer.utc[plain.before])
