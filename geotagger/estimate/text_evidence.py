"""What stands in a picture as evidence of where it was taken: factors, how much of them is believed, and how
much an archive's text tells.

Takes `PlaceRatios`, gives factors at places. Where photos with text can be is text_states.py. Knows nothing
of letters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import FloatArray
from geotagger.estimate.values import FixSeries, Observation
from geotagger.text.countries import countries
from geotagger.text.ratios import floored, growth_at, mean_of
from geotagger.text.towns import area_rows, world_towns
from geotagger.text.values import PlaceRatios

BELIEVED = 0.5
"""Of what all the texts of an outing add to the certainty of a circle so much is believed. They are wrong
together more often than one by one: a language is read on every sign of a trip, and the place of that
language that the archive knows best need not be the one. So, be they ever so many, they bring no circle from
nothing to the certainty at which places are written (defaults.MIN_CONFIDENCE)."""
ONE_SIGN_S = 120.0
"""Pictures with text that follow one another within this are of one moment."""
_EXPONENTS = np.linspace(0.0, 1.5, 31)
_USUAL_EXPONENT, _EXPONENT_SPREAD = 1.0, 0.35
FEWEST_TEACHERS = 3
MOST_TEACHERS = 200
"""Geotagged photos of an archive that are read to learn how much its text tells."""


def usual_share() -> FloatArray:
    """Of each town of the world, how many of the photos of the world are taken there."""
    world = world_towns()
    return np.asarray(countries().photos[world.country] * world.share)


def of_places(ratios: PlaceRatios, lat: FloatArray, lng: FloatArray) -> FloatArray:
    """What the text says as it was counted, degrees (n,) to (n,)."""
    of_area = np.append(ratios.by_country(countries()), ratios.elsewhere)
    return np.asarray(of_area[area_rows(lat, lng)] * growth_at(ratios, lat, lng))


@dataclass(frozen=True, eq=False)
class TextFactors:
    """The factors of one text to a power, at any place; their mean over the photos of the world is 1. looks:
    how many looks at a place it is worth, 1 but where several pictures show the same; look_mean: the mean of
    the factors to that power."""

    ratios: PlaceRatios
    exponent: float
    mean: float
    looks: float = 1.0
    look_mean: float = 1.0

    @staticmethod
    def of(ratios: PlaceRatios, exponent: float, looks: float = 1.0) -> "TextFactors":
        whole = TextFactors(ratios, exponent, mean_of(ratios, exponent))
        if looks == 1.0:
            return whole
        return replace(whole, looks=looks, look_mean=float(usual_share() @ whole.at_towns() ** looks))

    def at(self, lat: FloatArray, lng: FloatArray) -> FloatArray:
        """Degrees (n,) to (n,)."""
        return self._power(of_places(self.ratios, lat, lng))

    def at_towns(self) -> FloatArray:
        """Aligned with `world_towns`."""
        world = world_towns()
        of_country = self.ratios.by_country(countries())[world.country]
        return self._power(of_country * growth_at(self.ratios, world.lat, world.lng))

    def _power(self, factors: FloatArray) -> FloatArray:
        return np.asarray(floored(factors**self.exponent / self.mean) ** self.looks / self.look_mean)


def texts_of(
    photos: Sequence[Observation],
    utc: FloatArray,
    speaks: NDArray[np.bool_],
    exponent: float,
    joined: bool,
) -> list[TextFactors | None]:
    """Of the photos that speak, None for the others. Where photos hear one another (`joined`), the pictures
    of one moment count together as one: they may show the same sign, and what is read wrongly once is read
    wrongly again."""
    looks = np.ones(len(photos))
    beside = np.flatnonzero(speaks & np.isfinite(utc))
    if joined and len(beside):
        moment = np.concatenate([[0], np.cumsum(np.diff(utc[beside]) > ONE_SIGN_S)])
        looks[beside] = 1.0 / np.bincount(moment)[moment]
    return [
        None if photo.text is None or not heard else TextFactors.of(photo.text, exponent, look)
        for photo, look, heard in zip(photos, looks.tolist(), speaks.tolist(), strict=True)
    ]


def believed(inside: FloatArray, before: FloatArray) -> FloatArray:
    """Probabilities after texts were heard, of circles or of points, from those before. What texts take away
    is taken away whole."""
    return np.where(inside > before, before + BELIEVED * (inside - before), inside)


def teaching(fixes: int) -> NDArray[np.int64]:
    """Which of so many fixes in the order of time are read to learn from."""
    count = min(fixes, MOST_TEACHERS)
    return np.unique(np.linspace(0, max(fixes - 1, 0), count).round().astype(np.int64))


def lessons_of(
    fixes: FixSeries, texts: Mapping[int, PlaceRatios | None]
) -> list[tuple[PlaceRatios, float, float]]:
    """What the fixes that are read teach: `texts` by the photos' keys."""
    lessons = []
    for n in teaching(len(fixes)).tolist() if len(fixes) else []:
        text = texts.get(int(fixes.keys[n]))
        if text is not None and bool(fixes.teaches[n]):
            lessons.append((text, float(fixes.latitude[n]), float(fixes.longitude[n])))
    return lessons


def learned_exponent(lessons: Sequence[tuple[PlaceRatios, float, float]]) -> float:
    """The power of the factors under which the places (degrees) of photos with text are most probable, held
    by the prior: a photographer of souvenirs or of foreign books has text that tells less than others'."""
    if len(lessons) < FEWEST_TEACHERS:
        return _USUAL_EXPONENT
    gain = -0.5 * np.square((_EXPONENTS - _USUAL_EXPONENT) / _EXPONENT_SPREAD)
    for ratios, lat, lng in lessons:
        here = float(of_places(ratios, np.array([lat]), np.array([lng]))[0])
        means = np.array([mean_of(ratios, float(power)) for power in _EXPONENTS])
        gain += np.log(floored(here**_EXPONENTS / means))
    return float(_EXPONENTS[np.argmax(gain)])
