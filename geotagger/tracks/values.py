"""The values that track files are read into.

Readers give points, stays and marks; a track is those of one device, in order, without doubles and
without leaps that nothing on Earth makes. Knows neither formats nor what a track says of a photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geotagger.geo import distance_km

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

RECEIVER_ERROR_KM = 0.01
FASTEST_KM_S = 0.35
"""A little over an airliner with the wind behind it."""
_FARTHEST_S = 5e10
"""Times farther from 1970 than this, the year 3554, are damage."""
_STAY_KM = 0.5
"""A point within a stay that is farther from its place than this, and than three of its errors, is believed:
the device was out for a while."""
_ROUNDS = 5
_BLOCK = 1 << 18


class Point(NamedTuple):
    """The device was there then: POSIX seconds, degrees, error in km at 68 %. `device` tells devices apart
    whose points stand in one file."""

    utc: float
    latitude: float
    longitude: float
    error_km: float
    device: int = 0


class Stay(NamedTuple):
    """The device was there from `utc` to `until`, however long."""

    utc: float
    until: float
    latitude: float
    longitude: float
    error_km: float
    device: int = 0


class WayPoint(NamedTuple):
    """Somebody marked the place then (a way point, a point of a route): it says when it was made, and no more
    than perhaps that somebody was there in those minutes."""

    utc: float
    latitude: float
    longitude: float
    error_km: float


Piece = Point | Stay | WayPoint


@dataclass(frozen=True, slots=True)
class Track:
    """One device's points, ordered by time: utc POSIX seconds, lat and lng degrees, error_km at 68 %,
    float64 (n,) each (errors may be float32). `stays`, bool (n,): the device stayed where it was until the
    next point. `momentary`: its points are marks; each speaks of the minutes about it, and nothing joins
    them. `digest` is the hash of the bytes of the file that it was read from (xxh3, 128 bits, hexadecimal;
    behind it what the owner adds to its times, and -2, -3 … for the second track and more of one file),
    `path` where that file was, absolute; both "" where it is from no file."""

    name: str
    utc: FloatArray
    lat: FloatArray
    lng: FloatArray
    error_km: FloatArray | NDArray[np.float32]
    digest: str = ""
    path: str = ""
    stays: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    momentary: bool = False

    def __post_init__(self) -> None:
        if len(self.stays) != len(self.utc):
            object.__setattr__(self, "stays", np.zeros(len(self.utc), dtype=np.bool_))


def clean_track(
    name: str,
    utc: FloatArray,
    lat: FloatArray,
    lng: FloatArray,
    error_km: FloatArray | NDArray[np.float32],
    stays: Sequence[Stay] = (),
) -> Track | None:
    """Orders the points and the ends of the stays, drops the impossible ones, and None when nothing is left.
    A point is a leap when reaching it and leaving it both need more than FASTEST_KM_S, though its neighbours
    do not."""
    if stays:
        ends = np.array([row for stay in stays for row in _ends(stay)], dtype=np.float64).T
        utc, lat, lng, error_km = (
            np.concatenate(pair) for pair in zip((utc, lat, lng, error_km), ends, strict=True)
        )
    # comparisons only, no arithmetic on whole columns: of millions of points each would be 50 MB
    usable = (utc < _FARTHEST_S) & (utc > -_FARTHEST_S)
    usable &= (lat <= 90) & (lat >= -90) & (lng <= 180) & (lng >= -180)
    usable &= (lat != 0) | (lng != 0)
    if not usable.all():
        utc, lat, lng, error_km = utc[usable], lat[usable], lng[usable], error_km[usable]
    if (utc[1:] < utc[:-1]).any():
        order = np.argsort(utc, kind="stable")
        utc, lat, lng, error_km = utc[order], lat[order], lng[order], error_km[order]
    fresh = np.ones(len(utc), dtype=np.bool_)
    fresh[1:] = utc[1:] > utc[:-1]
    if not fresh.all():
        utc, lat, lng, error_km = utc[fresh], lat[fresh], lng[fresh], error_km[fresh]
    for _ in range(_ROUNDS):
        leap = _leaps(utc, lat, lng)
        if not leap.any():
            break
        utc, lat, lng, error_km = utc[~leap], lat[~leap], lng[~leap], error_km[~leap]
    if not len(utc):
        return None
    return Track(name, utc, lat, lng, error_km, stays=_stayed(utc, lat, lng, stays))


def _ends(stay: Stay) -> tuple[tuple[float, float, float, float], ...]:
    """A second before its end, for the next stay elsewhere may begin then."""
    first = (stay.utc, stay.latitude, stay.longitude, stay.error_km)
    length = stay.until - stay.utc
    return (first, (stay.until - min(1.0, length / 2), *first[1:])) if length > 0 else (first,)


def _leaps(utc: FloatArray, lat: FloatArray, lng: FloatArray) -> BoolArray:
    leap = np.zeros(len(utc), dtype=np.bool_)
    if len(utc) < 3:
        return leap
    fast = np.zeros(len(utc) - 1, dtype=np.bool_)
    for first in range(0, len(fast), _BLOCK):  # so that millions of points need little room
        at = slice(first, first + _BLOCK + 1)
        apart = distance_km(lat[at][:-1], lng[at][:-1], lat[at][1:], lng[at][1:])
        fast[first : first + _BLOCK] = apart > FASTEST_KM_S * np.diff(utc[at])
    n = np.flatnonzero(fast[:-1] & fast[1:]) + 1
    across = distance_km(lat[n - 1], lng[n - 1], lat[n + 1], lng[n + 1])
    leap[n] = across <= FASTEST_KM_S * (utc[n + 1] - utc[n - 1])
    leap[0] = fast[0] and not leap[1]
    leap[-1] = fast[-1] and not leap[-2]
    return leap


def _stayed(utc: FloatArray, lat: FloatArray, lng: FloatArray, stays: Sequence[Stay]) -> BoolArray:
    """From which points to the next the device stayed where it was."""
    stayed = np.zeros(len(utc), dtype=np.bool_)
    for stay in stays:
        at = slice(*np.searchsorted(utc, (stay.utc, stay.until)))
        beside = distance_km(lat[at], lng[at], stay.latitude, stay.longitude) <= max(
            _STAY_KM, 3 * stay.error_km
        )
        stayed[at][:-1] |= beside[:-1] & beside[1:]
    return stayed
