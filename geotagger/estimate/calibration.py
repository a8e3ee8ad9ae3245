"""What an evaluation teaches for later runs: corrected certainties, and where to draw the line.

Takes the results of `evaluation`, gives a `Calibration` that can be stored beside the index's
other learned values, and applies it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.evaluation import OURS, Hidden, least_confidence_for
from geotagger.estimate.learning import fit_logistic
from geotagger.estimate.movement import Correction, FloatArray, Movement

PRECISIONS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Calibration:
    """pictured: correction of estimates to which a picture contributed. least_confidence: for each
    precision the lowest confidence that keeps it in every way of hiding, 1.01 where none did. photos: how
    many taught it."""

    pictured: Correction
    least_confidence: tuple[tuple[float, float], ...]
    photos: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "pictured": asdict(self.pictured),
            "least_confidence": [list(pair) for pair in self.least_confidence],
            "photos": self.photos,
        }

    @staticmethod
    def from_dict(stored: dict[str, Any]) -> "Calibration":
        return Calibration(
            Correction(**stored["pictured"]),
            tuple((float(p), float(c)) for p, c in stored["least_confidence"]),
            int(stored["photos"]),
        )

    def applied_to(self, movement: Movement) -> Movement:
        return replace(movement, pictured=self.pictured)


def calibrate(ways: Sequence[Sequence[Hidden]]) -> Calibration:
    """From hidden photos of several seeds, for each way of hiding. The strictest way draws the line: nobody
    knows which of them the photos to come are like, and what single photos gain would pay for whole days."""
    told = [[h for h in way if OURS in h.said and np.isfinite(h.said[OURS].radius_km)] for way in ways]
    correction = _picture_correction([h for way in told for h in way if h.pictured])
    outcomes = [_outcomes(way, correction) for way in told if way]
    lines = []
    for precision in PRECISIONS:
        drawn = [least_confidence_for(stated, inside, precision) for stated, inside in outcomes]
        lines.append((precision, max((1.01 if line is None else line for line in drawn), default=1.01)))
    return Calibration(correction, tuple(lines), sum(map(len, told)))


def _picture_correction(pictured: Sequence[Hidden]) -> Correction:
    if not pictured:
        return Correction()
    stated, inside = _outcomes(pictured, Correction())
    radius = np.array([h.said[OURS].radius_km for h in pictured])
    lag = np.array([h.lag_s for h in pictured])
    return fit_logistic(stated[:, None], inside[:, None], radius[:, None], lag)


def _outcomes(way: Sequence[Hidden], pictured: Correction) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The confidences as they would be told with the correction, and which places lay inside."""
    stated = []
    for one in way:
        said = one.said[OURS]
        told, radius = np.array([said.confidence]), np.array([said.radius_km])
        stated.append(float(pictured.apply(told, radius, one.lag_s)[0]) if one.pictured else said.confidence)
    return np.array(stated), np.array([h.error_km(OURS) <= h.said[OURS].radius_km for h in way])


def least_confidence(precision: float, calibration: Calibration | None) -> float:
    """What `--min-confidence` must be for `precision` of what is kept to lie inside its radius.

    Without a calibration the precision itself: of estimates that are each at least so certain
    at least so many are right, as far as the certainties are true.
    """
    if calibration is None or not calibration.least_confidence:
        return precision
    asked, needed = np.array(calibration.least_confidence).T
    if precision > asked[-1]:
        return max(precision, float(needed[-1]))
    # between two precisions that were measured the stricter counts
    return float(needed[int(np.searchsorted(asked, precision - 1e-9))])
