"""Photos of one outing seen as a sequence: what each picture shows bounds where the others are.

A hidden Markov model. States and emissions come from states.py; between two photos lies a
travel-time kernel: near, with the scale learned from the archive, or, when continuity is lost,
anywhere the prior of the later photo allows. The kernel is balanced, so that pictures that say
nothing leave every prior as it is. docs/evidence.md derives it.

Takes states ordered by time, gives the mass of each under all pictures. Knows nothing of fixes or disks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import FloatArray, IntArray, Motion
from geotagger.estimate.states import States
from geotagger.geo import EARTH_RADIUS_KM

Single = NDArray[np.float32]
Floats = NDArray[Any]

ALIKE = 0.9
"""How much of what is not the place's two pictures of one moment share (a correlation) …"""
ALIKE_S = 30.0
"""… and in what time that fades by e."""
REACH = 3.0
"""Between two photos people get about within this many radii of a point's disc, however short the time: the
discs are drawn over cells, and nobody keeps to them. Fitted to simulated outings, of which kernels as
narrow as the discs state 84 % for what holds 77."""
_ROUNDS = 4
_AT_ONCE = 1 << 17
"""Kernel values computed at once: as many as stay in a core's cache."""
_FAINTEST = 1e-12
"""The density falls no farther below that of the same place: it is nothing then, and numbers that are
smaller still make processors slow."""
_LEAST = 1e-3
"""What lies at none of a photo's points is at least this, before and after its picture is seen."""


def weights(utc: FloatArray, alike_s: float = ALIKE_S) -> FloatArray:
    """How many looks at the place each of these pictures (n,), ordered by time, is worth: pictures of the
    same scene show the same and are wrong together. The weights are those of the best mean of
    errors correlated by ρ = 0.9 exp(−τ / alike_s) from one to the next (generalised least squares for a
    Markov chain): 1/(1 + ρ before) + 1/(1 + ρ after) − 1."""
    alike = ALIKE * np.exp(-np.diff(utc) / max(alike_s, 1e-9))
    shared = np.concatenate([[0.0], alike / (1 + alike), [0.0]])
    return np.asarray(1 - shared[:-1] - shared[1:])


