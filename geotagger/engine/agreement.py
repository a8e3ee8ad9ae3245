"""How far a variant of a network strays from the network itself, on real photos.

Takes two engines, inputs, and a function that turns probabilities into a place; gives numbers
that go into the pack. A variant is used on its own account only when it passes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.engine.values import Batch, Engine, Outputs
from geotagger.geo import distance_km

FAR_KM = 25.0
"""The radius that places are asked for by default: an estimate that moves farther is another one."""

MOST_FAR = 0.01
"""The share of photos that may move farther than that for a variant to be used without being asked for."""

Places = Callable[[Outputs], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""What a network answers → latitudes and longitudes, degrees."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `photos` photos: the share with the same most probable class; mean and largest total
    variation between the distributions; how far the place moved, in km; the share that moved more than
    FAR_KM; photos a second of the variant and of the original, by turns; `runtime`, what ran the variant."""

    photos: int
    top1: float
    variation_mean: float
    variation_most: float
    shift_km_median: float
    shift_km_p99: float
    moved_far: float
    rate: float
    rate_fp32: float
    runtime: str

    @property
    def passed(self) -> bool:
        return self.photos > 0 and self.moved_far < MOST_FAR

    @property
    def faster(self) -> bool:
        """A processor without integer kernels runs INT8 slower than FP32."""
        return self.rate > self.rate_fp32

    def as_table(self) -> dict[str, Any]:
        """For pack.toml."""
        rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return rounded | {"passed": self.passed, "faster": self.faster}


def is_worth_using(checks: Mapping[str, Any]) -> bool:
    """Of the checks that a pack keeps of a variant: whether it says the same, faster."""
    return checks.get("passed") is True and checks.get("faster") is True


def compare(original: Engine, variant: Engine, inputs: Batch, places: Places) -> Agreement:
    """Runs both over float32 (n, 3, S, S). Rates are the best of the batches run, by turns, so that
    whatever else the machine does hits both."""
    before: list[Outputs] = []
    after: list[Outputs] = []
    rates: dict[str, list[float]] = {"before": [], "after": []}
    size = max(engine.batch_size * engine.lanes for engine in (original, variant))
    for start in range(0, len(inputs), size):
        batch = inputs[start : start + size]
        before.append(_timed(original, batch, rates["before"]))
        after.append(_timed(variant, batch, rates["after"]))
    plain, other = Outputs.joined(before), Outputs.joined(after)
    p, q = plain.probabilities, other.probabilities
    variation = np.abs(p - q).sum(axis=1) / 2
    shift = np.asarray(distance_km(*places(plain), *places(other)))
    return Agreement(
        photos=len(inputs),
        top1=float((p.argmax(axis=1) == q.argmax(axis=1)).mean()),
        variation_mean=float(variation.mean()),
        variation_most=float(variation.max()),
        shift_km_median=float(np.median(shift)),
        shift_km_p99=float(np.quantile(shift, 0.99)),
        moved_far=float((shift > FAR_KM).mean()),
        rate=max(rates["after"]),
        rate_fp32=max(rates["before"]),
        runtime=variant.name,
    )


def _timed(engine: Engine, batch: Batch, rates: list[float]) -> Outputs:
    begun = time.perf_counter()
    answers = engine.run(batch)
    rates.append(len(batch) / max(time.perf_counter() - begun, 1e-9))
    return answers


def split(count: int, calibration: int, checks: int) -> tuple[Sequence[int], Sequence[int]]:
    """Which of `count` photos calibrate and which check: different ones where there are enough,
    else half and half."""
    if count >= calibration + checks:
        return range(calibration), range(calibration, calibration + checks)
    half = max(1, min(calibration, count // 2))
    return range(half), range(half, min(count, half + checks))
