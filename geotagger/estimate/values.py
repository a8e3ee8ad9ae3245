"""The values that evidence comes in and that estimates go out in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RUNGS = ("visual", "neighbours", "track", "sidecar", "camera", "manual")
"""The ladder of evidence, lowest first. A lower rung never overwrites a higher one."""

OWN_FIXES = ("camera", "manual", "sidecar")
"""Rungs on which a place is known, not estimated."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A known place. `error_km` is the radius that holds the truth with 68 % probability."""

    latitude: float
    longitude: float
    error_km: float
    rung: str


@dataclass(frozen=True, slots=True)
class Posterior:
    """The leading classes of a classifier for one photo, most probable first.

    classes: int32 (k,). probabilities: float32 (k,), after temperature, not renormalised: what
    they lack to 1 belongs to the classes left out.
    """

    classes: NDArray[np.int32]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Alike:
    """Photos of the owner that look like one: where they were taken, degrees (k,); the probability that
    this one was taken there too (k,), summing to less than 1; and how usual a photo there is,
    per km² (k,)."""

    lat: NDArray[np.float64]
    lng: NDArray[np.float64]
    weight: NDArray[np.float64]
    usual: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NamedArea:
    """An area that names in a photo's metadata may mean: its middle, the radius that holds 68 % of what is
    called so, how probable it is among those of that name, and what it is called."""

    latitude: float
    longitude: float
    radius_km: float
    share: float
    words: str


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known of where one photo was taken. `key` is the caller's. `utc` is POSIX
    seconds, None when no time is known; `utc_error_s` how wrong it may be (standard deviation).
    `utc_offset_s` is the offset that EXIF states, None when it states none. `alike` is what
    the owner's own photos tell, None when they were not asked. `named`: the areas that it names in words."""

    key: int
    utc: float | None
    camera: str | None = None
    fix: Fix | None = None
    posterior: Posterior | None = None
    utc_error_s: float = 0.0
    utc_offset_s: float | None = None
    alike: Alike | None = None
    named: tuple[NamedArea, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the leading places of an estimate: where, how probable, in which cell (S2 token)."""

    latitude: float
    longitude: float
    probability: float
    cell: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """`confidence` is the probability that the true place lies within `radius_km` of the point:
    the smallest radius that holds the certainty asked for, but no more than `within`; where even
    that does not hold it, the radius is `within` and the confidence what it does hold.
    `rung` is the highest rung that spoke, `rungs` all of them, lowest first. `cell` is the token of
    the deepest S2 cell that holds the certainty ("" when none does). `evidence` explains in words."""

    latitude: float
    longitude: float
    radius_km: float
    confidence: float
    rung: str
    rungs: tuple[str, ...]
    cell: str
    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[str, ...] = ()
