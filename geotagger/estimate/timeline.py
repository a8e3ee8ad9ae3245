"""An archive's photos in the order of time, and all that tells where one was taken.

Cuts the stream into outings, gathers the fixes and the points of tracks around and inside each, and picks
which of several positions is a photo's own. `tag`, `why` and `evaluate` hand in what they know of their
photos and get estimates; none of them has a copy of any of this. Takes values, gives values; reads nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.clock import FAR_ZONE_ERROR_S, moments_of
from geotagger.estimate.kinds.protocol import Kind
from geotagger.estimate.learning import learn_movement
from geotagger.estimate.movement import GPS_ERROR_KM, OUTING_GAP_S, Movement
from geotagger.estimate.outing import Options, Weighed, estimate_outing, weigh_outing
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.twins import Origin
from geotagger.estimate.values import (
    Alike,
    Estimate,
    Fix,
    FixSeries,
    NamedArea,
    Observation,
    Posterior,
)
from geotagger.geo import distance_km
from geotagger.text.values import PlaceRatios

_ONE_PLACE_KM = 0.1
_MOMENTS = 9
"""At so many that a time of hours may be a track is asked."""
MOST_IN_OUTING = 1000
"""A time-lapse or a wedding of three photographers is cut here, so that memory stays bounded."""

Photo = TypeVar("Photo")
Place = TypeVar("Place")


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """What is known of one photo before anything is weighed. key: the caller's, the one by which
    `FixSeries` knows it. utc: POSIX seconds, None where no time is known. place: its own, of the owner, its
    camera or a sidecar. alike: what the owner's photos tell that look like it. named: the areas that its
    metadata names. path: where its file lies, and software: what wrote it, by which equal cameras are told
    apart. text: what stands in its picture. other_utc: as probable as utc, where it was taken at one of the
    two. stamp_utc: when the receiver says that its own place was taken, POSIX seconds. features: as of
    `Observation`."""

    key: int
    utc: float | None
    utc_error_s: float = 0.0
    camera: str | None = None
    utc_offset_s: float | None = None
    place: Fix | None = None
    posterior: Posterior | None = None
    alike: Alike | None = None
    named: tuple[NamedArea, ...] = ()
    path: str = ""
    text: PlaceRatios | None = None
    other_utc: float | None = None
    stamp_utc: float | None = None
    features: NDArray[np.float32] | None = None
    software: str = ""


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that speaks about the photos of an archive. fixes: the places that are known, by time. movement:
    how the archive moves. tracks: what was recorded. table: the cells of the model that looked at
    pictures. silent: the kinds that are not listened to, taken from all of these; see kinds/table.py."""

    fixes: FixSeries = field(default_factory=FixSeries.of)
    movement: Movement = field(default_factory=Movement)
    tracks: Tracks = field(default_factory=Tracks)
    table: CellTable | None = None
    options: Options = field(default_factory=Options)
    silent: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class Surrounded:
    """An outing's observations in the order of time, the nearest known places outside it, and those between
    its first and its last photo that are none of its own: points of tracks, and fixes of other photos; with
    these, where the nearest outside is in doubt, the nearest that is not."""

    photos: tuple[Observation, ...]
    before: Observation | None
    after: Observation | None
    inside: tuple[Observation, ...]


def own_place(places: Iterable[Place], rung_of: Callable[[Place], str]) -> Place | None:
    """The one that counts of the positions which stand in a photo and its sidecars: the owner's word before a
    camera's before a sidecar's before an estimate; the first of equals."""
    return max(places, key=lambda place: _RANKS.get(rung_of(place), 0), default=None)


_RANKS = {"manual": 3, "camera": 2, "sidecar": 1}


def stated_error_km(error_km: float | None) -> float:
    """A phone's under open sky where none is stated."""
    return error_km or GPS_ERROR_KM


def outings(photos: Iterable[Photo], utc_of: Callable[[Photo], float | None]) -> Iterator[list[Photo]]:
    """Photos ordered by time, cut at pauses over `OUTING_GAP_S`; one without a time stands alone."""
    outing: list[Photo] = []
    last: float | None = None
    for photo in photos:
        utc = utc_of(photo)
        is_full = len(outing) >= MOST_IN_OUTING
        if outing and (is_full or utc is None or last is None or utc - last > OUTING_GAP_S):
            yield outing
            outing = []
        outing.append(photo)
        last = utc
    if outing:
        yield outing


def learned_from(fixes: FixSeries) -> Movement:
    """How the archive moves, from those of its fixes that teach."""
    utc, latitude, longitude, camera, utc_offset_s, doubt, astray_km = fixes.teachers
    names = [fixes.cameras[int(n)] or None for n in camera]
    return learn_movement(utc, latitude, longitude, names, utc_offset_s, doubt, astray_km)


