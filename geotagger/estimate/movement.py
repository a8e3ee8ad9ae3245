"""How the people of an archive move: what is learned from the photos that have a fix.

A photo's place is, with learned probabilities, near the fixes before and after it (between
them, when they agree), at one of the places visited in that region, at a place of some other
region that the archive knows, on a longer trip from a fix, or anywhere. docs/evidence.md has the
formulas, what each number means, and where the priors come from.

Takes arrays of fixes, gives a `Movement` that can be stored. Knows nothing of photos or cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.estimate.certainty_correction import CertaintyCorrection

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HOUR_S, DAY_S = 3600.0, 86400.0
OUTING_GAP_S = 6 * HOUR_S
"""A longer pause between photos ends an outing: people sleep, and wake up somewhere."""
MOST_VISITS = 4096
FEWEST_TO_LEARN_FROM = 3
GPS_ERROR_KM = 0.01
"""What a fix is good to: two fixes in one place are not the same point, however a phone repeats itself."""
ZONE_TRUST = 0.95
"""Before the archive has told. Of 236 photos of the development samples that state an offset and a place
235 state the legal one, but they are phones, which set their clocks."""
MISLEADS = 0.1
"""How often the pictures of an outing mislead together (misleading.py), before a calibration has told.
docs/evidence.md says whence."""
_LEAST_LIVING = 1e-5
"""By an offset of which nobody lives some clocks are set: it tells of no place."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The parameters; the defaults are the prior. Lags τ are absolute, D is the distance between
    the fixes before and after."""

    still_km: float = 0.015
    """Scale of the near density at no lag at all: s(τ) = still + hour · (τ/1 h)^growth."""
    hour_km: float = 1.2
    growth: float = 0.57
    tail: float = 1.0
    """P(farther than d) = (1 + d²/s²)^(−ν), ν(τ) = tail · (1 + √(1 h / (τ + 1 min)))."""
    bridge: float = 1.6
    """Logit of the share of the bridge between two fixes in one place …"""
    bridge_fall: float = 0.6
    """… and how it falls with log(1 + D²/(s₁² + s₂²))."""
    bridge_swell: float = 0.22
    """How the bridge's variance grows with the same ratio."""
    away: float = 0.3
    """Logit of being in neither fix's region when the nearer is a day away …"""
    away_lag: float = 1.3
    """… per log of the lag …"""
    away_apart: float = 0.5
    """… per log of the distance between the fixes."""
    explore: float = 1.0
    """Log of how many visits a place never visited weighs, where one is chosen anew: with visits that
    count N in all, the probability of a new place is e^explore / (e^explore + N)."""
    trip_km: float = 120.0
    haunt: float = 1.0
    """Logit of being at a visited place of the region rather than just near the fix, at a day's lag …"""
    haunt_lag: float = 0.65
    """… per log of the lag."""
    haunt_km: float = 0.7
    haunt_tail: float = 0.65
    recall_days: float = 14.0
    """A visited place counts (1 + lag/recall_days)^(−recall)."""
    recall: float = 0.2
    fade: float = 1.15
    """A fix speaks for its region with weight lag^(−fade)."""
    stranger: float = 1.5
    """By how much another camera's fix counts as farther in time than the own camera's."""

    def scale_km(self, lag_s: ArrayLike) -> FloatArray:
        lag = np.minimum(np.asarray(lag_s, dtype=np.float64), 1e10)
        # nobody is the nearer the more time has passed; of no time at all nothing else would be finite
        growth = np.maximum(self.growth, 0.0)
        return np.asarray(self.still_km + self.hour_km * (lag / HOUR_S) ** growth)

    def tail_at(self, lag_s: ArrayLike) -> FloatArray:
        """Heavy over days, light over minutes: in a short time nobody gets far."""
        lag = np.minimum(np.asarray(lag_s, dtype=np.float64), 1e10)
        return np.asarray(self.tail * (1 + np.sqrt(HOUR_S / (lag + 60.0))))

    def reach_km(self, lag_s: ArrayLike) -> FloatArray:
        """The radius that holds 68 % of the near density."""
        return radial_quantile(0.68, self.scale_km(lag_s), self.tail_at(lag_s))

    def away_share(self, lag_s: ArrayLike, apart_km: ArrayLike | None = None) -> FloatArray:
        """The probability of having left the region of both fixes. No distance: only one fix."""
        logit = self.away + self.away_lag * np.log(np.asarray(lag_s) / DAY_S + 1e-4)
        if apart_km is not None:
            logit = logit + self.away_apart * (np.log1p(np.asarray(apart_km) / 10.0) - 2.0)
        return np.asarray(1 / (1 + np.exp(-logit)))