def join(
    pictured: States, others: States, motion: Motion, fixed_utc: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The masses of both, (n, p) each, given all pictures of the outing. At the times of fixes,
    `fixed_utc` (ordered), the place is known: what lies beyond one has nothing to add. Only pictured
    photos speak; the others listen to the nearest on either side. Photos without a time do neither."""
    speakers = np.flatnonzero(np.isfinite(pictured.utc))
    if len(speakers) + len(others) < 2 or not len(speakers):
        return pictured.points.mass, others.points.mass
    utc = pictured.utc[speakers]
    stretch = np.searchsorted(fixed_utc, utc)
    joined = stretch[1:] == stretch[:-1]
    whole, pictured = pictured, pictured.speaking()
    own = _with_elsewhere(pictured.points.mass[speakers], _LEAST)
    links = np.flatnonzero(joined)
    between = potentials(pictured, speakers[links], pictured, speakers[links + 1], motion)
    link_of = np.cumsum(joined) - 1
    before, after = np.ones_like(own), np.ones_like(own)
    for n in links:
        before[n + 1] = _scaled((own[n] * before[n]) @ between[link_of[n]])
    for n in links[::-1]:
        after[n] = _scaled(between[link_of[n]] @ (own[n + 1] * after[n + 1]))
    mass = whole.points.mass.copy()
    factor = before * after
    beyond = np.repeat(factor[:, -1:], mass.shape[1] - own.shape[1] + 2, axis=1)
    factor = np.concatenate([factor[:, :-1], beyond], axis=1)
    mass[speakers] = _believed(_with_elsewhere(mass[speakers], 0.0) * factor)

    listeners = np.flatnonzero(np.isfinite(others.utc))
    if not len(listeners):
        return mass, others.points.mass
    at = np.searchsorted(utc, others.utc[listeners], side="right")
    heard = _with_elsewhere(others.points.mass[listeners], 0.0)
    for speaker, message in ((at - 1, own * before), (at, own * after)):
        there = (speaker >= 0) & (speaker < len(utc))
        there[there] = stretch[speaker[there]] == np.searchsorted(fixed_utc, others.utc[listeners[there]])
        listening = np.flatnonzero(there)
        link = potentials(pictured, speakers[speaker[listening]], others, listeners[listening], motion)
        heard[listening] *= _scaled((message[speaker[listening], None] @ link)[:, 0])
    listened = others.points.mass.copy()
    listened[listeners] = _believed(heard)
    return mass, listened


def potentials(
    left: States, left_rows: IntArray, right: States, right_rows: IntArray, motion: Motion
) -> Single:
    """ψ for pairs of photos, float32 (k, p + 1, q + 1): how much more probable it is that one is at x and
    the other at y than it would be if they had nothing to do with each other. The last row and
    column stand for all places that are none of the photo's points."""
    lag = np.abs(right.utc[right_rows] - left.utc[left_rows])
    square_s, tail = np.square(motion.scale_km(lag)), motion.tail_at(lag)[:, None].astype(np.float32)
    lost = motion.away_share(lag).astype(np.float32)
    p, q = left.prior.shape[1], right.prior.shape[1]
    links = np.empty((len(lag), p + 1, q + 1), dtype=np.float32)
    step = max(1, _AT_ONCE // (p * q))
    for first in range(0, len(lag), step):
        rows = slice(first, first + step)
        a, b = left.points.part(left_rows[rows]), right.points.part(right_rows[rows])
        x, y = left.prior[left_rows[rows]], right.prior[right_rows[rows]]
        of_a, of_b = (np.square(REACH * points.size_km).astype(np.float32) for points in (a, b))
        of_x = square_s[rows, None].astype(np.float32) + of_a
        square = a.vectors @ b.vectors.swapaxes(1, 2)
        np.subtract(1.0, square, out=square)
        square *= 2 * EARTH_RADIUS_KM**2
        near = _density(square.astype(np.float32), of_x[:, :, None] + of_b[:, None], tail[rows, None])
        links[rows] = _balanced(
            near,
            _Side.of(x, of_x + of_a, tail[rows]),
            _Side.of(y, 2 * of_b + square_s[rows, None], tail[rows]),
            lost[rows],
        )
    return links


@dataclass(frozen=True, slots=True)
class _Side:
    """One photo of each pair, (k, p): its prior; how densely its own points would cover the surroundings of
    each if the other photo had the same; and (k,) the prior of all that is none of its points."""

    prior: Single
    twin: Single
    elsewhere: Single

    @staticmethod
    def of(prior: FloatArray, blur: Floats, tail: Floats) -> "_Side":
        return _Side(
            prior.astype(np.float32),
            (prior * tail / np.pi / blur).astype(np.float32),
            np.maximum(1.0 - prior.sum(axis=1), _LEAST).astype(np.float32),
        )


def _density(square: Floats, blur: Floats, tail: Floats) -> Floats:
    """`movement.radial_density` of squares; writes over the first."""
    square /= blur
    np.clip(square, 0.0, _FAINTEST ** (-1 / (tail + 1)), out=square)
    square += 1
    np.power(square, -tail - 1, out=square)
    square /= blur
    square *= tail / np.float32(np.pi)
    return square


def _balanced(near: Floats, x: _Side, y: _Side, lost: Floats) -> Single:
    """u(x) near(x, y) v(y) with u and v such that priors lead to priors (Sinkhorn & Knopp 1967). What of
    a point's surroundings the other photo's points do not cover, is covered by its elsewhere."""
    bare_x = np.maximum(x.twin - _times(near, y.prior), 0.0)
    bare_y = np.maximum(y.twin - _times(near.swapaxes(1, 2), x.prior), 0.0)
    v = np.sqrt(1 / np.maximum(_times(near.swapaxes(1, 2), x.prior) + bare_y, 1e-30))
    for _ in range(_ROUNDS):
        u = _root(_times(near, y.prior * v), bare_x)
        v = _root(_times(near.swapaxes(1, 2), x.prior * u), bare_y)
    out, into = np.square(u) * bare_x, np.square(v) * bare_y
    stays = np.maximum(x.elsewhere - np.sum(y.prior * into, axis=1), 0.0)
    keep = (1 - lost)[:, None]
    p, q = near.shape[1:]
    balanced = np.empty((len(near), p + 1, q + 1), dtype=np.float32)
    np.multiply(near, (keep * u)[:, :, None], out=balanced[:, :p, :q])
    balanced[:, :p, :q] *= v[:, None]
    balanced[:, :p, q] = keep * out / y.elsewhere[:, None]
    balanced[:, p, :q] = keep * into / x.elsewhere[:, None]
    balanced[:, p, q] = keep[:, 0] * stays / (x.elsewhere * y.elsewhere)
    balanced += lost[:, None, None]
    return balanced


def _root(covered: Floats, bare: Floats) -> Floats:
    """The u that solves u · covered + u² · bare = 1."""
    return np.asarray(2 / np.maximum(covered + np.sqrt(np.square(covered) + 4 * bare), 1e-15))


def _times(matrices: Floats, vectors: Floats) -> Floats:
    return np.asarray((matrices @ vectors[:, :, None])[:, :, 0])


def _with_elsewhere(mass: FloatArray, least: float) -> Single:
    rest = np.maximum(1.0 - mass.sum(axis=1, keepdims=True), least)
    return np.asarray(np.append(mass, rest, axis=1), dtype=np.float32)


def _scaled(message: Floats) -> Floats:
    return np.asarray(message / np.maximum(message.max(axis=-1, keepdims=True), 1e-30))


def _believed(weights: Floats) -> FloatArray:
    mass = weights.astype(np.float64)
    return np.asarray(mass[:, :-1] / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300))
