"""The times of an archive's photos, with cameras' clocks set right.

Corrections come from the owner (`--clock`) and, for a camera whose
photos carry places, from laying them over another device or a track that knows where it was.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.clock import ClockReader
from geotagger.estimate.corrections import clock_shift
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.wrongclocks import find_wrong_clock
from geotagger.index import Index
from geotagger.index.roots import Root
from geotagger.tracks import clean_track

_SAME_S = 1e-3
"""Times that differ by less are the same time, rounded."""

_SAMPLE = 60
"""Photos of a camera that are laid over the reference: the search over shifts looks at each often."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the owner said (seconds to add, by camera) and the tracks that were recorded."""

    told: Mapping[str, float]
    tracks: Tracks


def set_times(index: Index, root: Root, clocks: Clocks, note: Callable[[str], None]) -> Iterator[list[int]]:
    """Resolves every photo's time anew: one new neighbour with a place may tell the time zone of
    many. Gives the numbers of those whose time changed, a chunk at a time."""
    # photos of a folder that is not mounted still tell the zone: without them times would jump
    rows = (timed.clocked for chunk in index.photos.clocked(root.id, gone=True) for timed in chunk)
    reader = ClockReader(chain(rows, clocks.tracks.clocked()), clocks=clocks.told)
    shifts = {**clocks.told, **_wrong_clocks(index, root, clocks, reader, note)}
    for chunk in index.photos.clocked(root.id):
        changed = []
        for timed in chunk:
            utc, error_s, _ = reader.read(timed.clocked, shifts)
            before = float("nan") if timed.utc is None else timed.utc
            if abs(utc - before) > _SAME_S or (utc == utc) != (before == before):
                changed.append((timed.id, utc, error_s) if utc == utc else (timed.id, None, 0.0))
        if changed:
            index.photos.set_utc(changed)
            yield [photo_id for photo_id, _, _ in changed]


@dataclass(frozen=True, slots=True)
class _Placed:
    """The photos that have a place and a time: seconds and degrees, float64 (n,), the number of the
    camera in `cameras`, uint32 (n,), and whether its clock may be doubted, bool (n,). One that writes
    its offset or a GPS time stamp has its time from elsewhere."""

    utc: NDArray[np.float64]
    lat: NDArray[np.float64]
    lng: NDArray[np.float64]
    camera: NDArray[np.uint32]
    doubtful: NDArray[np.bool_]
    cameras: Sequence[str]


def _wrong_clocks(
    index: Index, root: Root, clocks: Clocks, reader: ClockReader, note: Callable[[str], None]
) -> dict[str, float]:
    """Seconds to add to the clocks of cameras that are clearly off against the tracks, or against the
    photos of other cameras; not of those that the owner set right."""
    placed = _placed(index, root, reader)
    shifts = {}
    for number in np.unique(placed.camera[placed.doubtful]).tolist():
        camera = placed.cameras[number]
        if not camera or clock_shift(camera, clocks.told) is not None:
            continue
        own = np.flatnonzero(placed.doubtful & (placed.camera == number))
        own = own[np.argsort(placed.utc[own], kind="stable")]
        own = own[:: max(1, len(own) // _SAMPLE)]
        reference = clocks.tracks if clocks.tracks.tracks else _others(placed, number)
        evidence = find_wrong_clock(
            camera,
            placed.utc[own].tolist(),
            placed.lat[own].tolist(),
            placed.lng[own].tolist(),
            reference.places_at,
        )
        if evidence is not None:
            note(str(evidence))
            shifts[camera] = evidence.shift_s
    return shifts


def _placed(index: Index, root: Root, reader: ClockReader) -> _Placed:
    numbers, codes, doubtful = array("d"), array("I"), array("b")
    cameras: dict[str, int] = {}
    for chunk in index.photos.clocked(root.id, placed=True, gone=True):
        for row in (timed.clocked for timed in chunk):
            if row.latitude is None or row.longitude is None:
                continue
            utc, _, _ = reader.read(row)
            if utc != utc:
                continue
            numbers.extend((utc, row.latitude, row.longitude))
            codes.append(cameras.setdefault(row.camera or "", len(cameras)))
            doubtful.append(row.offset is None and row.gps_utc is None)
    table = np.frombuffer(numbers, dtype=np.float64).reshape(-1, 3)
    return _Placed(
        table[:, 0],
        table[:, 1],
        table[:, 2],
        np.frombuffer(codes, dtype=np.uintc),
        np.frombuffer(doubtful, dtype=np.bool_),
        tuple(cameras),
    )


def _others(placed: _Placed, camera: int) -> Tracks:
    """The photos of all other cameras as one recorded track."""
    others = np.flatnonzero(placed.camera != camera)
    track = clean_track(
        "other cameras",
        placed.utc[others],
        placed.lat[others],
        placed.lng[others],
        np.full(len(others), 0.05),
    )
    return Tracks(()) if track is None else Tracks((track,))
