"""The densities of an outing's photos, all at once as one after the other."""

import numpy as np

from geotagger.estimate.densities import FEW, densities
from geotagger.estimate.movement import DAY_S, PRIOR_DRAWS
from geotagger.estimate.people import usual_at
from geotagger.estimate.prior import LEAST_WEIGHT, averaged
from geotagger.estimate.surroundings import FixTable, surroundings
from geotagger.geo import unit_vectors


def test_densities_of_many_photos_are_those_of_each() -> None:
    """Photos around twenty visits; points beside them and all over the Earth, none of the third photo. One
    after the other, distances are good to some centimetres (cloud.distances_km)."""
    rng = np.random.default_rng(4)
    lat, lng = 48 + rng.normal(0, 2.0, 20), 2 + rng.normal(0, 2.0, 20)
    known = FixTable(
        np.sort(rng.uniform(0, 60 * DAY_S, 20)), lat, lng, np.full(20, 0.01), np.zeros(20, np.int64),
        np.arange(20),
    )  # fmt: skip
    utc = np.linspace(-DAY_S, 61 * DAY_S, 9)
    at = np.searchsorted(known.utc, utc)
    mix = averaged(surroundings(known, utc, np.zeros(9, np.int64), at, at), PRIOR_DRAWS)
    row = np.sort(rng.choice([0, 1, 3, 4, 5, 6, 7, 8], 400))
    of = rng.integers(20, size=400)
    there = np.array([lat[of], lng[of]]) + rng.normal(0, 1, (2, 400)) * rng.choice([0.01, 1.0, 30.0], 400)
    vectors = unit_vectors(*there)
    usual = usual_at(*there)
    assert len(np.unique(row)) >= FEW
    assert np.mean(mix.weight > LEAST_WEIGHT) > 0.5, "nothing is worked out at once"
    of_all = densities(mix, row, vectors, usual)
    for photo in range(9):
        mine = row == photo
        for one, plain in zip(of_all, mix.densities_at(photo, vectors[mine], usual[mine]), strict=True):
            np.testing.assert_allclose(one[mine], plain, rtol=1e-6)
