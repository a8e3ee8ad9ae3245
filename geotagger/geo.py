"""Distances and directions on the sphere.

Takes and gives degrees and kilometres, as numbers or as arrays that broadcast.
Knows nothing of photos, cells or models.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0
"""Mean radius; the published accuracy figures are measured with it."""

HALF_CIRCUMFERENCE_KM = np.pi * EARTH_RADIUS_KM
"""No two places are farther apart than this."""

FloatArray = NDArray[np.float64]


def distance_km(lat1: ArrayLike, lng1: ArrayLike, lat2: ArrayLike, lng2: ArrayLike) -> Any:
    """Great-circle distance by the haversine formula (Sinnott, Sky & Telescope 68, 1984).

    Inputs are degrees and broadcast against each other; the result is float64 kilometres.
    """
    phi1, phi2 = np.radians(lat1), np.radians(lat2)
    half_dphi = (phi2 - phi1) / 2
    half_dlambda = (np.radians(lng2) - np.radians(lng1)) / 2
    h = np.sin(half_dphi) ** 2 + np.cos(phi1) * np.cos(phi2) * np.sin(half_dlambda) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0)))


def unit_vectors(lat: ArrayLike, lng: ArrayLike) -> FloatArray:
    """Points of the unit sphere, shape (..., 3), for degrees of shape (...)."""
    phi, theta = np.radians(lat), np.radians(lng)
    cos_phi = np.cos(phi)
    return np.stack([cos_phi * np.cos(theta), cos_phi * np.sin(theta), np.sin(phi)], axis=-1)


def lat_lng_of(vectors: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Latitude and longitude in degrees, shape (...), of vectors (..., 3) of any length above 0."""
    v = np.asarray(vectors, dtype=np.float64)
    lat = np.degrees(np.arctan2(v[..., 2], np.hypot(v[..., 0], v[..., 1])))
    return lat, np.degrees(np.arctan2(v[..., 1], v[..., 0]))


def destination(
    lat: ArrayLike, lng: ArrayLike, bearing_deg: ArrayLike, distance: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """The place reached from (lat, lng) after `distance` km along the great circle that
    starts at `bearing_deg` (clockwise from north)."""
    phi, theta, delta = np.radians(lat), np.radians(bearing_deg), np.divide(distance, EARTH_RADIUS_KM)
    sin_phi2 = np.sin(phi) * np.cos(delta) + np.cos(phi) * np.sin(delta) * np.cos(theta)
    d_lng = np.arctan2(np.sin(theta) * np.sin(delta) * np.cos(phi), np.cos(delta) - np.sin(phi) * sin_phi2)
    lat2 = np.degrees(np.arcsin(np.clip(sin_phi2, -1.0, 1.0)))
    return lat2, wrap_longitude(np.asarray(lng) + np.degrees(d_lng))


def interpolate(
    lat1: ArrayLike, lng1: ArrayLike, lat2: ArrayLike, lng2: ArrayLike, fraction: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """The place a `fraction` (0…1) of the way along the great circle from the first place to
    the second. Antipodal places have no single great circle; one of them is taken."""
    return Arcs.between(lat1, lng1, lat2, lng2).at(fraction)


@dataclass(frozen=True, slots=True)
class Arcs:
    """Ways along great circles between places of shape (...): unit vectors (..., 3) of both ends, the angle
    between them and its sine (..., 1)."""

    start: FloatArray
    end: FloatArray
    angle: FloatArray
    sine: FloatArray

    @staticmethod
    def between(lat1: ArrayLike, lng1: ArrayLike, lat2: ArrayLike, lng2: ArrayLike) -> "Arcs":
        a, b = unit_vectors(lat1, lng1), unit_vectors(lat2, lng2)
        angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1))[..., None]
        return Arcs(a, b, angle, np.sin(angle))

    def at(self, fraction: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Degrees of the places so far (0…1) along them, of any shape that broadcasts with theirs."""
        f = np.asarray(fraction, dtype=np.float64)[..., None]
        near = self.sine < 1e-12  # the same place or antipodes: the weights would be 0/0
        safe = np.where(near, 1.0, self.sine)
        from_start = np.where(near, 1 - f, np.sin((1 - f) * self.angle) / safe)
        from_end = np.where(near, f, np.sin(f * self.angle) / safe)
        return lat_lng_of(from_start * self.start + from_end * self.end)


def wrap_longitude(lng: ArrayLike) -> FloatArray:
    """Longitude in −180…180, exactly 180 kept as −180."""
    return (np.asarray(lng, dtype=np.float64) + 180.0) % 360.0 - 180.0
