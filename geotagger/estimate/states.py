"""The places where each photo of an outing may be: the points that stand for its prior and its picture.

A picture's emission is its posterior divided by the classifier's own prior. Photos that have a prior of
their own, from fixes and habits, keep all its points and get some of what their picture adds; the others
take the classifier's prior. Everything at once for all photos of an outing.

Takes posteriors and mixtures, gives states. Knows nothing of what photos say about each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable, leaf_ids_of
from geotagger.estimate.atoms import atoms_of, find
from geotagger.estimate.cloud import Clouds, rows_by_photo
from geotagger.estimate.densities import densities
from geotagger.estimate.known_places import PlaceScores
from geotagger.estimate.movement import FloatArray, IntArray
from geotagger.estimate.people import usual_at
from geotagger.estimate.prior import Mixture, points_of
from geotagger.estimate.values import Posterior
from geotagger.estimate.visual import chosen_by, listed_of
from geotagger.geo import EARTH_RADIUS_KM, lat_lng_of

SPEAKING = 96
"""The points of a pictured photo with which the pictures beside it are weighed, those most worth it: to them
the others are one place elsewhere."""
MOST_POINTS = 256
"""The points of a photo of which nothing but its picture is known."""
ADDED = 64
"""The points of a picture that are added to those of the prior."""
DOUBT = 0.02
"""How often a classifier is wrong in a way that its probabilities do not tell."""
SHARED_CLASSES = 16
"""How many classes that the pictures of an outing show together are states of each of them."""
_BLOCK = 32


@dataclass(frozen=True, slots=True)
class States:
    """n photos in the order of time. utc (n,), NaN unknown. points: mass under its prior and its own
    picture. prior (n, p): mass under its prior alone. What either lacks to 1 lies at none of the points.
    blind (n, p, 2): of the prior's density at each point the part that stands for doubt in all of it, and how
    many times that density it would be if next to nothing were known of the photo; 0 where the picture
    tells nothing of the point or nothing but pictures tells; None of photos without a picture."""

    utc: FloatArray
    points: Clouds
    prior: FloatArray
    blind: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.utc)

    def speaking(self) -> "States":
        """With the points that speak alone, which stand first."""
        first = slice(SPEAKING)
        points = Clouds(
            self.points.vectors[:, first], self.points.mass[:, first], self.points.size_km[:, first]
        )
        return States(self.utc, points, self.prior[:, first])


@dataclass(frozen=True, slots=True)
class Offers:
    """The atoms (visual.py) that are states of n photos, (k,) each, the photos' one after the other: prior,
    the classifier's own of each without what of it is offered by itself; drawn, what this picture or
    those around it give it; emission, how much more probable the picture is there than anywhere.
    `missed` (n,): the emission of all that is not offered."""

    photo: IntArray
    atoms: IntArray
    prior: FloatArray
    drawn: FloatArray
    emission: FloatArray
    missed: FloatArray

    def of(self, photos: IntArray) -> "Offers":
        """Those of some photos, renumbered; `photos` ascending."""
        if len(photos) == len(self.missed):
            return self
        rows = np.isin(self.photo, photos)
        return Offers(
            np.searchsorted(photos, self.photo[rows]), self.atoms[rows], self.prior[rows], self.drawn[rows],
            self.emission[rows], self.missed[photos],
        )  # fmt: skip


def offers_of(
    posteriors: Sequence[Posterior], table: CellTable, weight: FloatArray, beside: NDArray[np.bool_]
) -> Offers:
    """What each picture shows. weight (n,): how much it counts. beside (n,): which stand in a sequence;
    of these what they show together is offered to each: a photo that shows little must still be able
    to be where the others are."""
    atoms, listed = atoms_of(table), listed_of(posteriors, table)
    is_class = atoms.is_class(listed.atoms)
    to, shared, means = _shared(
        listed.photo[is_class], listed.atoms[is_class], listed.whole[is_class], np.flatnonzero(beside)
    )
    new = find(atoms, listed.photo, listed.atoms, to, shared) < 0
    to, shared, means = to[new], shared[new], means[new]
    # a class that the picture does not list has its region's ratio, or that of all that is not listed
    within = find(atoms, listed.photo, listed.atoms, to, atoms.classes + atoms.region_of[shared])
    inside = within >= 0
    ratio = listed.rest[to]
    ratio[inside] = listed.ratio[within[inside]]
    prior = listed.prior.copy()
    np.subtract.at(prior, within[inside], atoms.prior[shared[inside]])
    photo = np.concatenate([listed.photo, to])
    order = np.argsort(photo, kind="stable")
    emission = np.concatenate([listed.ratio, ratio])[order]
    photo = photo[order]
    return Offers(
        photo,
        np.concatenate([listed.atoms, shared])[order],
        np.maximum(np.concatenate([prior, atoms.prior[shared]])[order], 0.0),
        np.concatenate([listed.p, means])[order],
        weakened(emission, weight[photo]),
        weakened(listed.rest, weight),
    )


def weakened(ratio: FloatArray, weight: FloatArray) -> FloatArray:
    """How much more probable as far as the classifier is believed; `weight` is how many looks it is worth."""
    return np.asarray(((1 - DOUBT) * ratio + DOUBT) ** weight)


def _shared(
    photo: IntArray, classes: IntArray, p: FloatArray, beside: IntArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """For each photo in `beside` the leading classes of the mean posterior of the pictures around it (the
    album average of PlaNet, Weyand et al. 2016): photos, classes, means, (k,) each."""
    to, leading, means = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for first in range(0, len(beside) if len(beside) > 1 else 0, _BLOCK):
        around = beside[max(first - _BLOCK, 0) : first + 2 * _BLOCK]
        a, b = np.searchsorted(photo, [around[0], around[-1] + 1])
        # all from the first to the last of these, mostly
        among = slice(None) if around[-1] - around[0] < len(around) else np.isin(photo[a:b], around)
        distinct, at = np.unique(classes[a:b][among], return_inverse=True)
        mean = np.bincount(at, p[a:b][among]) / len(around)
        most = np.argsort(-mean)[:SHARED_CLASSES]
        photos = beside[first : first + _BLOCK]
        to.append(np.repeat(photos, len(most)))
        leading.append(np.tile(distinct[most], len(photos)))
        means.append(np.tile(mean[most], len(photos)))
    return np.concatenate(to), np.concatenate(leading), np.concatenate(means)


def states_of_pictures(utc: FloatArray, offers: Offers, table: CellTable, of_atom: FloatArray) -> States:
    """Photos of which nothing else is known. of_atom (k,): the prior of each offered atom, the
    classifier's own or what the camera's time zone makes of it (zone_evidence.py)."""
    atoms, n = atoms_of(table), len(utc)
    rows, owner = atoms.of(offers.atoms)
    photo = offers.photo[owner]
    prior = of_atom[owner] * atoms.share[rows]
    mass = prior * offers.emission[owner]
    left_out = np.maximum(1.0 - np.bincount(offers.photo, of_atom, n), 0.0) * offers.missed
    mass = mass / (np.bincount(photo, mass, n) + left_out)[photo]
    points = Clouds(atoms.vectors.take(rows, axis=0), mass, atoms.size_km[rows])
    return _states(
        utc, photo, points, prior, mass + 0.5 * offers.drawn[owner] * atoms.share[rows], MOST_POINTS
    )


def states_of_both(
    utc: FloatArray,
    offers: Offers,
    table: CellTable,
    mix: Mixture,
    at: IntArray,
    scores: PlaceScores | None = None,
) -> States:
    """All points of the prior, each with what the picture says of it, and points of what the picture makes
    more probable. Both weighed by what both say (multiple importance sampling with the balance
    heuristic, Veach & Guibas 1995, section 3.4); how much is drawn from the picture's side is by how
    much it exceeds the prior, so that a picture that says nothing adds nothing. Photo i has row at[i] of
    `mix`. scores: what is said of single places, in place of their cells."""
    atoms, n = atoms_of(table), len(utc)
    photo, of_prior = points_of(mix, at)
    vectors, weight = of_prior.vectors, of_prior.mass
    slot = _slots(offers, photo, vectors, table)
    emission = np.where(slot >= 0, offers.emission[slot], offers.missed[photo])
    if scores is not None:
        emission = scores.over(emission, photo, vectors)
    elsewhere = np.maximum(1.0 - np.bincount(photo, weight, n), 0.0)
    usual = np.bincount(photo, weight * emission, n) + elsewhere * offers.missed

    # what the pictures beside it show gets points too, though its own may not know of it
    shown = np.maximum(offers.emission, offers.drawn / np.maximum(offers.prior, 1e-12))
    exceeds = shown / usual[offers.photo] - 1.0
    exceeding = np.flatnonzero(exceeds > 0)
    rows, owner = atoms.of(offers.atoms[exceeding])
    owner = exceeding[owner]
    beside = offers.photo[owner]
    area = atoms.area_km2[offers.atoms][owner]
    density, blind = _densities(mix, at, beside, atoms.vectors.take(rows, axis=0), atoms.usual[rows])
    more = density * area * atoms.share[rows] * exceeds[owner]
    kept = _most(n, beside, more)
    rows, owner, beside = rows[kept], owner[kept], beside[kept]
    area, density, blind, more = area[kept], density[kept], blind[kept], more[kept]
    drawn = more / (1.0 + np.bincount(beside, more, n))[beside]
    of_slot = np.bincount(owner, drawn, len(offers.atoms)) / np.maximum(atoms.area_km2[offers.atoms], 1e-9)

    own, own_blind = _densities(mix, at, photo, vectors, wanted=slot >= 0)
    weight = weight * own / np.maximum(own + np.where(slot >= 0, of_slot[slot], 0.0), 1e-300)
    blind = np.concatenate([own_blind, blind])
    prior = np.concatenate([weight, drawn * density / np.maximum(density + of_slot[owner], 1e-300)])
    offered = offers.emission[owner]
    if scores is not None:
        offered = scores.over(offered, beside, atoms.vectors[rows])
    mass = prior * np.concatenate([emission, offered])
    photo = np.concatenate([photo, beside])
    mass = mass / (np.bincount(photo, mass, n) + elsewhere * offers.missed)[photo]
    points = Clouds(
        np.concatenate([vectors, atoms.vectors.take(rows, axis=0)]),
        mass,
        np.concatenate([of_prior.size_km, atoms.size_km[rows]]),
    )
    return _states(utc, photo, points, prior, mass + prior, blind=blind)


def _densities(
    mix: Mixture,
    at: IntArray,
    photo: IntArray,
    vectors: FloatArray,
    usual: FloatArray | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Per km² under each photo's own row of the mixture (k,), and as `States.blind` (k, 2); 1 and 0 where it
    is not wanted. usual (k,): how densely photos are taken there, if that is known."""
    density, blind = np.ones(len(photo)), np.zeros((len(photo), 2))
    entries = np.arange(len(photo)) if wanted is None else np.flatnonzero(wanted)
    if usual is None:
        usual = np.zeros(len(photo))
        usual[entries] = usual_at(*lat_lng_of(vectors.take(entries, axis=0)))
    density[entries], blind[entries, 0], blind[entries, 1] = densities(
        mix, at[photo[entries]], vectors.take(entries, axis=0), usual[entries]
    )
    return density, blind / density[:, None]


