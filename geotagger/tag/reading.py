"""Reads the facts of new and changed photos, several at a time, and records them with the positions
that stand in the files. Reads photos, writes the index, looks at no pixels.
"""

import functools
import multiprocessing
import os
import signal
from collections.abc import Iterable, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Self

from geotagger.archive import FileEntry
from geotagger.cells import leaf_ids, tokens
from geotagger.errors import ArchiveError
from geotagger.estimate.movement import GPS_ERROR_KM
from geotagger.estimate.timeline import own_place
from geotagger.estimate.values import Estimate
from geotagger.index import Index
from geotagger.index.compare import FileChange
from geotagger.index.estimates import PhotoEstimate, Written
from geotagger.index.photos import Record
from geotagger.index.roots import Root
from geotagger.marks import Mark
from geotagger.metadata import FoundPosition, sidecar_positions
from geotagger.photo.facts import read_facts
from geotagger.photo.values import Facts, GpsFix
from geotagger.tag.file_facts import FileFacts, facts_of_file
from geotagger.tag.outcome import GONE, VANISHED, Outcome, Report

_Chunk = tuple[Sequence[FileChange], Iterable[FileFacts]]

_ENOUGH = 1000
"""Below so many photos threads are through before processes have started."""
_MOST_PROCESSES = 8
"""Beyond them this process, which records what they read, is the one that is waited for."""
_SHARE = 32


class Reader:
    """Takes photos of one root in while it is open as a context: on as many threads as told and, once there
    are photos enough to be worth starting them, in as many processes. A chunk is read while the one before
    it is recorded."""

    def __init__(
        self,
        index: Index,
        root: Root,
        sidecar_folders: Sequence[str],
        threads: int,
        report: Report,
        *,
        processes: int = 0,
    ) -> None:
        self._index, self._root, self._report = index, root, report
        self._read = functools.partial(facts_of_file, sidecar_folders=tuple(sidecar_folders))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="facts")
        self._several: ProcessPoolExecutor | None = None
        self._processes = min(processes, _MOST_PROCESSES)
        self._begun: _Chunk = ((), ())
        self._count = 0

    def take_in(self, changes: Sequence[FileChange]) -> list[int]:
        """Begins to read these, and records those that were begun before: the numbers of the photos whose
        record is new. ArchiveError when the archive is gone."""
        chunk, self._begun = self._begun, (changes, self._begin(changes))
        return self._recorded(chunk)

    def rest(self) -> list[int]:
        """Records those that were begun last, as `take_in` does."""
        chunk, self._begun = self._begun, ((), ())
        return self._recorded(chunk)

    def _begin(self, changes: Sequence[FileChange]) -> Iterable[FileFacts]:
        self._count += len(changes)
        if self._processes > 1 and self._count > _ENOUGH:
            if self._several is None:
                self._several = _processes(self._processes)
            with suppress(BrokenExecutor, OSError):  # OSError: a process could not be started
                return self._several.map(self._read, _entries(changes), chunksize=_SHARE)
            self._give_up_processes()
        return self._threads.map(self._read, _entries(changes))

    def _recorded(self, chunk: _Chunk) -> list[int]:
        changes, reading = chunk
        try:
            files = list(reading)
        except BrokenExecutor:  # a process was killed: short of memory, or by a file that no one foresaw
            self._give_up_processes()
            files = list(self._threads.map(self._read, _entries(changes)))
        _report_unreadable(self._root, files, self._report)
        return _record(self._index, self._root, changes, files)

    def _give_up_processes(self) -> None:
        self._processes = 0
        if self._several is not None:
            self._several.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self._several is not None:
            self._several.shutdown(cancel_futures=True)


def _processes(count: int) -> ProcessPoolExecutor:
    """Started anew, not forked: this process has threads, and locks that a copy would find held."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_leave_signals_to_the_run)


def _leave_signals_to_the_run() -> None:
    """Ctrl-C reaches every process of a terminal; the run says what becomes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _entries(changes: Sequence[FileChange]) -> list[FileEntry]:
    return [change.entry for change in changes]


def position_in(path: str, sidecar_folders: Sequence[str]) -> tuple[Estimate, Written] | None:
    """The position that stands in a photo or its sidecars. Raises PhotoError."""
    return position_of(read_facts(path), sidecar_positions(path, sidecar_folders))


def is_lasting(path: str) -> bool:
    """Whether a failure to read this file will last until the file changes: the disk gives its
    bytes, so it is they that are wrong. Without permission or disk the next run tries again."""
    try:
        with open(path, "rb", buffering=0) as photo:
            photo.read(1)
    except OSError:
        return False
    return True


def take_in(index: Index, root: Root, change: FileChange, sidecar_folders: Sequence[str]) -> int:
    """Reads one file and records it; its number. PhotoError when it cannot be read."""
    file = facts_of_file(change.entry, sidecar_folders)
    if file.failure is not None:
        raise file.failure
    return _record(index, root, [change], [file])[0]


