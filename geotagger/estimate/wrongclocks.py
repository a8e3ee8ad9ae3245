"""Finds cameras whose clocks are wrong, by laying their photos over a device that knows where it was.

A camera without a fix cannot be tested. One whose photos carry places (a track logger's, a
phone's transfer) can: shifted by the right amount, its photos lie where the reference was at
that time. The shift is searched from −26 to +26 hours, which also finds a forgotten time zone.

Two people with right clocks who live their own lives in one town meet by chance under many a
shift. So a shift must explain the photos much better than four rivals: no shift, the two not
being together at all, any shift that is an hour or more away, and itself without its best witness.

Takes times and places, gives shifts with their evidence. Knows nothing of files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import HOUR_S, OUTING_GAP_S, Motion, radial_density
from geotagger.geo import distance_km

FloatArray = NDArray[np.float64]
Reference = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""POSIX times, float64 (n,), to latitudes, longitudes and errors in km, NaN where it knows no place."""

WIDEST_S = 26 * HOUR_S
"""A day and a bit: wrong dates by more are for the owner to say."""
_STEPS_S = (300.0, 30.0, 5.0)
_FEWEST = 4
_ELSEWHERE_KM = 0.3
"""Photos nearer to each other than this, in one outing, are one witness."""
_CLEARLY = 8.0
"""How much more probable (natural log) the shift must make the photos than each rival. Pairs of people with
right clocks in one town (tests/estimate/test_wrongclocks.py) reach 5, a day's twelve photos that are an hour
off 16."""
_HALVED = 0.5
"""The median distance must fall to this share: with less a correction has nothing to mend."""
_TOGETHER = 0.75
"""How many of the photos are thought to be taken beside the reference, if the camera went with it at all."""


@dataclass(frozen=True, slots=True)
class ClockEvidence:
    """`shift_s`: what to add to the camera's times. Median distances to the reference before and after,
    over `photos` photos; `gain` is the log likelihood won over the best rival."""

    camera: str
    shift_s: float
    photos: int
    median_before_km: float
    median_after_km: float
    gain: float

    def __str__(self) -> str:
        sign = "-" if self.shift_s < 0 else "+"
        hours, rest = divmod(round(abs(self.shift_s)), 3600)
        return (
            f"{self.camera}: clock is off; {sign}{hours}h{rest // 60:02}m{rest % 60:02}s brings "
            f"{self.photos} photos "
            f"from {self.median_before_km:.3g} km to {self.median_after_km:.3g} km of the reference"
        )


def find_wrong_clock(
    camera: str, utc: Sequence[float], lat: Sequence[float], lng: Sequence[float], reference: Reference
) -> ClockEvidence | None:
    """The shift that lays a camera's photos over the reference, None when none is clearly better than
    its rivals. Times are POSIX seconds in ascending order."""
    photos = np.array([utc, lat, lng], dtype=np.float64)
    witnesses = _witnesses(photos)
    if witnesses.shape[1] < _FEWEST:
        return None
    shifts = np.arange(-WIDEST_S, WIDEST_S + 1, _STEPS_S[0])
    near = _nearness(witnesses, shifts, _STEPS_S[0], reference)
    neighbours = np.isfinite(near).sum(axis=0)
    usual = np.where(neighbours > 0, np.nansum(near, axis=0) / np.maximum(neighbours, 1), np.nan)
    tried = _log_ratio(near, usual).sum(axis=1)
    shift = _refined(witnesses, usual, float(shifts[tried.argmax()]), reference)
    won, unshifted = _log_ratio(_nearness(witnesses, np.array([shift, 0.0]), 0.0, reference), usual)
    elsewhere = tried[np.abs(shifts - shift) >= HOUR_S].max()
    gain = float(won.sum() - max(0.0, unshifted.sum(), elsewhere, won.max()))
    if gain < _CLEARLY or abs(shift) < 2 * _STEPS_S[-1]:
        return None
    after, before = (_median_km(photos, moved, reference) for moved in (shift, 0.0))
    beside = int(np.isfinite(reference(photos[0] + shift)[0]).sum())
    return ClockEvidence(camera, shift, beside, before, after, gain) if after < _HALVED * before else None


def _witnesses(photos: FloatArray) -> FloatArray:
    """Of photos (3, n) those that say something new: taken elsewhere than the last, or after a night."""
    chosen: list[int] = []
    for n, (utc, lat, lng) in enumerate(photos.T):
        if chosen:
            last = photos[:, chosen[-1]]
            if utc - last[0] < OUTING_GAP_S and distance_km(lat, lng, last[1], last[2]) < _ELSEWHERE_KM:
                continue
        chosen.append(n)
    return photos[:, chosen]


def _nearness(photos: FloatArray, shifts: FloatArray, step: float, reference: Reference) -> FloatArray:
    """The density of each photo's place about the reference's, per km², float64 (shifts, n), NaN where the
    reference is silent. In a search by steps a photo may be as far off as the reference moves in one.
    The tail is heavy, so that a few strays do not decide."""
    utc, lat, lng = photos
    moments = (shifts[:, None] + utc).ravel()
    ref_lat, ref_lng, error = reference(moments)
    scale = np.hypot(float(Motion().reach_km(60.0)), error)
    if step:
        later_lat, later_lng, _ = reference(moments + step)
        moved = distance_km(ref_lat, ref_lng, later_lat, later_lng)
        scale = np.hypot(scale, np.where(np.isnan(moved), 0.0, moved))
    away = distance_km(np.tile(lat, len(shifts)), np.tile(lng, len(shifts)), ref_lat, ref_lng)
    return radial_density(away, scale, 1.0).reshape(len(shifts), -1)


def _log_ratio(near: FloatArray, usual: FloatArray) -> FloatArray:
    """How much more probable (natural log) each place is if the camera went with the reference than if it
    did not, when the place is `usual` at any shift. 0 where the reference is silent."""
    ratio = np.log(_TOGETHER * near / usual + 1 - _TOGETHER)
    return np.where(np.isnan(ratio), 0.0, ratio)


def _refined(photos: FloatArray, usual: FloatArray, shift: float, reference: Reference) -> float:
    for wide, step in pairwise(_STEPS_S):
        tried = np.arange(shift - 2 * wide, shift + 2 * wide + step, step)
        near = _nearness(photos, tried, step, reference)
        shift = float(tried[_log_ratio(near, usual).sum(axis=1).argmax()])
    return shift


def _median_km(photos: FloatArray, shift: float, reference: Reference) -> float:
    lat, lng, _ = reference(photos[0] + shift)
    away = distance_km(photos[1], photos[2], lat, lng)
    finite = away[np.isfinite(away)]
    return float(np.median(finite)) if len(finite) else float("inf")