LOGARITHMIC = frozenset(
    ("still_km", "hour_km", "tail", "bridge_fall", "bridge_swell", "trip_km", "haunt_km", "haunt_tail")
) | {"recall_days", "recall", "fade", "stranger"}
"""Parameters that are learned on a logarithmic scale."""

PRIOR_SPREAD = {
    "still_km": 1.0, "hour_km": 1.0, "growth": 0.2, "tail": 0.3, "bridge": 1.0, "bridge_fall": 0.5,
    "bridge_swell": 1.0, "away": 1.0, "away_lag": 0.3, "away_apart": 0.5, "explore": 0.7, "trip_km": 0.5,
    "haunt": 1.0, "haunt_lag": 0.3, "haunt_km": 0.5, "haunt_tail": 0.25, "recall_days": 1.0, "recall": 0.4,
    "fade": 0.6, "stranger": 0.5,
}  # fmt: skip
"""Standard deviations of the prior about the defaults, on the scale that is learned."""

MODEL = 6
"""Which parameters there are and what they mean; what was learned for another is learned anew."""
DRAWS = 16
"""How many archives like this one are averaged over."""


def scaled(motion: Motion, name: str) -> float:
    """A parameter on the scale on which it is learned."""
    value = float(getattr(motion, name))
    return float(np.log(value)) if name in LOGARITHMIC else value


def moved(motion: Motion, by: Mapping[str, float]) -> Motion:
    """With parameters moved by so much on the scale on which they are learned."""
    values = {name: scaled(motion, name) + step for name, step in by.items()}
    return replace(motion, **{n: float(np.exp(v)) if n in LOGARITHMIC else v for n, v in values.items()})


