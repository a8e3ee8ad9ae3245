"""What an evaluation taught for later runs: corrected certainties, and where to draw the line.

Knows how it is stored beside the index's other learned values, and applies it. `geotagger.evaluate` makes it.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from geotagger.estimate.certainty_correction import CertaintyCorrection
from geotagger.estimate.movement import MISLEADS, Movement

_MOST_STATED = 0.99


@dataclass(frozen=True, slots=True)
class Calibration:
    """pictured: correction of estimates to which a picture contributed. least_confidence: for each
    precision the lowest confidence that keeps it in every way of hiding, 1.01 where none did. photos: how
    many taught it. temperature: that of this archive for what the model says, on top of the model's own;
    misleads: how often the pictures of an outing were wrong together; model: the digest of that model,
    empty where none looked."""

    pictured: CertaintyCorrection
    least_confidence: tuple[tuple[float, float], ...]
    photos: int
    temperature: float = 1.0
    misleads: float = MISLEADS
    model: str = ""

    @staticmethod
    def none() -> "Calibration":
        return Calibration(CertaintyCorrection(), (), 0)

    def to_dict(self) -> dict[str, Any]:
        return {
            "pictured": asdict(self.pictured),
            "least_confidence": [list(pair) for pair in self.least_confidence],
            "photos": self.photos,
            "temperature": self.temperature,
            "misleads": self.misleads,
            "model": self.model,
        }

    @staticmethod
    def from_dict(stored: dict[str, Any]) -> "Calibration":
        """AttributeError, KeyError, TypeError or ValueError for what is none."""
        calibration = Calibration(
            CertaintyCorrection.from_dict(stored["pictured"]),
            tuple((float(p), float(c)) for p, c in stored["least_confidence"]),
            int(stored["photos"]),
            float(stored.get("temperature", 1.0)),
            float(stored.get("misleads", MISLEADS)),
            str(stored.get("model", "")),
        )
        lines = np.array(calibration.least_confidence).reshape(-1, 2)
        if not (0 < calibration.temperature < np.inf and 0 < calibration.misleads < 1):
            raise ValueError("a temperature or a share that no calibration finds")
        if not (np.isfinite(lines).all() and (np.diff(lines[:, 0]) > 0).all()):
            raise ValueError("lines that no calibration draws")
        return calibration

    def is_of(self, model: str | None) -> bool:
        """Whether it speaks of what this model says of pictures."""
        return not self.model or model is None or self.model == model

    def applied_to(self, movement: Movement, model: str | None) -> Movement:
        """model: the digest of the one that looks now."""
        if not self.is_of(model):
            return movement
        return replace(movement, pictured=self.pictured, temperature=self.temperature, misleads=self.misleads)


def stated_certainty(certainty: float, least: float) -> float:
    """What a radius is to hold where `certainty` is asked for and places are written from `least` on: a
    smaller circle would hold too little to be written."""
    return max(certainty, min(least, _MOST_STATED))


def least_confidence(precision: float, calibration: Calibration | None, model: str | None = None) -> float:
    """What `--min-confidence` must be for `precision` of what is kept to lie inside its radius. model: the
    digest of the one that looks now, None where none does.

    Without a calibration the precision itself: of estimates that are each at least so certain
    at least so many are right, as far as the certainties are true. A line that was drawn with the pictures
    of another model, or with none, is none for this one.
    """
    if calibration is None or not calibration.least_confidence or calibration.model != (model or ""):
        return precision
    precisions, needed = np.array(calibration.least_confidence).T
    if precision > precisions[-1]:
        return max(precision, float(needed[-1]))
    # between two precisions that were measured the stricter counts
    return float(needed[int(np.searchsorted(precisions, precision - 1e-9))])
