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
from geotagger.estimate.cloud import Cloud, distances_km, heaviest
from geotagger.estimate.movement import FloatArray, Motion, radial_density
from geotagger.estimate.prior import Mixture, cloud
from geotagger.estimate.values import Posterior
from geotagger.estimate.visual import cloud_of
from geotagger.geo import lat_lng_of

STATES = 32
"""The heaviest states that speak to other photos. Twice as many moved no estimate by its radius."""
POINTS = 96
"""The heaviest points of a pictured photo; the others together hold about a hundredth."""
DOUBT = 0.02
"""How often a classifier is wrong in a way that its probabilities do not tell."""
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


def node_of_picture(utc: float | None, posterior: Posterior, table: CellTable, weight: float = 1.0) -> Node:
    """Without any other knowledge the prior is the classifier's own: as probable as the class was."""
    drawn = cloud_of(posterior, table)
    p = posterior.probabilities.astype(np.float64)
    prior_of_class = class_prior(table)[posterior.classes]
    owner = samples_owner(posterior, table)
    share = drawn.mass / np.maximum(p[owner], 1e-300)
    prior = prior_of_class[owner] * share
    mass = prior * (p / prior_of_class)[owner] ** weight
    scale = float(drawn.mass.sum()) / max(float(mass.sum()), 1e-300)
    return _node(utc, Cloud(drawn.vectors, mass * scale, drawn.size_km), prior)


def _node(utc: float | None, points: Cloud, prior: FloatArray) -> Node:
    """Of many points the heaviest, which take the mass of the others over."""
    kept = heaviest(points, POINTS)
    mass = points.mass[kept] * (float(points.mass.sum()) / max(float(points.mass[kept].sum()), 1e-300))
    return Node(utc, Cloud(points.vectors[kept], mass, points.size_km[kept]), prior[kept], True)


def node_of_both(
    utc: float | None,
    posterior: Posterior,
    table: CellTable,
    mix: Mixture,
    row: int,
    weight: float = 1.0,
) -> Node:
    """Points drawn from both sides, each weighed by what both say of it (multiple importance
    sampling with the balance heuristic, Veach & Guibas 1995, section 3.4)."""
    known, shown = cloud(mix, row), cloud_of(posterior, table)
    vectors = np.concatenate([known.vectors, shown.vectors])
    size = np.concatenate([known.size_km, shown.size_km])
    drawn = 0.5 * np.concatenate([known.mass, shown.mass])
    lat, lng = lat_lng_of(known.vectors)
    slot = _slots(table.classes_of(lat, lng), posterior)
    slot = np.concatenate([slot, samples_owner(posterior, table)])
    area = np.pi * np.square(table.radius_km[posterior.classes])
    p = posterior.probabilities.astype(np.float64)
    shown_density = np.where(slot >= 0, (p / area)[slot], 0.0)
    prior_density = mix.density_at(row, vectors)
    emission = emissions(posterior, table, slot, weight)
    under_prior = drawn * prior_density / np.maximum(0.5 * prior_density + 0.5 * shown_density, 1e-300)
    mass = under_prior * emission
    total = float(mass.sum())
    if total <= 0:
        return Node(utc, known, known.mass, False)
    return _node(utc, Cloud(vectors, mass / total, size), under_prior)


def emissions(
    posterior: Posterior, table: CellTable, slot: NDArray[np.int64], weight: float = 1.0
) -> FloatArray:
    """How much more probable the picture is at each point than anywhere: posterior over prior of the
    class, `slot` its place in the posterior, −1 for the classes left out."""
    p = posterior.probabilities.astype(np.float64)
    prior = class_prior(table)[posterior.classes]
    rest = max(1.0 - float(p.sum()), 1e-4) / max(1.0 - float(prior.sum()), 1e-4)
    ratio = np.where(slot >= 0, (p / prior)[slot], rest)
    return np.asarray(((1 - DOUBT) * ratio + DOUBT) ** weight)


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
        mass = node.mass.copy()
        held = float(mass.sum())
        for message in (from_left, from_right):
            if message is not None:
                mass = mass * message
        total = float(mass.sum())
        mass = mass * (held / total) if total > 0 else node.mass
        joined.append(Cloud(node.points.vectors, mass, node.points.size_km))
    return joined


def _messages(
    nodes: Sequence[Node | None], motion: Motion, order: Sequence[int], stretch: Sequence[int]
) -> list[FloatArray | None]:
    """For each node, over its points: how the pictures on one side change what is probable there.
    Only pictured photos speak; the others listen to the nearest that does."""
    messages: list[FloatArray | None] = [None] * len(nodes)
    speaker: Node | None = None
    spoken, spoken_in = np.empty(0), 0
    for n in order:
        node = nodes[n]
        if node is None or node.utc is None:
            continue
        heard = None
        if stretch[n] != spoken_in:
            speaker = None
        if speaker is not None and speaker.utc is not None:
            heard = _pass_on(speaker, spoken, node, abs(node.utc - speaker.utc), motion)
            messages[n] = heard
        if node.pictured:
            speaker, spoken_in = node, stretch[n]
            spoken = node.mass if heard is None else node.mass * heard
    return messages


def _pass_on(speaker: Node, spoken: FloatArray, listener: Node, lag_s: float, motion: Motion) -> FloatArray:
    """Σₓ spoken(x) ψ(x, y) with ψ = (1 − ρ) · near(x, y) / c(x) + ρ, where c(x) makes a picture that
    says nothing leave the listener's prior as it is."""
    said = np.flatnonzero(spoken > 0)
    if len(said) > STATES:
        said = np.argpartition(-spoken, STATES)[:STATES]
    voice = spoken[said]
    voice = voice / max(float(voice.sum()), 1e-300)
    distance = distances_km(speaker.points.vectors[said], listener.points.vectors)
    blur = np.square(motion.scale_km(lag_s)) + np.square(speaker.points.size_km[said])[:, None]
    near = radial_density(distance, np.sqrt(blur + np.square(listener.points.size_km)), motion.tail)
    own = speaker.prior[said] / (np.pi * np.square(speaker.points.size_km[said]))
    usual = np.maximum(near @ listener.prior, own)
    lost = float(motion.away_share(lag_s))
    return np.asarray((1 - lost) * ((voice / np.maximum(usual, 1e-300)) @ near) + lost)


def samples_owner(posterior: Posterior, table: CellTable) -> NDArray[np.int64]:
    from geotagger.estimate.visual import samples_of

    return samples_of(table).of(posterior.classes)[1]


def _slots(classes: NDArray[np.int64], posterior: Posterior) -> NDArray[np.int64]:
    """The place of each class in the posterior, −1 where it is not among the leading ones."""
    order = np.argsort(posterior.classes)
    ordered = posterior.classes[order]
    at = np.minimum(np.searchsorted(ordered, classes), len(ordered) - 1)
    return np.asarray(np.where(ordered[at] == classes, order[at], -1))
