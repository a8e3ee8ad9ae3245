"""The messages against a plain dense sum over all assignments, and what the kernel promises."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.cells import CellTable, centres, leaf_ids, parents
from geotagger.estimate.cloud import Clouds, distances_km
from geotagger.estimate.movement import Motion, radial_density
from geotagger.estimate.sequence import REACH, join, potentials, weights
from geotagger.estimate.states import SHARED_CLASSES, States, offers_of, states_of_pictures
from geotagger.estimate.values import Posterior
from geotagger.geo import unit_vectors

MOTION = Motion()
NOWHERE = np.empty(0)
NOBODY = States(NOWHERE, Clouds(np.zeros((0, 1, 3)), np.zeros((0, 1)), np.ones((0, 1))), np.zeros((0, 1)))


def photos(rng: np.random.Generator, utc: list[float], places: int, covered: float = 1.0) -> States:
    """Photos that may be at places about one town; `covered` of the prior lies there."""
    shape = (len(utc), places)
    vectors = unit_vectors(50 + rng.normal(0, 0.3, shape), 7 + rng.normal(0, 0.3, shape))
    prior = covered * rng.dirichlet(np.ones(places), len(utc))
    mass = prior * rng.gamma(0.5, size=shape)
    rest = (1 - covered) * rng.gamma(0.5, size=(len(utc), 1))
    mass = mass / (mass.sum(axis=1, keepdims=True) + rest)
    return States(np.array(utc), Clouds(vectors, mass, rng.uniform(1, 5, shape)), prior)


def same_places(rng: np.random.Generator, utc: list[float], places: int) -> States:
    one = photos(rng, [0.0], places, 0.01)
    rows = np.zeros(len(utc), dtype=np.int64)
    return States(np.array(utc), one.points.part(rows), one.prior[rows])


def part(states: States, rows: list[int]) -> States:
    return States(states.utc[rows], states.points.part(np.array(rows)), states.prior[rows])


def plain_potential(states: States, i: int, j: int) -> np.ndarray:
    """ψ of docs/evidence.md for photos whose points hold the whole prior, written out: the density, then
    scaled in turn until both priors are kept."""
    lag = abs(states.utc[i] - states.utc[j])
    a, b = states.points[i], states.points[j]
    blur = MOTION.scale_km(lag) ** 2 + (REACH * a.size_km[:, None]) ** 2 + (REACH * b.size_km[None, :]) ** 2
    near = radial_density(distances_km(a.vectors, b.vectors), np.sqrt(blur), MOTION.tail_at(lag))
    u, v = np.ones(len(near)), np.ones(len(near))
    for _ in range(500):
        u = 1 / (near @ (v * states.prior[j]))
        v = 1 / ((u * states.prior[i]) @ near)
    lost = float(MOTION.away_share(lag))
    return np.asarray((1 - lost) * u[:, None] * near * v + lost)


def test_the_potentials_are_those_of_the_formula_where_nothing_lies_elsewhere() -> None:
    states = same_places(np.random.default_rng(5), [0.0, 900.0], 6)
    whole = States(states.utc, states.points, states.prior / states.prior.sum(axis=1, keepdims=True))
    found = potentials(whole, np.array([0]), whole, np.array([1]), MOTION)[0, :-1, :-1]
    np.testing.assert_allclose(found, plain_potential(whole, 0, 1), rtol=0.05)


@pytest.mark.parametrize("covered", [1.0, 0.4])
def test_messages_are_those_of_a_sum_over_all_assignments(covered: float) -> None:
    rng = np.random.default_rng(5)
    states = photos(rng, [0.0, 600.0, 4000.0, 4300.0], 4, covered)
    joined, _ = join(states, NOBODY, MOTION, NOWHERE)
    elsewhere = 1 - states.points.mass.sum(axis=1, keepdims=True)
    own = np.append(states.points.mass, elsewhere, axis=1)
    spoken = np.append(states.points.mass, np.maximum(elsewhere, 1e-3), axis=1)
    links = potentials(states, np.arange(3), states, np.arange(1, 4), MOTION).astype(np.float64)
    expected = np.zeros((4, 5))
    for at in itertools.product(range(5), repeat=4):
        link = np.prod([links[n, at[n], at[n + 1]] for n in range(3)])
        for n in range(4):
            said = [own[m, at[m]] if m == n else spoken[m, at[m]] for m in range(4)]
            expected[n, at[n]] += link * np.prod(said)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(joined, expected[:, :-1], rtol=1e-4, atol=1e-7)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 0.01]), st.floats(1, 1e6))
def test_a_picture_that_says_nothing_changes_nothing(seed: int, covered: float, lag: float) -> None:
    states = photos(np.random.default_rng(seed), [0.0, lag], 12, covered)
    silent = States(states.utc, states.points.weighed(states.prior), states.prior)
    told = States(states.utc, silent.points.weighed(states.prior.copy()), states.prior)
    told.points.mass[1] = states.points.mass[1]
    joined, _ = join(told, NOBODY, MOTION, NOWHERE)
    np.testing.assert_allclose(joined[1], states.points.mass[1], atol=1e-4)


def test_forty_silent_pictures_leave_each_prior_as_it_is() -> None:
    """An error that is small from photo to photo would add up over an outing."""
    states = same_places(np.random.default_rng(1), [300.0 * n for n in range(40)], 30)
    silent = States(states.utc, states.points.weighed(states.prior), states.prior)
    joined, _ = join(silent, NOBODY, MOTION, NOWHERE)
    np.testing.assert_allclose(joined, states.prior, rtol=0.25)


def test_a_vague_picture_follows_its_neighbours() -> None:
    points = np.stack([unit_vectors(50.0, 7.0), unit_vectors(10.0, 100.0)])
    mass, prior = np.array([[0.999, 0.001], [0.4, 0.6]]), np.full((2, 2), 0.5)
    states = States(np.array([0.0, 300.0]), Clouds(np.stack([points] * 2), mass, np.full((2, 2), 5.0)), prior)
    assert join(states, NOBODY, MOTION, NOWHERE)[0][1, 0] > 0.95


def test_after_months_a_picture_says_nothing_about_another() -> None:
    states = photos(np.random.default_rng(2), [0.0, 3e7], 6)
    joined, _ = join(states, NOBODY, MOTION, NOWHERE)
    np.testing.assert_allclose(joined, states.points.mass, atol=0.05)


def test_a_known_place_parts_what_lies_on_either_side() -> None:
    states = photos(np.random.default_rng(3), [0.0, 600.0], 6)
    joined, _ = join(states, NOBODY, MOTION, np.array([300.0]))
    np.testing.assert_allclose(joined, states.points.mass, rtol=1e-5)


def test_photos_without_a_time_are_left_alone_and_say_nothing() -> None:
    states = photos(np.random.default_rng(4), [0.0, np.nan], 4)
    joined, _ = join(states, NOBODY, MOTION, NOWHERE)
    np.testing.assert_allclose(joined, states.points.mass, rtol=1e-5)


def test_a_photo_without_a_picture_hears_both_sides_as_one_with_a_silent_picture_would() -> None:
    states = photos(np.random.default_rng(6), [0.0, 300.0, 700.0], 8)
    silent = states.points.mass.copy()
    silent[1] = states.prior[1]
    quiet = States(states.utc, states.points.weighed(silent), states.prior)
    among, _ = join(quiet, NOBODY, MOTION, NOWHERE)
    _, listening = join(part(quiet, [0, 2]), part(quiet, [1]), MOTION, NOWHERE)
    np.testing.assert_allclose(listening[0], among[1], rtol=0.03)


def test_a_burst_is_worth_hardly_more_than_one_picture() -> None:
    looks = weights(np.array([0.0, 1.0, 1.0, 2.0, 10_000.0]))
    assert looks[4] == pytest.approx(1.0, abs=1e-6)
    assert looks[:4].sum() < 1.3
    assert np.all(looks > 0)
    assert weights(np.array([0.0, 60.0]), alike_s=0.0).tolist() == [1.0, 1.0]


def test_the_weights_are_those_of_the_best_mean_of_correlated_errors() -> None:
    """Generalised least squares, by inverting the covariance of a Markov chain."""
    utc = np.array([0.0, 40.0, 100.0, 130.0, 600.0])
    near = 0.9 * np.exp(-np.diff(utc) / 120.0)
    covariance = np.eye(5)
    for i, j in itertools.combinations(range(5), 2):
        covariance[i, j] = covariance[j, i] = np.prod(near[i:j])
    np.testing.assert_allclose(weights(utc, 120.0), np.linalg.inv(covariance).sum(axis=1), rtol=1e-9)


def cell_table() -> CellTable:
    rng = np.random.default_rng(0)
    ids = np.unique(parents(leaf_ids(rng.uniform(-60, 60, 300), rng.uniform(-180, 180, 300)), 8))
    return CellTable(ids, *centres(ids))


def test_what_the_pictures_show_together_is_a_state_of_each() -> None:
    table = cell_table()
    sure = Posterior(np.array([3, 7], np.int32), np.array([0.9, 0.1], np.float32))
    other = Posterior(np.array([7], np.int32), np.array([0.3], np.float32))
    offers = offers_of([sure, other], table, np.ones(2), np.ones(2, dtype=np.bool_))
    assert sorted(offers.atoms[offers.photo == 1]) == [3, 7]
    apart = offers_of([sure, other], table, np.ones(2), np.zeros(2, dtype=np.bool_))
    assert sorted(apart.atoms[apart.photo == 1]) == [7]
    assert len(offers.atoms) <= 2 + 1 + 2 * SHARED_CLASSES


def test_states_of_many_photos_are_those_of_each_alone() -> None:
    table, rng = cell_table(), np.random.default_rng(3)
    said = [
        Posterior(
            rng.choice(len(table), 20, replace=False).astype(np.int32),
            np.sort(rng.dirichlet(np.full(20, 0.3)))[::-1].astype(np.float32),
        )
        for _ in range(5)
    ]

    def states(some: list[Posterior]) -> States:
        offers = offers_of(some, table, np.ones(len(some)), np.zeros(len(some), dtype=np.bool_))
        return states_of_pictures(np.arange(len(some), dtype=np.float64), offers, table, offers.prior)

    together = states(said)
    for n, one in enumerate(said):
        alone = states([one])
        assert together.points.mass[n].sum() == pytest.approx(alone.points.mass[0].sum())
        np.testing.assert_allclose(np.sort(together.points.mass[n]), np.sort(alone.points.mass[0]))
