"""Photos of one outing seen as a sequence: what each picture shows bounds where the others are.

A hidden Markov model. The states of a photo are the points where its prior or its picture puts
mass; its emission is the picture's posterior divided by the classifier's own prior; between
two photos lies a travel-time kernel: near, with the scale learned from the archive, or, when
continuity is lost, anywhere the prior of the later photo allows. Forward–backward in the
form of messages that equal 1 where the others say nothing. docs/evidence.md derives it.

Takes nodes ordered by time, gives one cloud for each. Knows nothing of fixes or disks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.cloud import Cloud, distances_km
from geotagger.estimate.movement import FloatArray, Motion, radial_density
from geotagger.estimate.prior import Mixture, cloud
from geotagger.estimate.values import Posterior
from geotagger.estimate.visual import samples_of
from geotagger.geo import lat_lng_of

STATES = 32
"""The heaviest states that speak to other photos. Twice as many moved no estimate by its radius."""
POINTS = 96
"""The points of a pictured photo that are kept; the others together hold about a hundredth."""
DOUBT = 0.02
"""How often a classifier is wrong in a way that its probabilities do not tell."""
SHARED_CLASSES = 16
"""How many classes that the pictures of an outing show together are states of each of them."""
_BLOCK = 32
TRUST = 0.85
"""What others show counts with this power: cells are not points, and pictures of one outing err
together. Fitted to simulated outings, where 1 stated 80 % for what held 72 %."""
BURST_S = 30.0
BURST_POWER = 0.8
"""Of n pictures within half a minute each counts n^−0.8: they show nearly the same."""


@dataclass(frozen=True, slots=True)
class Node:
    """One photo. mass: under its prior and its own picture, summing to 1. prior: mass under the
    prior alone, on the same points."""

    utc: float | None
    points: Cloud
    prior: FloatArray
    pictured: bool

    @property
    def mass(self) -> FloatArray:
        return self.points.mass


def node_of_prior(utc: float | None, mix: Mixture, row: int) -> Node:
    drawn = cloud(mix, row)
    return Node(utc, drawn, drawn.mass, False)


@dataclass(frozen=True, slots=True)
class Offer:
    """The classes that are states of one photo, (k,) each: drawn, how much of the sampling goes there;
    ratio, posterior over the classifier's prior; `rest` that ratio for all classes left out."""

    classes: NDArray[np.int32]
    drawn: FloatArray
    ratio: FloatArray
    rest: float
    weight: float


def offer_of(
    posterior: Posterior, table: CellTable, shared: Posterior | None = None, weight: float = 1.0
) -> Offer:
    """What a picture shows, and in `shared` what the pictures of the outing show together: a photo
    that shows little must still be able to be where the others are. `weight` is its share in a burst."""
    p = posterior.probabilities.astype(np.float64)
    prior = class_prior(table)
    kept = float(prior[posterior.classes].sum())
    rest = max(1.0 - float(p.sum()), 1e-4) / max(1.0 - kept, 1e-4)
    classes, drawn, ratio = posterior.classes, p, p / prior[posterior.classes]
    if shared is not None:
        more = ~np.isin(shared.classes, classes)
        classes = np.concatenate([classes, shared.classes[more]])
        drawn = np.concatenate([drawn, shared.probabilities[more].astype(np.float64)])
        ratio = np.concatenate([ratio, np.full(int(more.sum()), rest)])
    return Offer(classes, drawn / drawn.sum(), ratio, rest, weight)


def shared_of(posteriors: Sequence[Posterior]) -> list[Posterior]:
    """For each of an outing's pictures, in order, the leading classes of the mean posterior of the
    pictures around it (the album average of PlaNet, Weyand et al. 2016)."""
    blocks = [posteriors[n : n + _BLOCK] for n in range(0, len(posteriors), _BLOCK)]
    shared: list[Posterior] = []
    for n, block in enumerate(blocks):
        beside = [one for near in blocks[max(n - 1, 0) : n + 2] for one in near]
        classes, at = np.unique(np.concatenate([one.classes for one in beside]), return_inverse=True)
        mean = np.bincount(at, np.concatenate([one.probabilities for one in beside])) / len(beside)
        leading = np.argsort(-mean)[:SHARED_CLASSES]
        one = Posterior(classes[leading].astype(np.int32), mean[leading].astype(np.float32))
        shared += [one] * len(block)
    return shared


