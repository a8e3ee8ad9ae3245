"""What the network is asked to minimise, and how near its first guess is.

Plain cross-entropy, PIGEON's haversine label smoothing, and either of them summed over the heads of a
hierarchy. Takes logits and true places, gives losses; places are unit vectors, float32 (…, 3).
Knows nothing of images or of where cells come from.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from geotagger.cells import CellIds, CellTable, centres
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors
from training.accuracy import THRESHOLDS_KM


def class_vectors(table: CellTable) -> Tensor:
    """The mean place of each class, float32 (classes, 3)."""
    return torch.from_numpy(unit_vectors(table.lat, table.lng).astype(np.float32))


def cell_vectors(ids: CellIds) -> Tensor:
    """The middle of each cell, float32 (n, 3)."""
    return torch.from_numpy(unit_vectors(*centres(ids)).astype(np.float32))


def arcs_km(a: Tensor, b: Tensor) -> Tensor:
    """Great-circle distances between unit vectors (n, 3) and (m, 3); float32 (n, m), good to 3 km."""
    chord2 = (2 - 2 * (a.float() @ b.float().T)).clamp(0, 4)
    return 2 * EARTH_RADIUS_KM * torch.asin(torch.sqrt(chord2) / 2)


def haversine_targets(truth: Tensor, classes: Tensor, places: Tensor, tau_km: float) -> Tensor:
    """Smoothed labels, float32 (n, classes), rows summing to 1.

    PIGEON (Haas et al. 2024, equation 2): exp(−(d(cell, truth) − d(own cell, truth)) / τ). The paper
    leaves the rows as they are; here they are divided by their sum, so that a photo in a dense
    partition does not outweigh one in a sparse one.
    """
    distances = arcs_km(truth, places)
    own = distances.gather(1, classes[:, None])
    return torch.softmax(-(distances - own) / tau_km, dim=1)


class Objective:
    """The loss over all heads. `tau_km` None is plain cross-entropy; `parents[k]` gives each class
    its row in head k+1, `places[k]` the places of head k's classes."""

    def __init__(self, places: Sequence[Tensor], parents: Sequence[Tensor], tau_km: float | None) -> None:
        self.places, self.parents, self.tau_km = list(places), [p.long() for p in parents], tau_km

    def to(self, device: torch.device) -> "Objective":
        return Objective(
            [p.to(device) for p in self.places], [p.to(device) for p in self.parents], self.tau_km
        )

    def __call__(self, logits: Sequence[Tensor], classes: Tensor, truth: Tensor) -> Tensor:
        """The mean loss of a batch: classes int64 (n,), truth float32 (n, 3)."""
        total = logits[0].new_zeros(())
        for level, scores in enumerate(logits):
            wanted = classes if level == 0 else self.parents[level - 1][classes]
            if self.tau_km is None:
                total = total + F.cross_entropy(scores, wanted)
            else:
                targets = haversine_targets(truth, wanted, self.places[level], self.tau_km)
                total = total + F.cross_entropy(scores, targets)
        return total


def mixed(data: Tensor, alpha: float) -> tuple[Tensor, float, Tensor | None]:
    """Pictures (n, …), each mixed with another by a share drawn from Beta(alpha, alpha); the share that is
    its own, and the rows of the others (Zhang et al. 2018). alpha 0: as they are."""
    if not alpha:
        return data, 1.0, None
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    others = torch.randperm(len(data)).to(data.device)
    return torch.lerp(data[others], data, share), share, others


def chords(device: torch.device | str = "cpu") -> Tensor:
    """THRESHOLDS_KM as lengths of chords of the unit sphere, float32 (5,)."""
    limits = 2 * np.sin(np.array(THRESHOLDS_KM) / EARTH_RADIUS_KM / 2)
    return torch.tensor(limits, dtype=torch.float32, device=device)


def within(predicted: Tensor, truth: Tensor, limits: Tensor) -> Tensor:
    """How many of the places (n, 3) lie within each of the chords `limits` of the truth; int64 (5,).

    By the difference of the vectors, which float32 holds to a metre.
    """
    near: Tensor = (predicted.float() - truth.float()).norm(dim=1)[:, None] <= limits
    return near.sum(0)
