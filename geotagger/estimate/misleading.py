"""The pictures of one outing may mislead together: a copy of a famous place, a landscape that looks like
another, a network that knows nothing of what it sees.

However alike pictures are, their errors are weighed as if they had little to do with each other
(sequence.py), so that many of them could make sure of anything. So each outing has two explanations: its
pictures show where they were taken; or they show some place that has nothing to do with that. Both explain
pictures that agree with one another equally well, be they ever so many; what tells them apart is how
probable that place was before. docs/evidence.md has the formula.

Takes states and their masses, gives masses. Knows nothing of what a picture shows.
"""

import numpy as np

from geotagger.estimate.movement import FloatArray, IntArray
from geotagger.estimate.prior import ANYWHERE
from geotagger.estimate.states import States

MISLEADS = 0.03
"""How often the pictures of an outing mislead together. Assumed."""


def with_doubt(
    pictured: States,
    others: States,
    masses: tuple[FloatArray, FloatArray],
    stretches: tuple[IntArray, IntArray],
) -> tuple[FloatArray, FloatArray]:
    """The masses of both, (n, p) each, after what pictures say was joined to them: as far as the pictures of
    a stretch mislead, those before. stretches (n,): which photos hear one another, by a number."""
    against = _against(pictured, masses[0])
    if not np.any(against > 0):
        return masses
    # the surest contradiction counts: where a photo lies next to a fix, all that hear it are doubted with it
    numbers, at = np.unique(np.concatenate(stretches), return_inverse=True)
    most = np.zeros(len(numbers))
    np.maximum.at(most, at[: len(against)], against)
    doubt = (MISLEADS * most / (MISLEADS * most + 1 - MISLEADS))[at, None]
    split = len(against)
    return (
        masses[0] + doubt[:split] * (pictured.prior - masses[0]),
        masses[1] + doubt[split:] * (others.prior - masses[1]),
    )


def _against(states: States, mass: FloatArray) -> FloatArray:
    """How much better pictures are explained by some place that has nothing to do with the photo's own than
    by where the photo may be, (n,); 0 where nothing but pictures tells. That a photo may be anywhere because
    all that is known of it may be wrong is no reason to believe its pictures."""
    if states.blind is None or not len(mass):
        return np.zeros(len(mass))
    doubtful, unknown = np.einsum("npk,np->kn", states.blind, mass)
    covered = np.einsum("np,np->n", states.blind[:, :, 1], states.prior)
    left = np.maximum(1.0 - mass.sum(axis=1), 0.0) / np.maximum(1.0 - states.prior.sum(axis=1), ANYWHERE)
    elsewhere = np.maximum(1.0 - covered, 0.0) * left
    return np.where(covered > 0, (unknown + elsewhere) / np.maximum(1.0 - doubtful, 1e-6), 0.0)