def drawn_about(motion: Motion, spread: Mapping[str, float]) -> tuple[Motion, ...]:
    """Parameters drawn from a Gaussian about these, independent, in pairs on either side; the same each
    time, so that the same evidence gives the same estimate."""
    names = list(spread)
    normal = np.random.default_rng(13).standard_normal((DRAWS // 2, len(names)))
    normal /= np.sqrt(np.mean(np.square(normal), axis=0))
    both = np.concatenate([normal, -normal])
    steps = both * np.array([spread[name] for name in names])
    return tuple(moved(motion, dict(zip(names, row, strict=True))) for row in steps.tolist())


PRIOR_DRAWS = drawn_about(Motion(), PRIOR_SPREAD)


def stacked(draws: Sequence[Motion]) -> Motion:
    """One Motion whose parameters are columns, (draws, 1) each: computes with all at once."""
    columns = {f.name: np.array([[getattr(draw, f.name)] for draw in draws]) for f in fields(Motion)}
    return Motion(**columns)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Pairs:
    """How often two cameras are in one place when both take photos: `mean` over the archive, and of pairs
    whose fixes told, by the codes of both, the smaller first."""

    mean: float = 0.8
    pairs: tuple[tuple[int, int, float], ...] = ()

    def share(self, one: int, other: int) -> float:
        low, high = min(one, other), max(one, other)
        return next((share for a, b, share in self.pairs if (a, b) == (low, high)), self.mean)


@dataclass(frozen=True, slots=True)
class CameraClock:
    """What the offsets of one camera are worth. home_s: the one that it states most, or where none of its
    fixes states one, the archive's own, None where that is not known either. trust: how often it states the
    legal one where that is of home; away: where it is another."""

    trust: float = ZONE_TRUST
    away: float = ZONE_TRUST
    home_s: float | None = None

    def stating(self, offset_s: ArrayLike, legal_s: ArrayLike, living: ArrayLike) -> FloatArray:
        """How probable it is that the camera states this offset where that one is legal, NaN where none is
        known. A wrong clock shows the time of home, or an hour off, half of the time; a quarter UTC, as one
        that was never set; else that of anybody: `living` is the share of people who live by the offset. So
        one that few live by speaks for a place among them as much as any other does: it is as rarely set by
        mistake."""
        offset, legal = np.asarray(offset_s), np.asarray(legal_s, dtype=np.float64)
        home = np.nan if self.home_s is None else self.home_s
        expected = legal if self.home_s is None else home
        off = np.where(np.isnan(expected), 0.0, np.abs(offset - expected))
        wrong = 0.5 * np.select([off == 0.0, off == 3600.0], [1.0, 0.5], 0.0)
        wrong = wrong + 0.25 * (offset == 0.0) + 0.25 * np.maximum(living, _LEAST_LIVING)
        at_home = (legal == home) | (np.isnan(legal) & np.isnan(home))
        right = np.where(at_home, self.trust, self.away)
        return np.asarray(right * (np.isnan(legal) | (legal == offset)) + (1 - right) * wrong)


@dataclass(frozen=True)
class Movement:
    """What was learned. Visits, one a place and day, thinned, ordered by time: utc float64 (n,), lat
    and lng degrees (n,), camera int64 (n,) an index into `cameras`, −1 unknown. `learned_from` is how
    many fixes taught it; 0 means that it is all prior. `correction` is for estimates without a picture
    of their own, `pictured` for those with one, `sampled` of what these give for both, by an owner's
    verdicts on a random sample; `temperature` is what a calibration found to divide the
    logarithm of what pictures say by, `misleads` how often it found the pictures of an outing to be wrong
    together. `draws` are as probable as each other after what
    was seen; `motion` is the most probable of all."""

    motion: Motion = field(default_factory=Motion)
    draws: tuple[Motion, ...] = field(default_factory=lambda: PRIOR_DRAWS)
    correction: CertaintyCorrection = field(default_factory=CertaintyCorrection)
    pictured: CertaintyCorrection = field(default_factory=CertaintyCorrection)
    sampled: CertaintyCorrection = field(default_factory=CertaintyCorrection)
    temperature: float = 1.0
    misleads: float = MISLEADS
    utc: FloatArray = field(default_factory=lambda: np.empty(0))
    lat: FloatArray = field(default_factory=lambda: np.empty(0))
    lng: FloatArray = field(default_factory=lambda: np.empty(0))
    camera: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    cameras: tuple[str, ...] = ()
    zone_trust: float = ZONE_TRUST
    """How often the offset in EXIF is the legal one of the place, over all cameras."""
    clocks: tuple[CameraClock, ...] = ()
    """The same of each camera, as `cameras` has them."""
    home_s: float | None = None
    """The legal offset of most visits, None without one."""
    pairs: Pairs = field(default_factory=Pairs)
    learned_from: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "motion": asdict(self.motion),
            "draws": [asdict(draw) for draw in self.draws],
            "correction": asdict(self.correction),
            "pictured": asdict(self.pictured),
            "utc": self.utc.tolist(),
            "lat": self.lat.tolist(),
            "lng": self.lng.tolist(),
            "camera": self.camera.tolist(),
            "cameras": list(self.cameras),
            "zone_trust": self.zone_trust,
            "clocks": [asdict(clock) for clock in self.clocks],
            "home_s": self.home_s,
            "together": asdict(self.pairs),
            "learned_from": self.learned_from,
        }

    @staticmethod
    def from_dict(stored: dict[str, Any]) -> "Movement":
        return Movement(
            motion=Motion(**stored["motion"]),
            draws=tuple(Motion(**draw) for draw in stored["draws"]),
            correction=CertaintyCorrection.from_dict(stored["correction"]),
            pictured=CertaintyCorrection.from_dict(stored["pictured"]),
            utc=np.array(stored["utc"], dtype=np.float64),
            lat=np.array(stored["lat"], dtype=np.float64),
            lng=np.array(stored["lng"], dtype=np.float64),
            camera=np.array(stored["camera"], dtype=np.int64),
            cameras=tuple(stored["cameras"]),
            zone_trust=float(stored["zone_trust"]),
            clocks=tuple(CameraClock(**clock) for clock in stored["clocks"]),
            home_s=stored.get("home_s"),
            pairs=Pairs(
                float(stored["together"]["mean"]),
                tuple((int(a), int(b), float(share)) for a, b, share in stored["together"]["pairs"]),
            ),
            learned_from=int(stored["learned_from"]),
        )

    def camera_code(self, camera: str | None) -> int:
        """The index of a camera that has fixes of its own, −1 for any other."""
        return self.cameras.index(camera) if camera in self.cameras else -1

    def clock_of(self, camera: str | None) -> CameraClock:
        """Of a camera of which nothing is known, what the archive's cameras do."""
        code = self.camera_code(camera)
        return (
            self.clocks[code]
            if 0 <= code < len(self.clocks)
            else CameraClock(self.zone_trust, self.zone_trust, self.home_s)
        )


def radial_density(distance_km: ArrayLike, scale_km: ArrayLike, tail: ArrayLike) -> FloatArray:
    """Per km². P(farther than d) = (1 + d²/s²)^(−ν): Student's density in the plane."""
    square = np.square(np.asarray(scale_km, dtype=np.float64))
    base = 1 + np.square(np.asarray(distance_km, dtype=np.float64)) / square
    return np.asarray(np.asarray(tail) / (np.pi * square) * base ** (-np.asarray(tail) - 1))


def radial_quantile(share: ArrayLike, scale_km: ArrayLike, tail: ArrayLike) -> FloatArray:
    """The distance within which `share` of the density lies."""
    return np.asarray(np.asarray(scale_km) * np.sqrt((1 - np.asarray(share)) ** (-1 / np.asarray(tail)) - 1))
