"""Positions that the owner knows: `geotagger place`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geotagger.archive import file_entry, lock
from geotagger.errors import PhotoError
from geotagger.index import Index, open_index
from geotagger.index.compare import FileChange
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.learned import SETTLED
from geotagger.index.photos import IndexedPhoto
from geotagger.index.roots import Root
from geotagger.index.runs import Run, Status
from geotagger.tag.corridor import by_root
from geotagger.tag.deciding import as_it_is, outcome_of
from geotagger.tag.listener import Listener
from geotagger.tag.naming import name_what_was_placed
from geotagger.tag.outcome import Outcome, Report, RunResult, Tally
from geotagger.tag.reading import known_place, take_in
from geotagger.tag.writing import Job, Writer, repair
from geotagger.writing import Writing

MANUAL_ERROR_KM = 0.1
"""How exactly a point picked on a map is taken to be."""


@dataclass(frozen=True, slots=True)
class Placing:
    """What the owner said: the place, in degrees, and how to write it. `error_km`: how exactly it is
    meant."""

    latitude: float
    longitude: float
    writing: Writing
    error_km: float = MANUAL_ERROR_KM


def place(
    placing: Placing, files: Sequence[str], index_path: Path | None, listener: Listener, *, wait: bool = False
) -> RunResult:
    """Gives the place to each file; what became of them."""
    tally = Tally()

    def tell(outcome: Outcome) -> None:
        tally.add(outcome)
        listener.report(outcome)

    there: list[str] = []
    for path in _distinct(files):
        if os.path.isfile(path):
            there.append(path)
        else:
            why, group = "there is no such file", "no such file"
            if os.path.isdir(path):
                why, group = "it is a folder; name the photos", "a folder, not a photo"
            elif os.path.exists(path):
                why = group = "not a regular file"
            tell(Outcome(path, "failed", why, group))
    if not there:
        return RunResult(None, tally)
    folders = sorted({os.path.dirname(path) for path in there})
    with lock(folders, wait=wait), open_index(index_path) as index:
        coordinates = [placing.latitude, placing.longitude]
        run = index.runs.begin("place", {"place": coordinates, "files": len(there)})
        ended: Status = "failed"
        try:
            for root, paths in by_root(index, there):
                _place_in_root(index, run, root, paths, placing, listener, tell)
            ended = "done"
        finally:
            index.runs.end(run.id, ended, dict(tally.statuses))
    return RunResult(run.id, tally)


def _place_in_root(
    index: Index,
    run: Run,
    root: Root,
    paths: Sequence[str],
    placing: Placing,
    listener: Listener,
    tell: Report,
) -> None:
    repair(index, paths, tell)
    if placing.writing.sidecar_folder is not None:
        index.learned.add_sidecar_folder(root.id, str(placing.writing.sidecar_folder))
    unwritten: set[str] = set()

    def noticing(outcome: Outcome) -> None:
        if outcome.status != "written":
            unwritten.add(outcome.path)
        tell(outcome)

    jobs = [job for path in paths if (job := _job(index, run, root, path, placing, tell)) is not None]
    Writer(index, run.id, run.name, placing.writing, noticing).write(jobs)
    # what could not be written must not stand in the index as if it were in the photo
    index.estimates.not_written(run.id, [job.photo_id for job in jobs if job.outcome.path in unwritten])
    placed = [job.photo_id for job in jobs]
    name_what_was_placed(index, run.id, root.id, placed, placing.writing, listener, tell)
    index.learned.forget(root.id, SETTLED)


def _job(index: Index, run: Run, root: Root, path: str, placing: Placing, tell: Report) -> Job | None:
    """Records the place of one photo; the job of writing it, if it is to be written."""
    try:
        photo = known_now(index, root, path)
    except PhotoError as error:
        tell(Outcome(path, "failed", error.about(path), "could not be read"))
        return None
    if photo.rung in ("camera", "sidecar") and not placing.writing.overwrite:
        reason = "has a position of its own; --overwrite replaces it"
        tell(as_it_is(photo, "kept", reason))
        return None
    estimate = known_place(placing.latitude, placing.longitude, "manual", placing.error_km)
    index.estimates.put(run.id, [PhotoEstimate(photo.id, estimate)])
    outcome = outcome_of(path, "written", estimate)
    if placing.writing.mode != "none":
        return Job(photo.id, estimate, outcome)
    tell(replace(outcome, status="indexed", reason="nothing is written into photos (--write none)"))
    return None


def _distinct(files: Sequence[str]) -> list[str]:
    """The files, each once, however many links to it were named."""
    seen: dict[str, str] = {}
    for file in files:
        seen.setdefault(os.path.realpath(file), _resolved(file))
    return list(seen.values())


def _resolved(path: str) -> str:
    """The absolute path, links in its folders followed, as the index keeps it."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def known_now(index: Index, root: Root, path: str) -> IndexedPhoto:
    """The photo as the index knows it, read and recorded first when it is new or has changed."""
    photo = index.photos.find(path)
    elsewhere = index.learned.sidecar_folders(path)
    entry = file_entry(path, elsewhere)
    now = (entry.size, entry.mtime_ns, entry.sidecar_mtime_ns)
    if photo is None or photo.facts is None:
        photo_id = take_in(index, root, FileChange("new", entry, None), elsewhere)
    elif (photo.size, photo.mtime_ns, photo.sidecar_mtime_ns) != now:
        photo_id = take_in(index, root, FileChange("changed", entry, photo.id), elsewhere)
    else:
        return photo
    return index.photos.get([photo_id])[0]
