"""Predictions of hidden photos counted: how near they came, and whether their certainties were true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import FloatArray
from geotagger.evaluate.predictions import OURS, Hidden

THRESHOLDS_KM = (1.0, 25.0, 200.0, 750.0, 2500.0)
"""Street, city, region, country, continent (Hays & Efros 2008; Weyand et al. 2016)."""
_HELD_BY = 5.0
"""As what corrects certainties is held (certainty_correction.py)."""
METHODS = ("nearest", "photoprism", "text", "visual", "reference", "neighbours", "track", OURS)
"""In the order of the ladder, rules of others first."""


@dataclass(frozen=True, slots=True)
class EstimateScore:
    """accuracy: share of all hidden photos within each threshold. median_km, inside, stated: over those
    answered; inside the share whose truth lay within the stated radius, stated the mean confidence."""

    method: str
    hidden: int
    answered: int
    accuracy: Mapping[float, float]
    median_km: float
    inside: float
    stated: float

    def to_dict(self) -> dict[str, Any]:
        def or_none(value: float) -> float | None:
            return value if np.isfinite(value) else None

        return {
            "method": self.method,
            "hidden": self.hidden,
            "answered": self.answered,
            "accuracy": {f"{km:g}": share for km, share in self.accuracy.items()},
            "median_km": or_none(self.median_km),
            "inside": or_none(self.inside),
            "stated": or_none(self.stated),
        }


def score(results: Sequence[Hidden], method: str) -> EstimateScore:
    errors = np.array([hidden.error_km(method) for hidden in results])
    answered = np.isfinite(errors)
    radius = np.array([h.said[method].radius_km for h in results if method in h.said])
    stated = np.array([h.said[method].confidence for h in results if method in h.said])
    has_radius = np.isfinite(radius)
    return EstimateScore(
        method,
        len(results),
        int(answered.sum()),
        {km: float(np.mean(errors <= km)) if len(errors) else np.nan for km in THRESHOLDS_KM},
        float(np.median(errors[answered])) if answered.any() else np.nan,
        float(np.mean(errors[answered][has_radius] <= radius[has_radius])) if has_radius.any() else np.nan,
        float(np.mean(stated[has_radius])) if has_radius.any() else np.nan,
    )


def methods_of(results: Sequence[Hidden]) -> list[str]:
    """Those that said something."""
    return [method for method in METHODS if any(method in hidden.said for hidden in results)]


def reliability(
    stated: FloatArray, inside: NDArray[np.bool_], bins: int = 10
) -> list[tuple[float, float, int]]:
    """Mean stated probability, share inside and count, of bins of equal width that hold any."""
    at = np.minimum((stated * bins).astype(np.int64), bins - 1)
    return [
        (float(stated[at == n].mean()), float(inside[at == n].mean()), int((at == n).sum()))
        for n in range(bins)
        if (at == n).any()
    ]


def risk_coverage(
    stated: FloatArray, radius_km: FloatArray, inside: NDArray[np.bool_]
) -> list[tuple[float, float, float]]:
    """(share of photos kept, share of those outside their radius, the share that was to be expected),
    keeping the surest first."""
    order = np.lexsort((radius_km, -stated))
    count = np.arange(1, len(order) + 1)
    curve = np.stack(
        [count / len(order), np.cumsum(~inside[order]) / count, np.cumsum(1 - stated[order]) / count], axis=1
    )
    return [(float(kept), float(wrong), float(promised)) for kept, wrong, promised in curve]


def least_confidence_for(stated: FloatArray, inside: NDArray[np.bool_], precision: float) -> float | None:
    """The lowest stated confidence from which on at least `precision` of the photos lay inside, held at what
    is stated by `_HELD_BY` photos more, for one or two that lay inside promise nothing; None when even the
    surest do not reach it. Ties fall together."""
    order = np.argsort(-stated, kind="stable")
    count = np.arange(1, len(order) + 1)
    lay, promised = np.cumsum(inside[order]), np.cumsum(stated[order]) / count
    precision_above = np.minimum(lay / count, (lay + _HELD_BY * promised) / (count + _HELD_BY))
    last_of_tie = np.append(np.diff(stated[order]) != 0, True)
    enough = np.flatnonzero((precision_above >= precision) & last_of_tie)
    return float(stated[order[enough[-1]]]) if len(enough) else None