def node_of_picture(utc: float | None, offer: Offer, table: CellTable) -> Node:
    """Without any other knowledge the prior is the classifier's own: as probable as the class was."""
    samples = samples_of(table)
    rows, owner = samples.of(offer.classes)
    prior_of_class = class_prior(table)[offer.classes]
    prior = prior_of_class[owner] * samples.share[rows]
    emission = _emissions(offer, np.arange(len(offer.classes)))
    mass = prior * emission[owner]
    left_out = max(1.0 - float(prior_of_class.sum()), 0.0) * float(_emissions(offer, np.array([-1]))[0])
    points = Cloud(samples.vectors[rows], mass / (float(mass.sum()) + left_out), samples.size_km[rows])
    return _node(utc, points, prior, points.mass + 0.5 * offer.drawn[owner] * samples.share[rows])


def node_of_both(utc: float | None, offer: Offer, table: CellTable, mix: Mixture, row: int) -> Node:
    """Points drawn from both sides, each weighed by what both say of it (multiple importance
    sampling with the balance heuristic, Veach & Guibas 1995, section 3.4)."""
    known, samples = cloud(mix, row), samples_of(table)
    rows, owner = samples.of(offer.classes)
    vectors = np.concatenate([known.vectors, samples.vectors[rows]])
    size = np.concatenate([known.size_km, samples.size_km[rows]])
    drawn = 0.5 * np.concatenate([known.mass, offer.drawn[owner] * samples.share[rows]])
    lat, lng = lat_lng_of(known.vectors)
    slot = np.concatenate([_slots(table.classes_of(lat, lng), offer.classes), owner])
    area = np.pi * np.square(table.radius_km[offer.classes])
    shown_density = np.where(slot >= 0, (offer.drawn / area)[slot], 0.0)
    prior_density = mix.density_at(row, vectors)
    under_prior = drawn * prior_density / np.maximum(0.5 * prior_density + 0.5 * shown_density, 1e-300)
    mass = under_prior * _emissions(offer, slot)
    total = float(mass.sum())
    if total <= 0:
        return Node(utc, known, known.mass, False)
    points = Cloud(vectors, mass / total, size)
    return _node(utc, points, under_prior, points.mass + 0.5 * drawn)


def _node(utc: float | None, points: Cloud, prior: FloatArray, worth: FloatArray) -> Node:
    """Of many points those most worth keeping, which take the mass of the others over."""
    if len(worth) <= POINTS:
        return Node(utc, points, prior, True)
    kept = np.argpartition(-worth, POINTS)[:POINTS]
    mass = points.mass[kept] * (float(points.mass.sum()) / max(float(points.mass[kept].sum()), 1e-300))
    return Node(utc, Cloud(points.vectors[kept], mass, points.size_km[kept]), prior[kept], True)


def _emissions(offer: Offer, slot: NDArray[np.int64]) -> FloatArray:
    """How much more probable the picture is in each class than anywhere; `slot` is its place in the
    offer, −1 for the classes left out."""
    ratio = np.where(slot >= 0, offer.ratio[slot], offer.rest)
    return np.asarray(((1 - DOUBT) * ratio + DOUBT) ** offer.weight)


def class_prior(table: CellTable) -> FloatArray:
    """How often the classifier met each class while training; an adaptive partition makes
    them about equally frequent, so that is what is taken where nobody recorded it."""
    if table.photos is None:
        return np.full(len(table), 1.0 / len(table))
    counts = np.maximum(table.photos.astype(np.float64), 1.0)
    return np.asarray(counts / counts.sum())


def burst_weights(times: Sequence[float | None]) -> FloatArray:
    """How much each of these pictures counts, given when they were taken (ordered, None unknown)."""
    utc = np.array([np.nan if t is None else t for t in times], dtype=np.float64)
    weights = np.ones(len(utc))
    known = np.flatnonzero(np.isfinite(utc))
    ordered = utc[known]
    count = np.searchsorted(ordered, ordered + BURST_S, "right") - np.searchsorted(ordered, ordered - BURST_S)
    weights[known] = count.astype(np.float64) ** -BURST_POWER
    return weights