def _most(photos: int, photo: IntArray, worth: FloatArray) -> IntArray:
    """Of each photo those worth most, at most ADDED, in order; none that is worth nothing."""
    entries = np.flatnonzero(worth > 1e-12)
    table = rows_by_photo(photos, photo[entries])
    if table.shape[1] > ADDED:
        value = np.where(table >= 0, -worth[entries][table], 0.0)
        most = np.argpartition(value, ADDED, axis=1)[:, :ADDED]
        table = np.take_along_axis(table, most, axis=1)
    return np.sort(entries[table[table >= 0]])


def interleaved(parts: Sequence[tuple[IntArray, States]]) -> States:
    """States of several kinds put into one order: of each part, which photos its rows are."""
    if len(parts) == 1:
        return parts[0][1]
    at = np.argsort(np.concatenate([rows for rows, _ in parts]))
    width = max(part.prior.shape[1] for _, part in parts)

    def joined(field: Callable[[States], FloatArray], mode: Literal["constant", "edge"]) -> FloatArray:
        """The missing ones are 0, or as the last that is there."""
        padded = []
        for _, part in parts:
            values = field(part)
            missing = [(0, width - n if axis == 1 else 0) for axis, n in enumerate(values.shape)]
            padded.append(np.pad(values, missing, mode))
        return np.asarray(np.concatenate(padded)[at])

    return States(
        np.concatenate([part.utc for _, part in parts])[at],
        Clouds(
            joined(lambda part: part.points.vectors, "edge"),
            joined(lambda part: part.points.mass, "constant"),
            joined(lambda part: part.points.size_km, "edge"),
        ),
        joined(lambda part: part.prior, "constant"),
        joined(
            lambda part: np.zeros((*part.prior.shape, 2)) if part.blind is None else part.blind, "constant"
        ),
    )


