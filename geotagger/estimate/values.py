"""The values that evidence comes in and that estimates go out in."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.doubts import USUAL_DOUBT, doubts_of
from geotagger.estimate.twins import Origin, Twins, twins_of
from geotagger.text.values import PlaceRatios

RUNGS = ("visual", "neighbours", "track", "sidecar", "camera", "manual")
"""The ladder of evidence, lowest first. A lower rung never overwrites a higher one."""

OWN_FIXES = ("camera", "manual", "sidecar")
"""Rungs on which a place is known, not estimated."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A known place. `error_km` is the radius that holds the truth with 68 % probability. `age_s`: how much
    older it is than its photo; `doubt`: the probability that it is `astray_km` off all the same
    (doubts.py)."""

    latitude: float
    longitude: float
    error_km: float
    rung: str
    age_s: float = 0.0
    doubt: float = 0.0
    astray_km: float = 0.0


@dataclass(frozen=True, slots=True)
class Posterior:
    """What a model makes of one photo. classes: int32 (k,). probabilities: float32 (k,), after temperature,
    not renormalised: what they lack to 1 belongs to the classes left out. Nothing is listed where
    the picture says nothing that the model did not know before it looked.

    First the leading classes, most probable first. Behind them, as −1 − n, what is left of region n of the
    table besides its listed classes, and, as (number of classes) + n, row n of the gallery, whose
    probability is part of its class's. visual.py says what regions are.
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
    the owner's own photos tell, None when they were not asked. `named`: the areas that it names in words.
    `text`: what stands in its picture, None where nothing does that tells. `features`: the direction, float32
    (d,), that a model which scores places sees in its picture. `other_utc`: as probable as `utc`,
    where it was taken at one of the two."""

    key: int
    utc: float | None
    camera: str | None = None
    fix: Fix | None = None
    posterior: Posterior | None = None
    utc_error_s: float = 0.0
    utc_offset_s: float | None = None
    alike: Alike | None = None
    named: tuple[NamedArea, ...] = ()
    text: PlaceRatios | None = None
    other_utc: float | None = None
    features: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class FixSeries:
    """The places that are known, not estimated, and have a time, ordered by it; arrays of one length: keys
    int64, utc float64 seconds, degrees float64, error_km float64, and `camera` int64 numbers into `cameras`
    ("" where the camera is unknown). `utc_offset_s`: what the photo states, float64, NaN where it states
    none. `teaches`: bool, False where a sidecar's place may be somebody else's estimate, from which nothing
    is learned of how the archive moves. utc is when the fix was made, `age_s` before its photo; `doubt` and
    `astray_km` as of `Fix`; all float64. `twins`: by what cameras of one name are told apart, as `cameras`
    names them."""

    keys: NDArray[np.int64]
    utc: NDArray[np.float64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    error_km: NDArray[np.float64]
    camera: NDArray[np.int64]
    cameras: tuple[str, ...]
    utc_offset_s: NDArray[np.float64]
    teaches: NDArray[np.bool_]
    age_s: NDArray[np.float64]
    doubt: NDArray[np.float64]
    astray_km: NDArray[np.float64]
    twins: Twins = field(default_factory=Twins)

    def __len__(self) -> int:
        return len(self.utc)

    @property
    def teachers(self) -> tuple[NDArray[Any], ...]:
        """utc, latitude, longitude, camera, utc_offset_s, doubt, astray_km of those that teach."""
        names = ("utc", "latitude", "longitude", "camera", "utc_offset_s", "doubt", "astray_km")
        return tuple(getattr(self, name)[self.teaches] for name in names)

    def without(self, keys: NDArray[np.int64]) -> "FixSeries":
        """Those of the other photos."""
        return self._of_rows(np.flatnonzero(~np.isin(self.keys, keys)))

    def _of_rows(self, rows: NDArray[np.int64]) -> "FixSeries":
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def observation(self, n: int) -> Observation:
        camera = self.cameras[int(self.camera[n])] or None
        fix = Fix(
            float(self.latitude[n]),
            float(self.longitude[n]),
            float(self.error_km[n]),
            "camera",
            float(self.age_s[n]),
            float(self.doubt[n]),
            float(self.astray_km[n]),
        )
        return Observation(int(self.keys[n]), float(self.utc[n] + self.age_s[n]), camera, fix)

    def sound_beside(self, since: int, until: int, but: Container[int] = ()) -> list[int]:
        """Rows: of the fixes before row `since` and of those from row `until` on the nearest that is not in
        doubt, where the very nearest is; none of the photos of the keys `but`."""
        sides: list[NDArray[np.int64]] = []
        if since > 0 and self.doubt[since - 1] > USUAL_DOUBT:
            sides.append(self._sound[: np.searchsorted(self._sound, since)][::-1])
        if until < len(self) and self.doubt[until] > USUAL_DOUBT:
            sides.append(self._sound[np.searchsorted(self._sound, until) :])
        nearest = (next((int(row) for row in rows if int(self.keys[row]) not in but), None) for rows in sides)
        return [row for row in nearest if row is not None]

    @cached_property
    def _sound(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.doubt <= USUAL_DOUBT)

    def in_doubt(self, key: int, fix: Fix) -> Fix:
        """A photo's own place with what is doubted of it here."""
        at = int(np.searchsorted(self.keys, key, sorter=self._by_key))
        if at == len(self.keys) or self.keys[row := int(self._by_key[at])] != key:
            return fix
        if self.age_s[row] == self.doubt[row] == 0:
            return fix
        return replace(
            fix,
            age_s=float(self.age_s[row]),
            doubt=float(self.doubt[row]),
            astray_km=float(self.astray_km[row]),
        )

    @cached_property
    def _by_key(self) -> NDArray[np.int64]:
        return np.argsort(self.keys)

    @staticmethod
    def of(
        photos: "Iterable[PlacedPhoto]" = (), teaches: Callable[[int], bool] = lambda _: True
    ) -> "FixSeries":
        """Of photos that have a time and a place; `teaches` is asked by key."""
        cameras = {"": 0}
        rows = []
        for photo in photos:
            if photo.place is not None and photo.utc is not None:
                code = cameras.setdefault(photo.camera or "", len(cameras))
                rows.append((photo.utc, photo.key, photo.place, code, photo))
        rows.sort(key=lambda row: row[:2])
        taken = [photo for *_, photo in rows]
        return FixSeries.read(
            np.array([photo.key for photo in taken], dtype=np.int64),
            np.array([utc for utc, *_ in rows], dtype=np.float64),
            np.array([place.latitude for _, _, place, *_ in rows], dtype=np.float64),
            np.array([place.longitude for _, _, place, *_ in rows], dtype=np.float64),
            np.array([place.error_km for _, _, place, *_ in rows], dtype=np.float64),
            np.array([code for *_, code, _ in rows], dtype=np.int64),
            tuple(cameras),
            np.array([_or_nan(photo.utc_offset_s) for photo in taken], dtype=np.float64),
            np.array([teaches(photo.key) for photo in taken], dtype=np.bool_),
            np.array([_or_nan(photo.stamp_utc) for photo in taken], dtype=np.float64),
            np.array([place.rung == "camera" for _, _, place, *_ in rows], dtype=np.bool_),
            lambda numbers: [Origin(taken[n].path, taken[n].software) for n in numbers.tolist()],
        )

    @staticmethod
    def read(
        keys: NDArray[np.int64],
        utc: NDArray[np.float64],
        latitude: NDArray[np.float64],
        longitude: NDArray[np.float64],
        error_km: NDArray[np.float64],
        camera: NDArray[np.int64],
        cameras: tuple[str, ...],
        utc_offset_s: NDArray[np.float64],
        teaches: NDArray[np.bool_],
        stamp_utc: NDArray[np.float64],
        received: NDArray[np.bool_],
        origins: Callable[[NDArray[np.int64]], Sequence[Origin]],
    ) -> "FixSeries":
        """As photos state them, ordered by the time of the photos: equal cameras told apart, and what is
        doubted of each. stamp_utc: of their GPS time stamps, NaN without one. received: by a camera's
        receiver. `origins` gives those of some rows' photos."""
        none = np.zeros(len(keys))
        series = FixSeries(
            keys, utc, latitude, longitude, error_km, camera, cameras, utc_offset_s, teaches, none, none, none
        ).told_apart(origins)
        doubts = doubts_of(
            utc, stamp_utc, latitude, longitude, error_km, series.camera, utc_offset_s, received
        )
        series = replace(
            series,
            utc=utc - doubts.age_s,
            age_s=doubts.age_s,
            doubt=doubts.doubt,
            astray_km=doubts.astray_km,
        )
        if not doubts.age_s.any():
            return series
        return series._of_rows(np.argsort(series.utc, kind="stable"))

    def told_apart(self, origins: Callable[[NDArray[np.int64]], Sequence[Origin]]) -> "FixSeries":
        """With cameras of one name that are several named apart. `origins` gives those of some rows'
        photos."""
        twins = twins_of(self.cameras, self.camera, self.utc, self.latitude, self.longitude, origins)
        if not twins.rules:
            return self
        cameras, camera = list(self.cameras), self.camera.copy()
        for name in twins.rules:
            own = np.flatnonzero(camera == self.cameras.index(name))
            for row, origin in zip(own.tolist(), origins(own), strict=True):
                apart = twins.name(name, origin) or ""
                if apart not in cameras:
                    cameras.append(apart)
                camera[row] = cameras.index(apart)
        return replace(self, camera=camera, cameras=tuple(cameras), twins=twins)


class PlacedPhoto(Protocol):
    """What `FixSeries.of` needs of a photo."""

    @property
    def key(self) -> int: ...
    @property
    def utc(self) -> float | None: ...
    @property
    def camera(self) -> str | None: ...
    @property
    def utc_offset_s(self) -> float | None: ...
    @property
    def stamp_utc(self) -> float | None: ...
    @property
    def path(self) -> str: ...
    @property
    def software(self) -> str: ...
    @property
    def place(self) -> Fix | None: ...


_COLUMNS = tuple(one.name for one in fields(FixSeries) if one.name not in ("cameras", "twins"))


def _or_nan(number: float | None) -> float:
    return np.nan if number is None else number


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
