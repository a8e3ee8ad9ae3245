"""Writes decided positions a group at a time, so that a crash at any point loses nothing.

For a group of photos: every new file is finished and checked beside its photo (several at a
time); what is about to happen goes into the journal, on the disk; the files take their names
(several at a time: freeing what an old file held makes a rename wait); the folders are synced;
the index records what was done. A run that dies in between leaves
`intended` entries, which `repair` settles by looking at the files.
"""

import errno
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from geotagger.archive import file_entry, is_at_or_below
from geotagger.errors import NotCarriedOverError, PlaceTakenError, WriteError
from geotagger.estimate.values import Estimate
from geotagger.index import Index
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.journal import Intent, JournalEntry
from geotagger.marks import Mark
from geotagger.metadata import (
    Edit,
    Position,
    PreparedWrite,
    abandon,
    commit,
    prepare,
    prepare_companion,
    prepare_withdrawal,
    settle,
    sync_folders,
)
from geotagger.metadata.replace import sweep_temporaries
from geotagger.tag.outcome import (
    COULD_NOT_WRITE,
    GONE,
    MAY_NOT_WRITE,
    NOT_CARRIED_OVER,
    PLACE_TAKEN,
    Outcome,
    Report,
)
from geotagger.writing import Writing

GROUP = 64
"""Photos written between two commits of the index: one wait for the disk serves them all."""

