"""From a probability over places to a point, a radius and a cell."""

from pathlib import Path

import numpy as np
import pytest
import s2sphere
from hypothesis import given
from hypothesis import strategies as st

from geotagger.cells import CellTable, ids_of_tokens, leaf_ids, parents
from geotagger.estimate.atoms import SUSPECT_BELIEF
from geotagger.estimate.cloud import (
    Cloud,
    Clouds,
    Gathered,
    distances_km,
    gather_each,
    middle,
    probability_within,
)
from geotagger.estimate.cloud_cells import candidates, deepest_cells, leaves_of
from geotagger.estimate.states import offers_of, states_of_pictures
from geotagger.estimate.values import Posterior
from geotagger.estimate.visual import cloud_of, posteriors
from geotagger.geo import destination, distance_km, lat_lng_of, unit_vectors

WITHIN = 25.0


def cloud_at(*points: tuple[float, float, float], size: float = 0.1) -> Cloud:
    lat, lng, mass = np.array(points, dtype=np.float64).T
    return Cloud.of_places(lat, lng, mass, np.full(len(lat), size))


def gather(cloud: Cloud, within_km: float, certainty: float) -> Gathered:
    """Of one cloud: numbers in place of arrays."""
    gathered = gather_each(Clouds.of([cloud]), within_km, certainty)
    return Gathered(*(getattr(gathered, name)[0] for name in Gathered.__slots__))


def test_the_place_that_gathers_most_wins_over_the_heaviest_point() -> None:
    found = gather(cloud_at((50, 7, 0.4), (51.0, 7, 0.3), (51.05, 7, 0.3)), WITHIN, 0.9)
    assert found.latitude > 50.9
    assert found.radius_km == WITHIN
    assert found.confidence == pytest.approx(0.6, abs=0.02)


def test_the_radius_is_the_smallest_that_holds_the_certainty() -> None:
    found = gather(cloud_at((50, 7, 0.95), (52, 7, 0.05), size=2.0), WITHIN, 0.9)
    assert found.radius_km < 2.5
    assert found.confidence == pytest.approx(0.9, abs=0.05)


@given(
    st.lists(st.tuples(st.floats(-89, 89), st.floats(-180, 180), st.floats(0.01, 1)), min_size=1, max_size=80)
)
def test_radius_and_confidence_keep_their_bounds(points: list[tuple[float, float, float]]) -> None:
    total = sum(mass for *_, mass in points)
    cloud = cloud_at(*((lat, lng, mass / total) for lat, lng, mass in points))
    found = gather(cloud, WITHIN, 0.9)
    assert 0 < found.radius_km <= WITHIN
    assert 0 <= found.confidence <= 1 + 1e-9
    assert found.radius_km == WITHIN or found.confidence >= 0.9 - 1e-9
    assert (found.latitude, found.longitude) == middle(cloud, WITHIN)
    held = probability_within(cloud, found.latitude, found.longitude, np.array([found.radius_km]))[0]
    assert held == pytest.approx(found.confidence, abs=2e-3)


def plain_inside(cloud: Cloud, middle: int, radius_km: float) -> float:
    """The mass within a radius of one of the points, disc by disc."""
    held = 0.0
    for vector, mass, size in zip(cloud.vectors, cloud.mass, cloud.size_km, strict=True):
        away = float(distances_km(cloud.vectors[middle][None], vector[None])[0, 0])
        overlap = min(max((radius_km + size - away) / (2 * min(size, radius_km)), 0.0), 1.0)
        held += mass * overlap * min(1.0, (radius_km / size) ** 2)
    return held


def some_clouds(rng: np.random.Generator, count: int) -> list[Cloud]:
    """About towns in one country, of 1 to 150 points."""
    found = []
    for _ in range(count):
        points = int(rng.integers(1, 150))
        town = rng.integers(0, 4, points)
        lat, lng = 48 + town + rng.normal(0, 0.1, points), 7 + 0.5 * town + rng.normal(0, 0.1, points)
        mass = rng.dirichlet(np.full(points, 0.3)) * rng.uniform(0.5, 1)
        found.append(Cloud.of_places(lat, lng, mass, rng.lognormal(0, 1, points)))
    return found


def test_clouds_gathered_together_are_those_gathered_alone() -> None:
    clouds = some_clouds(np.random.default_rng(7), 80)
    together = gather_each(Clouds.of(clouds), WITHIN, 0.9)
    for n, cloud in enumerate(clouds):
        alone = gather(cloud, WITHIN, 0.9)
        for name in ("latitude", "longitude", "radius_km", "confidence"):
            assert getattr(together, name)[n] == pytest.approx(getattr(alone, name), rel=1e-5), name


