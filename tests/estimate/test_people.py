"""A place never visited lies where people are: farther off by the towns, about the fix as before."""

from dataclasses import replace

import numpy as np
import pytest

from geotagger.estimate.learning import learn_movement
from geotagger.estimate.movement import DAY_S, PRIOR_DRAWS
from geotagger.estimate.people import AROUND_KM, share_in_zone, usual_at
from geotagger.estimate.prior import Mixture, averaged, cloud
from geotagger.estimate.surroundings import FixTable, surroundings
from geotagger.geo import EARTH_RADIUS_KM, destination, distance_km, lat_lng_of, unit_vectors

LISBON = (38.72, -9.14)
OCEAN, MADRID = (38.72, -13.1), (40.42, -3.70)


def a_year_from(place: tuple[float, float]) -> Mixture:
    known = FixTable(
        np.array([0.0]), np.array([place[0]]), np.array([place[1]]), np.array([0.01]), np.array([-1]),
        np.array([0]),
    )  # fmt: skip
    none = np.array([1])
    around = surroundings(known, np.array([365 * DAY_S]), np.array([-1]), none, none)
    return averaged(around, PRIOR_DRAWS)


def mass_within(mix: Mixture, place: tuple[float, float], km: float) -> float:
    drawn = cloud(mix, 0)
    lat, lng = lat_lng_of(drawn.vectors)
    return float(drawn.mass[distance_km(lat, lng, *place) < km].sum())


def density(mix: Mixture, place: tuple[float, float]) -> float:
    return float(mix.density_at(0, unit_vectors(np.array([place[0]]), np.array([place[1]])))[0])


def test_usual_density_sums_to_one_over_the_earth_and_is_higher_where_people_live() -> None:
    lat, lng = np.meshgrid(np.arange(-89.5, 90), np.arange(-179.5, 180), indexing="ij")
    area = (6371.0 * np.radians(1.0)) ** 2 * np.cos(np.radians(lat))
    assert abs(float((usual_at(lat, lng) * area).sum()) - 1) < 1e-6
    ocean, madrid = (float(usual_at(np.array([la]), np.array([ln]))[0]) for la, ln in (OCEAN, MADRID))
    assert madrid > 100 * ocean


def test_a_place_never_visited_is_more_probably_a_town_than_the_sea() -> None:
    mix = a_year_from(LISBON)
    assert density(mix, MADRID) > 10 * density(mix, OCEAN)
    assert density(mix, OCEAN) > 0


def test_people_change_nothing_about_the_fix_itself() -> None:
    mix = a_year_from(LISBON)
    plain = replace(mix, peopled=np.zeros_like(mix.peopled))
    for km in (1.0, 25.0):
        assert abs(mass_within(mix, LISBON, km) - mass_within(plain, LISBON, km)) < 1e-9
    assert abs(float(cloud(mix, 0).mass.sum()) - float(cloud(plain, 0).mass.sum())) < 1e-9


def test_people_move_probability_and_add_none() -> None:
    """Summed on circles about the fix, from where people begin to tell to the other side of the Earth."""
    mix = a_year_from(LISBON)
    edges = np.geomspace(AROUND_KM, np.pi * EARTH_RADIUS_KM, 400)
    middle = np.sqrt(edges[1:] * edges[:-1])
    ring_km2 = 2 * np.pi * EARTH_RADIUS_KM**2 * -np.diff(np.cos(edges / EARTH_RADIUS_KM))
    bearings = np.arange(0.5, 360.0)
    lat, lng = destination(*LISBON, bearings[None, :], middle[:, None])

    held = mix.density_at(0, unit_vectors(lat.ravel(), lng.ravel())).reshape(lat.shape)
    farther = [(1 + np.square(km / mix.scale_km[0])) ** -mix.tail[0] for km in (edges[0], edges[-1])]
    by_hand = float(mix.weight[0] @ (farther[0] - farther[1])) + float(mix.anywhere[0])
    assert float(ring_km2 @ held.mean(axis=1)) == pytest.approx(by_hand, rel=0.03)


def test_learning_knows_no_people() -> None:
    """What is learned of an archive by the sea is what is learned of the same inland."""
    t = np.arange(12) * DAY_S / 3
    east = np.cumsum(np.random.default_rng(3).normal(0, 0.01, 12))
    sea, land = (learn_movement(t, np.full(12, place[0]), place[1] + east) for place in (OCEAN, MADRID))
    assert abs(np.log(sea.motion.hour_km / land.motion.hour_km)) < 0.1


def test_far_from_all_people_those_who_are_nearest_tell_the_zone() -> None:
    """Over the Southern Ocean, by a density so light that it is no number at the nearest town."""
    summer = 1_750_000_000.0
    hours = [share_in_zone(-58.0, 146.0, 23.0, 90.0, summer, 3600.0 * n) for n in range(-12, 15)]
    assert sum(hours) == pytest.approx(1.0)
    assert hours[10 + 12] > 0.99, "Tasmania's in winter"
