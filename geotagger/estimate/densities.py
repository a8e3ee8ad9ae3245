"""How densely the mixtures of many photos lie at many points, all at once.

`Mixture.densities_at` is the same of one photo, in plain words. Here one density of the mixture after the
other is worked out at the points of all photos of an outing, and those that lie about the same place share
their distances. Takes mixtures and points, gives densities per km².
"""

import itertools
from collections.abc import Iterator

import numpy as np

from geotagger.estimate.movement import FloatArray, IntArray
from geotagger.estimate.people import dense_at
from geotagger.estimate.prior import ANYWHERE, LEAST_WEIGHT, Mixture
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors

FEW, _SPARSE = 5, 0.5
"""So few photos are done sooner one by one, and those of which each uses a smaller part of the densities, as
where the time of some is uncertain."""


def densities(
    mix: Mixture, row: IntArray, vectors: FloatArray, usual: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """As `Mixture.densities_at`, of the photo in row[i] of the mixture at point i: vectors (k, 3), all others
    (k,). One photo's points stand after the other's."""
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    counts = mix.weight > LEAST_WEIGHT
    used = np.flatnonzero(counts.any(axis=0))
    if len(starts) < FEW or np.count_nonzero(counts) < _SPARSE * len(counts) * len(used):
        return _one_by_one(mix, row, vectors, usual, starts)
    weight = np.where(counts, mix.weight, 0.0)
    is_trip = mix.peopled > 0
    # by column, so that the numbers of one lie side by side
    square, tail, by_people = (np.ascontiguousarray(of.T) for of in (mix.scale_km, mix.tail, mix.peopled))
    square = np.square(square)
    most, power = weight.T * tail / (np.pi * square), -tail - 1
    axes, middles = np.ascontiguousarray(vectors.T), unit_vectors(mix.lat, mix.lng)
    density, trips = mix.anywhere[row] * usual, np.zeros(len(row))
    for columns in _by_place(mix, used):
        away = _away_km(axes, middles[:, columns[0]], row)
        squared = np.square(away)
        dense = dense_at(away, usual) if is_trip[:, columns].any() else None
        for column in columns:
            part = squared / square[column].take(row)
            part += 1
            np.power(part, power[column].take(row), out=part)
            part *= most[column].take(row)
            if dense is not None and is_trip[:, column].any():
                of_trip = by_people[column].take(row)
                part *= np.where((dense > 0) & (of_trip > 0), dense * of_trip, 1.0)
                trips += np.where(of_trip > 0, part, 0.0)
            density += part
    trips /= np.maximum(np.where(is_trip, weight, 0.0).sum(axis=1), 1e-12)[row]
    return density, ANYWHERE * usual, 0.5 * (trips + usual)


def _one_by_one(
    mix: Mixture, row: IntArray, vectors: FloatArray, usual: FloatArray, starts: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    density, doubtful, unknown = np.empty(len(row)), np.empty(len(row)), np.empty(len(row))
    for first, end in itertools.pairwise([*starts.tolist(), len(row)]):
        some = slice(first, end)
        density[some], doubtful[some], unknown[some] = mix.densities_at(
            int(row[first]), vectors[some], usual[some]
        )
    return density, doubtful, unknown


def _by_place(mix: Mixture, columns: IntArray) -> Iterator[list[int]]:
    """Columns that lie about the same places, together."""
    places: dict[bytes, list[int]] = {}
    for column in columns.tolist():
        key = mix.lat[:, column].tobytes() + mix.lng[:, column].tobytes()
        places.setdefault(key, []).append(column)
    yield from places.values()


def _away_km(axes: FloatArray, middles: FloatArray, row: IntArray) -> FloatArray:
    """How far each point (3, k) is from the place (n, 3) of its photo."""
    square = np.zeros(len(row))
    for points, middle in zip(axes, middles.T, strict=True):
        away = points - middle.take(row)
        square += np.square(away, out=away)
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(0.5 * np.sqrt(square), 1.0)))
