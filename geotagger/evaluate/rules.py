"""What other programs do, to be held against ours: they copy the photo nearest in time, or go by two."""

from collections.abc import Mapping

import numpy as np

from geotagger.estimate.movement import HOUR_S
from geotagger.estimate.values import FixSeries
from geotagger.evaluate.predictions import Prediction
from geotagger.geo import distance_km, interpolate

_PHOTOPRISM_REACH_S = 37 * HOUR_S
_PHOTOPRISM_APART_KM = 100.0


def nearest_in_time(fixes: FixSeries, times: Mapping[int, float | None]) -> dict[int, Prediction]:
    """The place of the photo nearest in time. `times`: of the hidden photos, POSIX seconds."""
    places = {}
    for n, utc in times.items():
        if len(fixes) and utc is not None:
            nearest = int(np.argmin(np.abs(fixes.utc - utc)))
            places[n] = Prediction(float(fixes.latitude[nearest]), float(fixes.longitude[nearest]))
    return places


def photoprism(fixes: FixSeries, times: Mapping[int, float | None]) -> dict[int, Prediction]:
    """The two nearest within 37 hours, interpolated when less than 100 km apart (otherwise it takes over a
    name, not a position)."""
    utc, lat, lng = fixes.utc, fixes.latitude, fixes.longitude
    places = {}
    for n, moment in times.items():
        if len(fixes) < 2 or moment is None:
            continue
        away = np.abs(utc - moment)
        nearest = [int(row) for row in np.argsort(away, kind="stable")[:2]]
        if away[nearest[1]] > _PHOTOPRISM_REACH_S:
            continue
        a, b = sorted(nearest, key=lambda row: float(utc[row]))
        if distance_km(lat[a], lng[a], lat[b], lng[b]) < _PHOTOPRISM_APART_KM:
            part = np.clip((moment - utc[a]) / max(utc[b] - utc[a], 1e-9), 0.0, 1.0)
            place = interpolate(lat[a], lng[a], lat[b], lng[b], part)
            places[n] = Prediction(float(place[0]), float(place[1]))
    return places
