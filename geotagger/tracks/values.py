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
from geotagger.tracks.columns import BLOCK, Columns, Degrees

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
    """One device's points (n,), ordered by time: utc POSIX seconds, lat and lng degrees, error_km at 68 %
    (float64 or float32). `stays`, bool (n,): the device stayed where it was until the next point.
    `momentary`: its points are marks; each speaks of the minutes about it, and nothing joins them. `digest`
    is the hash of the bytes of the file that it was read from (xxh3, 128 bits, hexadecimal; behind it what
    the owner adds to its times, and -2, -3 … for the second track and more of one file), `path` where that
    file was, absolute; both "" where it is from no file."""

    name: str
    utc: FloatArray
    lat: Degrees
    lng: Degrees
    error_km: FloatArray | NDArray[np.float32]
    digest: str = ""
    path: str = ""
    stays: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    momentary: bool = False

    def __post_init__(self) -> None:
        if len(self.stays) != len(self.utc):
            # one False for all points
            object.__setattr__(self, "stays", np.broadcast_to(np.False_, len(self.utc)))


def clean_track(
    name: str,
    utc: FloatArray,
    lat: FloatArray | Degrees,
    lng: FloatArray | Degrees,
    error_km: FloatArray | NDArray[np.float32],
    stays: Sequence[Stay] = (),
) -> Track | None:
    """Orders the points, drops the impossible ones, and None when nothing is left. A point is a leap when
    reaching it and leaving it both need more than FASTEST_KM_S, though its neighbours do not. `stays`: those
    whose ends are among the points.

    The arrays become the track's own and are put in order in place: of eight million points there is no room
    for two."""
    usable = _usable(utc, lat, lng)
    if not usable.all():
        utc, lat, lng, error_km = utc[usable], lat[usable], lng[usable], error_km[usable]
    columns = Columns(utc, Degrees.of(lat), Degrees.of(lng), error_km)
    columns.sort()
    fresh = np.ones(len(columns.utc), dtype=np.bool_)
    fresh[1:] = columns.utc[1:] > columns.utc[:-1]
    _widen(columns, np.flatnonzero(~fresh))
    columns.keep(fresh)
    for _ in range(_ROUNDS):
        leaps = _leaps(columns.utc, columns.lat, columns.lng)
        if not len(leaps):
            break
        kept = np.ones(len(columns.utc), dtype=np.bool_)
        kept[leaps] = False
        columns.keep(kept)
    if not len(columns.utc):
        return None
    stayed = _stayed(columns.utc, columns.lat, columns.lng, stays)
    return Track(name, columns.utc, columns.lat, columns.lng, columns.error_km, stays=stayed)


def _widen(columns: Columns, doubles: NDArray[np.intp]) -> None:
    """Of several places at one time (`doubles`: the rows that are not the first) the first is no surer than
    the others are far: a program may have given all points the time of a day's export."""
    for at in range(0, len(doubles), BLOCK):
        rows = doubles[at : at + BLOCK]
        first = np.searchsorted(columns.utc, columns.utc[rows])
        apart = distance_km(columns.lat[first], columns.lng[first], columns.lat[rows], columns.lng[rows])
        np.maximum.at(columns.error_km, first, apart.astype(columns.error_km.dtype))


def ends_of(stay: Stay) -> tuple[Point, ...]:
    """The last a second before its end, for the next stay elsewhere may begin then."""
    first = Point(stay.utc, stay.latitude, stay.longitude, stay.error_km, stay.device)
    length = stay.until - stay.utc
    return (first, first._replace(utc=stay.until - min(1.0, length / 2))) if length > 0 else (first,)


def _usable(utc: FloatArray, lat: FloatArray | Degrees, lng: FloatArray | Degrees) -> BoolArray:
    usable = np.empty(len(utc), dtype=np.bool_)
    for first in range(0, len(utc), BLOCK):
        at = slice(first, first + BLOCK)
        north, east = lat[at], lng[at]
        usable[at] = (np.abs(utc[at]) < _FARTHEST_S) & (np.abs(north) <= 90) & (np.abs(east) <= 180)
        usable[at] &= (north != 0) | (east != 0)
    return usable


def _leaps(utc: FloatArray, lat: Degrees, lng: Degrees) -> NDArray[np.intp]:
    """The rows of the leaps, ascending."""
    if len(utc) < 3:
        return np.empty(0, dtype=np.intp)
    fast = np.zeros(len(utc) - 1, dtype=np.bool_)
    for first in range(0, len(fast), BLOCK):
        at = slice(first, first + BLOCK + 1)
        apart = distance_km(lat[at][:-1], lng[at][:-1], lat[at][1:], lng[at][1:])
        fast[first : first + BLOCK] = apart > FASTEST_KM_S * np.diff(utc[at])
    n = np.flatnonzero(fast[:-1] & fast[1:]) + 1
    across = distance_km(lat[n - 1], lng[n - 1], lat[n + 1], lng[n + 1])
    n = n[across <= FASTEST_KM_S * (utc[n + 1] - utc[n - 1])]
    ends = []
    if fast[0] and 1 not in n:
        ends.append(0)
    if fast[-1] and len(utc) - 2 not in n:
        ends.append(len(utc) - 1)
    return np.union1d(n, np.array(ends, dtype=np.intp))


def _stayed(utc: FloatArray, lat: Degrees, lng: Degrees, stays: Sequence[Stay]) -> BoolArray:
    """From which points to the next the device stayed where it was."""
    stayed = np.zeros(len(utc) if stays else 0, dtype=np.bool_)
    for stay in stays:
        at = slice(*np.searchsorted(utc, (stay.utc, stay.until)))
        beside = distance_km(lat[at], lng[at], stay.latitude, stay.longitude) <= max(
            _STAY_KM, 3 * stay.error_km
        )
        stayed[at][:-1] |= beside[:-1] & beside[1:]
    return stayed
