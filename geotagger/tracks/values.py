"""The values that track files are read into.

Takes arrays of points, gives tracks: in order, without doubles and without leaps that nothing on Earth
makes. Knows neither formats nor what a track says of a photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.geo import distance_km

FloatArray = NDArray[np.float64]
Point = tuple[float, float, float, float]
"""POSIX seconds, latitude, longitude, error in km at 68 %."""

LARGEST_BYTES = 2 << 30
RECEIVER_ERROR_KM = 0.01
FASTEST_KM_S = 0.35
"""A little over an airliner with the wind behind it."""
_FARTHEST_S = 5e10
"""Times farther from 1970 than this, the year 3554, are damage."""


@dataclass(frozen=True, slots=True)
class Track:
    """One device's points, ordered by time: utc POSIX seconds, lat and lng degrees, error_km at 68 %,
    float64 (n,) each. `digest` is the hash of the bytes of the file that it was read from (xxh3, 128 bits, in
    hexadecimal), `path` where that file was, absolute; both "" where it is from no file."""

    name: str
    utc: FloatArray
    lat: FloatArray
    lng: FloatArray
    error_km: FloatArray
    digest: str = ""
    path: str = ""


def clean_track(
    name: str, utc: FloatArray, lat: FloatArray, lng: FloatArray, error_km: FloatArray
) -> Track | None:
    """Orders the points, drops the impossible ones, and None when nothing is left. A point is a leap
    when reaching it and leaving it both need more than FASTEST_KM_S, though its neighbours do not."""
    usable = (
        (np.abs(utc) < _FARTHEST_S) & (np.abs(lat) <= 90) & (np.abs(lng) <= 180) & ((lat != 0) | (lng != 0))
    )
    order = np.flatnonzero(usable)[np.argsort(utc[usable], kind="stable")]
    utc, lat, lng, error_km = utc[order], lat[order], lng[order], error_km[order]
    fresh = np.concatenate([[True], np.diff(utc) > 0]) if len(utc) else np.empty(0, dtype=np.bool_)
    utc, lat, lng, error_km = utc[fresh], lat[fresh], lng[fresh], error_km[fresh]
    for _ in range(5):
        if len(utc) < 3:
            break
        speed = distance_km(lat[:-1], lng[:-1], lat[1:], lng[1:]) / np.diff(utc)
        across = distance_km(lat[:-2], lng[:-2], lat[2:], lng[2:]) / (utc[2:] - utc[:-2])
        leap = np.zeros(len(utc), dtype=np.bool_)
        leap[1:-1] = (speed[:-1] > FASTEST_KM_S) & (speed[1:] > FASTEST_KM_S) & (across <= FASTEST_KM_S)
        leap[0] = speed[0] > FASTEST_KM_S and not leap[1]
        leap[-1] = speed[-1] > FASTEST_KM_S and not leap[-2]
        if not leap.any():
            break
        utc, lat, lng, error_km = utc[~leap], lat[~leap], lng[~leap], error_km[~leap]
    return Track(name, utc, lat, lng, error_km) if len(utc) else None


def as_arrays(points: Sequence[tuple[float, float, float, float]]) -> tuple[FloatArray, ...]:
    """(utc, lat, lng, error_km) rows as four arrays."""
    table = np.array(points, dtype=np.float64).reshape(-1, 4)
    return tuple(table[:, n].copy() for n in range(4))
