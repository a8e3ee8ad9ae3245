"""How probable it is that a photo was taken inside a disc, from what the index keeps of its estimate.

The estimate's certainty is spread over its circle as a normal distribution, cut off at the circle, and what
is missing to one over the other candidates. Pure, without numpy: `query` must start at once."""

import json
import math
from collections.abc import Callable

from geotagger.index.distance import distance_from
from geotagger.index.soundness import is_place

_POINTS = 240
_NINETY = 2.145966026289347
"""sqrt(-2 ln 0.1): within so many standard deviations lie 90 % of a normal distribution in the plane."""

_GOLDEN = math.pi * (3 - math.sqrt(5))


def _spread() -> list[tuple[float, float]]:
    """Points of equal weight in a circle of radius 1, out along a spiral."""
    points = []
    for n in range(_POINTS):
        share = 0.9 * (n + 0.5) / _POINTS
        away = math.sqrt(-2 * math.log(1 - share)) / _NINETY
        points.append((away * math.cos(n * _GOLDEN), away * math.sin(n * _GOLDEN)))
    return points


_SPREAD = _spread()


def share_inside(distance_km: float, circle_km: float, radius_km: float) -> float:
    """Of a certainty spread over a circle, how much lies within `radius_km` of a place that is `distance_km`
    from its middle."""
    if distance_km + circle_km <= radius_km:
        return 1.0
    if distance_km - circle_km > radius_km:
        return 0.0
    within = sum(math.hypot(circle_km * x - distance_km, circle_km * y) <= radius_km for x, y in _SPREAD)
    return within / _POINTS


def probability_inside(
    radius_km: float, km_from_place: Callable[[float, float], float]
) -> Callable[[float, float, float, float, str], float | None]:
    """A function for SQL: of an estimate's latitude, longitude, circle, certainty and candidates (a JSON list
    of latitude, longitude, probability) the probability of the disc."""

    def inside(
        latitude: float, longitude: float, circle_km: float, confidence: float, candidates: str
    ) -> float | None:
        if not is_place(latitude, longitude, circle_km, confidence):
            return None  # a damaged row
        probability = confidence * share_inside(km_from_place(latitude, longitude), circle_km, radius_km)
        if confidence < 1:
            from_middle = distance_from(latitude, longitude)
            others = sum(
                weight
                for lat, lng, weight in json.loads(candidates)
                if km_from_place(lat, lng) <= radius_km and from_middle(lat, lng) > circle_km
            )
            probability += min(others, 1 - confidence)
        return probability

    return inside