WRITERS = 4
"""Files finished at the same time: the disk syncs several in little more time than one."""


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to be written. `outcome` is what to report when it is done. `estimate` None takes the
    estimate that is written in it out again. `instead`: the index shall say this in place of the estimate
    that is written, whatever the rung of that."""

    photo_id: int
    estimate: Estimate | None
    outcome: Outcome
    instead: PhotoEstimate | None = None

    @property
    def is_correction(self) -> bool:
        return self.estimate is None or self.instead is not None


class Writer:
    """Writes jobs of one archive root in the name of one run."""

    def __init__(self, index: Index, run_id: int, run_name: str, writing: Writing, report: Report) -> None:
        self._index, self._run_id, self._run_name = index, run_id, run_name
        self._writing, self._report = writing, report

    def write(self, jobs: Sequence[Job]) -> None:
        """Writes all jobs, a group at a time, and reports each."""
        for start in range(0, len(jobs), GROUP):
            self._write_group(jobs[start : start + GROUP])

    def _write_group(self, jobs: Sequence[Job]) -> None:
        with ThreadPoolExecutor(min(WRITERS, len(jobs)), thread_name_prefix="write") as pool:
            self._write_several(jobs, pool)

    def _write_several(self, jobs: Sequence[Job], pool: ThreadPoolExecutor) -> None:
        jobs = self._without_links(jobs)
        elsewhere = [self._index.learned.sidecar_folders(job.outcome.path) for job in jobs]
        tried = list(zip(jobs, pool.map(self._prepared, jobs, elsewhere), strict=True))
        ready = [
            (job, file) for job, made in tried if isinstance(made, _FinishedFiles) for file in made.files
        ]
        intents = [Intent(j.photo_id, j.outcome.path, file.edit.to_json().encode()) for j, file in ready]
        try:
            with self._index.batch():
                entries = self._index.journal.intend(self._run_id, intents)
                self._correct(
                    [job for job, made in tried if isinstance(made, _FinishedFiles) and job.is_correction]
                )
        except BaseException:
            for _, file in ready:
                abandon(file)
            raise
        failed = {job.photo_id: error for job, error in tried if isinstance(error, WriteError)}
        done: list[tuple[int, Job, PreparedWrite]] = []
        undone: list[int] = []
        errors = take_places([file for _, file in ready], pool)
        for entry, (job, file), error in zip(entries, ready, errors, strict=True):
            if error is not None:
                undone.append(entry)
                failed[job.photo_id] = error
            else:
                done.append((entry, job, file))
        failed |= self._synced(done)
        with self._index.batch():
            self._index.journal.settle(undone, "abandoned")
            self._record(done)
            changed = {job.photo_id for _, job, _ in done}
            self._index.estimates.reinstate(
                self._run_id, [job.photo_id for job, _ in tried if job.photo_id not in changed]
            )
        for job, made in tried:
            self._tell(job, made, failed.get(job.photo_id))

    def _without_links(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs, those left out that are about a file which another one writes, by a link."""
        first: dict[str, Job] = {}
        for job in jobs:
            path = job.outcome.path
            writes = first.setdefault(os.path.realpath(path), job).outcome.path
            if writes != path:
                reason = f"the same file as {writes}, by a link"
                self._report(
                    replace(job.outcome, status="kept", reason=reason, group="a link to another photo")
                )
        return list(first.values())

    def _correct(self, jobs: Sequence[Job]) -> None:
        """The index says what these photos are about to hold; `repair` goes by the files should it not come
        to that."""
        self._index.estimates.withdraw(self._run_id, [job.photo_id for job in jobs])
        self._index.estimates.put(self._run_id, [job.instead for job in jobs if job.instead is not None])

    def _prepared(self, job: Job, sidecar_folders: Sequence[str]) -> "_FinishedFiles | WriteError":
        if job.estimate is not None:
            return self._with(job, job.estimate)
        path = job.outcome.path
        try:
            files = prepare_withdrawal(path, sidecar_folders)
        except WriteError as error:
            return error
        return (
            _FinishedFiles(files) if files else WriteError(path, "no estimate of ours is in it", "left alone")
        )

    def _with(self, job: Job, estimate: Estimate) -> "_FinishedFiles | WriteError":
        mark = Mark(
            rung=estimate.rung,
            confidence=estimate.confidence if estimate.rung != "manual" else None,
            radius_km=estimate.radius_km,
            model=job.outcome.model,
            run=self._run_name,
            cell=estimate.cell or None,
        )
        try:
            position = Position(estimate.latitude, estimate.longitude, mark)
        except ValueError as error:
            return WriteError(job.outcome.path, str(error), "left alone")
        try:
            chosen = prepare(job.outcome.path, position, self._writing)
        except WriteError as error:
            return error
        try:
            companion = prepare_companion(chosen, position, self._writing)
        except WriteError as error:
            return _FinishedFiles([chosen], f"the old place is still in the other file: {error}")
        return _FinishedFiles([chosen] if companion is None else [companion, chosen])

    def _synced(self, done: Sequence[tuple[int, Job, PreparedWrite]]) -> dict[int, WriteError]:
        """Makes the new names durable; what a disk that reports errors may still lose is told."""
        lost: dict[int, WriteError] = {}
        for folder in {made.folder for _, _, made in done}:
            try:
                sync_folders([folder])
            except WriteError as error:
                lost |= {job.photo_id: error for _, job, made in done if made.folder == folder}
        return lost

    def _record(self, done: Sequence[tuple[int, Job, PreparedWrite]]) -> None:
        self._index.journal.settle([entry for entry, _, _ in done], "done")
        for _, job, made in done:
            if not made.edit.is_removal:
                self._index.estimates.mark_written(self._run_id, [job.photo_id], made.edit.kind)
            keep_as_unchanged(self._index, job.photo_id, job.outcome.path)

    def _tell(self, job: Job, made: "_FinishedFiles | WriteError", failure: WriteError | None) -> None:
        if isinstance(failure, PlaceTakenError):
            self._report(Outcome(job.outcome.path, "kept", failure.about(job.outcome.path), PLACE_TAKEN))
        elif failure is not None and not os.path.lexists(job.outcome.path):
            self._report(replace(job.outcome, status="skipped", reason=GONE, group=GONE))
        elif failure is not None:
            reason = failure.about(job.outcome.path)
            self._report(replace(job.outcome, status="failed", reason=reason, group=kind_of_failure(failure)))
        elif isinstance(made, _FinishedFiles):
            where = None if job.estimate is None else _where(made)
            self._report(replace(job.outcome, reason=where or job.outcome.reason, group=made.files[-1].note))


@dataclass(frozen=True, slots=True)
class _FinishedFiles:
    """The finished files of one photo, the chosen one last; `left` tells of one that could not be made."""

    files: Sequence[PreparedWrite]
    left: str | None = None


def take_places(ready: Sequence[PreparedWrite], pool: ThreadPoolExecutor) -> list[WriteError | None]:
    """Commits the finished files; the errors. Two photos that are one file, by a link, go one after the
    other, so that the second learns of the first."""
    errors: list[WriteError | None] = [None] * len(ready)
    same: dict[str, list[int]] = {}
    for number, made in enumerate(ready):
        same.setdefault(made.edit.target, []).append(number)

    def take(numbers: Sequence[int]) -> None:
        for number in numbers:
            try:
                commit(ready[number])
            except WriteError as error:
                errors[number] = error

    for _ in pool.map(take, same.values()):
        pass
    return errors


