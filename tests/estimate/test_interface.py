"""The first promises of the estimate room, on values made by hand."""

from geotagger.estimate.learning import learn_movement
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import estimate_outing
from geotagger.estimate.timeline import outings
from geotagger.estimate.values import Fix, Observation
from geotagger.geo import distance_km

HOME = Fix(50.94, 6.96, 0.02, "camera")


def test_a_photo_between_two_fixes_of_one_place_is_there() -> None:
    before = Observation(0, 0.0, fix=HOME)
    after = Observation(2, 600.0, fix=HOME)
    (estimate,) = estimate_outing([Observation(1, 300.0)], before, after, Movement())
    assert estimate is not None
    assert distance_km(estimate.latitude, estimate.longitude, HOME.latitude, HOME.longitude) < 0.1
    assert estimate.radius_km < 2
    assert estimate.rung == "neighbours"


def test_nothing_known_gives_no_estimate() -> None:
    assert estimate_outing([Observation(0, None)], None, None, Movement()) == [None]


def test_a_cameras_fix_is_left_alone() -> None:
    assert estimate_outing([Observation(0, 0.0, fix=HOME)], None, None, Movement()) == [None]


def test_a_stream_is_cut_where_people_sleep() -> None:
    times = [0.0, 60.0, 40_000.0, None, None]
    assert list(outings(times, lambda utc: utc)) == [[0.0, 60.0], [40_000.0], [None], [None]]


def test_movement_survives_storage() -> None:
    learned = learn_movement([0.0, 100_000.0], [50.0, 51.0], [6.0, 7.0])
    again = Movement.from_dict(learned.to_dict())
    assert again.motion == learned.motion
    assert again.lat.tolist() == learned.lat.tolist()