def observation_of(evidence: Evidence, photo: PhotoRecord) -> Observation:
    """A photo with its own place, or else with the track's at its time, and what speaks of it besides."""
    place = None if photo.place is None else evidence.fixes.in_doubt(photo.key, photo.place)
    if place is None and photo.utc is not None:
        place = recorded_fix(evidence.tracks, photo.utc, photo.utc_error_s, photo.other_utc)
    observation = Observation(
        photo.key,
        photo.utc,
        evidence.fixes.twins.name(photo.camera, Origin(photo.path, photo.software)),
        place,
        photo.posterior,
        photo.utc_error_s,
        photo.utc_offset_s,
        photo.alike,
        photo.named,
        photo.text,
        photo.other_utc,
        photo.features,
    )
    for kind in evidence.silent:
        observation = kind.unheard(observation)
    return observation


def recorded_fix(tracks: Tracks, utc: float, utc_error_s: float, other_utc: float | None) -> Fix | None:
    """Where a device was then; of a time that is uncertain by hours, or is one of two, only where it was at
    one place all the while."""
    fix = tracks.fix_at(utc, utc_error_s)
    others = [] if other_utc is None else [other_utc]
    if FAR_ZONE_ERROR_S <= utc_error_s < np.inf:
        others += np.linspace(utc - 2 * utc_error_s, utc + 2 * utc_error_s, _MOMENTS).tolist()
    for moment in others:
        other = None if fix is None else tracks.fix_at(moment, utc_error_s)
        if fix is None or other is None:
            return None
        apart = float(distance_km(fix.latitude, fix.longitude, other.latitude, other.longitude))
        error_km = max(fix.error_km, other.error_km)
        if apart > max(_ONE_PLACE_KM, error_km):
            return None
        fix = replace(fix, error_km=max(error_km, apart))
    return fix


def surrounded(evidence: Evidence, outing: Sequence[PhotoRecord]) -> Surrounded:
    """One outing with all that lies around and inside it."""
    photos = tuple(observation_of(evidence, photo) for photo in outing)
    times = [
        moment
        for photo in outing
        if photo.utc is not None
        for moment, _ in moments_of(photo.utc, photo.utc_error_s, photo.other_utc)
    ]
    if not times:
        return Surrounded(photos, None, None, ())
    first, last = min(times), max(times)
    anchors = evidence.tracks.anchors(first, last)
    moments = [anchor.utc or 0.0 for anchor in anchors]
    start, end = bisect_left(moments, first), bisect_right(moments, last)
    fixes = evidence.fixes
    since, until = int(np.searchsorted(fixes.utc, first)), int(np.searchsorted(fixes.utc, last, side="right"))
    own = [photo.key for photo in outing]
    others = ~np.isin(fixes.keys[since:until], own)
    inside = [fixes.observation(since + int(n)) for n in np.flatnonzero(others)]
    # a fix that is older than its photo may lie before the outing of which it is
    while since > 0 and fixes.keys[since - 1] in own:
        since -= 1
    while until < len(fixes) and fixes.keys[until] in own:
        until += 1
    before = [fixes.observation(since - 1)] if since > 0 else []
    after = [fixes.observation(until)] if until < len(fixes) else []
    return Surrounded(
        photos,
        max([*anchors[:start], *before], key=_moment, default=None),
        min([*anchors[end:], *after], key=_moment, default=None),
        (*anchors[start:end], *inside, *map(fixes.observation, fixes.sound_beside(since, until, own))),
    )


def _moment(observation: Observation) -> float:
    """When its fix was made."""
    age_s = 0.0 if observation.fix is None else observation.fix.age_s
    return (observation.utc or 0.0) - age_s


def weighed(evidence: Evidence, outing: Surrounded) -> Weighed:
    """Each photo's probability over places."""
    return weigh_outing(
        outing.photos,
        outing.before,
        outing.after,
        evidence.movement,
        evidence.table,
        evidence.options,
        outing.inside,
    )


def estimated(evidence: Evidence, outing: Surrounded) -> list[Estimate | None]:
    """One estimate a photo; None where a place of its own stands, or where nothing is known."""
    return estimate_outing(
        outing.photos,
        outing.before,
        outing.after,
        evidence.movement,
        evidence.table,
        evidence.options,
        outing.inside,
    )


def estimates(evidence: Evidence, photos: Sequence[PhotoRecord]) -> list[Estimate | None]:
    """Of all photos of one archive, in any order; aligned with them."""
    order = sorted(range(len(photos)), key=lambda n: (photos[n].utc is None, photos[n].utc or 0.0))
    places: list[Estimate | None] = [None] * len(photos)
    for outing in outings(order, lambda n: photos[n].utc):
        of_outing = estimated(evidence, surrounded(evidence, [photos[n] for n in outing]))
        for n, estimate in zip(outing, of_outing, strict=True):
            places[n] = estimate
    return places


def estimate_stream(
    observations: Sequence[Observation],
    movement: Movement,
    table: CellTable | None = None,
    options: Options | None = None,
) -> list[Estimate | None]:
    """The same of observations that have their fixes already, in any order."""
    photos = [
        PhotoRecord(
            o.key,
            o.utc,
            o.utc_error_s,
            o.camera,
            o.utc_offset_s,
            o.fix,
            o.posterior,
            o.alike,
            o.named,
            text=o.text,
            other_utc=o.other_utc,
            features=o.features,
        )
        for o in observations
    ]
    evidence = Evidence(FixSeries.of(photos), movement, Tracks(), table, options or Options())
    return estimates(evidence, photos)