def join(
    nodes: Sequence[Node | None], motion: Motion, fixed_utc: FloatArray | None = None
) -> list[Cloud | None]:
    """Each photo's probability over places, given all pictures of the outing. At the times of fixes,
    `fixed_utc` (ordered), the place is known: what lies beyond one has nothing to add."""
    stretch = [
        0
        if fixed_utc is None or node is None or node.utc is None
        else int(np.searchsorted(fixed_utc, node.utc))
        for node in nodes
    ]
    forward = _messages(nodes, motion, list(range(len(nodes))), stretch)
    backward = _messages(nodes, motion, list(range(len(nodes)))[::-1], stretch)
    joined: list[Cloud | None] = []
    for node, from_left, from_right in zip(nodes, forward, backward, strict=True):
        if node is None or (from_left is None and from_right is None):
            joined.append(None if node is None else node.points)
            continue
        mass, elsewhere = node.mass, max(1.0 - float(node.mass.sum()), 0.0)
        for heard in (from_left, from_right):
            if heard is not None:
                mass, elsewhere = mass * heard.at, elsewhere * heard.elsewhere
        total = float(mass.sum()) + elsewhere
        mass = mass / total if total > 0 else node.mass
        joined.append(Cloud(node.points.vectors, mass, node.points.size_km))
    return joined


@dataclass(frozen=True, slots=True)
class Message:
    """How the pictures on one side change what is probable: at each point of the listener, and at
    all places that are none of its points."""

    at: FloatArray
    elsewhere: float


def _messages(
    nodes: Sequence[Node | None], motion: Motion, order: Sequence[int], stretch: Sequence[int]
) -> list[Message | None]:
    """For each node, over its points: how the pictures on one side change what is probable there.
    Only pictured photos speak; the others listen to the nearest that does."""
    messages: list[Message | None] = [None] * len(nodes)
    speaker: Node | None = None
    spoken, unspoken, spoken_in = np.empty(0), 0.0, 0
    for n in order:
        node = nodes[n]
        if node is None or node.utc is None:
            continue
        heard = None
        if stretch[n] != spoken_in:
            speaker = None
        if speaker is not None and speaker.utc is not None:
            heard = _pass_on(speaker, spoken, unspoken, node, abs(node.utc - speaker.utc), motion)
            messages[n] = heard
        if node.pictured:
            speaker, spoken_in = node, stretch[n]
            spoken, unspoken = node.mass, max(1.0 - float(node.mass.sum()), 0.0)
            if heard is not None:
                spoken, unspoken = spoken * heard.at, unspoken * heard.elsewhere
    return messages


def _pass_on(
    speaker: Node, spoken: FloatArray, unspoken: float, listener: Node, lag_s: float, motion: Motion
) -> Message:
    """Σₓ spoken(x) ψ(x, y) with ψ = (1 − ρ) · near(x, y) / c(x) + ρ, where c(x) makes a picture that
    says nothing leave the listener's prior as it is. `unspoken` is what lies at none of the speaker's
    points: it speaks for the listener's surroundings as far as no point of the speaker does."""
    said = np.flatnonzero(spoken > 0)
    if len(said) > STATES:
        said = np.argpartition(-spoken, STATES)[:STATES]
    voice = spoken[said]
    total = max(float(spoken.sum()) + unspoken, 1e-300)
    silent = (total - float(voice.sum())) / total
    distance = distances_km(speaker.points.vectors[said], listener.points.vectors)
    blur = np.square(motion.scale_km(lag_s)) + np.square(speaker.points.size_km[said])[:, None]
    near = radial_density(distance, np.sqrt(blur + np.square(listener.points.size_km)), motion.tail)
    prior = speaker.prior[said]
    own = prior / (np.pi * np.square(speaker.points.size_km[said]))
    usual = np.maximum(near @ listener.prior, own)
    lost = float(motion.away_share(lag_s))
    at = (voice / np.maximum(usual, 1e-300) / total) @ near
    unheard = silent / max(1.0 - float(prior.sum()), 1e-3)
    there = listener.prior / (np.pi * np.square(listener.points.size_km))
    covered = np.minimum((prior @ near) / np.maximum(there, 1e-300), 1.0)
    heard = (1 - lost) * (at + unheard * (1 - covered)) + lost
    return Message(heard**TRUST, float((1 - lost) * unheard + lost) ** TRUST)


def _slots(classes: NDArray[np.int64], among: NDArray[np.int32]) -> NDArray[np.int64]:
    """The place of each class in `among`, −1 where it is not there."""
    order = np.argsort(among)
    ordered = among[order]
    at = np.minimum(np.searchsorted(ordered, classes), len(ordered) - 1)
    return np.asarray(np.where(ordered[at] == classes, order[at], -1))
