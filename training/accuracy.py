"""The field's figures for errors that are known, and what published systems reached.

Takes errors in km, cell tables, probabilities; gives accuracy within 1/25/200/750/2500 km with 95 % bootstrap
intervals, median error, GeoScore, oracle ceilings and the temperature that calibrates. Knows nothing of
packs, images or files.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.picture_ratios import PictureRatios
from geotagger.estimate.visual import shares_near
from geotagger.geo import distance_km, unit_vectors

FloatArray = NDArray[np.float64]

THRESHOLDS_KM = (1.0, 25.0, 200.0, 750.0, 2500.0)
GEOSCORE_MAX, GEOSCORE_KM = 5000.0, 1492.7  # GeoGuessr's score (OSV-5M, Astruc et al. 2024, section 4)
_RESAMPLES = 2000
_TEMPERATURE_PRIOR = 0.5
_LEAST = 1e-30
_CHUNK = 1000

PUBLISHED: dict[str, dict[str, tuple[float, ...]]] = {
    "im2gps": {
        "PlaNet 2016": (8.4, 24.5, 37.6, 53.6, 71.3),
        "RN101-5k500": (16.8, 39.2, 48.9, 67.9, 82.2),
        "CPlaNet 2018": (16.5, 37.1, 46.4, 62.0, 78.5),
        "ISN (M, f*, S3) 2018": (16.9, 43.0, 51.9, 66.7, 80.2),
        "TransLocator 2022": (19.9, 48.1, 64.6, 75.6, 86.7),
        "PIGEOTTO 2024": (14.8, 40.9, 63.3, 82.3, 91.1),
    },
    "im2gps3k": {
        "PlaNet 2016": (8.5, 24.8, 34.3, 48.4, 64.6),
        "CPlaNet 2018": (10.2, 26.5, 34.6, 48.6, 64.6),
        "ISN (M, f*, S3) 2018": (10.5, 28.0, 36.6, 49.7, 66.0),
        "TransLocator 2022": (11.8, 31.1, 46.7, 58.9, 80.1),
        "GeoCLIP 2023": (14.1, 34.5, 50.7, 69.7, 83.8),
        "PIGEOTTO 2024": (11.3, 36.7, 53.8, 72.4, 85.3),
    },
    "placing2016": {"RN101-5k500": (6.2, 13.5, 20.8, 35.6, 55.2)},
    "planet-test": {"PlaNet 2016": (3.6, 10.1, 16.0, 28.4, 48.0)},
}
"""Percent within THRESHOLDS_KM as the papers state them, by test set."""


@dataclass(frozen=True, slots=True)
class AccuracyScore:
    """percent within THRESHOLDS_KM, their 95 % intervals, median error with its own, mean GeoScore."""

    photos: int
    percent: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    median_km: float
    median_interval: tuple[float, float]
    geoscore: float


def published_for(name: str) -> dict[str, tuple[float, ...]]:
    """The published rows for a test set, known by its name."""
    plain = "".join(c for c in name.lower() if c.isalnum())
    if plain.startswith("im2gps3k"):
        return PUBLISHED["im2gps3k"]
    if plain.startswith("im2gps"):
        return PUBLISHED["im2gps"]
    return PUBLISHED["placing2016"] if "placing" in plain else {}


def score(errors_km: FloatArray, seed: int = 0) -> AccuracyScore:
    """The standard figures of errors in km, float64 (n,); photos without a guess have infinity."""
    n = len(errors_km)
    share = np.array([(errors_km <= km).mean() for km in THRESHOLDS_KM])
    rng = np.random.default_rng(seed)
    # resampling n yes-or-no answers with replacement is a draw from the binomial distribution
    shares = rng.binomial(n, share, (_RESAMPLES, len(share))) / n
    low, high = np.percentile(100 * shares, [2.5, 97.5], axis=0)
    ordered = np.sort(errors_km)
    # the median of a resample of n is the order statistic whose rank a Beta law describes
    ranks = rng.beta((n + 1) / 2, (n + 1) / 2, _RESAMPLES)
    medians = ordered[np.minimum((ranks * n).astype(np.int64), n - 1)]
    # nearest: between two infinities nothing can be interpolated
    median_low, median_high = np.percentile(medians, [2.5, 97.5], method="nearest")
    return AccuracyScore(
        n,
        tuple(float(p) for p in 100 * share),
        tuple((float(a), float(b)) for a, b in zip(low, high, strict=True)),
        float(np.median(ordered)),
        (float(median_low), float(median_high)),
        float(np.mean(GEOSCORE_MAX * np.exp(-errors_km / GEOSCORE_KM))),
    )


def ceilings(table: CellTable, lat: FloatArray, lng: FloatArray) -> dict[str, FloatArray]:
    """Errors in km that the best possible classifier over these cells would make: when it names
    the truth's own cell (infinity where none is), when it names the class nearest to the truth, and, of a
    gallery, when it names the nearest place."""
    classes = table.classes_of(lat, lng)
    own = distance_km(lat, lng, table.lat[classes], table.lng[classes])
    best = {
        "truth's own cell": np.where(classes < 0, np.inf, own),
        "nearest class position": _to_nearest(lat, lng, table.lat, table.lng),
    }
    if table.gallery is not None:
        best["nearest place of the gallery"] = _to_nearest(lat, lng, table.gallery.lat, table.gallery.lng)
    return best


def _to_nearest(lat: FloatArray, lng: FloatArray, of_lat: FloatArray, of_lng: FloatArray) -> FloatArray:
    places = unit_vectors(of_lat, of_lng).T
    nearest = np.concatenate(
        [
            np.argmax(unit_vectors(lat[i : i + _CHUNK], lng[i : i + _CHUNK]) @ places, axis=1)
            for i in range(0, len(lat), _CHUNK)
        ]
    )
    return np.asarray(distance_km(lat, lng, of_lat[nearest], of_lng[nearest]))


def fit_temperature(
    said: PictureRatios, table: CellTable, lat: FloatArray, lng: FloatArray, within_km: float = 25.0
) -> tuple[float, float, float]:
    """The temperature that makes it most probable that photos were taken within `within_km` of where they
    were (Guo et al. 2017, section 4, where classes are told apart however near they lie), and the mean
    negative log-likelihood at 1 and there. said: what the network says of them. lat, lng: their places,
    degrees (n,); those that no class lies near are left out. Few photos that are all right would
    drive it to 0: its logarithm has a prior, normal about 0 with _TEMPERATURE_PRIOR, that thousands of
    photos overrule."""
    photo, classes, shares = shares_near(table, lat, lng, within_km)
    known = np.unique(photo)
    if not len(known):
        return 1.0, float("nan"), float("nan")

    def nll(log_temperature: float) -> float:
        p = said.classes(float(np.exp(log_temperature)))
        near = np.bincount(photo, p[photo, classes] * shares, len(lat))[known]
        return float(-np.mean(np.log(np.maximum(near, _LEAST))))

    strength = 1 / (2 * _TEMPERATURE_PRIOR**2 * len(known))
    best = _golden(lambda t: nll(t) + strength * t * t, np.log(0.05), np.log(20.0))
    return float(np.exp(best)), nll(0.0), nll(best)


def _golden(f: Callable[[float], float], low: float, high: float) -> float:
    ratio = (np.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    fa, fb = f(a), f(b)
    for _ in range(40):
        if fa < fb:
            high, b, fb = b, a, fa
            a = high - ratio * (high - low)
            fa = f(a)
        else:
            low, a, fa = a, b, fb
            b = low + ratio * (high - low)
            fb = f(b)
    return (low + high) / 2