def kind_of_failure(failure: WriteError) -> str:
    """The group of a photo that could not be written."""
    if isinstance(failure, NotCarriedOverError):
        return NOT_CARRIED_OVER
    cause = failure.__cause__
    if isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return MAY_NOT_WRITE
    return COULD_NOT_WRITE


def _where(made: _FinishedFiles) -> str | None:
    chosen = made.files[-1]
    if chosen.edit.kind == "exif":
        return made.left
    why = f", for {chosen.note}" if chosen.note else ""
    left = f"; {made.left}" if made.left else ""
    return f"into {os.path.basename(chosen.edit.target)}{why}{left}"


def keep_as_unchanged(index: Index, photo_id: int, path: str) -> None:
    """After a write of ours: how the file and its sidecars stand now is no change. A file that is gone
    is left to the next survey."""
    with suppress(OSError):
        index.photos.rewritten(photo_id, file_entry(path, index.learned.sidecar_folders(path)))


def repair(index: Index, places: Sequence[str], report: Report) -> int:
    """Settles what a run that died left between intent and outcome at or below `places`, by looking
    at the files, and removes its half-made ones. How many photos there were; one that cannot be
    looked at is reported, and left to the next run; those of an archive that is away wait for it. Call it
    holding the lock of these places: another run's intents are not to be touched while it lives."""
    settled = 0
    folders: set[str] = set()
    cut_off: list[tuple[int, int]] = []
    for entry in index.journal.pending():
        if not is_at_or_below(entry.path, places) or is_away(index, entry.path):
            continue
        target = entry.path
        try:
            edit = edit_of(entry)
            target = target_now(edit, entry.path)
            folders.add(os.path.dirname(target))
            state = settle(edit, target)
        except WriteError as error:
            why = f"cannot be looked at ({_cause(error)}) after a run that was cut off; left alone"
            why = why if target == entry.path else f"{target}: {why}"
            report(Outcome(entry.path, "failed", why, "could not be read"))
            continue
        with index.batch():
            index.journal.settle([entry.id], "done" if state == "new" else "abandoned")
            if state == "new" and entry.photo_id is not None:
                if not edit.is_removal and edit.names is None:
                    index.estimates.mark_written(entry.run_id, [entry.photo_id], edit.kind)
                keep_as_unchanged(index, entry.photo_id, entry.path)
            elif entry.photo_id is not None:
                cut_off.append((entry.run_id, entry.photo_id))
        settled += 1
    for run_id, photo_id in cut_off:
        if not any(entry.run_id == run_id for entry in index.journal.done_in(photo_id)):
            index.estimates.reinstate(run_id, [photo_id])
    for folder in folders:
        sweep_temporaries(folder)
    return settled


def is_away(index: Index, path: str) -> bool:
    """Whether the archive of a photo is not there now, as a disk that is not mounted: nothing can be
    concluded from its files then."""
    holding = [root.path for root in index.roots.all() if is_at_or_below(path, [root.path])]
    place = max(holding, key=len, default=os.path.dirname(path))
    try:
        with os.scandir(place) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False


def edit_of(entry: JournalEntry) -> Edit:
    """What an entry of the journal says; WriteError when the row is damaged."""
    try:
        return Edit.from_json(entry.edit.decode())
    except (ValueError, RecursionError) as error:
        raise WriteError(
            entry.path, f"entry {entry.id} of the journal is damaged ({error})", "the file is as it was"
        ) from None


def _cause(error: WriteError) -> str:
    cause = error.__cause__
    return (cause.strerror if isinstance(cause, OSError) else None) or str(error)


def target_now(edit: Edit, path: str) -> str:
    """Where the file that an edit changed is now that the photo is at `path`: archives move."""
    if path == edit.photo:
        return edit.target
    if edit.kind == "exif":
        return os.path.realpath(path)
    if edit.target.startswith(edit.photo):
        return path + edit.target[len(edit.photo) :]
    beside = os.path.join(os.path.dirname(path), os.path.basename(edit.target))
    return beside if os.path.dirname(edit.target) == os.path.dirname(edit.photo) else edit.target
