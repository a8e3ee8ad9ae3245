"""Pictures of one outing that are wrong together, however many, do not outweigh a fix beside them."""

import numpy as np
import pytest

from geotagger.cells import CellTable, centres, leaf_ids, parents
from geotagger.estimate.cloud import Clouds
from geotagger.estimate.misleading import doubted, misled
from geotagger.estimate.movement import DAY_S, Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.states import States
from geotagger.estimate.timeline import estimate_stream
from geotagger.estimate.values import Estimate, Fix, Observation
from geotagger.estimate.visual import posteriors
from geotagger.geo import distance_km

ROME, NAPLES, PARIS, TOKYO = (41.9, 12.49), (40.85, 14.26), (48.86, 2.35), (35.68, 139.69)


def cell_table() -> CellTable:
    """Cells all over the Earth, small ones about the four cities."""
    rng = np.random.default_rng(0)
    wide = parents(leaf_ids(rng.uniform(-60, 60, 3000), rng.uniform(-180, 180, 3000)), 7)
    lat, lng = np.array([ROME, NAPLES, PARIS, TOKYO]).T
    near = parents(leaf_ids(lat, lng), 11)
    ids = np.unique(np.concatenate([wide, near]))
    ids = ids[~(np.isin(ids, parents(near, 7)) & ~np.isin(ids, near))]
    return CellTable(ids, *centres(ids))


TABLE = cell_table()


def shown(
    place: tuple[float, float], pictures: int, lag_s: float, *, sure: float = 0.9, sequence: bool = True
) -> list[Estimate]:
    """Pictures ten minutes apart that are so sure of a place, the first so long after a fix in Rome."""
    (of_place,) = TABLE.classes_of(np.array([place[0]]), np.array([place[1]]))
    p = np.full((1, len(TABLE)), (1 - sure) / (len(TABLE) - 1), dtype=np.float32)
    p[0, of_place] = sure
    (said,) = posteriors(p, TABLE)
    photos = [Observation(n, lag_s + 600.0 * n, "phone", None, said) for n in range(pictures)]
    rome = Observation(-1, 0.0, "phone", Fix(*ROME, 0.01, "camera"))
    options = Options(sequence=sequence)
    estimates = estimate_stream([rome, *photos], Movement(), TABLE, options)[1:]
    return [estimate for estimate in estimates if estimate is not None]


def is_at(estimate: Estimate, place: tuple[float, float]) -> bool:
    return float(distance_km(estimate.latitude, estimate.longitude, *place)) < 30


@pytest.mark.parametrize("pictures", [1, 2, 10, 30])
@pytest.mark.parametrize("elsewhere", [NAPLES, PARIS, TOKYO])
def test_pictures_that_contradict_a_fix_of_minutes_ago_move_none_however_many(
    elsewhere: tuple[float, float], pictures: int
) -> None:
    for sure in (0.5, 0.9, 0.999):
        estimates = shown(elsewhere, pictures, 300.0, sure=sure)
        assert len(estimates) == pictures
        assert all(is_at(estimate, ROME) for estimate in estimates)


def test_they_leave_wider_circles_than_pictures_that_agree() -> None:
    agree, contradict = shown(ROME, 10, 300.0), shown(TOKYO, 10, 300.0)
    assert all(a.confidence > c.confidence - 0.01 for a, c in zip(agree, contradict, strict=True))
    assert all(a.radius_km < c.radius_km for a, c in zip(agree, contradict, strict=True))


@pytest.mark.parametrize(("elsewhere", "least"), [(PARIS, 0.85), (TOKYO, 0.75)])
def test_many_pictures_are_believed_months_after_the_only_fix(
    elsewhere: tuple[float, float], least: float
) -> None:
    estimates = shown(elsewhere, 10, 90 * DAY_S)
    assert all(is_at(estimate, elsewhere) and estimate.confidence > least for estimate in estimates)


def test_more_pictures_that_show_the_same_are_no_better_excuse_than_a_few() -> None:
    """Both explanations gain as much by each."""
    few, many = shown(TOKYO, 5, DAY_S), shown(TOKYO, 40, DAY_S)
    assert is_at(few[0], TOKYO) == is_at(many[0], TOKYO)
    assert many[0].confidence == pytest.approx(few[0].confidence, abs=0.05)


def test_a_photo_that_hears_no_other_is_doubted_alone() -> None:
    (alone,) = shown(TOKYO, 1, 300.0)
    together = shown(TOKYO, 3, 300.0, sequence=False)
    assert together[0].confidence == pytest.approx(alone.confidence, abs=1e-6)


def test_where_nothing_but_pictures_tells_nothing_is_doubted() -> None:
    points = Clouds(np.ones((2, 1, 3)), np.array([[0.9], [0.8]]), np.ones((2, 1)))
    states = States(np.zeros(2), points, np.full((2, 1), 0.1), np.zeros((2, 1, 2)))
    doubt, _ = misled(states, points.mass, (np.array([0, 0]), np.empty(0, np.int64)))
    assert doubt.tolist() == [0, 0]
    assert doubted(states, points.mass, doubt) is points.mass


@pytest.mark.parametrize(("place", "lag_s", "is_said"), [(TOKYO, 300.0, True), (ROME, 300.0, False)])
def test_an_estimate_says_how_far_its_pictures_are_doubted(
    place: tuple[float, float], lag_s: float, is_said: bool
) -> None:
    for estimate in shown(place, 3, lag_s):
        said = [line for line in estimate.evidence if "contradict all else that is known" in line]
        assert len(said) == is_said
        assert all("probability 0.9" in line or "probability 1.0" in line for line in said)
