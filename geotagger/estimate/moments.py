"""When each photo of an archive was taken: its clock read with all others in sight, wrong clocks set right.

Corrections come from the owner, and, for a camera whose photos carry places, from laying them over another
device or a track that knows where it was. `tag` and `evaluate` read clocks through here alike. Takes what
photos say of their time, gives POSIX seconds. Knows nothing of files.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.clock import Clocked, ClockReader, Reading
from geotagger.estimate.corrections import clock_shift
from geotagger.estimate.films import conventions
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.wrongclocks import find_wrong_clock
from geotagger.tracks import clean_track

_SAMPLE = 60
"""Photos of a camera that are laid over the reference: the search over shifts looks at each often."""

Rows = Callable[[], Iterable[Clocked]]
"""The archive's photos, as often as they are asked for: they are streamed, never held."""


@dataclass(frozen=True)
class Clocks:
    """What the owner said (seconds to add, by camera) and the tracks that were recorded."""

    corrections: Mapping[str, float]
    tracks: Tracks


def read_clocks(rows: Rows, clocks: Clocks, note: Callable[[str], None]) -> Callable[[Clocked], Reading]:
    """What reads the time of one photo of the archive. A clock that was found wrong is told in a line."""
    reader = ClockReader(chain(rows(), clocks.tracks.clocked()), clocks=clocks.corrections)
    shifts = {**clocks.corrections, **_wrong_clocks(rows(), clocks, reader, note)}

    films = conventions(reader.films, rows, lambda row: reader.read(row, shifts))
    return lambda row: reader.read(row, shifts, films)


def times_of(rows: Sequence[Clocked], corrections: Mapping[str, float], tracks: Tracks) -> Iterator[Reading]:
    """The times of all rows, in their order."""
    return map(read_clocks(lambda: rows, Clocks(corrections, tracks), lambda _: None), rows)


@dataclass(frozen=True, slots=True)
class _PlacedRows:
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
    rows: Iterable[Clocked], clocks: Clocks, reader: ClockReader, note: Callable[[str], None]
) -> dict[str, float]:
    """Seconds to add to the clocks of cameras that are clearly off against the tracks, or against the
    photos of other cameras; not of those that the owner set right."""
    placed = _placed(rows, reader)
    shifts = {}
    for number in np.unique(placed.camera[placed.doubtful]).tolist():
        camera = placed.cameras[number]
        if not camera or clock_shift(camera, clocks.corrections) is not None:
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


def _placed(rows: Iterable[Clocked], reader: ClockReader) -> _PlacedRows:
    numbers, codes, doubtful = array("d"), array("I"), array("b")
    cameras: dict[str, int] = {}
    for row in rows:
        if row.latitude is None or row.longitude is None:
            continue
        utc = reader.read(row).utc
        if utc != utc:
            continue
        numbers.extend((utc, row.latitude, row.longitude))
        codes.append(cameras.setdefault(row.camera or "", len(cameras)))
        doubtful.append(row.offset is None and row.gps_utc is None)
    table = np.frombuffer(numbers, dtype=np.float64).reshape(-1, 3)
    return _PlacedRows(
        table[:, 0],
        table[:, 1],
        table[:, 2],
        np.frombuffer(codes, dtype=np.uintc),
        np.frombuffer(doubtful, dtype=np.bool_),
        tuple(cameras),
    )


def _others(placed: _PlacedRows, camera: int) -> Tracks:
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
