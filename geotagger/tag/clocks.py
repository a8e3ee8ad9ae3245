"""The times of an archive's photos, with cameras' clocks set right.

Corrections come from the owner (`--clock`, remembered for the archive) and, for a camera whose
photos carry places, from laying them over another device or a track that knows where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from geotagger.estimate.clock import Clocked, Times, clock_shift, resolve_times
from geotagger.estimate.tracks import Tracks, clean_track
from geotagger.estimate.wrongclocks import ClockEvidence, find_wrong_clock
from geotagger.index import Index
from geotagger.index.photos import Known
from geotagger.index.roots import Root

CLOCKS = "clocks"
"""The key under which the index keeps the corrections that the owner gave for an archive."""

_SAMPLE = 60
"""Photos of a camera that are laid over the reference: the search over shifts looks at each often."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the owner said (seconds to add, by camera) and the tracks that were recorded."""

    told: Mapping[str, float]
    tracks: Tracks


def remembered(index: Index, root: Root, told: Mapping[str, float]) -> dict[str, float]:
    """The owner's corrections, of this run and of earlier ones; kept for the next."""
    kept: dict[str, float] = index.learned.get(root.id, CLOCKS) or {}
    if told:
        kept = {**kept, **told}
        index.learned.put(root.id, CLOCKS, kept)
    return kept


def set_times(index: Index, root: Root, clocks: Clocks, note: Callable[[str], None]) -> list[int]:
    """Resolves every photo's time anew: one new neighbour with a place may tell the time zone of
    many. Gives the numbers of those whose time changed."""
    photos = [known for known in index.photos.in_time(root.id) if known.facts is not None]
    if not photos:
        return []
    rows = [clocked(known) for known in photos]
    beside = list(clocks.tracks.clocked())
    times = resolve_times([*rows, *beside], clocks=clocks.told)
    found = [
        evidence
        for evidence in _wrong_clocks(rows, times, clocks.tracks)
        if clock_shift(evidence.camera, clocks.told) is None
    ]
    if found:
        for evidence in found:
            note(str(evidence))
        shifts = {**clocks.told, **{evidence.camera: evidence.shift_s for evidence in found}}
        times = resolve_times([*rows, *beside], clocks=shifts)
    before = np.array([np.nan if known.utc is None else known.utc for known in photos])
    now, error = times.utc[: len(rows)], times.error_s[: len(rows)]
    changed = np.flatnonzero(~np.isclose(now, before, rtol=0, atol=1e-3, equal_nan=True))
    index.photos.set_utc(
        (photos[n].id, float(now[n]), float(error[n])) if np.isfinite(now[n]) else (photos[n].id, None, 0.0)
        for n in changed
    )
    return [photos[n].id for n in changed]


def clocked(known: Known) -> Clocked:
    """What one photo says of its time, with the place where it is known to be taken, not estimated."""
    facts = known.facts
    if facts is None:
        return Clocked(None)
    place: tuple[float, float] | None = None
    if known.rung in ("sidecar", "manual") and known.latitude is not None and known.longitude is not None:
        place = known.latitude, known.longitude
    elif facts.fix is not None and not (facts.fix.mark and facts.fix.mark.is_estimate):
        place = facts.fix.latitude, facts.fix.longitude
    return Clocked(
        None if facts.taken is None else facts.taken.local,
        None if facts.taken is None else facts.taken.offset,
        facts.gps_utc,
        facts.camera,
        *(place or (None, None)),
    )


def _wrong_clocks(rows: list[Clocked], times: Times, tracks: Tracks) -> list[ClockEvidence]:
    """Cameras that are clearly off against the tracks, or against the photos of other cameras. One
    that writes its offset or a GPS time stamp has its time from elsewhere and is not doubted."""
    placed = [n for n, row in enumerate(rows) if row.latitude is not None and np.isfinite(times.utc[n])]
    doubtful = [n for n in placed if rows[n].camera and rows[n].offset is None and rows[n].gps_utc is None]
    found = []
    for camera in sorted({rows[n].camera or "" for n in doubtful}):
        own = [n for n in doubtful if rows[n].camera == camera]
        own = own[:: max(1, len(own) // _SAMPLE)]
        reference = tracks if tracks.tracks else _others(rows, times, placed, camera)
        evidence = find_wrong_clock(
            camera,
            [float(times.utc[n]) for n in own],
            [rows[n].latitude or 0.0 for n in own],
            [rows[n].longitude or 0.0 for n in own],
            reference.fix_at,
        )
        if evidence is not None:
            found.append(evidence)
    return found


def _others(rows: list[Clocked], times: Times, placed: list[int], camera: str) -> Tracks:
    """The photos of all other cameras as one recorded track."""
    others = [n for n in placed if rows[n].camera != camera]
    track = clean_track(
        "other cameras",
        np.array([times.utc[n] for n in others]),
        np.array([rows[n].latitude for n in others], dtype=np.float64),
        np.array([rows[n].longitude for n in others], dtype=np.float64),
        np.full(len(others), 0.05),
    )
    return Tracks(()) if track is None else Tracks((track,))
