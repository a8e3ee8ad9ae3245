"""What a stretch of training gave, added up on the device, so that nothing waits until it is told.

Takes losses, logits and true places; gives means. Knows nothing of steps.
"""

import math

import torch
from torch import Tensor

from geotagger.errors import TrainingError
from training.accuracy import THRESHOLDS_KM
from training.fit.objectives import Objective, chords, within


class LossTally:
    """Sums of loss, photos, right cells and places within the thresholds."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(3 + len(THRESHOLDS_KM), dtype=torch.float64, device=device)
        self._limits = chords(device)

    def add(self, loss: Tensor, scores: Tensor, classes: Tensor, truth: Tensor, objective: Objective) -> None:
        """All on the device of the sums."""
        best, n = scores.argmax(1), len(scores)
        near = within(objective.places[0][best], truth, self._limits)
        right = (best == classes).sum().double()
        counts = torch.stack([loss.detach().double() * n, torch.full_like(right, n), right])
        self.sums += torch.cat([counts, near.double()])

    def averages(self) -> dict[str, float]:
        loss, n, right, *near = self.sums.tolist()
        n = max(n, 1.0)
        shares = {f"within_{km:g}_km": count / n for km, count in zip(THRESHOLDS_KM, near, strict=True)}
        return {"loss": loss / n, "accuracy": right / n, **shares}

    def check(self, step: int, kept: int) -> None:
        """TrainingError when a loss was no number: nothing that follows could be used. kept: the step of
        the last checkpoint, 0 for none."""
        if not math.isfinite(float(self.sums[0])):
            last = f"the checkpoint of step {kept:,} is whole and kept" if kept else "nothing was saved"
            raise TrainingError(
                f"the loss was no number (NaN or infinite) at step {step:,} or shortly before; {last}; "
                "train with a lower --learning-rate, or --precision fp32"
            )
