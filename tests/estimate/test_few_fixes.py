"""That certainties are honest where little is known, and that many draws of the parameters tend to one."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from geotagger.estimate.learning import learn_movement
from geotagger.estimate.movement import DAY_S, PRIOR_SPREAD, Motion, Movement, scaled
from geotagger.estimate.prior import Mixture, averaged, mixture
from geotagger.estimate.surroundings import FixTable, surroundings
from geotagger.estimate.timeline import estimate_stream
from geotagger.estimate.values import Estimate, Fix, Observation
from geotagger.geo import distance_km
from tests.estimate.archives import columns, life

_NO_CAMERA = np.array([-1])


def _beside_one_fix(lag_s: float) -> Estimate:
    fix = Observation(0, 1.6e9, "phone", Fix(50.0, 7.0, 0.01, "camera"))
    learned = learn_movement([1.6e9], [50.0], [7.0], ["phone"])
    said = estimate_stream([fix, Observation(1, 1.6e9 + lag_s, "phone")], learned)[1]
    assert said is not None
    return said


def _of_nobody(mix: Mixture) -> Mixture:
    """As if it did not matter where people live (test_people.py)."""
    return replace(mix, peopled=np.zeros_like(mix.peopled))


def test_one_fix_tells_much_of_ten_minutes_later_and_little_of_a_year_later() -> None:
    """In other people's archives two photos ten minutes apart lie within a kilometre in nine of ten cases,
    those a week or more apart within 25 km in one of three to one of twenty."""
    soon = _beside_one_fix(600.0)
    assert soon.confidence >= 0.8
    assert soon.radius_km < 5
    for days in (30, 400, 3000):
        assert _beside_one_fix(days * DAY_S).confidence < 0.4
    certain = [_beside_one_fix(hours * 3600.0) for hours in (0.2, 2, 8, 30, 100, 400)]
    held = [said.confidence if said.radius_km == 25.0 else 0.9 for said in certain]
    assert all(a >= b - 0.02 for a, b in pairwise(held))


def test_more_visits_leave_less_for_places_never_visited() -> None:
    """A hundred days at one place, and a photo a month later: surer than after one day."""
    days = np.arange(100) * DAY_S
    fixes = [Observation(n, float(t), "phone", Fix(50.0, 7.0, 0.01, "camera")) for n, t in enumerate(days)]
    later = Observation(1000, float(days[-1] + 30 * DAY_S), "phone")
    learned = learn_movement(days, np.full(100, 50.0), np.full(100, 7.0), ["phone"] * 100)
    many, one = estimate_stream([*fixes, later], learned)[-1], _beside_one_fix(30 * DAY_S)
    assert many is not None
    assert many.confidence > 2 * one.confidence


WEEK_S, HOME, ABROAD = 7 * DAY_S, (50.94, 6.96), (-33.87, 151.21)


def _between(places: list[tuple[float, float]], when: float, offset_s: float | None = None) -> Estimate:
    """Of a photo so many weeks after the first of places that were photographed a week apart each."""
    times = [1.6e9 + n * WEEK_S for n in range(len(places))]
    fixes = [
        Observation(n, t, "phone", Fix(*place, 0.01, "camera"))
        for n, (t, place) in enumerate(zip(times, places, strict=True))
    ]
    lat, lng = zip(*places, strict=True)
    learned = learn_movement(times, lat, lng, ["phone"] * len(places))
    asked = Observation(100, 1.6e9 + when * WEEK_S, "phone", utc_offset_s=offset_s)
    *_, said = estimate_stream([*fixes, asked], learned)
    assert said is not None
    return said


def test_five_outings_of_one_place_are_not_enough_to_write_the_next() -> None:
    """Of five that were all at home one may still be of somebody who is elsewhere every other day: of
    people who are, photos weeks from all that is known were stated at 86 %, and 58 of 100 lay inside."""
    assert 0.5 < _between([HOME] * 5, 8.5).confidence < 0.8


def test_who_goes_back_to_another_region_need_not_be_at_the_very_place_known_there() -> None:
    """A camera that states the time of home, between two photos of another continent: somewhere about home,
    and no surer at the door than a photo weeks before the journey would be."""
    back = _between([HOME, HOME, ABROAD, ABROAD, ABROAD], 3.5, offset_s=7200.0)
    assert distance_km(back.latitude, back.longitude, *HOME) < 25
    assert 0.3 < back.confidence < 0.8


def test_draws_that_agree_are_one_motion() -> None:
    known = FixTable(
        np.array([0.0, 5e4, 9e4]), np.array([50.0, 50.1, 51.0]), np.array([7.0, 7.0, 8.0]),
        np.full(3, 0.01), np.full(3, -1), np.array([0, 1, 2]),
    )  # fmt: skip
    around = surroundings(known, np.array([6e4]), _NO_CAMERA, np.array([2]), np.array([2]))
    one, many = mixture(around, Motion()), _of_nobody(averaged(around, [Motion()] * 16))
    for lat, lng in ((50.1, 7.0), (50.5, 7.5), (-33.0, 151.0)):
        place = np.array([lat]), np.array([lng])
        assert many.density(*place) == pytest.approx(one.density(*place), rel=1e-9)


def test_a_place_never_visited_may_be_anywhere_in_the_world() -> None:
    """In other people's archives one photo in five or four was taken over 5,000 km from one of months ago;
    of ten minutes ago none."""
    known = FixTable(
        np.array([0.0]), np.array([50.0]), np.array([7.0]), np.full(1, 0.01), _NO_CAMERA, np.array([0])
    )
    for lag_s, least, most in ((600.0, 0.01, 0.012), (100 * DAY_S, 0.1, 0.25)):
        around = surroundings(known, np.array([lag_s]), _NO_CAMERA, np.array([1]), np.array([1]))
        assert least <= float(averaged(around, Movement().draws).anywhere[0]) <= most


def test_what_is_not_known_of_an_archive_is_averaged_over() -> None:
    """The mean density of the draws, to what thirds of them leave out of it."""
    known = FixTable(
        np.array([0.0]), np.array([50.0]), np.array([7.0]), np.full(1, 0.01), _NO_CAMERA, np.array([0])
    )
    around = surroundings(known, np.array([7200.0]), _NO_CAMERA, np.array([1]), np.array([1]))
    draws = Movement().draws
    mix = _of_nobody(averaged(around, draws))
    assert mix.weight.sum() + mix.anywhere[0] == pytest.approx(1.0)
    for east in (0.001, 0.01, 0.1, 1.0):
        place = np.array([50.0]), np.array([7.0 + east])
        exact = np.mean([mixture(around, draw).density(*place)[0] for draw in draws])
        assert mix.density(*place)[0] == pytest.approx(exact, rel=0.5)


def test_many_fixes_leave_less_to_average_over() -> None:
    """The spread of the draws, over all parameters, in spreads of the prior."""
    left = []
    for days in (0, 15, 100):
        learned = learn_movement(*columns(life(3, days=days))) if days else learn_movement([], [], [])
        draws = {name: [scaled(draw, name) for draw in learned.draws] for name in PRIOR_SPREAD}
        left.append(np.mean([np.std(draws[name]) / spread for name, spread in PRIOR_SPREAD.items()]))
        assert Movement.from_dict(learned.to_dict()).draws == learned.draws
    assert left[0] == pytest.approx(1.0)
    assert left[0] > left[1] > left[2]
