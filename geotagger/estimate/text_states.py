"""Where photos can be in an outing where text speaks.

A photo whose text tells something can be at the places that its time, habits and picture allow, and in any
town of the world: what the prior leaves to trips and to nowhere in particular lies in towns, as photos do.
Every place is then weighed by the factor of the text (Bayes' rule), and what is left of places that the text
contradicts is not raised again. Such photos speak to the others of their outing like pictures do
(sequence.py).

Takes mixtures, states of pictures and factors of texts, gives states. Knows nothing of letters.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from geotagger.cells import CellTable
from geotagger.estimate.cloud import Cloud, Clouds
from geotagger.estimate.movement import FloatArray, IntArray, radial_density
from geotagger.estimate.people import usual_at
from geotagger.estimate.prior import Mixture, cloud
from geotagger.estimate.states import Offers, States, emission_at, interleaved, states_of_prior
from geotagger.estimate.text_evidence import TextFactors, believed, usual_share
from geotagger.geo import distance_km, lat_lng_of, unit_vectors
from geotagger.text.countries import countries
from geotagger.text.towns import BLOCK_DEGREES, area_rows, world_towns

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
_LEAST_NOWHERE = 1e-3
_NAMED = 20.0
"""A town that is this much more probable by the text is a state by itself, beside the cell that holds it."""
_TRIP_KM = 30.0
"""Nearer towns are where a trip starts from."""

SeenAt = Callable[[int, FloatArray], tuple[FloatArray, float]]
"""Of which picture, at which places (n, 3): how much more probable it is there than anywhere, and the same
of all that it does not tell apart."""


Masses = tuple[FloatArray, FloatArray]
"""Of photos that show something, and of the others: (n, p) each."""


def seen_at(offers: Offers | None, table: CellTable | None) -> SeenAt:
    """What the pictures of an outing say of places."""

    def seen(photo: int, vectors: FloatArray) -> tuple[FloatArray, float]:
        if offers is None or table is None:
            return np.ones(len(vectors)), 1.0
        at = np.full(len(vectors), photo, dtype=np.int64)
        return emission_at(offers, at, vectors, table), float(offers.missed[photo])

    return seen


def with_texts(
    by_picture: States,
    utc: FloatArray,
    pictured: IntArray,
    shown: IntArray,
    mix: Mixture,
    texts: Sequence[TextFactors | None],
    seen: SeenAt,
) -> tuple[States, FloatArray]:
    """The states of those that are `pictured`, and of the others of `shown`, which have text alone; and the
    masses of the same points before the texts are heard. `seen`: what the pictures say of places."""
    if all(text is None for text in texts):
        return by_picture, by_picture.points.mass
    shared = shared_towns(mix, texts)
    parts = []
    if len(pictured):
        by_both = states_of_texts_and_pictures(by_picture, mix, pictured, texts, shared, seen)
        parts.append((np.searchsorted(shown, pictured), by_both))
    alone = np.setdiff1d(shown, pictured)
    if len(alone):
        by_text = states_of_texts(utc[alone], mix, alone, [texts[n] for n in alone], shared)
        parts.append((np.searchsorted(shown, alone), (by_text, by_text.prior)))
    unread = [(rows, replace(states, prior=before)) for rows, (states, before) in parts]
    return interleaved([(rows, states) for rows, (states, _) in parts]), interleaved(unread).prior


def with_and_without(
    shown: States, unread: FloatArray, others: States, pictured: IntArray, given: Callable[[States], Masses]
) -> tuple[Masses, Masses]:
    """The masses of an outing with its texts and, from the masses `unread`, without. `given`: what all
    pictures and texts of it make of states. Of what texts add a part is believed: of `pictured` photos by
    point and here, of others by circle and later."""
    heard = given(shown)
    if not len(pictured) or unread is shown.points.mass:
        return heard, (unread, others.points.mass)
    silent = given(replace(shown, points=shown.points.weighed(unread)))
    mass = heard[0].copy()
    mass[pictured] = believed(heard[0][pictured], silent[0][pictured])
    return (mass, heard[1]), silent


def listeners(utc: FloatArray, bare: IntArray, mix: Mixture, texts: Sequence[TextFactors | None]) -> States:
    """Photos that say nothing of where they are. Where text tells of others of the outing, what it names is
    possible for these as well; of those that have no prior all towns are as usual."""
    if all(text is None for text in texts):
        return states_of_prior(utc[bare], mix, bare)
    return states_of_texts(utc[bare], mix, bare, [None] * len(bare), shared_towns(mix, texts))


def shared_towns(mix: Mixture, texts: Sequence[TextFactors | None]) -> IntArray:
    """The likeliest towns of those whose text tells, which are states of each photo of their outing."""
    nations = _nations_of(mix)
    likely = np.zeros(len(usual_share()))
    for row, text in enumerate(texts):
        if text is not None:
            weight = _parted(mix, row, nations)[1] * text.at_towns()
            likely += weight / max(float(weight.sum()), 1e-300)
    return np.argpartition(-likely, SHARED)[:SHARED]


def states_of_texts(
    utc: FloatArray, mix: Mixture, at: IntArray, texts: Sequence[TextFactors | None], shared: IntArray
) -> States:
    """Photos without a picture that says anything; row at[i] of `mix` is what is known of photo i, and None
    in place of a text leaves that as it is. `shared`: towns that are states of each."""
    nations = _nations_of(mix)
    towns = _Parts(shared)
    for row, text in zip(at.tolist(), texts, strict=True):
        drawn, in_towns = _parted(mix, row, nations)
        factor, of_town = _factors(text, drawn.vectors)
        towns.add(drawn, drawn.mass, drawn.mass * factor, in_towns, in_towns, in_towns * of_town)
    return towns.states(utc)[0]


def states_of_texts_and_pictures(
    states: States,
    mix: Mixture,
    at: IntArray,
    texts: Sequence[TextFactors | None],
    shared: IntArray,
    seen: SeenAt,
) -> tuple[States, FloatArray]:
    """Photos with pictures (`states`, row at[i] of `mix`) in an outing where text speaks: they can be in any
    town as well, with what the picture says of it, and each place is weighed by what the text says. With
    the masses before that."""
    nations, vectors = _nations_of(mix), town_vectors()
    towns = _Parts(shared)
    for n, row in enumerate(at.tolist()):
        points = Cloud(states.points.vectors[n], states.prior[n], states.points.size_km[n])
        mass, in_towns = states.points.mass[n], _parted(mix, row, nations)[1]
        elsewhere = max(0.0, 1.0 - float(mass.sum()))
        by_picture, missed = seen(n, vectors)
        factor, of_town = _factors(texts[row], points.vectors)
        of_points = None
        if mix.weight[row].any():
            own_blind = states.blind[n] if states.blind is not None else np.zeros((len(mass), 2))
            of_points = functools.partial(_blind, mix, row, own_blind)
            left, nowhere = _left_of_wide(mix, row, points.vectors), float(mix.anywhere[row])
            mass, points = mass * left, replace(points, mass=points.mass * left)
        else:
            # what the picture offers holds its towns; of these one counts by itself that is named
            counts = (by_picture == missed) | (of_town >= _NAMED)
            in_towns = np.where(counts, in_towns, 0.0)
            nowhere = 1.0 - float(points.mass.sum())
        before = in_towns * by_picture / missed * (elsewhere / max(nowhere, _LEAST_NOWHERE))
        towns.add(points, mass, mass * factor, in_towns, before, before * of_town, of_points)
    return towns.states(states.utc)


def _blind(mix: Mixture, row: int, own: FloatArray, points: FloatArray) -> FloatArray:
    """`States.blind` of points whose first have it already."""
    towns = points[len(own) :]
    density, doubtful, unknown = mix.densities_at(row, towns, usual_at(*lat_lng_of(towns)))
    return np.concatenate([own, np.stack([doubtful, unknown], axis=1) / density[:, None]])


def _factors(text: TextFactors | None, vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """At points, and in all towns."""
    if text is None:
        return np.ones(len(vectors)), np.ones(len(world_towns().lat))
    return text.at(*lat_lng_of(vectors)), text.at_towns()


class _Parts:
    """The points of photos, one after the other, and the towns that are states of each. Only so many speak to
    the photos beside it: those that the texts of the outing make likely, and those worth most."""

    def __init__(self, shared: IntArray) -> None:
        self._shared = shared
        self._clouds: list[list[Cloud]] = [[], [], [], [], []]

    def add(
        self,
        own: Cloud,
        own_before: FloatArray,
        own_after: FloatArray,
        in_towns: FloatArray,
        before: FloatArray,
        after: FloatArray,
        blind_of: Callable[[FloatArray], FloatArray] | None = None,
    ) -> None:
        """`own` and `in_towns` (t,): the prior of the points and of all towns; before, after: what they
        weigh before and after the text is heard. blind_of: as `States.blind`, of all points, which come as
        `own` and then towns."""
        world = world_towns()
        most = np.union1d(np.argpartition(-after, TOWNS)[:TOWNS], self._shared)
        others = _by_block(after, most)
        wide = np.argpartition(-others, BLOCKS)[:BLOCKS]
        points = np.concatenate([own.vectors, town_vectors()[most], world.blocks[wide]])
        size = np.concatenate([own.size_km, world.radius_km[most], np.full(BLOCKS, _BLOCK_KM)])
        prior = np.concatenate([own.mass, in_towns[most], _by_block(in_towns, most)[wide]])
        heard = np.concatenate([own_after, after[most], others[wide]])
        heard = heard / max(float(own_after.sum() + after.sum()), 1e-300)
        unread = np.concatenate([own_before, before[most], _by_block(before, most)[wide]])
        unread = unread / max(float(own_before.sum() + before.sum()), 1e-300)
        later = np.ones(len(points), dtype=np.bool_)
        later[len(own.mass) :][: len(most)] = ~np.isin(most, self._shared)
        order = np.lexsort([-(heard + prior), later])
        blind = np.zeros((len(points), 2)) if blind_of is None else blind_of(points)
        for clouds, mass in zip(self._clouds, (heard, prior, unread, *blind.T), strict=True):
            clouds.append(Cloud(points[order], mass[order], size[order]))

    def states(self, utc: FloatArray) -> tuple[States, FloatArray]:
        """And the masses before the texts are heard."""
        heard, prior, unread, *blind = (Clouds.of(clouds) for clouds in self._clouds)
        return States(utc, heard, prior.mass, np.stack([one.mass for one in blind], axis=2)), unread.mass


def _left_of_wide(mix: Mixture, row: int, vectors: FloatArray) -> FloatArray:
    """What is left at points when half of all wide densities lies in towns, (n,)."""
    weight = mix.weight.copy()
    weight[row, _wide(mix, row)] *= 1.0 - _IN_TOWNS
    less = replace(mix, weight=weight).density_at(row, vectors)
    return np.asarray(less / np.maximum(mix.density_at(row, vectors), 1e-300))


def _wide(mix: Mixture, row: int) -> IntArray:
    return np.flatnonzero((mix.scale_km[row] >= _WIDE_KM) & (mix.weight[row] > _LEAST_WEIGHT))


@functools.cache
def town_vectors() -> FloatArray:
    """Aligned with `world_towns`."""
    world = world_towns()
    return unit_vectors(world.lat, world.lng)


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
    usual = usual_share()
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
    world, usual = world_towns(), usual_share()
    if not mix.weight[row].any():
        return Cloud(np.empty((0, 3)), np.empty(0), np.empty(0)), usual
    wide = _wide(mix, row)
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
