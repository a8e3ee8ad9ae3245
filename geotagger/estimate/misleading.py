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

from geotagger.estimate.movement import MISLEADS, FloatArray, IntArray
from geotagger.estimate.prior import ANYWHERE
from geotagger.estimate.states import States


def misled(
    pictured: States, mass: FloatArray, stretches: tuple[IntArray, IntArray], misleads: float = MISLEADS
) -> tuple[FloatArray, FloatArray]:
    """How probable it is that the pictures which a photo hears mislead, (n,), of those with a picture and of
    the others. mass (n, p): after what pictures say was joined to `pictured`. stretches (n,): which photos
    hear one another, by a number. misleads: how often the pictures of an outing do."""
    against = _against(pictured, mass)
    if not np.any(against > 0):
        return np.zeros(len(against)), np.zeros(len(stretches[1]))
    # the surest contradiction counts: where a photo lies next to a fix, all that hear it are doubted with it
    numbers, at = np.unique(np.concatenate(stretches), return_inverse=True)
    most = np.zeros(len(numbers))
    np.maximum.at(most, at[: len(against)], against)
    doubt = (misleads * most / (misleads * most + 1 - misleads))[at]
    return doubt[: len(against)], doubt[len(against) :]


def doubted(states: States, mass: FloatArray, doubt: FloatArray) -> FloatArray:
    """The mass (n, p) of states: as far as pictures mislead, (n,), that before they were heard."""
    return mass + doubt[:, None] * (states.prior - mass) if doubt.any() else mass


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
