"""How densely the mixtures of many photos lie at many points, all at once.

`Mixture.densities_at` is the same of one photo, in plain words. Here one density of the mixture after the
other is worked out at the points of all photos of an outing, and those that lie about the same place share
their distances. Takes mixtures and points, gives densities per km².
"""

from collections.abc import Iterator

import numpy as np

from geotagger.estimate.movement import FloatArray, IntArray
from geotagger.estimate.people import dense_at
from geotagger.estimate.prior import ANYWHERE, LEAST_WEIGHT, Mixture
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors


def densities(
    mix: Mixture, row: IntArray, vectors: FloatArray, usual: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """As `Mixture.densities_at`, of the photo in row[i] of the mixture at point i: vectors (k, 3), all others
    (k,)."""
    weight = np.where(mix.weight > LEAST_WEIGHT, mix.weight, 0.0)
    is_trip = mix.peopled > 0
    square = np.square(mix.scale_km)
    most, power = weight * mix.tail / (np.pi * square), -mix.tail - 1
    axes, middles = np.ascontiguousarray(vectors.T), unit_vectors(mix.lat, mix.lng)
    density, trips = mix.anywhere[row] * usual, np.zeros(len(row))
    for columns in _by_place(mix, np.flatnonzero(weight.any(axis=0))):
        away = _away_km(axes, middles[:, columns[0]], row)
        squared = np.square(away)
        dense = dense_at(away, usual) if is_trip[:, columns].any() else None
        for column in columns:
            part = squared / square[row, column]
            part += 1
            np.power(part, power[row, column], out=part)
            part *= most[row, column]
            if dense is not None and is_trip[:, column].any():
                by_people = mix.peopled[row, column]
                part *= np.where((dense > 0) & (by_people > 0), dense * by_people, 1.0)
                trips += np.where(by_people > 0, part, 0.0)
            density += part
    trips /= np.maximum(np.where(is_trip, weight, 0.0).sum(axis=1), 1e-12)[row]
    return density, ANYWHERE * usual, 0.5 * (trips + usual)


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
        square += np.square(points - middle[row])
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(0.5 * np.sqrt(square), 1.0)))
