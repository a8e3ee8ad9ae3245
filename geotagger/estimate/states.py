"""The places where each photo of an outing may be: the points that stand for its prior and its picture.

A picture's emission is its posterior divided by the classifier's own prior. Photos that have a prior of
their own, from fixes and habits, get points drawn from both sides; the others take
the classifier's prior. Everything at once for all photos of an outing.

Takes posteriors and mixtures, gives states. Knows nothing of what photos say about each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.cloud import Clouds, rows_by_photo
from geotagger.estimate.movement import FloatArray, IntArray
from geotagger.estimate.prior import Mixture, cloud
from geotagger.estimate.values import Posterior
from geotagger.estimate.visual import samples_of
from geotagger.geo import lat_lng_of

POINTS = 96
"""The points of a pictured photo that are kept; what the others hold counts as lying elsewhere."""
DOUBT = 0.02
"""How often a classifier is wrong in a way that its probabilities do not tell."""
SHARED_CLASSES = 16
"""How many classes that the pictures of an outing show together are states of each of them."""
_BLOCK = 32


@dataclass(frozen=True, slots=True)
class States:
    """n photos in the order of time. utc (n,), NaN unknown. points: mass under its prior and its own
    picture. prior (n, p): mass under its prior alone. What either lacks to 1 lies at none of the points."""

    utc: FloatArray
    points: Clouds
    prior: FloatArray

    def __len__(self) -> int:
        return len(self.utc)


@dataclass(frozen=True, slots=True)
class Offers:
    """The classes that are states of n photos, (k,) each, the photos' one after the other: drawn, how much
    of the sampling of its photo goes there; emission, how much more probable the picture is there than
    anywhere. `missed` (n,): the emission of all classes left out."""

    photo: IntArray
    classes: NDArray[np.int32]
    drawn: FloatArray
    emission: FloatArray
    missed: FloatArray

    def of(self, photos: IntArray) -> "Offers":
        """Those of some photos, renumbered; `photos` ascending."""
        rows = np.isin(self.photo, photos)
        return Offers(
            np.searchsorted(photos, self.photo[rows]), self.classes[rows], self.drawn[rows],
            self.emission[rows], self.missed[photos],
        )  # fmt: skip


def offers_of(
    posteriors: Sequence[Posterior], table: CellTable, weight: FloatArray, beside: NDArray[np.bool_]
) -> Offers:
    """What each picture shows. weight (n,): how much it counts. beside (n,): which stand in a sequence;
    of these what they show together is offered to each: a photo that shows little must still be able
    to be where the others are."""
    n, prior = len(posteriors), samples_of(table).prior
    photo = np.repeat(np.arange(n), [len(posterior.classes) for posterior in posteriors])
    classes = np.concatenate([posterior.classes for posterior in posteriors])
    p = np.concatenate([posterior.probabilities for posterior in posteriors]).astype(np.float64)
    left, usual = 1.0 - np.bincount(photo, p, n), 1.0 - np.bincount(photo, prior[classes], n)
    rest = np.maximum(left, 1e-4) / np.maximum(usual, 1e-4)
    ratio = p / prior[classes]
    to, shared, drawn = _shared(photo, classes, p, np.flatnonzero(beside))
    more = ~np.isin(to * len(table) + shared, photo * len(table) + classes)
    photo, classes = np.concatenate([photo, to[more]]), np.concatenate([classes, shared[more]])
    p, ratio = np.concatenate([p, drawn[more]]), np.concatenate([ratio, rest[to[more]]])
    order = np.argsort(photo, kind="stable")
    photo, classes, p, ratio = photo[order], classes[order], p[order], ratio[order]
    return Offers(
        photo,
        classes,
        p / np.bincount(photo, p, n)[photo],
        _tempered(ratio, weight[photo]),
        _tempered(rest, weight),
    )


def _tempered(ratio: FloatArray, weight: FloatArray) -> FloatArray:
    return np.asarray(((1 - DOUBT) * ratio + DOUBT) ** weight)


def _shared(
    photo: IntArray, classes: NDArray[np.int32], p: FloatArray, beside: IntArray
) -> tuple[IntArray, NDArray[np.int32], FloatArray]:
    """For each photo in `beside` the leading classes of the mean posterior of the pictures around it (the
    album average of PlaNet, Weyand et al. 2016): photos, classes, means, (k,) each."""
    to, leading, means = [np.empty(0, np.int64)], [np.empty(0, np.int32)], [np.empty(0)]
    for first in range(0, len(beside) if len(beside) > 1 else 0, _BLOCK):
        around = beside[max(first - _BLOCK, 0) : first + 2 * _BLOCK]
        a, b = np.searchsorted(photo, [around[0], around[-1] + 1])
        among = np.isin(photo[a:b], around)
        found, at = np.unique(classes[a:b][among], return_inverse=True)
        mean = np.bincount(at, p[a:b][among]) / len(around)
        most = np.argsort(-mean)[:SHARED_CLASSES]
        photos = beside[first : first + _BLOCK]
        to.append(np.repeat(photos, len(most)))
        leading.append(np.tile(found[most], len(photos)))
        means.append(np.tile(mean[most], len(photos)))
    return np.concatenate(to), np.concatenate(leading), np.concatenate(means)


def states_of_pictures(utc: FloatArray, offers: Offers, table: CellTable, of_class: FloatArray) -> States:
    """Photos of which nothing else is known. of_class (k,): the prior of each offered class, the
    classifier's own or what the camera's time zone makes of it (prior.py)."""
    samples, n = samples_of(table), len(utc)
    rows, owner = samples.of(offers.classes)
    photo = offers.photo[owner]
    prior = of_class[owner] * samples.share[rows]
    mass = prior * offers.emission[owner]
    left_out = np.maximum(1.0 - np.bincount(offers.photo, of_class, n), 0.0) * offers.missed
    mass = mass / (np.bincount(photo, mass, n) + left_out)[photo]
    points = Clouds(samples.vectors[rows], mass, samples.size_km[rows])
    return _states(utc, photo, points, prior, mass + 0.5 * offers.drawn[owner] * samples.share[rows])


def states_of_both(utc: FloatArray, offers: Offers, table: CellTable, mix: Mixture, at: IntArray) -> States:
    """Points drawn from both sides, each weighed by what both say of it (multiple importance
    sampling with the balance heuristic, Veach & Guibas 1995, section 3.4). Photo i has row at[i] of `mix`."""
    samples, n = samples_of(table), len(utc)
    known = [cloud(mix, int(row)) for row in at]
    photo_known = np.repeat(np.arange(n), [len(one.mass) for one in known])
    known_vectors = np.concatenate([one.vectors for one in known])
    rows, owner = samples.of(offers.classes)
    photo = np.concatenate([photo_known, offers.photo[owner]])
    vectors = np.concatenate([known_vectors, samples.vectors[rows]])
    size = np.concatenate([*(one.size_km for one in known), samples.size_km[rows]])
    drawn = np.concatenate([*(one.mass for one in known), offers.drawn[owner] * samples.share[rows]])
    slot = np.concatenate([_slots(offers, photo_known, known_vectors, table), owner])
    order = np.argsort(photo, kind="stable")
    photo, vectors, size, drawn, slot = (one[order] for one in (photo, vectors, size, drawn, slot))
    area = np.pi * np.square(table.radius_km[offers.classes])
    shown_density = np.where(slot >= 0, (offers.drawn / area)[slot], 0.0)
    edges = np.searchsorted(photo, np.arange(n + 1))
    prior_density = np.concatenate(
        [mix.density_at(int(row), vectors[a:b]) for row, a, b in zip(at, edges[:-1], edges[1:], strict=True)]
    )
    prior = drawn * prior_density / np.maximum(prior_density + shown_density, 1e-300)
    mass = prior * np.where(slot >= 0, offers.emission[slot], offers.missed[photo])
    mass = mass / np.maximum(np.bincount(photo, mass, n), 1e-300)[photo]
    return _states(utc, photo, Clouds(vectors, mass, size), prior, mass + 0.5 * drawn)


def interleaved(parts: Sequence[tuple[IntArray, States]]) -> States:
    """States of several kinds put into one order: of each part, which photos its rows are."""
    if len(parts) == 1:
        return parts[0][1]
    at = np.argsort(np.concatenate([rows for rows, _ in parts]))
    width = max(part.prior.shape[1] for _, part in parts)

    def joined(field: Callable[[States], FloatArray], filling: float = 0.0) -> FloatArray:
        padded = []
        for _, part in parts:
            values = field(part)
            missing = [(0, width - n if axis == 1 else 0) for axis, n in enumerate(values.shape)]
            padded.append(np.pad(values, missing, constant_values=filling))
        return np.asarray(np.concatenate(padded)[at])

    return States(
        np.concatenate([part.utc for _, part in parts])[at],
        Clouds(
            joined(lambda part: part.points.vectors, 1.0),
            joined(lambda part: part.points.mass),
            joined(lambda part: part.points.size_km, 1.0),
        ),
        joined(lambda part: part.prior),
    )


def states_of_prior(utc: FloatArray, mix: Mixture, at: IntArray) -> States:
    """Photos of which no picture tells: row at[i] of `mix` is all that is known of photo i."""
    points = Clouds.of([cloud(mix, int(row)) for row in at])
    return States(utc, points, points.mass)


def _states(utc: FloatArray, photo: IntArray, points: Clouds, prior: FloatArray, worth: FloatArray) -> States:
    """Of the many points of each photo those most worth keeping."""
    rows = rows_by_photo(len(utc), photo)
    if rows.shape[1] > POINTS:
        most = np.argpartition(np.where(rows >= 0, -worth[rows], 0.0), POINTS, axis=1)[:, :POINTS]
        rows = np.take_along_axis(rows, most, axis=1)
    return States(utc, points.chosen(rows), np.where(rows >= 0, prior[rows], 0.0))


def _slots(offers: Offers, photo: IntArray, vectors: FloatArray, table: CellTable) -> IntArray:
    """Which of its photo's offers each point lies in, −1 for none."""
    classes = table.classes_of(*lat_lng_of(vectors))
    keys = offers.photo * len(table) + offers.classes
    order = np.argsort(keys)
    asked = photo * len(table) + classes
    at = order[np.minimum(np.searchsorted(keys, asked, sorter=order), len(order) - 1)]
    return np.asarray(np.where((classes >= 0) & (keys[at] == asked), at, -1))
