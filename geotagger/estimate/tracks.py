"""Recorded tracks: where a device was, and from that where a photo was taken.

Points are cleaned (order, doubles, leaps that nothing on Earth makes) and joined along the
great circle. The error of a place between two points follows their spacing in time and distance.

Takes arrays of points, gives fixes. Knows nothing of files; trackfiles.py reads them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.clock import Clocked, offset_at
from geotagger.estimate.movement import HOUR_S, Motion
from geotagger.estimate.values import Fix, Observation
from geotagger.geo import distance_km, interpolate

FloatArray = NDArray[np.float64]

RECEIVER_ERROR_KM = 0.01
LONGEST_GAP_S = 3 * HOUR_S
"""Over a longer gap a track says nothing; its ends still are neighbours in time."""
ENDS_REACH_S = 120.0
FASTEST_KM_S = 0.35
"""A little over an airliner with the wind behind it."""
_ANCHOR_EVERY_S = 600.0
_CURVE = 0.3
"""How far, of the way between two points, people stray from the straight line (standard deviation)."""


@dataclass(frozen=True, slots=True)
class Track:
    """One device's points, ordered by time: utc POSIX seconds, lat and lng degrees, error_km at 68 %,
    float64 (n,) each."""

    name: str
    utc: FloatArray
    lat: FloatArray
    lng: FloatArray
    error_km: FloatArray


def clean_track(
    name: str, utc: FloatArray, lat: FloatArray, lng: FloatArray, error_km: FloatArray
) -> Track | None:
    """Orders the points, drops the impossible ones, and None when nothing is left. A point is a leap
    when reaching it and leaving it both need more than FASTEST_KM_S, though its neighbours do not."""
    usable = np.isfinite(utc) & (np.abs(lat) <= 90) & (np.abs(lng) <= 180) & ((lat != 0) | (lng != 0))
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


@dataclass(frozen=True)
class Tracks:
    """All tracks of a run; of several devices the one that is surest of a moment speaks."""

    tracks: tuple[Track, ...] = ()

    def fix_at(self, utc: float, utc_error_s: float = 0.0) -> Fix | None:
        """The place at a time, rung `track`; None where no track has points close enough in time."""
        found = [fix for track in self.tracks if (fix := _fix_at(track, utc, utc_error_s)) is not None]
        if not found:
            return None
        best = min(found, key=lambda fix: fix.error_km)
        # a second device that was elsewhere makes the first less sure, unless it is vague itself
        rivals = [
            float(distance_km(best.latitude, best.longitude, other.latitude, other.longitude))
            for other in found
            if other.error_km < 3 * best.error_km
        ]
        return Fix(best.latitude, best.longitude, max(best.error_km, max(rivals) / 2), "track")

    def anchors(self, first_utc: float, last_utc: float) -> list[Observation]:
        """Points of the tracks as fixes near in time, thinned to one in ten minutes a device, from the
        last before the span to the first after it."""
        found = []
        for track in self.tracks:
            low = max(int(np.searchsorted(track.utc, first_utc)) - 1, 0)
            high = min(int(np.searchsorted(track.utc, last_utc)) + 1, len(track.utc))
            last = -np.inf
            for n in range(low, high):
                if track.utc[n] - last >= _ANCHOR_EVERY_S or n in (low, high - 1):
                    last = track.utc[n]
                    fix = Fix(float(track.lat[n]), float(track.lng[n]), float(track.error_km[n]), "track")
                    found.append(Observation(-1, float(track.utc[n]), fix=fix))
        return sorted(found, key=lambda o: o.utc or 0.0)

    def clocked(self) -> Iterator[Clocked]:
        """Moments with a place, in local time, so that photos beside a track get its time zone."""
        for track in self.tracks:
            last = -np.inf
            for n in range(len(track.utc)):
                if track.utc[n] - last < _ANCHOR_EVERY_S:
                    continue
                last = track.utc[n]
                place = float(track.lat[n]), float(track.lng[n])
                offset = offset_at(*place, float(track.utc[n]))
                if offset is not None:
                    moment = datetime.fromtimestamp(float(track.utc[n]), UTC).replace(tzinfo=None)
                    yield Clocked(moment + offset, offset, latitude=place[0], longitude=place[1])

    @property
    def span(self) -> tuple[float, float] | None:
        if not self.tracks:
            return None
        return min(float(t.utc[0]) for t in self.tracks), max(float(t.utc[-1]) for t in self.tracks)


def _fix_at(track: Track, utc: float, utc_error_s: float) -> Fix | None:
    at = int(np.searchsorted(track.utc, utc))
    if at == 0 or at == len(track.utc):
        end = 0 if at == 0 else -1
        away = abs(float(track.utc[end]) - utc)
        if away > ENDS_REACH_S:
            return None
        error = np.hypot(track.error_km[end], float(Motion().reach_km(away + utc_error_s)))
        return Fix(float(track.lat[end]), float(track.lng[end]), float(error), "track")
    gap = float(track.utc[at] - track.utc[at - 1])
    if gap > LONGEST_GAP_S:
        return None
    before, after = at - 1, at
    fraction = (utc - float(track.utc[before])) / gap
    apart = float(distance_km(track.lat[before], track.lng[before], track.lat[after], track.lng[after]))
    if apart > FASTEST_KM_S * gap + 1.0:
        return None
    lat, lng = interpolate(
        track.lat[before], track.lng[before], track.lat[after], track.lng[after], np.float64(fraction)
    )
    bridge = 2 * np.sqrt(fraction * (1 - fraction)) * (_CURVE * apart + 0.5 * float(Motion().reach_km(gap)))
    late = min(utc_error_s * apart / gap, apart + float(Motion().reach_km(utc_error_s)))
    error = float(np.sqrt(max(track.error_km[before], track.error_km[after]) ** 2 + bridge**2 + late**2))
    return Fix(float(lat), float(lng), error, "track")


def as_arrays(points: Sequence[tuple[float, float, float, float]]) -> tuple[FloatArray, ...]:
    """(utc, lat, lng, error_km) rows as four arrays."""
    table = np.array(points, dtype=np.float64).reshape(-1, 4)
    return tuple(table[:, n].copy() for n in range(4))