def _record(index: Index, root: Root, changes: Sequence[FileChange], files: Sequence[FileFacts]) -> list[int]:
    """Records what was read, and what cannot be read for good; the numbers of these photos."""
    ids: list[int] = []
    news: list[PhotoEstimate] = []
    pairs = zip(changes, files, strict=True)
    kept = [(c, file) for c, file in pairs if file.failure is None or is_lasting(file.entry.path)]
    with index.batch():
        for same_pixels in (False, True):
            part = [file for change, file in kept if (change.kind == "sidecar") is same_pixels]
            records = [_record_of(file) for file in part]
            part_ids = index.photos.record(root, records, same_pixels=same_pixels)
            for photo_id, file in zip(part_ids, part, strict=True):
                fix = None if file.facts is None else position_of(file.facts, file.beside)
                if _is_news(index, photo_id, fix) and fix is not None:
                    news.append(PhotoEstimate(photo_id, fix[0], written=fix[1]))
            ids += part_ids
        index.estimates.put(None, _with_cells(news))  # together: their cells and names are found in arrays
    return ids


def _record_of(file: FileFacts) -> Record:
    error = None if file.failure is None else file.failure.about(file.entry.path)
    return Record(file.entry, file.facts, fingerprint=file.fingerprint, error=error)


def _is_news(index: Index, photo_id: int, fix: tuple[Estimate, Written] | None) -> bool:
    """What stands in a changed file, against what the index believes stands in it: False where that is our
    own position, which another change of the file left alone. What is not there any more is dropped."""
    current = index.estimates.current(photo_id)
    if current is None or current.written not in ("exif", "sidecar"):
        return True
    if fix is not None and fix[1] != "camera" and _is_same(current.estimate, fix[0]):
        return False
    # another program took our position out, or put another in its place
    index.estimates.drop([photo_id])
    return True


def _with_cells(places: Sequence[PhotoEstimate]) -> list[PhotoEstimate]:
    lat, lng = ([getattr(one.estimate, name) for one in places] for name in ("latitude", "longitude"))
    return [
        replace(one, estimate=replace(one.estimate, cell=one.estimate.cell or cell))
        for one, cell in zip(places, tokens(leaf_ids(lat, lng)), strict=True)
    ]


def _is_same(one: Estimate, other: Estimate) -> bool:
    near = abs(one.latitude - other.latitude) < 1e-5 and abs(one.longitude - other.longitude) < 1e-5
    return near and one.rung == other.rung


def _report_unreadable(root: Root, files: Sequence[FileFacts], report: Report) -> None:
    failed = [(file.entry.path, file.failure) for file in files if file.failure is not None]
    if failed and not os.path.isdir(root.path):
        raise ArchiveError(f"{root.path}: {VANISHED}")
    for path, failure in failed:
        report(failure_of(path, failure.about(path), "could not be read"))


def failure_of(path: str, reason: str, group: str) -> Outcome:
    """What to report of a photo with which something went wrong: that it is gone, where it is."""
    if not os.path.lexists(path):
        return Outcome(path, "skipped", GONE, GONE)
    return Outcome(path, "failed", reason, group)


def position_of(facts: Facts, beside: Sequence[FoundPosition]) -> tuple[Estimate, Written] | None:
    """The best position that the file and its sidecars hold: a camera's before a sidecar's before
    an estimate of ours, and the owner's word before all. Its cell is "" where no mark states it."""
    positions: list[tuple[Estimate, Written]] = []
    if facts.fix is not None:
        positions.append(_from_exif(facts.fix))
    positions += [_from_sidecar(position) for position in beside]
    return own_place(positions, lambda one: one[0].rung)


def _from_exif(fix: GpsFix) -> tuple[Estimate, Written]:
    if fix.mark is not None:
        return _from_mark(fix.latitude, fix.longitude, fix.mark), "exif"
    radius_km = GPS_ERROR_KM if fix.error_m is None else fix.error_m / 1000
    return _certain(fix.latitude, fix.longitude, "camera", radius_km), "camera"


def _from_sidecar(position: FoundPosition) -> tuple[Estimate, Written]:
    if position.mark is not None:
        return _from_mark(position.latitude, position.longitude, position.mark), "sidecar"
    radius_km = GPS_ERROR_KM if position.error_km is None else position.error_km
    return _certain(position.latitude, position.longitude, "sidecar", radius_km), "camera"


def _from_mark(latitude: float, longitude: float, mark: Mark) -> Estimate:
    return Estimate(
        latitude,
        longitude,
        mark.radius_km or GPS_ERROR_KM,
        1.0 if mark.confidence is None else mark.confidence,
        mark.rung,
        (mark.rung,),
        mark.cell or "",
        evidence=("found in the file, written by an earlier run",),
    )


def _certain(latitude: float, longitude: float, rung: str, radius_km: float, cell: str = "") -> Estimate:
    return Estimate(latitude, longitude, radius_km, 1.0, rung, (rung,), cell)


def known_place(latitude: float, longitude: float, rung: str, radius_km: float) -> Estimate:
    """A place that somebody knows, as an estimate that is certain of it."""
    cell = tokens(leaf_ids([latitude], [longitude]))[0]
    return _certain(latitude, longitude, rung, radius_km, cell)
