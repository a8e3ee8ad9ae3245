"""How far the pictures of an archive are to be believed: one temperature for all that a model says of them.

A model's own temperature was fitted to photos of others. Where an archive knows the places of some photos,
they tell how much more probable their pictures made the true places than the model took them for before it
looked; the temperature that makes that most probable is the archive's. Takes posteriors and places, gives a
number. Knows nothing of time or of other evidence.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.states import emission_at, offers_of
from geotagger.estimate.values import Posterior
from geotagger.geo import unit_vectors

FloatArray = NDArray[np.float64]

_TRIED = np.exp(np.linspace(np.log(0.2), np.log(5.0), 97))
_PRIOR_SPREAD = 0.7
"""Of the logarithm of a temperature, before anything is known: a few photos change little."""


def fitted_temperature(
    posteriors: Sequence[Posterior],
    lat: FloatArray,
    lng: FloatArray,
    weight: FloatArray,
    table: CellTable,
) -> float:
    """lat, lng: where the photos were taken, degrees (n,). weight (n,): how much each counts, less than 1
    where others beside it show nearly the same."""
    n = len(posteriors)
    if not n:
        return 1.0
    offers = offers_of(posteriors, table, np.ones(n), np.zeros(n, dtype=np.bool_))
    at_truth = np.log(emission_at(offers, np.arange(n), unit_vectors(lat, lng), table))
    elsewhere = np.maximum(1.0 - np.bincount(offers.photo, offers.prior, n), 0.0)
    emission, missed = np.log(offers.emission), np.log(offers.missed)
    log_posterior = []
    for temperature in _TRIED:
        offered = np.bincount(offers.photo, offers.prior * np.exp(emission / temperature), n)
        usual = offered + elsewhere * np.exp(missed / temperature)
        likelihood = weight @ (at_truth / temperature - np.log(usual))
        log_posterior.append(likelihood - 0.5 * (np.log(temperature) / _PRIOR_SPREAD) ** 2)
    return float(_TRIED[int(np.argmax(log_posterior))])
