"""Which known places are in doubt, and when they were true.

A phone without sky writes the last place that it knew, or a cell tower's. Three things tell: a GPS time
stamp far from the time of the photo, a place that repeats to the last digit for hours, and a speed that
nobody reaches. Takes fixes in the order of time, gives for each its age, and how probably it is how far
astray. Knows nothing of photos, and of no archive but this."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import DAY_S, GPS_ERROR_KM, HOUR_S, FloatArray, IntArray, Motion
from geotagger.geo import distance_km
from geotagger.zones import offset_at

FRESH_S = 90.0
"""Receivers write the second of their last fix: two thirds of the sample photos are within ten of it."""
_QUARTER_S, _FARTHEST_ZONE_S = 900.0, 15 * HOUR_S
_OLDEST_S = 30 * DAY_S
_USUAL, _FEWEST_USUAL = 0.5, 3
"""Where half of a camera's stamps, of three and more, differ from its clock by the same, it is the clock."""
USUAL_DOUBT, _USUAL_KM = 0.02, 0.5
"""Of a fix that states no error. Of 180 stamps of the sample photos that can be believed three are more
than a quarter of an hour off."""
_EVEN = 0.5
_OUTLIER = 0.9
_REPEATS_S = HOUR_S
_FASTEST_KM_S = 0.35
"""As between points of tracks: faster than an airliner."""
_SLACK_S = 60.0
_COARSE = 1000.0
"""Degrees with three decimals repeat by themselves."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """Of n fixes, float64 (n,) each. age_s: how much older each is than its photo. doubt: the probability
    that the place is none of where its photo was; astray_km: by how far it is then wrong."""

    age_s: FloatArray
    doubt: FloatArray
    astray_km: FloatArray


def doubts_of(
    utc: FloatArray,
    stamp_utc: FloatArray,
    lat: FloatArray,
    lng: FloatArray,
    error_km: FloatArray,
    camera: IntArray,
    utc_offset_s: FloatArray,
    received: NDArray[np.bool_],
) -> Doubts:
    """utc (n,), ascending: when the photos were taken. stamp_utc: when their receivers say that they were
    there, NaN where they do not. camera: codes, 0 where it is unknown. utc_offset_s: what the photos state,
    NaN where nothing. received: of a camera's receiver; of the others nothing is in doubt."""
    age = np.zeros(len(utc))
    doubt = np.where(received & (error_km == GPS_ERROR_KM), USUAL_DOUBT, 0.0)
    astray = np.where(doubt > 0, _USUAL_KM, 0.0)

    def raise_to(rows: IntArray, to: float, km: FloatArray) -> None:
        higher = (to > doubt[rows]) | ((to == doubt[rows]) & (km > astray[rows]))
        doubt[rows[higher]], astray[rows[higher]] = to, km[higher]

    motion = Motion()
    for code in np.unique(camera[received]).tolist():
        own = np.flatnonzero(received & (camera == code))
        stamped = own[np.isfinite(stamp_utc[own])]
        ages = _ages(utc[stamped], stamp_utc[stamped])
        for n in np.flatnonzero(_is_by_a_zone(ages)).tolist():
            row = stamped[n]
            legal = offset_at(float(lat[row]), float(lng[row]), float(utc[row]))
            if legal is None or legal.total_seconds() != utc_offset_s[row]:
                ages[n] = 0.0  # the clock, or what was made of it, is in another zone
        ancient = np.abs(ages) > _OLDEST_S
        raise_to(stamped[ancient], _EVEN, np.full(int(ancient.sum()), float(motion.scale_km(_OLDEST_S))))
        age[stamped] = np.where(ancient, 0.0, ages)
        order = own[np.argsort(utc[own] - age[own], kind="stable")]
        since = _repeated_for(utc[order] - age[order], lat[order], lng[order])
        raise_to(order[since > 0], _EVEN, motion.scale_km(since[since > 0]))
        if code == 0:
            continue  # of photos whose camera is unknown nobody knows whether it was one
        outlier, ends, km = _leaps(utc[order] - age[order], lat[order], lng[order])
        raise_to(order[outlier], _OUTLIER, km[outlier])
        raise_to(order[ends], _EVEN, km[ends])
    return Doubts(age, doubt, astray)


def _ages(utc: FloatArray, stamp: FloatArray) -> FloatArray:
    """Of one camera: how much older than its photo each fix is, by its stamp; 0 where it is fresh, or where
    the stamp says nothing."""
    ages = utc - stamp
    bare = stamp % HOUR_S == 0
    if len(np.unique(stamp[bare])) > 1:
        ages[bare] = 0.0  # programs that strip the time of day leave whole hours
    usual = float(np.median(ages)) if len(ages) else 0.0
    same = np.abs(ages - usual) <= FRESH_S
    if same.sum() >= _FEWEST_USUAL and same.mean() >= _USUAL:
        ages = ages - usual
    return np.where(np.abs(ages) <= FRESH_S, 0.0, ages)


def _is_by_a_zone(ages: FloatArray) -> NDArray[np.bool_]:
    beside = np.abs(ages - np.rint(ages / _QUARTER_S) * _QUARTER_S)
    return np.asarray((ages != 0) & (np.abs(ages) <= _FARTHEST_ZONE_S) & (beside <= FRESH_S))


def _repeated_for(utc: FloatArray, lat: FloatArray, lng: FloatArray) -> FloatArray:
    """Seconds (n,) since the first of those that are the very same, without another between; 0 where they
    are not the same for `_REPEATS_S` in all. What is repeated for hours was so in the first of them, too."""
    if not len(utc):
        return np.empty(0)
    coarse = _is_coarse(lat) & _is_coarse(lng)
    new = np.concatenate([[True], (np.diff(lat) != 0) | (np.diff(lng) != 0)])
    run = np.cumsum(new) - 1
    since = utc - utc[np.flatnonzero(new)][run]
    longest = np.maximum.reduceat(since, np.flatnonzero(new))[run]
    return np.asarray(np.where(coarse | (longest < _REPEATS_S), 0.0, since))


def _is_coarse(degrees: FloatArray) -> NDArray[np.bool_]:
    return np.abs(degrees * _COARSE - np.rint(degrees * _COARSE)) < 1e-6


def _leaps(
    utc: FloatArray, lat: FloatArray, lng: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], FloatArray]:
    """Of one camera's fixes: which lie where nobody comes from the one before and gets to the one after,
    though these two go together; which are ends of another such leap, and one of both is wrong; and how far
    the leap is."""
    n = len(utc)
    outlier, ends, km = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_), np.zeros(n)
    if n < 2:
        return outlier, ends, km

    def impossible(step: int) -> tuple[FloatArray, NDArray[np.bool_]]:
        apart = distance_km(lat[:-step], lng[:-step], lat[step:], lng[step:])
        return apart, apart > _FASTEST_KM_S * (utc[step:] - utc[:-step] + _SLACK_S)

    apart, leap = impossible(1)
    if n > 2:
        outlier[1:-1] = leap[:-1] & leap[1:] & ~impossible(2)[1]
        km[1:-1] = np.minimum(apart[:-1], apart[1:])
    left = leap & ~outlier[:-1] & ~outlier[1:]
    for at in (slice(0, n - 1), slice(1, n)):
        ends[at] |= left
        km[at] = np.where(left, np.maximum(np.where(ends[at], km[at], 0.0), apart), km[at])
    return outlier, ends, km
