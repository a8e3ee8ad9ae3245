"""What stands in a picture as evidence of where it was taken.

A photo whose text tells something can be at the places that its time and habits allow, and in any town of the
world: what the prior leaves to trips and to nowhere in particular lies in towns, as photos do. Every place is
then weighed by the factor of the text (Bayes' rule), and what is left of places that the text contradicts is
not raised again. Such photos speak to the others of their outing like pictures do (sequence.py).

Takes mixtures and `PlaceRatios`, gives states. Knows nothing of letters.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.cloud import Cloud, Clouds
from geotagger.estimate.movement import FloatArray, IntArray, radial_density
from geotagger.estimate.prior import Mixture, cloud
from geotagger.estimate.states import States, interleaved, states_of_prior
from geotagger.estimate.values import FixSeries, Observation
from geotagger.geo import distance_km, lat_lng_of, unit_vectors
from geotagger.text.countries import countries
from geotagger.text.ratios import floored, growth_at, mean_of
from geotagger.text.towns import BLOCK_DEGREES, area_rows, world_towns
from geotagger.text.values import PlaceRatios

TOWNS, BLOCKS = 48, 48
"""How many towns are states of a photo, the likeliest; and how many squares of the Earth, for the towns in
them that are none of these. What no point holds counts as lying elsewhere, as if that were one place, so
little must be left there."""
SHARED = 24
"""How many towns that the texts of an outing make likely are states of each of its photos."""
_BLOCK_KM = 0.56 * BLOCK_DEGREES * 111.2
"""The radius of a disc as large as a square."""
_WIDE_KM = 100.0
_IN_TOWNS = 0.5
"""Of what a wide density holds so much lies in towns. Assumed."""
_OWN_COUNTRIES = 0.8
"""Of the places where an archive has not been so much lies in countries where it has. Of the places of ten
people that are 50 km from all their others 99 of 106 do, on the mean over the people 0.82."""
_LEAST_WEIGHT = 1e-4
_TRIP_KM = 30.0
"""Nearer towns are where a trip starts from."""
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
        return replace(whole, looks=looks, look_mean=float(_usual() @ whole.at_towns() ** looks))

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


def with_texts(
    by_picture: States,
    utc: FloatArray,
    pictured: IntArray,
    shown: IntArray,
    mix: Mixture,
    texts: Sequence[TextFactors | None],
) -> States:
    """The states of those that are `pictured`, and of the others of `shown`, which have text alone."""
    if len(pictured):
        by_picture = spoken(by_picture, [texts[n] for n in pictured])
    alone = np.setdiff1d(shown, pictured)
    if not len(alone):
        return by_picture
    shared = shared_towns(mix, texts)
    by_text = states_of_texts(utc[alone], mix, alone, [texts[n] for n in alone], shared)
    if not len(pictured):
        return by_text
    return interleaved(
        [(np.searchsorted(shown, pictured), by_picture), (np.searchsorted(shown, alone), by_text)]
    )


def listeners(utc: FloatArray, bare: IntArray, mix: Mixture, texts: Sequence[TextFactors | None]) -> States:
    """Photos that say nothing of where they are. Where text tells of others of the outing, what it names is
    possible for these as well; of those that have no prior all towns are as usual."""
    if all(text is None for text in texts):
        return states_of_prior(utc[bare], mix, bare)
    return states_of_texts(utc[bare], mix, bare, [None] * len(bare), shared_towns(mix, texts))


def shared_towns(mix: Mixture, texts: Sequence[TextFactors | None]) -> IntArray:
    """The likeliest towns of those whose text tells, which are states of each photo of their outing."""
    nations = _nations_of(mix)
    likely = np.zeros(len(_usual()))
    for row, text in enumerate(texts):
        if text is not None:
            weight = _parted(mix, row, nations)[1] * text.at_towns()
            likely += weight / max(float(weight.sum()), 1e-300)
    return np.argpartition(-likely, SHARED)[:SHARED]


def _usual() -> FloatArray:
    """Of each town of the world, how many of the photos of the world are taken there."""
    world = world_towns()
    return np.asarray(countries().photos[world.country] * world.share)


def states_of_texts(
    utc: FloatArray, mix: Mixture, at: IntArray, texts: Sequence[TextFactors | None], shared: IntArray
) -> States:
    """Photos without a picture that says anything; row at[i] of `mix` is what is known of photo i, and None
    in place of a text leaves that as it is. `shared`: towns that are states of each."""
    world, nations = world_towns(), _nations_of(mix)
    vectors = unit_vectors(world.lat, world.lng)
    parts, priors = [], []
    for row, text in zip(at.tolist(), texts, strict=True):
        drawn, in_towns = _parted(mix, row, nations)
        if text is None:
            factor, of_town = np.ones(len(drawn.mass)), np.ones(len(world.lat))
        else:
            factor, of_town = text.at(*lat_lng_of(drawn.vectors)), text.at_towns()
        weight = in_towns * of_town
        most = np.union1d(np.argpartition(-weight, TOWNS)[:TOWNS], shared)
        others, prior_of_others = _by_block(weight, most), _by_block(in_towns, most)
        wide = np.argpartition(-others, BLOCKS)[:BLOCKS]
        prior = np.concatenate([drawn.mass, in_towns[most], prior_of_others[wide]])
        mass = np.concatenate([drawn.mass * factor, weight[most], others[wide]])
        total = float((drawn.mass * factor).sum() + weight.sum())
        size = np.concatenate([drawn.size_km, world.radius_km[most], np.full(BLOCKS, _BLOCK_KM)])
        points = np.concatenate([drawn.vectors, vectors[most], world.blocks[wide]])
        parts.append(Cloud(points, mass / max(total, 1e-300), size))
        priors.append(Cloud(points, prior, size))
    return States(utc, Clouds.of(parts), Clouds.of(priors).mass)


def _by_block(weight: FloatArray, without: IntArray) -> FloatArray:
    """The sums over the towns of each square of the Earth, some left out."""
    world = world_towns()
    left = weight.copy()
    left[without] = 0.0
    return np.asarray(np.bincount(world.block, left, len(world.blocks)), dtype=np.float64)


def _nations_of(mix: Mixture) -> IntArray:
    """In which country each part of the mixture lies, a number of `_nation_of_area`; −1 at sea."""
    spots, at = np.unique(np.stack([mix.lat, mix.lng], axis=-1).reshape(-1, 2), axis=0, return_inverse=True)
    areas = area_rows(spots[:, 0], spots[:, 1])
    nations = np.where(areas < 0, -1, _nation_of_area()[areas])
    return np.asarray(nations[at].reshape(mix.lat.shape))


@functools.cache
def _nation_of_area() -> IntArray:
    """Of each row of `countries`: a region has the number of its country."""
    table = countries()
    return np.array([table.row_of[code.partition(".")[0]] for code in table.codes], dtype=np.int64)


def _nowhere_in_particular(mix: Mixture, row: int, nations: IntArray) -> FloatArray:
    """Where a photo is taken that is at none of the places of its archive: the share (t,) of each town."""
    usual = _usual()
    nation_of_town = _nation_of_area()[world_towns().country]
    counted = nations[row] >= 0
    weight = np.bincount(nations[row][counted], mix.weight[row][counted], len(_nation_of_area()))
    in_nation = np.bincount(nation_of_town, usual, len(weight))
    weight[in_nation <= 0] = 0.0
    if not weight.any():
        return usual
    own = usual * (weight / weight.sum() / np.maximum(in_nation, 1e-300))[nation_of_town]
    return np.asarray((1 - _OWN_COUNTRIES) * usual + _OWN_COUNTRIES * own)


def _parted(mix: Mixture, row: int, nations: IntArray) -> tuple[Cloud, FloatArray]:
    """What is known of a photo as points, and as the share (t,) of each town of the world; 1 in all."""
    world, usual = world_towns(), _usual()
    if not mix.weight[row].any():
        return Cloud(np.empty((0, 3)), np.empty(0), np.empty(0)), usual
    wide = np.flatnonzero((mix.scale_km[row] >= _WIDE_KM) & (mix.weight[row] > _LEAST_WEIGHT))
    nowhere = max(0.0, 1.0 - float(mix.weight[row].sum()))
    in_towns = nowhere * _nowhere_in_particular(mix, row, nations)
    weight = mix.weight.copy()
    for column in wide.tolist():
        away = distance_km(mix.lat[row, column], mix.lng[row, column], world.lat, world.lng)
        near = usual * radial_density(away, mix.scale_km[row, column], mix.tail[row, column])
        near[away < _TRIP_KM] = 0.0
        moved = _IN_TOWNS * float(mix.weight[row, column])
        in_towns = in_towns + moved * near / max(float(near.sum()), 1e-300)
        weight[row, column] -= moved
    drawn = cloud(replace(mix, weight=weight), row)
    total = float(weight[row].sum())
    return replace(drawn, mass=drawn.mass * (total / max(float(drawn.mass.sum()), 1e-300))), in_towns


def believed(inside: FloatArray, before: FloatArray) -> FloatArray:
    """The probabilities of circles, after texts were heard, from those before. What texts take away is taken
    away whole."""
    return np.where(inside > before, before + BELIEVED * (inside - before), inside)


def spoken(states: States, texts: Sequence[TextFactors | None]) -> States:
    """States of pictures, of which some have text as well: each point by its factor, all else by 1."""
    mass = states.points.mass.copy()
    for row, text in enumerate(texts):
        if text is None:
            continue
        elsewhere = max(0.0, 1.0 - float(mass[row].sum()))
        mass[row] *= text.at(*lat_lng_of(states.points.vectors[row]))
        mass[row] /= max(float(mass[row].sum()) + elsewhere, 1e-300)
    return replace(states, points=states.points.weighed(mass))


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
