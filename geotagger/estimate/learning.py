"""Learning how an archive moves: each fix is hidden, alone and with its whole outing, and predicted.

The parameters are those under which the hidden fixes are most probable, held by the prior
(maximum a posteriori); what the model then still gets wrong in its certainties is corrected by a
logistic regression on the same predictions. With few fixes the prior speaks.

Takes known places and times, gives parameters. Knows nothing of photos.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.cloud import gather, probability_within
from geotagger.estimate.movement import (
    HOUR_S,
    LOGARITHMIC,
    PRIOR_SPREAD,
    Correction,
    FloatArray,
    IntArray,
    Motion,
    lag_feature,
)
from geotagger.estimate.prior import Known, Surroundings, cloud, mixture, surroundings
from geotagger.geo import distance_km

OUTING_GAP_S = 6 * HOUR_S
"""A longer pause between photos ends an outing: people sleep, and wake up somewhere."""

MOST_TAUGHT = 400
"""How many fixes are predicted while learning; more changed no parameter by a tenth of its spread."""
_ROUNDS = 24
_RADII_KM = np.array([0.3, 1.0, 3.0, 10.0, 25.0, 100.0])
_PRIOR_COUNT = 10.0
"""The correction's prior is worth this many photos that were predicted as stated."""


def hidden_fixes(known: Known) -> tuple[IntArray, list[tuple[Surroundings, FloatArray]]]:
    """Which fixes are predicted, and their surroundings with weights: hidden alone, and with all
    fixes of their outing."""
    total = len(known.utc)
    asked = np.unique(np.linspace(0, total - 1, min(total, MOST_TAUGHT)).round().astype(np.int64))
    starts = np.concatenate([[True], np.diff(known.utc) > OUTING_GAP_S])
    outing = np.cumsum(starts) - 1
    first_of = np.flatnonzero(starts)
    last_of = np.append(first_of[1:], total)
    weight = np.full(len(asked), 0.5)
    utc, camera = known.utc[asked], known.camera[asked]
    starts_at, ends_at = first_of[outing[asked]], last_of[outing[asked]]
    alone = surroundings(known, utc, camera, asked, asked + 1)
    whole = surroundings(known, utc, camera, starts_at, ends_at)
    return asked, [(around, np.where(_has_any(around), weight, 0.0)) for around in (alone, whole)]


def fit_motion(known: Known, start: Motion | None = None) -> Motion:
    """A pattern search along each parameter, steps growing on success and halving on failure: the
    surface is smooth, the parameters few, and it needs no derivative."""
    prior = Motion()
    motion = start or prior
    if len(known.utc) < 3:
        return motion
    asked, hidden = hidden_fixes(known)
    lat, lng = known.lat[asked], known.lng[asked]

    def score(tried: Motion) -> float:
        held = sum(
            ((_scaled(tried, name) - _scaled(prior, name)) / PRIOR_SPREAD[name]) ** 2 for name in PRIOR_SPREAD
        )
        seen = sum(
            float(weight @ np.log(mixture(around, tried).density(lat, lng))) for around, weight in hidden
        )
        return seen - 0.5 * held

    best = score(motion)
    step = {name: 0.5 * spread for name, spread in PRIOR_SPREAD.items()}
    for _ in range(_ROUNDS):
        for name in PRIOR_SPREAD:
            for direction in (1, -1):
                tried = _moved(motion, name, direction * step[name])
                value = score(tried)
                if value > best:
                    motion, best = tried, value
                    step[name] *= 1.5 * direction
                    break
            else:
                step[name] *= 0.5
        if max(abs(step[name]) / PRIOR_SPREAD[name] for name in step) < 0.03:
            break
    return motion


def fit_correction(known: Known, motion: Motion, within_km: float = 25.0) -> Correction:
    """Logistic regression of "the truth lay inside this radius" on the probability stated for it, with
    a ridge towards leaving the probabilities as they are."""
    if len(known.utc) < 3:
        return Correction()
    asked, hidden = hidden_fixes(known)
    stated, inside, lags = [], [], []
    for around, weight in hidden:
        mix = mixture(around, motion)
        for row in np.flatnonzero(weight > 0):
            drawn = cloud(mix, int(row))
            found = gather(drawn, within_km, 0.9)
            stated.append(probability_within(drawn, found.latitude, found.longitude, _RADII_KM))
            away = distance_km(found.latitude, found.longitude, known.lat[asked[row]], known.lng[asked[row]])
            inside.append(away <= _RADII_KM)
            lags.append(around.nearest_lag[row])
    if not stated:
        return Correction()
    return fit_logistic(np.array(stated), np.array(inside), np.array(lags))


def fit_logistic(stated: FloatArray, inside: NDArray[np.bool_], lag_s: FloatArray) -> Correction:
    """stated, inside: (n, radii); lag_s: (n,). Newton's method, each photo counted once."""
    p = np.clip(stated, 1e-5, 1 - 1e-5)
    lag = np.broadcast_to(lag_feature(lag_s)[:, None], p.shape)
    features = np.stack([np.ones_like(p), np.log(p / (1 - p)), lag], axis=-1).reshape(-1, 3)
    truth = inside.reshape(-1).astype(np.float64)
    share = 1.0 / p.shape[1]
    start = np.array([0.0, 1.0, 0.0])
    held = 0.25 * _PRIOR_COUNT
    found = start.copy()
    for _ in range(50):
        expected = 1 / (1 + np.exp(-features @ found))
        slope = share * features.T @ (truth - expected) - held * (found - start)
        bend = share * (features.T * (expected * (1 - expected))) @ features + held * np.eye(3)
        step = np.linalg.solve(bend, slope)
        found = found + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-7:
            break
    return Correction(float(found[0]), float(max(found[1], 0.05)), float(found[2]))


def _has_any(around: Surroundings) -> NDArray[np.bool_]:
    return np.isfinite(around.nearest_lag)


def _scaled(motion: Motion, name: str) -> float:
    value = float(getattr(motion, name))
    return float(np.log(value)) if name in LOGARITHMIC else value


def _moved(motion: Motion, name: str, by: float) -> Motion:
    value = _scaled(motion, name) + by
    return replace(motion, **{name: float(np.exp(value)) if name in LOGARITHMIC else value})
