"""What an evaluation teaches for later runs: corrected certainties, and where to draw the line.

Takes the results of `evaluation`, gives a `Calibration` that can be stored beside the index's
other learned values, and applies it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from geotagger.estimate.evaluation import OURS, Hidden, least_confidence_for
from geotagger.estimate.learning import fit_logistic
from geotagger.estimate.movement import Correction, Movement

PRECISIONS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Calibration:
    """pictured: correction of estimates to which a picture contributed. least_confidence: for each
    precision the lowest confidence that keeps it, 1.01 where none did. photos: how many taught it."""

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


def calibrate(results: Sequence[Hidden]) -> Calibration:
    """From hidden photos, of several seeds and ways of hiding."""
    told = [h for h in results if OURS in h.said and np.isfinite(h.said[OURS].radius_km)]
    stated = np.array([h.said[OURS].confidence for h in told])
    inside = np.array([h.error_km(OURS) <= h.said[OURS].radius_km for h in told], dtype=np.bool_)
    lag = np.array([h.lag_s for h in told])
    radius = np.array([h.said[OURS].radius_km for h in told])
    pictured = np.array([h.pictured for h in told], dtype=np.bool_)
    correction = Correction()
    if pictured.any():
        correction = fit_logistic(
            stated[pictured, None], inside[pictured, None], radius[pictured, None], lag[pictured]
        )
        stated[pictured] = [
            float(correction.apply(np.array([p]), np.array([km]), seconds)[0])
            for p, km, seconds in zip(stated[pictured], radius[pictured], lag[pictured], strict=True)
        ]
    lines = []
    for precision in PRECISIONS:
        line = least_confidence_for(stated, inside, precision) if len(told) else None
        lines.append((precision, 1.01 if line is None else line))
    return Calibration(correction, tuple(lines), len(told))


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
