"""What a sample drawn at random teaches about certainties: a correction on top of all others.

logit p' = offset + slope · logit p (Platt 1999), fitted to what the owner said of circles drawn within
strata of certainty, each weighed by how many photos it stands for; held by a Gaussian prior at no
correction. Takes and gives values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geotagger.estimate.certainty_correction import CertaintyCorrection
from geotagger.estimate.logistic import fit_held_logistic
from geotagger.estimate.movement import Movement

FEWEST = 20
"""So many verdicts before anything is corrected."""

_PRIOR_SPREAD = np.array([1.0, 0.5])


@dataclass(frozen=True, slots=True)
class SampleCorrection:
    """`photos`: how many verdicts taught it. `run`: the one that did; estimates of later runs state corrected
    certainties."""

    offset: float
    slope: float
    photos: int
    run: int

    def to_dict(self) -> dict[str, Any]:
        return {"offset": self.offset, "slope": self.slope, "photos": self.photos, "run": self.run}

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> "SampleCorrection":
        """KeyError, TypeError or ValueError for what is none."""
        return SampleCorrection(
            float(stored["offset"]), float(stored["slope"]), int(stored["photos"]), int(stored["run"])
        )

    def applied_to(self, movement: Movement) -> Movement:
        """Its corrections first, and this of what they give."""
        return replace(movement, sampled=CertaintyCorrection(self.offset, self.slope))


def corrected_by(
    stated: Sequence[float],
    inside: Sequence[bool],
    weights: Sequence[float],
    before: SampleCorrection | None,
    run: int,
) -> SampleCorrection:
    """The correction for certainties that were stated with the one `before`, joined to it."""
    p = np.clip(np.array(stated, dtype=np.float64), 1e-3, 1 - 1e-3)
    features = np.stack([np.ones_like(p), np.log(p / (1 - p))], axis=1)
    truth, weight = np.array(inside, dtype=np.float64), np.array(weights, dtype=np.float64)
    weight = weight / weight.mean()
    start = np.array([0.0, 1.0])
    fitted = fit_held_logistic(features, truth, weight, start, 1 / _PRIOR_SPREAD**2)
    offset, slope_found = float(fitted[0]), max(0.05, float(fitted[1]))
    if before is None:
        return SampleCorrection(offset, slope_found, len(p), run)
    return SampleCorrection(
        offset + slope_found * before.offset, slope_found * before.slope, before.photos + len(p), run
    )