def test_no_point_of_another_cloud_is_told_as_the_place_of_one() -> None:
    """Of the larger cloud the last point lies better for the smaller one than its own two do."""
    small = Cloud.of_places(*(np.array(of) for of in ([48.0, 48.3], [7.0, 7.0], [0.5, 0.45], [1.0, 1.0])))
    large = Cloud.of_places(np.full(9, 48.15), np.full(9, 7.0), np.full(9, 0.1), np.full(9, 1.0))
    alone, together = (
        gather_each(Clouds.of([small]), WITHIN, 0.9),
        gather_each(Clouds.of([small, large]), WITHIN, 0.9),
    )
    assert together.latitude[0] == pytest.approx(alone.latitude[0])
    assert together.radius_km[0] == pytest.approx(alone.radius_km[0], rel=1e-5)


def test_no_point_of_a_cloud_gathers_more_than_what_is_told() -> None:
    """Against a plain search of every point; of those nearly as good another may be told."""
    for cloud in some_clouds(np.random.default_rng(8), 12):
        most = max(plain_inside(cloud, n, WITHIN) for n in range(len(cloud.mass)))
        found = gather(cloud, WITHIN, 2.0)
        assert found.radius_km == WITHIN
        assert 0.84 * most <= found.confidence <= cloud.mass.sum() + 1e-6
        assert found.mass[0] >= 0.9 * most


def mean_log_distance(cloud: Cloud, middle: int, rng: np.random.Generator) -> float:
    """From one of the points to the others, each spread over its disc; nothing is nearer than 10 m."""
    lat, lng = lat_lng_of(cloud.vectors)
    size = np.maximum(cloud.size_km, 0.01)[:, None]
    away = size * np.sqrt(rng.uniform(0, 1, (len(lat), 200)))
    places = destination(lat[:, None], lng[:, None], rng.uniform(0, 360, away.shape), away)
    return float(np.log(distance_km(lat[middle], lng[middle], *places)).mean(axis=1) @ cloud.mass)


def test_the_point_told_is_that_of_the_least_mean_log_distance() -> None:
    """Of those that gather nearly as much as the best does; the mean over discs, by drawing from them."""
    rng = np.random.default_rng(10)
    for cloud in [c for c in some_clouds(rng, 40) if 1 < len(c.mass) <= 48][:4]:
        inside = np.array([plain_inside(cloud, n, WITHIN) for n in range(len(cloud.mass))])
        mean = {n: mean_log_distance(cloud, n, rng) for n in np.flatnonzero(inside >= 0.85 * inside.max())}
        away = distances_km(unit_vectors(*middle(cloud, WITHIN))[None], cloud.vectors)[0]
        nearest = int(np.argmin(away))
        assert away[nearest] < 1e-3
        assert mean[nearest] <= min(mean.values()) + 0.05


def test_of_two_places_the_one_that_can_be_named_more_closely_is_told() -> None:
    """Ten kilometres apart; the other is a bit more probable, and anywhere within a kilometre."""
    cloud = Cloud.of_places(
        np.array([48.0, 48.09]), np.array([7.0, 7.0]), np.array([0.4, 0.6]), np.array([0.01, 1.0])
    )
    assert middle(cloud, WITHIN) == pytest.approx((48.0, 7.0), abs=1e-4)


def test_cells_of_many_clouds_are_the_deepest_that_hold_the_certainty() -> None:
    """Against a plain search from the faces down."""
    clouds = Clouds.of(some_clouds(np.random.default_rng(9), 25))
    leaves = leaves_of(clouds)
    for certainty in (0.35, 0.5, 0.8):
        for n, token in enumerate(deepest_cells(clouds, leaves, certainty)):
            deepest = max(
                (
                    level
                    for level in range(13)
                    for cell in np.unique(parents(leaves[n], level))
                    if clouds.mass[n][parents(leaves[n], level) == cell].sum() >= certainty
                ),
                default=-1,
            )
            assert (s2sphere.CellId.from_token(token).level() if token else -1) >= deepest
            if token:
                cell = s2sphere.CellId.from_token(token)
                inside = [cell.contains(s2sphere.CellId(int(leaf))) for leaf in leaves[n]]
                assert clouds.mass[n][inside].sum() >= certainty - 1e-9


@pytest.mark.parametrize(("lat", "lng"), [(89.99, 0), (-89.99, 10), (0, 179.999), (12, -179.999)])
def test_poles_and_the_date_line_are_places_like_others(lat: float, lng: float) -> None:
    found = gather(cloud_at((lat, lng, 1.0)), WITHIN, 0.9)
    assert distance_km(found.latitude, found.longitude, lat, lng) < 0.2


