"""Logistic regression with weights, held near a start by a Gaussian prior: it corrects certainties."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_MOST_STEPS = 50
_STILL = 1e-7
_LONGEST_STEP = 1.0
"""A Newton step from a poor start may leap past the optimum and not come back."""


def fit_held_logistic(
    features: FloatArray, truth: FloatArray, weight: FloatArray, start: FloatArray, precision: FloatArray
) -> FloatArray:
    """The most probable coefficients (d,), by Newton's method. `features` (n, d), `truth` 0 or 1 and `weight`
    (n,); `start` and `precision` (d,) are the prior's mean and the inverse of its variances."""
    coefficients = start.copy()
    for _ in range(_MOST_STEPS):
        expected = 1 / (1 + np.exp(-features @ coefficients))
        slope = features.T @ (weight * (truth - expected)) - precision * (coefficients - start)
        bend = (features.T * (weight * expected * (1 - expected))) @ features + np.diag(precision)
        step = np.linalg.solve(bend, slope)
        coefficients = coefficients + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _STILL:
            break
    return coefficients
