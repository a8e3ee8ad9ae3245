"""Evidence beside time, laid over a prior: a place of its own, photos that look alike, habits where no time
is known.

Takes mixtures, gives mixtures. `names.py` does the same for the names of places.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import FloatArray, radial_quantile
from geotagger.estimate.people import peopled
from geotagger.estimate.prior import ANYWHERE, TRIP, Mixture
from geotagger.estimate.reference import USUAL_KM, USUAL_TAIL
from geotagger.estimate.shares import FAR_TRIP_TAIL, WORLD
from geotagger.estimate.values import Alike
from geotagger.geo import unit_vectors

_TOWN_KM = 3.0
_TRIP_KM = 120.0
_ALIKE_KM = 0.3


def with_habits_only(
    mix: Mixture, rows: NDArray[np.bool_], visit_lat: FloatArray, visit_lng: FloatArray, explore: float
) -> Mixture:
    """For photos without a time: the places that are visited most, however near in time, and one never
    visited, about that visited most, with probability e^explore / (e^explore + visits)."""
    if not len(visit_lat):
        return mix
    place = np.stack([np.round(visit_lat * 20), np.round(visit_lng * 20)], axis=1)
    _, first, count = np.unique(place, axis=0, return_index=True, return_counts=True)
    most = np.argsort(-count, kind="stable")[: mix.lat.shape[1] - mix.about]
    lat, lng, weight = mix.lat.copy(), mix.lng.copy(), mix.weight.copy()
    used = slice(mix.about, mix.about + len(most))
    weight[rows] = 0.0
    scale, tail, by_people = mix.scale_km.copy(), mix.tail.copy(), mix.peopled.copy()
    new = float(np.exp(explore) / (np.exp(explore) + count.sum()))
    # a visited place counts by how often it was left out of these, too
    rest = 1 - float(count[most].sum() / count.sum())
    for row in np.flatnonzero(rows):
        lat[row, used], lng[row, used] = visit_lat[first[most]], visit_lng[first[most]]
        weight[row, used] = (1 - ANYWHERE) * (1 - new) * count[most] / count.sum()
        scale[row, used] = _TOWN_KM
        lat[row, TRIP], lng[row, TRIP] = lat[row, mix.about], lng[row, mix.about]
        weight[row, TRIP] = (1 - ANYWHERE) * (new * (1 - WORLD) + (1 - new) * rest)
        scale[row, TRIP], tail[row, TRIP] = _TRIP_KM, FAR_TRIP_TAIL
        at = slice(row, row + 1), TRIP
        by_people[at] = peopled(lat[at], lng[at], scale[at], tail[at])
    anywhere = np.where(rows, ANYWHERE + (1 - ANYWHERE) * new * WORLD, mix.anywhere)
    return Mixture(lat, lng, weight, scale, tail, mix.about, anywhere, by_people)


def with_fix(mix: Mixture, row: int, latitude: float, longitude: float, error_km: float) -> Mixture:
    """A place of its own (a track's, a sidecar's), good to error_km at 68 %, takes the mixture over."""
    lat, lng, weight = mix.lat.copy(), mix.lng.copy(), mix.weight.copy()
    scale, tail = mix.scale_km.copy(), mix.tail.copy()
    lat[row, 0], lng[row, 0] = latitude, longitude
    weight[row] = 0.0
    weight[row, 0] = 1 - ANYWHERE
    # 68 % of this density lies within 0.877 of its scale
    scale[row, 0], tail[row, 0] = max(error_km, 0.003) / 0.877, 2.0
    anywhere = mix.anywhere.copy()
    anywhere[row] = ANYWHERE
    return Mixture(lat, lng, weight, scale, tail, mix.about, anywhere, mix.peopled)


def with_alike(mix: Mixture, seen: Sequence[Alike | None]) -> Mixture:
    """Adds the places of photos that look alike: p(x) times (1 − Σw) + Σ wᵢ κ(x − xᵢ) / usualᵢ, which for
    a narrow kernel κ is a mixture again. p is taken as smooth as `usual` is: where the archive returns
    to the very same point, one would else be compared with the other's blur."""
    most = max((len(one.weight) for one in seen if one is not None), default=0)
    if most == 0:
        return mix
    n = len(seen)
    lat, lng, weight = np.zeros((n, most)), np.zeros((n, most)), np.zeros((n, most))
    kept = np.ones(n)
    smooth = replace(
        mix,
        scale_km=np.hypot(radial_quantile(0.5, mix.scale_km, mix.tail), USUAL_KM),
        tail=np.full_like(mix.tail, USUAL_TAIL),
    )
    for row, one in enumerate(seen):
        if one is None or not mix.weight[row].any():
            continue
        count = len(one.weight)
        lat[row, :count], lng[row, :count] = one.lat, one.lng
        prior = smooth.density_at(row, unit_vectors(one.lat, one.lng))
        weight[row, :count] = one.weight * prior / np.maximum(one.usual, 1e-12)
        kept[row] = 1.0 - float(one.weight.sum())
    joined = np.concatenate([mix.weight * kept[:, None], weight], axis=1)
    total = joined.sum(axis=1, keepdims=True)
    return Mixture(
        np.concatenate([mix.lat, lat], axis=1),
        np.concatenate([mix.lng, lng], axis=1),
        joined * np.where(total > 0, (1 - mix.anywhere[:, None]) / np.maximum(total, 1e-300), 0.0),
        np.concatenate([mix.scale_km, np.full((n, most), _ALIKE_KM)], axis=1),
        np.concatenate([mix.tail, np.full((n, most), 1.0)], axis=1),
        mix.about,
        mix.anywhere,
        np.concatenate([mix.peopled, np.zeros((n, most))], axis=1),
    )