def with_choice(
    states: States, mass: FloatArray, alone: NDArray[np.bool_], table: CellTable | None, temperature: float
) -> Clouds:
    """The clouds of pictured photos; alone (n,): nothing but pictures tells where they are. temperature: by
    which this archive divides what they say, besides the model's own."""
    by = None
    if alone.any() and table is not None and table.gallery is not None:
        ratio = mass / np.maximum(states.prior, 1e-12)
        chosen = chosen_by(mass, ratio, table.gallery.temperature * temperature)
        by = np.where(alone[:, None], chosen, mass)
    return replace(states.points, mass=mass, prior=states.prior, choosing=by)


def states_of_prior(utc: FloatArray, mix: Mixture, at: IntArray) -> States:
    """Photos of which no picture tells: row at[i] of `mix` is all that is known of photo i."""
    photo, known = points_of(mix, at)
    points = Clouds.ragged(len(at), photo, known.vectors, known.mass, known.size_km)
    return States(utc, points, points.mass)


def _states(
    utc: FloatArray,
    photo: IntArray,
    points: Clouds,
    prior: FloatArray,
    worth: FloatArray,
    most: int | None = None,
    blind: FloatArray | None = None,
) -> States:
    """The points of each photo, those worth most first; no more than `most`."""
    order = np.argsort(photo, kind="stable")
    rows = rows_by_photo(len(utc), photo)
    rows = np.where(rows >= 0, order[rows] if len(order) else rows, -1)
    if rows.shape[1] > SPEAKING:
        value = np.where(rows >= 0, -worth[rows], 1.0)
        if most is not None and rows.shape[1] > most:
            kept = np.argpartition(value, most, axis=1)[:, :most]
            rows, value = np.take_along_axis(rows, kept, axis=1), np.take_along_axis(value, kept, axis=1)
        if rows.shape[1] > SPEAKING:
            rows = np.take_along_axis(rows, np.argpartition(value, SPEAKING, axis=1), axis=1)
    of_points = None if blind is None else np.where(rows[:, :, None] >= 0, blind.take(rows, axis=0), 0.0)
    return States(utc, points.chosen(rows), np.where(rows >= 0, prior[rows], 0.0), of_points)


