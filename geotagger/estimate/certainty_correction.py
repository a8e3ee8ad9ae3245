"""How true stated probabilities are: learned where the truth is known, and put right elsewhere.

Platt's logistic regression (1999) on the probability stated, the radius that it is of and the lag to the
nearest fix; with an offset at each of some lags, for certainty does not always fall with the lag (the evening
of a wedding is far from its noon, the next day is at work again); and with one for each camera, for the one
that goes on the journeys is elsewhere while the telephone is at home.

Takes probabilities and outcomes, gives a correction that can be stored. Knows nothing of places.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.estimate.logistic import fit_held_logistic

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_HOUR_S, _DAY_S = 3600.0, 86400.0
_FAR_S = 30 * _DAY_S
"""What is farther in time is as far."""
_FOR_EVER_S = 1e12
_LONGEST = 0.95
"""The longest lag taught is the one that so many of the photos stay below."""
_LEAST_SLOPE = 0.05
_HARDLY = 0.02
_PRIOR_COUNT = 5.0
"""The prior, as probabilities are, is worth this many photos that were predicted as stated …"""
_USUAL_SQUARES = np.array([1.0, 4.0, 2.0, 1.0, 6.0])
"""… by the mean squares of the features: one, logit, lag, radius, logit × lag."""
_OFFSET_PRECISION = 1.0
"""Of an offset at a lag or of a camera: 0 ± 1 in the logarithm of the odds, before anything is known."""


def lag_feature(lag_s: ArrayLike) -> FloatArray:
    return np.asarray(np.log10(np.minimum(lag_s, _FAR_S) / _HOUR_S + 0.01) - 1.0)


def radius_feature(radius_km: ArrayLike) -> FloatArray:
    return np.asarray(np.log10(np.asarray(radius_km)) - 1.0)


_LAGS = lag_feature(_HOUR_S * np.array([0.1, 0.5, 2.0, 6.0, 15.0, 30.0, 72.0, 240.0]))
_NEAR, _FAR = lag_feature(_HOUR_S), lag_feature(_DAY_S)


def _far_share(lag: FloatArray) -> FloatArray:
    """How much of a camera's offset counts: within an hour of a fix none, a day away all of it."""
    return np.clip((lag - _NEAR) / (_FAR - _NEAR), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class CertaintyCorrection:
    """logit p' = offset + (slope + slope_by_lag · l) · logit p + by_lag · l + by_radius · (log₁₀ km − 1)
    + at_lags(l) + of_cameras[camera] · far(l), with l = log₁₀(hours + 0.01) − 1. at_lags: of 6 and 30
    minutes, 2, 6, 15, 30, 72 and 240 hours, straight between these. far(l) rises from 0 at an hour to 1 at
    a day. of_cameras: by the codes of `Movement.cameras`. Both are empty where nothing is known of them.
    taught_s: the longest lag of which it knows, in seconds: at longer ones it raises a probability by as
    much less as they are longer. Weeks from all fixes somebody was at home each time; of years that says
    little."""

    offset: float = 0.0
    slope: float = 1.0
    by_lag: float = 0.0
    by_radius: float = 0.0
    slope_by_lag: float = 0.0
    at_lags: tuple[float, ...] = ()
    of_cameras: tuple[float, ...] = ()
    taught_s: float = _FOR_EVER_S

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> "CertaintyCorrection":
        """AttributeError, TypeError or ValueError for what is none."""
        offsets = {name: tuple(map(float, stored.get(name, ()))) for name in ("at_lags", "of_cameras")}
        plain = {name: float(value) for name, value in stored.items() if name not in offsets}
        if len(offsets["at_lags"]) not in (0, len(_LAGS)):
            raise ValueError(f"{len(offsets['at_lags'])} offsets are none of {len(_LAGS)} lags")
        if not np.isfinite([*plain.values(), *chain(*offsets.values())]).all():
            raise ValueError("a correction by what is no number")
        return CertaintyCorrection(**plain, **offsets)  # type: ignore[arg-type]

    def apply(
        self,
        probability: FloatArray,
        radius_km: FloatArray,
        lag_s: ArrayLike,
        camera: ArrayLike = -1,
    ) -> FloatArray:
        """lag_s and the code of the camera, −1 of any without fixes, stretch to the shape of the others."""
        p = np.clip(probability, 1e-5, 1 - 1e-5)
        lag = lag_feature(lag_s)
        slope = np.maximum(self.slope + self.slope_by_lag * lag, _LEAST_SLOPE)
        logit = self.offset + slope * np.log(p / (1 - p)) + self.by_lag * lag
        logit = logit + self.by_radius * radius_feature(radius_km)
        if self.at_lags:
            logit = logit + np.interp(lag, _LAGS, self.at_lags)
        if self.of_cameras:
            logit = logit + self._of_camera(np.asarray(camera)) * _far_share(lag)
        # without a time, or without a fix, nothing is known of the lag
        known_lag = np.where(np.isfinite(lag_s), np.maximum(lag_s, 1.0), 1.0)
        beyond = np.minimum(1.0, self.taught_s / known_lag)
        raised = logit - np.log(p / (1 - p))
        logit = logit - np.maximum(raised, 0.0) * (1 - beyond)
        return np.asarray(np.where(probability <= 0, 0.0, 1 / (1 + np.exp(-logit))))

    def _of_camera(self, codes: IntArray) -> FloatArray:
        """0 of cameras that taught nothing."""
        offsets = np.array([*self.of_cameras, 0.0])
        return np.asarray(offsets[np.where((codes >= 0) & (codes < len(offsets)), codes, -1)])

    def moves(
        self, probability: FloatArray, radius_km: FloatArray, lag_s: ArrayLike, camera: ArrayLike = -1
    ) -> FloatArray:
        """By how much the logarithm of the odds moves; of what is hardly possible no farther than at 2 %, for
        no correction was learned there."""
        p = np.clip(probability, _HARDLY, 1 - 1e-5)
        corrected = self.apply(p, radius_km, lag_s, camera)
        return np.asarray(np.log(corrected / (1 - corrected)) - np.log(p / (1 - p)))


def moved_by(probability: FloatArray, log_odds: FloatArray) -> FloatArray:
    """With the logarithm of the odds moved by so much."""
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.where(probability <= 0, 0.0, 1 / (1 + (1 - p) / p * np.exp(-log_odds)))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of n photos, at k radii each: what was stated (n, k), whether the truth lay inside, the radii; the lag
    to the nearest fix, how much the photo counts, and the code of its camera, −1 unknown, (n,) each."""

    stated: FloatArray
    inside: NDArray[np.bool_]
    radius_km: FloatArray
    lag_s: FloatArray
    weight: FloatArray
    camera: IntArray

    @staticmethod
    def of_circles(
        stated: FloatArray, inside: NDArray[np.bool_], radius_km: FloatArray, lag_s: FloatArray
    ) -> "Outcomes":
        """One circle a photo, (n,) each; all count alike."""
        return Outcomes(
            stated[:, None],
            inside[:, None],
            radius_km[:, None],
            lag_s,
            np.ones(len(stated)),
            np.full(len(stated), -1),
        )


def fit_plain(seen: Outcomes) -> CertaintyCorrection:
    """Without lags and cameras of their own."""
    coefficients = _fitted(seen, _plain_features(seen), 1.0)
    return _correction(coefficients)


def fit_whole(seen: Outcomes, few: float) -> CertaintyCorrection:
    """few: how many times as strongly the probabilities are held where they are."""
    lag = lag_feature(seen.lag_s)
    at_lags = np.stack([np.interp(lag, _LAGS, unit) for unit in np.eye(len(_LAGS))], axis=-1)
    codes = np.unique(seen.camera[seen.camera >= 0])
    of_cameras = (seen.camera[:, None] == codes) * _far_share(lag)[:, None]
    whose = np.concatenate([at_lags, of_cameras], axis=1)
    offsets = np.broadcast_to(whose[:, None], (*seen.stated.shape, whose.shape[1]))
    features = np.concatenate([_plain_features(seen), offsets], axis=-1)
    coefficients = _fitted(seen, features, few)
    plain, lags, cameras = np.split(coefficients, np.cumsum([len(_USUAL_SQUARES), len(_LAGS)]))
    by_code = np.zeros(codes.max(initial=-1) + 1)
    by_code[codes] = cameras
    return replace(_correction(plain, tuple(lags.tolist()), tuple(by_code.tolist())), taught_s=_longest(seen))


def _longest(seen: Outcomes) -> float:
    known = np.isfinite(seen.lag_s) & (seen.weight > 0)
    order = np.argsort(seen.lag_s[known])
    counted = np.cumsum(seen.weight[known][order])
    if not len(counted):
        return _FOR_EVER_S
    return float(seen.lag_s[known][order][np.searchsorted(counted, _LONGEST * counted[-1])])


def _correction(
    plain: FloatArray, at_lags: tuple[float, ...] = (), of_cameras: tuple[float, ...] = ()
) -> CertaintyCorrection:
    """plain: (5,), in the order of the features."""
    offset, slope, by_lag, by_radius, slope_by_lag = plain.tolist()
    return CertaintyCorrection(offset, slope, by_lag, by_radius, slope_by_lag, at_lags, of_cameras)


def _plain_features(seen: Outcomes) -> FloatArray:
    """(n, k, 5)."""
    p = np.clip(seen.stated, 1e-5, 1 - 1e-5)
    logit, lag = np.log(p / (1 - p)), np.broadcast_to(lag_feature(seen.lag_s)[:, None], p.shape)
    return np.stack([np.ones_like(p), logit, lag, radius_feature(seen.radius_km), logit * lag], axis=-1)


def _fitted(seen: Outcomes, features: FloatArray, few: float) -> FloatArray:
    """A photo counts by its weight, however many circles it has."""
    circles, width = features.shape[1:]
    start, precision = np.zeros(width), np.full(width, _OFFSET_PRECISION)
    start[1] = 1.0
    precision[: len(_USUAL_SQUARES)] = 0.25 * _PRIOR_COUNT * _USUAL_SQUARES
    truth = seen.inside.reshape(-1).astype(np.float64)
    share = np.repeat(seen.weight, circles) / circles
    return fit_held_logistic(features.reshape(-1, width), truth, share, start, few * precision)
