"""The sparse messages against a plain dense sum over all assignments."""

import itertools

import numpy as np
import pytest

from geotagger.estimate import sequence
from geotagger.estimate.cloud import Cloud, distances_km
from geotagger.estimate.movement import Motion, radial_density
from geotagger.estimate.sequence import Node, burst_weights, join, shared_of
from geotagger.estimate.values import Posterior
from geotagger.geo import unit_vectors

MOTION = Motion()


def node(rng: np.random.Generator, utc: float, states: int) -> Node:
    vectors = unit_vectors(50 + rng.normal(0, 0.3, states), 7 + rng.normal(0, 0.3, states))
    prior = rng.dirichlet(np.ones(states))
    mass = prior * rng.gamma(0.5, size=states)
    return Node(utc, Cloud(vectors, mass / mass.sum(), rng.uniform(1, 5, states)), prior, True)


def potential(left: Node, right: Node, speaker: Node, listener: Node) -> np.ndarray:
    """ψ(x, y) of docs/evidence.md, written out, speaker's states along the first axis."""
    assert left.utc is not None
    assert right.utc is not None
    lag = abs(right.utc - left.utc)
    distance = distances_km(speaker.points.vectors, listener.points.vectors)
    scale = np.sqrt(
        MOTION.scale_km(lag) ** 2
        + speaker.points.size_km[:, None] ** 2
        + listener.points.size_km[None, :] ** 2
    )
    near = radial_density(distance, scale, MOTION.tail)
    own = speaker.prior / (np.pi * speaker.points.size_km**2)
    usual = np.maximum((near * listener.prior[None, :]).sum(axis=1), own)
    lost = float(MOTION.away_share(lag))
    return np.asarray((1 - lost) * near / usual[:, None] + lost)


def test_messages_are_those_of_a_dense_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "TRUST", 1.0)
    rng = np.random.default_rng(5)
    nodes = [node(rng, utc, 5) for utc in (0.0, 600.0, 4000.0, 4300.0)]
    joined = join(nodes, MOTION)
    for at in range(len(nodes)):
        expected = np.zeros(5)
        for states in itertools.product(range(5), repeat=len(nodes)):
            weight = 1.0
            for n, state in enumerate(states):
                weight *= nodes[n].mass[state]
            for n in range(at):  # the left side speaks to the right, towards the photo asked for
                weight *= potential(nodes[n], nodes[n + 1], nodes[n], nodes[n + 1])[states[n], states[n + 1]]
            for n in range(at, len(nodes) - 1):
                weight *= potential(nodes[n], nodes[n + 1], nodes[n + 1], nodes[n])[states[n + 1], states[n]]
            expected[states[at]] += weight
        cloud = joined[at]
        assert cloud is not None
        np.testing.assert_allclose(cloud.mass, expected / expected.sum(), rtol=1e-9)


def test_a_vague_picture_follows_its_neighbours() -> None:
    here, there = unit_vectors(50.0, 7.0), unit_vectors(10.0, 100.0)
    points = np.stack([here, there])
    prior = np.array([0.5, 0.5])
    sure = Node(0.0, Cloud(points, np.array([0.999, 0.001]), np.full(2, 5.0)), prior, True)
    vague = Node(300.0, Cloud(points, np.array([0.4, 0.6]), np.full(2, 5.0)), prior, True)
    joined = join([sure, vague], MOTION)[1]
    assert joined is not None
    assert joined.mass[0] > 0.95


def test_after_months_a_picture_says_nothing_about_another() -> None:
    rng = np.random.default_rng(2)
    first, last = node(rng, 0.0, 6), node(rng, 3e7, 6)
    joined = join([first, last], MOTION)[1]
    assert joined is not None
    np.testing.assert_allclose(joined.mass, last.mass, atol=0.05)


def test_a_known_place_parts_what_lies_on_either_side() -> None:
    rng = np.random.default_rng(3)
    first, last = node(rng, 0.0, 6), node(rng, 600.0, 6)
    joined = join([first, last], MOTION, np.array([300.0]))
    assert joined[1] is last.points


def test_photos_without_a_time_are_left_alone() -> None:
    rng = np.random.default_rng(4)
    one, other = node(rng, 0.0, 4), node(rng, 60.0, 4)
    timeless = Node(None, other.points, other.prior, True)
    assert join([one, timeless, None], MOTION)[1] is timeless.points


def test_a_burst_counts_less_than_as_many_pictures() -> None:
    weights = burst_weights([0.0, 1.0, 1.0, 2.0, 1000.0])
    assert weights[4] == 1.0
    assert np.all(weights[:4] < 0.5)


def test_shared_states_lead_the_mean_posterior() -> None:
    one = Posterior(np.array([3, 7], np.int32), np.array([0.9, 0.1], np.float32))
    other = Posterior(np.array([7], np.int32), np.array([0.3], np.float32))
    shared = shared_of([one, other])
    assert shared[0].classes.tolist() == [3, 7]
    assert shared[0].probabilities.tolist() == pytest.approx([0.45, 0.2])
