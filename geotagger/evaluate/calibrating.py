"""A calibration fitted to what an evaluation found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.calibration import Calibration
from geotagger.estimate.certainty_correction import CertaintyCorrection, Outcomes, fit_plain
from geotagger.estimate.misled_outings import fitted_misleads
from geotagger.estimate.movement import OUTING_GAP_S, FloatArray
from geotagger.estimate.picture_temperature import fitted_temperature
from geotagger.estimate.sequence import weights
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.scores import least_confidence_for
from geotagger.evaluate.trial import Sighting

PRECISIONS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)


def calibrate(ways: Sequence[Sequence[Hidden]]) -> Calibration:
    """From hidden photos of several seeds, for each way of hiding. The strictest way draws the line: nobody
    knows which of them the photos to come are like, and what single photos gain would pay for whole days."""
    answered = [[h for h in way if _is_answered(h)] for way in ways]
    correction = _picture_correction([h for way in answered for h in way if h.pictured])
    outcomes = [_outcomes(way, correction) for way in answered if way]
    lines = []
    for precision in PRECISIONS:
        drawn = [least_confidence_for(stated, inside, precision) for stated, inside in outcomes]
        lines.append((precision, max((1.01 if line is None else line for line in drawn), default=1.01)))
    return Calibration(correction, tuple(lines), sum(map(len, answered)))


def picture_trust(sightings: Sequence[Sighting], table: CellTable) -> tuple[float, float]:
    """The temperature of what the model says here, and how often the pictures of an outing mislead together.
    By the pictures of photos whose place is known; those of one scene count little more than one."""
    shown = [s for s in sightings if s.can_be_hidden and s.posterior is not None and s.own_place is not None]
    # a photo without a time stands apart from all others
    when = [-1e9 * n if s.clocked.local is None else s.clocked.local.timestamp() for n, s in enumerate(shown)]
    shown = [shown[n] for n in np.argsort(when, kind="stable")]
    utc = np.sort(np.array(when))
    places = [place for s in shown if (place := s.own_place) is not None]
    posteriors = [posterior for s in shown if (posterior := s.posterior) is not None]
    lat, lng = (np.array([getattr(place, axis) for place in places]) for axis in ("latitude", "longitude"))
    looks = weights(utc) if len(utc) else utc
    temperature = fitted_temperature(posteriors, lat, lng, looks, table)
    outing = np.cumsum(np.diff(utc, prepend=utc[:1]) > OUTING_GAP_S, dtype=np.int64)
    return temperature, fitted_misleads(posteriors, lat, lng, looks / temperature, outing, table)


def stated_apart(ways: Sequence[Sequence[Hidden]]) -> tuple[float, float, int]:
    """Of photos with pictures, the mean certainty as a correction states it that the other half of the photos
    taught, the share that lay inside, and how many they are."""
    shown = [h for way in ways for h in way if h.pictured and _is_answered(h)]
    names = {name: n % 2 for n, name in enumerate(sorted({h.name for h in shown}))}
    stated, inside = [], []
    for half in (0, 1):
        taught = _picture_correction([h for h in shown if names[h.name] != half])
        stated_half, lay = _outcomes([h for h in shown if names[h.name] == half], taught)
        stated += stated_half.tolist()
        inside += lay.tolist()
    return (float(np.mean(stated)), float(np.mean(inside)), len(shown)) if shown else (0.0, 0.0, 0)


def _is_answered(hidden: Hidden) -> bool:
    return OURS in hidden.said and bool(np.isfinite(hidden.said[OURS].radius_km))


def _picture_correction(pictured: Sequence[Hidden]) -> CertaintyCorrection:
    if not pictured:
        return CertaintyCorrection()
    stated, inside = _outcomes(pictured, CertaintyCorrection())
    radius = np.array([h.said[OURS].radius_km for h in pictured])
    lag = np.array([h.lag_s for h in pictured])
    return fit_plain(Outcomes.of_circles(stated, inside, radius, lag))


def _outcomes(way: Sequence[Hidden], pictured: CertaintyCorrection) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The confidences as they would be told with the correction, and which places lay inside."""
    stated = []
    for one in way:
        said = one.said[OURS]
        stated_one, radius = np.array([said.confidence]), np.array([said.radius_km])
        stated.append(
            float(pictured.apply(stated_one, radius, one.lag_s)[0]) if one.pictured else said.confidence
        )
    return np.array(stated), np.array([h.error_km(OURS) <= h.said[OURS].radius_km for h in way])
