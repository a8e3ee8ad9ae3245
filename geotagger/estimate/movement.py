"""How far the people of an archive move in a given time, and where they keep coming back to.

Learned from the photos that have a fix. A place a time later is either *near* (a heavy-tailed
radial density whose scale grows with the time) or *anywhere they are wont to be* (their visited
places, weighted by how near in time the visit was), or rarely *new* (anywhere). The formulas and
the priors stand in docs/evidence.md.

Takes arrays of fixes, gives a `Movement` that can be stored. Knows nothing of photos or cells.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.estimate.cloud import distances_km
from geotagger.geo import unit_vectors

FloatArray = NDArray[np.float64]

HOUR_S, DAY_S = 3600.0, 86400.0
EARTH_KM2 = 5.1e8
MOST_VISITS = 4096


@dataclass(frozen=True, slots=True)
class Motion:
    """The parameters, with the prior as defaults. Density of a place d km away after τ seconds:

    near:   ν/(π s²) · (1 + d²/s²)^(−ν−1),  s(τ) = still_km + hour_km · (τ/1 h)^growth
    jump:   with probability jump_most · (1 − exp(−(τ/jump_days)^0.5)) the place is instead one of the
            visited ones, each weighted (1 + lag/recall_days)^(−1), or, with probability `new`, any.
    """

    still_km: float = 0.05
    hour_km: float = 0.6
    growth: float = 0.6
    tail: float = 0.55
    jump_most: float = 0.8
    jump_days: float = 10.0
    recall_days: float = 3.0
    haunt_km: float = 0.7
    haunt_tail: float = 0.5
    new: float = 0.1

    def scale_km(self, lag_s: ArrayLike) -> FloatArray:
        return np.asarray(self.still_km + self.hour_km * (np.asarray(lag_s) / HOUR_S) ** self.growth)

    def near_density(self, distance_km: FloatArray, lag_s: ArrayLike, blur_km: ArrayLike = 0.0) -> FloatArray:
        """Per km². `blur_km` is how wrong the places themselves may be."""
        return radial_density(distance_km, np.hypot(self.scale_km(lag_s), blur_km), self.tail)

    def jump(self, lag_s: ArrayLike) -> FloatArray:
        return np.asarray(self.jump_most * -np.expm1(-np.sqrt(np.asarray(lag_s) / (self.jump_days * DAY_S))))


@dataclass(frozen=True)
class Movement:
    """utc: float64 (n,), ordered; lat, lng: float64 degrees (n,): visits, one a place and day, thinned.
    `learned_from` is how many fixes taught it; 0 means that it is all prior."""

    motion: Motion = field(default_factory=Motion)
    utc: FloatArray = field(default_factory=lambda: np.empty(0))
    lat: FloatArray = field(default_factory=lambda: np.empty(0))
    lng: FloatArray = field(default_factory=lambda: np.empty(0))
    learned_from: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "motion": asdict(self.motion),
            "utc": self.utc.tolist(),
            "lat": self.lat.tolist(),
            "lng": self.lng.tolist(),
            "learned_from": self.learned_from,
        }

    @staticmethod
    def from_dict(stored: dict[str, Any]) -> "Movement":
        return Movement(
            Motion(**stored["motion"]),
            np.array(stored["utc"], dtype=np.float64),
            np.array(stored["lat"], dtype=np.float64),
            np.array(stored["lng"], dtype=np.float64),
            int(stored["learned_from"]),
        )

    def visit_weights(self, utc: float | None) -> FloatArray:
        """How likely each visited place is to be the one, summing to 1."""
        if utc is None:
            weights = np.ones(len(self.utc))
        else:
            weights = 1 / (1 + np.abs(self.utc - utc) / (self.motion.recall_days * DAY_S))
        return np.asarray(weights / max(weights.sum(), 1e-300))

    def haunt_density(self, vectors: FloatArray, utc: float | None, most: int = 64) -> FloatArray:
        """Density per km² of the visited places, at unit vectors (n, 3)."""
        if len(self.utc) == 0:
            return np.full(len(vectors), 1 / EARTH_KM2)
        weights = self.visit_weights(utc)
        used = np.argsort(-weights)[:most]
        distance = distances_km(vectors, unit_vectors(self.lat[used], self.lng[used]))
        m = self.motion
        return np.asarray(radial_density(distance, m.haunt_km, m.haunt_tail) @ weights[used])


def radial_density(distance_km: FloatArray, scale_km: ArrayLike, tail: float) -> FloatArray:
    """Per km². P(farther than d) = (1 + d²/s²)^(−ν): a planar Student density."""
    square = np.square(scale_km)
    return np.asarray(tail / (np.pi * square) * (1 + np.square(distance_km) / square) ** (-tail - 1))


def radial_quantile(share: FloatArray, scale_km: float, tail: float) -> FloatArray:
    """The distance within which `share` of the density lies."""
    return np.asarray(scale_km * np.sqrt((1 - share) ** (-1 / tail) - 1))


def learn_movement(utc: ArrayLike, lat: ArrayLike, lng: ArrayLike) -> Movement:
    """From the archive's own fixes: POSIX seconds and degrees, each (n,); NaN times are left out."""
    t, la, ln = (np.asarray(a, dtype=np.float64) for a in (utc, lat, lng))
    known = np.isfinite(t) & np.isfinite(la) & np.isfinite(ln)
    order = np.argsort(t[known], kind="stable")
    t, la, ln = t[known][order], la[known][order], ln[known][order]
    kept = _distinct_visits(t, la, ln)
    return Movement(Motion(), t[kept], la[kept], ln[kept], len(t))


def _distinct_visits(t: FloatArray, lat: FloatArray, lng: FloatArray) -> NDArray[np.int64]:
    """The first of each place (0.01°) and day; of too many, an even share."""
    place = np.stack([np.floor(t / DAY_S), np.round(lat, 2), np.round(lng, 2)], axis=1)
    _, first = np.unique(place, axis=0, return_index=True)
    first.sort()
    return np.asarray(first[:: max(1, -(-len(first) // MOST_VISITS))])