def emission_at(offers: Offers, photo: IntArray, vectors: FloatArray, table: CellTable) -> FloatArray:
    """How much more probable each point's photo is there than anywhere."""
    slot = _slots(offers, photo, vectors, table)
    missed = offers.missed[photo]
    return np.where(slot >= 0, offers.emission[slot], missed) if len(offers.emission) else missed


def _slots(offers: Offers, photo: IntArray, vectors: FloatArray, table: CellTable) -> IntArray:
    """Which of its photo's offers each point lies in, the narrowest; −1 for none."""
    atoms = atoms_of(table)
    leaves = leaf_ids_of(vectors)
    classes = table.classes_of_ids(leaves)
    slot = find(atoms, offers.photo, offers.atoms, photo, classes)
    in_region = find(atoms, offers.photo, offers.atoms, photo, atoms.regions_of(leaves, classes))
    slot = np.where(slot >= 0, slot, in_region)
    places = np.flatnonzero(~atoms.is_class(offers.atoms) & ~atoms.is_region(offers.atoms))
    if len(places):
        keys = offers.photo[places] * atoms.classes + atoms.parent[offers.atoms[places]]
        places = places[np.argsort(keys, kind="stable")]
        keys.sort()
        sought = photo * atoms.classes + classes
        first, last = np.searchsorted(keys, sought), np.searchsorted(keys, sought, side="right")
        counts = np.where(classes >= 0, last - first, 0)
        point = np.repeat(np.arange(len(photo)), counts)
        place = places[np.arange(len(point)) - np.repeat(np.cumsum(counts) - counts, counts) + first[point]]
        sample, _ = atoms.of(offers.atoms[place])
        chord = np.linalg.norm(vectors[point] - atoms.vectors[sample], axis=1)
        off = EARTH_RADIUS_KM * chord / atoms.size_km[sample]
        for n in np.argsort(-off):  # the nearest last, so that it stands
            if off[n] <= 1.0:
                slot[point[n]] = place[n]
    return np.asarray(slot)
