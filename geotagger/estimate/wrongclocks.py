"""Finds cameras whose clocks are wrong, by laying their photos over a device that knows where it was.

A camera without a fix cannot be tested. One whose photos carry places (a track logger's, a
phone's transfer) can: shifted by the right amount, its photos lie where the reference was at
that time. The shift is searched from −26 to +26 hours, which also finds a forgotten time zone.

Takes times and places, gives shifts with their evidence. Knows nothing of files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import Motion
from geotagger.estimate.values import Fix
from geotagger.geo import distance_km

FloatArray = NDArray[np.float64]

WIDEST_S = 26 * 3600.0
"""A day and a bit: wrong dates by more are for the owner to say."""
_STEPS_S = (300.0, 30.0, 5.0)
_FEWEST = 4
_CLEARLY = 6.0
"""How much more probable (natural log) the shift must make the photos, beyond what a lucky search
over some hundred shifts gives."""
_FLOOR = np.log(1e-4)


@dataclass(frozen=True, slots=True)
class ClockEvidence:
    """`shift_s`: what to add to the camera's times. Median distances to the reference before and after,
    over `photos` photos; `gain` is the log likelihood won."""

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
    camera: str,
    utc: Sequence[float],
    lat: Sequence[float],
    lng: Sequence[float],
    reference: Callable[[float], Fix | None],
) -> ClockEvidence | None:
    """The shift that lays a camera's photos over the reference, None when none is clearly better than
    no shift. `reference` gives the place at a POSIX time, None where it knows none."""
    t, la, ln = (np.asarray(values, dtype=np.float64) for values in (utc, lat, lng))
    if len(t) < _FEWEST:
        return None
    base, _ = _fit(t, la, ln, reference, 0.0, 0.0)
    centre, width = 0.0, WIDEST_S
    for step in _STEPS_S:
        tried = np.arange(centre - width, centre + width + step, step)
        centre = float(max(tried, key=lambda shift: _fit(t, la, ln, reference, float(shift), step)[0]))
        width = 2 * step
    best, after = _fit(t, la, ln, reference, centre, 0.0)
    if best - base < _CLEARLY or abs(centre) < 2 * _STEPS_S[-1]:
        return None
    _, before = _fit(t, la, ln, reference, 0.0, 0.0)
    return ClockEvidence(
        camera, centre, int(np.isfinite(after).sum()), _median(before), _median(after), best - base
    )


def _fit(
    t: FloatArray,
    lat: FloatArray,
    lng: FloatArray,
    reference: Callable[[float], Fix | None],
    shift: float,
    step: float,
) -> tuple[float, FloatArray]:
    """Log likelihood, each photo's bounded from below so that a few strays do not decide, and the
    distances (infinite where the reference is silent). In a search by steps a photo may be as far off
    as the reference moves in one."""
    away = np.full(len(t), np.inf)
    total = 0.0
    spread = float(Motion().reach_km(60.0))
    for n, moment in enumerate(t + shift):
        fix = reference(float(moment))
        if fix is None:
            total += float(_FLOOR)
            continue
        away[n] = distance_km(lat[n], lng[n], fix.latitude, fix.longitude)
        later = reference(float(moment + step)) if step else None
        moved = 0.0
        if later is not None:
            moved = float(distance_km(fix.latitude, fix.longitude, later.latitude, later.longitude))
        scale = float(np.hypot(np.hypot(spread, fix.error_km), moved))
        total += max(float(_FLOOR), -0.5 * float(away[n] / scale) ** 2 - float(np.log(scale / spread)))
    return total, away


def _median(distances: FloatArray) -> float:
    known = distances[np.isfinite(distances)]
    return float(np.median(known)) if len(known) else float("inf")
