"""Searching the parameters of movement under which what was seen is most probable, and what else may be true.

Several searches go side by side, each on photos of its own, so that the likelihood is asked of several
parameters at once. Takes likelihoods, gives parameters. Knows nothing of photos.
"""

from collections.abc import Callable, Sequence

from geotagger.estimate.movement import PRIOR_SPREAD, FloatArray, Motion, drawn_about, moved, scaled

Seen = Callable[[Sequence[int], Sequence[Motion]], FloatArray]
"""The logarithms of the likelihoods of parameters, each with the number of the search whose photos count."""

_ROUNDS = 16
_BEND_STEP = 0.3
"""In spreads of the prior: how far on either side the likelihood is looked at to see how it bends."""
_SMALL_GAIN = 0.1
"""In log likelihood; a round that gains less is the last."""


def most_probable(seen: Seen, searches: Sequence[int]) -> dict[int, Motion]:
    """A pattern search along each parameter, steps growing on success and halving on failure: the
    surface is smooth, the parameters few, and it needs no derivative."""

    def score(tried: dict[int, Motion]) -> dict[int, float]:
        values = seen(list(tried), list(tried.values())).tolist() if tried else []
        return {n: value - 0.5 * _penalty(tried[n]) for n, value in zip(tried, values, strict=True)}

    motions = dict.fromkeys(searches, Motion())
    best = score(motions)
    step = {(n, name): 0.5 * spread for n in searches for name, spread in PRIOR_SPREAD.items()}
    going = list(searches)
    for _ in range(_ROUNDS):
        before = dict(best)
        for name in PRIOR_SPREAD:
            failing = going
            for direction in (1, -1):
                tried = {n: moved(motions[n], {name: direction * step[n, name]}) for n in failing}
                values = score(tried)
                for n in failing:
                    if values[n] > best[n]:
                        motions[n], best[n] = tried[n], values[n]
                        step[n, name] *= 1.5 * direction  # the way that helped is tried first next time
                failing = [n for n in failing if motions[n] is not tried[n]]
            for n in failing:
                step[n, name] *= 0.5
        going = [n for n in going if best[n] - before[n] >= _SMALL_GAIN]
    return motions


def _penalty(tried: Motion) -> float:
    """Of straying from the prior."""
    prior = Motion()
    return sum(
        ((scaled(tried, name) - scaled(prior, name)) / PRIOR_SPREAD[name]) ** 2 for name in PRIOR_SPREAD
    )


def draws_about(seen: Seen, search: int, motion: Motion) -> tuple[Motion, ...]:
    """From the Gaussian about the most probable parameters whose precision is that of the prior and the bend
    of the likelihood, one parameter at a time."""
    by = {name: _BEND_STEP * spread for name, spread in PRIOR_SPREAD.items()}
    beside = [moved(motion, {name: sign * by[name]}) for name in by for sign in (1, -1)]
    middle, *values = seen([search] * (1 + len(beside)), [motion, *beside]).tolist()
    left: dict[str, float] = {}
    for name, above, below in zip(by, values[::2], values[1::2], strict=True):
        bend = (2 * middle - above - below) / by[name] ** 2
        left[name] = float((PRIOR_SPREAD[name] ** -2 + max(bend, 0.0)) ** -0.5)
    return drawn_about(motion, left)