def test_the_deepest_cell_holds_the_certainty_and_no_child_of_it_does() -> None:
    rng = np.random.default_rng(1)
    lat, lng = 50 + rng.normal(0, 0.05, 200), 7 + rng.normal(0, 0.05, 200)
    cloud = Cloud.of_places(lat, lng, np.full(200, 1 / 200), np.full(200, 0.01))
    for certainty in (0.3, 0.6, 0.9, 1.0):
        clouds = Clouds.of([cloud])
        (token,) = deepest_cells(clouds, leaves_of(clouds), certainty - 1e-9)
        cell = s2sphere.CellId.from_token(token)
        leaves = [s2sphere.CellId(int(leaf)) for leaf in leaf_ids(lat, lng)]
        assert np.mean([cell.contains(leaf) for leaf in leaves]) >= certainty - 1e-9
        if certainty > 0.5:
            for child in cell.children():
                assert np.mean([child.contains(leaf) for leaf in leaves]) < certainty - 1e-9


def test_candidates_are_different_places_in_falling_order() -> None:
    clouds = Clouds.of([cloud_at((50, 7, 0.5), (50.01, 7, 0.1), (10, 10, 0.3), (-20, 100, 0.1))])
    (told,) = candidates(clouds, gather_each(clouds, WITHIN, 0.9), leaves_of(clouds), WITHIN)
    assert [round(c.probability, 2) for c in told] == [0.6, 0.3, 0.1]


@pytest.fixture(scope="module")
def table(shared_data: Path) -> CellTable:
    rows = [
        line.split() for line in (shared_data / "reference/rn101-5k500/grids.txt").read_text().splitlines()
    ]
    lat, lng = (np.array([float(row[n]) for row in rows]) for n in (1, 2))
    return CellTable(ids_of_tokens([row[0] for row in rows]), lat, lng)


def test_posteriors_keep_the_leading_classes_in_order(table: CellTable) -> None:
    p = np.random.default_rng(0).dirichlet(np.full(len(table), 0.001), 5).astype(np.float32)
    for row, posterior in zip(p, posteriors(p, table), strict=True):
        assert np.all(np.diff(posterior.probabilities) <= 0)
        assert 0.9 < posterior.probabilities.sum() <= 1.0 + 1e-6
        if not table.suspect[np.argmax(row)]:
            assert posterior.classes[0] == np.argmax(row)


def test_a_temperature_above_one_spreads_the_probability(table: CellTable) -> None:
    p = np.random.default_rng(0).dirichlet(np.full(len(table), 0.01), 1).astype(np.float32)
    assert posteriors(p, table, 2.0)[0].probabilities[0] < posteriors(p, table)[0].probabilities[0]


def test_heaps_of_default_coordinates_are_not_believed(table: CellTable) -> None:
    heap = int(np.flatnonzero(table.suspect)[0])
    p = np.zeros((1, len(table)), dtype=np.float32)
    p[0, heap], p[0, 0 if heap else 1] = 0.6, 0.4
    (posterior,) = posteriors(p, table)
    assert posterior.classes[0] != heap
    assert posterior.probabilities[1] == pytest.approx(0.6 * SUSPECT_BELIEF / (0.6 * SUSPECT_BELIEF + 0.4))


def test_a_large_cell_is_spread_over_its_size(table: CellTable) -> None:
    """A cell a thousand kilometres wide holds next to nothing within 25 km of any point."""
    sizes = np.where(table.suspect, 0, table.radius_km)
    for row, most in ((int(np.argmax(sizes)), 0.05), (int(np.argmin(np.abs(sizes - 5))), 1.0)):
        cloud = cloud_of(Posterior(np.array([row], np.int32), np.array([1.0], np.float32)), table)
        assert cloud.mass.sum() == pytest.approx(1.0, abs=1e-6)
        found = gather(cloud, WITHIN, 0.9)
        assert found.confidence <= most
    assert found.confidence == pytest.approx(0.9, abs=0.05)


def test_a_picture_alone_says_what_its_posterior_says(table: CellTable) -> None:
    p = np.random.default_rng(3).dirichlet(np.full(len(table), 0.0005), 1).astype(np.float32)
    (posterior,) = posteriors(p, table)
    offers = offers_of([posterior], table, np.ones(1), np.zeros(1, dtype=np.bool_))
    alone = states_of_pictures(np.array([np.nan]), offers, table, offers.prior).points[0]
    plain = cloud_of(posterior, table)
    one, other = gather(alone, WITHIN, 0.9), gather(plain, WITHIN, 0.9)
    assert distance_km(one.latitude, one.longitude, other.latitude, other.longitude) < WITHIN
    assert one.confidence == pytest.approx(other.confidence, abs=0.05)
