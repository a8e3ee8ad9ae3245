"""Recorded tracks: where a device was, and from that where a photo was taken.

Points are joined along the great circle. The error of a place between two points follows their
spacing in time and distance.

Takes tracks, gives fixes. Knows nothing of files; the tracks room reads them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.clock import Clocked
from geotagger.estimate.movement import HOUR_S, Motion
from geotagger.estimate.values import Fix, Observation
from geotagger.geo import distance_km, interpolate
from geotagger.tracks import FASTEST_KM_S, Track
from geotagger.zones import offset_at

FloatArray = NDArray[np.float64]
Places = tuple[FloatArray, FloatArray, FloatArray]
"""Latitudes and longitudes in degrees and errors in km at 68 %, float64 (n,) each."""

LONGEST_GAP_S = 3 * HOUR_S
"""Over a longer gap a track says nothing; its ends still are neighbours in time."""
ENDS_REACH_S = 120.0
_ANCHOR_EVERY_S = 600.0
_CLOCKED_EVERY_S = 3 * HOUR_S
_CURVE = 0.3
"""How far, of the way between two points, people stray from the straight line (standard deviation)."""


@dataclass(frozen=True)
class Tracks:
    """All tracks of a run; of several devices the one that is surest of a moment speaks."""

    tracks: tuple[Track, ...] = ()

    def fix_at(self, utc: float, utc_error_s: float = 0.0) -> Fix | None:
        """The place at a time, rung `track`; None where no track has points close enough in time."""
        if not self._within(utc, utc, ENDS_REACH_S):
            return None
        lat, lng, error = self.places_at(np.array([utc], dtype=np.float64), utc_error_s)
        return None if np.isnan(error[0]) else Fix(float(lat[0]), float(lng[0]), float(error[0]), "track")

    def places_at(self, utc: FloatArray, utc_error_s: float = 0.0) -> Places:
        """The places at many times (n,), NaN where no track speaks."""
        order = np.argsort(utc, kind="stable")
        times = utc[order]
        lat, lng, error, least = (np.full(len(times), fill) for fill in (np.nan, np.nan, np.nan, np.inf))
        speaking = []
        met = self._within(times[0], times[-1], ENDS_REACH_S) if len(times) else []
        for track in sorted(met, key=lambda track: track.momentary):
            first = np.searchsorted(times, track.utc[0] - ENDS_REACH_S)
            part = slice(first, np.searchsorted(times, track.utc[-1] + ENDS_REACH_S, side="right"))
            places = _places_on(track, times[part], utc_error_s)
            if track.momentary:  # it speaks where nothing that was recorded does
                surer = np.isinf(least[part]) & np.isfinite(places[2])
            else:
                speaking.append((part, places))
                surer = places[2] < least[part]
            for kept, better in zip((lat, lng, error, least), (*places, places[2]), strict=True):
                kept[part][surer] = better[surer]
        for part, (other_lat, other_lng, other_error) in speaking:
            # a second device that was elsewhere makes the first less sure, unless it is vague itself
            rivals = other_error < 3 * least[part]
            apart = distance_km(lat[part], lng[part], other_lat, other_lng)
            error[part] = np.where(rivals, np.fmax(error[part], apart / 2), error[part])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return lat[back], lng[back], error[back]

    def anchors(self, first_utc: float, last_utc: float) -> list[Observation]:
        """Points of the tracks as fixes near in time, thinned to one in ten minutes a device, with the
        last before the span and the first after it."""
        starts, ends = self._spans
        met = [track for track in self._within(first_utc, last_utc) if not track.momentary]
        momentary = np.array([track.momentary for track in self.tracks], dtype=np.bool_)
        starts, ends = np.where(momentary, np.nan, starts), np.where(momentary, np.nan, ends)
        anchors_found = []
        for track in met:
            last = -np.inf
            for n in range(*np.searchsorted(track.utc, (first_utc, last_utc))):
                if track.utc[n] - last >= _ANCHOR_EVERY_S:
                    last = track.utc[n]
                    anchors_found.append(_anchor(track, n))
        before = [_anchor(t, int(np.searchsorted(t.utc, first_utc)) - 1) for t in met if t.utc[0] < first_utc]
        after = [_anchor(t, int(np.searchsorted(t.utc, last_utc))) for t in met if t.utc[-1] >= last_utc]
        if (ends < first_utc).any():
            before.append(_anchor(self.tracks[int(np.where(ends < first_utc, ends, -np.inf).argmax())], -1))
        if (starts > last_utc).any():
            after.append(_anchor(self.tracks[int(np.where(starts > last_utc, starts, np.inf).argmin())], 0))
        anchors_found += sorted(before, key=_moment)[-1:] + sorted(after, key=_moment)[:1]
        return sorted(anchors_found, key=_moment)

    def _within(self, first_utc: float, last_utc: float, reach_s: float = 0.0) -> list[Track]:
        """The tracks whose time meets this span, or comes as near to it as the reach."""
        if not self.tracks:
            return []
        starts, ends = self._spans
        met = (starts <= last_utc + reach_s) & (ends >= first_utc - reach_s)
        return [self.tracks[n] for n in np.flatnonzero(met)]

    @cached_property
    def _spans(self) -> tuple[FloatArray, FloatArray]:
        return np.array([t.utc[0] for t in self.tracks]), np.array([t.utc[-1] for t in self.tracks])

    def clocked(self) -> Iterator[Clocked]:
        """Moments with a place, in local time, so that photos beside a track get its time zone."""
        for track in self.tracks:
            if not track.momentary:
                yield from _clocked(track)


def _clocked(track: Track) -> Iterator[Clocked]:
    """A point in ten minutes; of those between which the offset stays the same, the first and the last and
    one in three hours: a location history of ten years has half a million."""
    last, said_at, waiting = -np.inf, -np.inf, None
    offset_before: timedelta | None = None
    for n, utc in enumerate(map(float, track.utc)):
        if utc - last < _ANCHOR_EVERY_S:
            continue
        last = utc
        place = float(track.lat[n]), float(track.lng[n])
        offset = offset_at(*place, utc)
        if offset is None:
            continue
        moment = datetime.fromtimestamp(utc, UTC).replace(tzinfo=None)
        clocked = Clocked(moment + offset, offset, latitude=place[0], longitude=place[1])
        if offset == offset_before and utc - said_at < _CLOCKED_EVERY_S:
            waiting = clocked
            continue
        if waiting is not None:
            yield waiting
        yield clocked
        offset_before, said_at, waiting = offset, utc, None
    if waiting is not None:
        yield waiting


def _moment(anchor: Observation) -> float:
    return anchor.utc or 0.0


def _anchor(track: Track, n: int) -> Observation:
    fix = Fix(float(track.lat[n]), float(track.lng[n]), float(track.error_km[n]), "track")
    return Observation(-1, float(track.utc[n]), fix=fix)


def _places_on(track: Track, utc: FloatArray, utc_error_s: float) -> Places:
    """Places and errors on one track, its times no farther than ENDS_REACH_S from the track's; the error is
    infinite where its points are too far apart to say. Beyond its ends, in a long gap, and always on one of
    marks, the nearest point speaks of the minutes about it."""
    after = np.searchsorted(track.utc, utc)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(track.utc) - 1)
    gap = track.utc[after] - track.utc[before]
    stayed = track.stays[before]
    joined = (before != after) & (stayed | (gap <= LONGEST_GAP_S)) & (not track.momentary)
    lat, lng, error = _between(track, utc, utc_error_s, before, after)
    nearest = np.where(np.abs(track.utc[before] - utc) < np.abs(track.utc[after] - utc), before, after)
    away = np.abs(track.utc[nearest] - utc)
    beside = np.hypot(track.error_km[nearest].astype(np.float64), Motion().reach_km(away + utc_error_s))
    return (
        np.where(joined, lat, track.lat[nearest]),
        np.where(joined, lng, track.lng[nearest]),
        np.where(joined, error, np.where(away <= ENDS_REACH_S, beside, np.inf)),
    )


def _between(
    track: Track, utc: FloatArray, utc_error_s: float, before: NDArray[np.intp], after: NDArray[np.intp]
) -> Places:
    """Places on the way from one point to another; the error is infinite where nobody makes it in time."""
    receiver = np.maximum(track.error_km[before], track.error_km[after]).astype(np.float64)
    gap = track.utc[after] - track.utc[before]
    apart = distance_km(track.lat[before], track.lng[before], track.lat[after], track.lng[after])
    fraction = np.divide(utc - track.utc[before], gap, out=np.zeros_like(utc), where=gap > 0)
    fraction = np.clip(fraction, 0.0, 1.0)
    lat, lng = interpolate(track.lat[before], track.lng[before], track.lat[after], track.lng[after], fraction)
    motion = Motion()
    astray = np.where(track.stays[before], 0.0, 0.5 * motion.reach_km(gap))
    bridge = 2 * np.sqrt(fraction * (1 - fraction)) * (_CURVE * apart + astray)
    speed = np.divide(apart, gap, out=np.zeros_like(apart), where=gap > 0)
    late = np.minimum(utc_error_s * speed, apart + float(motion.reach_km(utc_error_s)))
    error = np.sqrt(receiver**2 + bridge**2 + late**2)
    return lat, lng, np.where(apart <= FASTEST_KM_S * gap + 1.0, error, np.inf)
