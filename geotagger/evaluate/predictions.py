"""What was said of a hidden photo, held against its true place."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from geotagger.geo import distance_km

OURS = "fused"


@dataclass(frozen=True, slots=True)
class Prediction:
    """radius_km and confidence are NaN for rules that state none."""

    latitude: float
    longitude: float
    radius_km: float = np.nan
    confidence: float = np.nan


@dataclass(frozen=True, slots=True)
class Hidden:
    """One hidden photo and what each method said; a method that said nothing is absent."""

    name: str
    seed: int
    latitude: float
    longitude: float
    lag_s: float
    pictured: bool
    said: Mapping[str, Prediction]

    def error_km(self, method: str) -> float:
        said = self.said.get(method)
        if said is None:
            return np.inf
        return float(distance_km(said.latitude, said.longitude, self.latitude, self.longitude))
