"""Where photos may be over all that is uncertain of them: the time, and whom their camera was with.

Takes known places, gives mixtures and what they were made of. Knows nothing of pictures.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from geotagger.estimate.clock import moments_of
from geotagger.estimate.movement import FloatArray, IntArray, Motion, Movement
from geotagger.estimate.prior import ANYWHERE, Mixture, averaged
from geotagger.estimate.surroundings import FixTable, Surroundings, surroundings
from geotagger.estimate.together import SPEAKS, beside_others, together
from geotagger.estimate.values import Observation


def by_time(
    photos: Sequence[Observation], utc: FloatArray, fixes: FixTable, camera: IntArray, movement: Movement
) -> tuple[tuple[Surroundings, ...], Mixture]:
    """What lies around the photos, and where they may be, over all times that they may have been taken at:
    first of all by the time that stands in `utc`."""
    moments = [moments_of(t, o.utc_error_s, o.other_utc) for t, o in zip(utc.tolist(), photos, strict=True)]
    shares = together(fixes, beside_others(fixes, camera), movement.motion, movement.pairs)
    sides: list[Surroundings] = []
    parts: list[tuple[Mixture, FloatArray]] = []
    for n in range(max(map(len, moments), default=1)):
        times = np.array([of[min(n, len(of) - 1)][0] for of in moments], dtype=np.float64)
        share = np.array([of[n][1] if n < len(of) else 0.0 for of in moments], dtype=np.float64)
        # NaN sorts behind everything: a photo without a time sees no fix after it, and none before
        at = np.searchsorted(fixes.utc, np.where(np.isnan(times), -np.inf, times))
        for around, mix, probability in _by_camera(fixes, times, camera, at, shares, movement.draws):
            sides.append(around)
            parts.append((mix, share * probability))
    return tuple(sides), combined(parts)


def combined(parts: Sequence[tuple[Mixture, FloatArray]]) -> Mixture:
    """Each photo's mixture is that of a part with its probability (n,). What a part does not know may be
    anywhere."""
    if len(parts) == 1:
        return parts[0][0]

    def columns(name: str) -> FloatArray:
        values = [(getattr(mix, name), mix.about) for mix, _ in parts]
        return np.concatenate([v[:, :n] for v, n in values] + [v[:, n:] for v, n in values], axis=1)

    share = np.concatenate(
        [np.repeat(of[:, None], mix.about, axis=1) for mix, of in parts]
        + [np.repeat(of[:, None], mix.weight.shape[1] - mix.about, axis=1) for mix, of in parts],
        axis=1,
    )
    weight = columns("weight") * share
    total = weight.sum(axis=1)
    return Mixture(
        columns("lat"),
        columns("lng"),
        weight,
        columns("scale_km"),
        columns("tail"),
        sum(mix.about for mix, _ in parts),
        np.where(total > 0, 1 - total, ANYWHERE),
        columns("peopled"),
    )


def _by_camera(
    fixes: FixTable,
    utc: FloatArray,
    camera: IntArray,
    at: IntArray,
    shares: Mapping[int, FloatArray],
    draws: Sequence[Motion],
) -> list[tuple[Surroundings, Mixture, FloatArray]]:
    """What lies around the photos in time, where they may be by that, and how probable that is (n,). Another
    camera's fix speaks as far as the two were together, which `shares` tells by its code; as far as they were
    not, the own camera's alone."""
    speaking = {code: share >= SPEAKS for code, share in shares.items()}
    around = surroundings(fixes, utc, camera, at, at, speaking)
    share = _with_strangers(around, camera, shares)
    both = (around, averaged(around, draws), share)
    if share.min(initial=1.0) == 1.0:
        return [both]
    own = {code: (fixes.camera == code) | (fixes.camera < 0) for code in shares}
    alone = surroundings(fixes, utc, camera, at, at, own)
    return [both, (alone, averaged(alone, draws), 1 - share)]


def _with_strangers(around: Surroundings, camera: IntArray, shares: Mapping[int, FloatArray]) -> FloatArray:
    """The probability (n,) that the photos' camera was with the one whose fix is used, the nearer of two; 1
    where only its own are."""
    share = np.ones(len(camera))
    later = around.lag_after < around.lag_before
    for row, strange, other, nearer in (
        (around.before, around.strange_before, around.strange_after, ~later),
        (around.after, around.strange_after, around.strange_before, later),
    ):
        counts = strange & (nearer | ~other)
        for code, of_code in shares.items():
            mine = counts & (camera == code)
            share[mine] = of_code[row[mine]]
    return share
