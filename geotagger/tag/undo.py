"""The way back: `geotagger undo` and `geotagger forget`."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

from geotagger import metadata
from geotagger.archive import lock, walk
from geotagger.archive.names import is_at_or_below
from geotagger.errors import UsageError, WriteError
from geotagger.estimate.values import RUNGS
from geotagger.index import Index, index_exists, open_index
from geotagger.index.journal import Entry
from geotagger.index.runs import Run
from geotagger.metadata import Edit, restore, sweep_temporaries, sync_folders
from geotagger.tag.outcome import COULD_NOT_WRITE, Outcome, Report, Tally
from geotagger.tag.outings import OWN_FIXES
from geotagger.tag.survey import SETTLED
from geotagger.tag.writing import GROUP, entry_now, repair, target_now


def run_to_undo(index: Index, named: str | None) -> Run:
    """The run of that number or name, or the newest that wrote something. UsageError for none."""
    if named is not None:
        return index.runs.find(named)
    latest = index.runs.latest_undoable()
    if latest is None:
        raise UsageError("there is nothing to undo: no run has written into a photo")
    return latest


def undo(index: Index, run: Run, only: Sequence[str], report: Report, *, wait: bool = False) -> Tally:
    """Puts back the exact bytes of before `run`, of all its photos or of those at or below `only`."""
    tally = Tally()

    def tell(outcome: Outcome) -> None:
        tally.add(outcome)
        report(outcome)

    wanted = [os.path.realpath(path) for path in only]
    folders = sorted({os.path.dirname(entry.path) for entry in index.journal.done_by(run.id, wanted)})
    if not folders:
        return tally
    with lock(_outermost(folders), wait=wait):
        repair(index, folders)
        for folder in folders:
            sweep_temporaries(folder)
        for entries in _chunks(index.journal.done_by(run.id, wanted), GROUP):
            _undo_group(index, run, entries, tell)
        for root in index.roots.all():
            if any(is_at_or_below(folder, [root.path]) for folder in folders):
                index.learned.forget(root.id, SETTLED)
    return tally


def _undo_group(index: Index, run: Run, entries: Sequence[Entry], tell: Report) -> None:
    undone: list[Entry] = []
    touched: list[str] = []
    for entry in entries:
        if entry.covered:
            tell(Outcome(entry.path, "kept", "a later run wrote it again; undo that one first"))
            continue
        edit = Edit.from_json(entry.edit.decode())
        try:
            outcome = restore(edit, target_now(edit, entry.path))
        except WriteError as error:
            tell(Outcome(entry.path, "failed", str(error), COULD_NOT_WRITE))
            continue
        undone.append(entry)
        if outcome.folder is not None:
            touched.append(outcome.folder)
        if outcome.status == "kept":
            tell(Outcome(entry.path, "kept", outcome.reason, "changed since"))
        else:
            tell(Outcome(entry.path, "written", outcome.reason or "as it was before"))
    sync_folders(touched)
    with index.batch():
        index.journal.settle([entry.id for entry in undone], "undone")
        photo_ids = [entry.photo_id for entry in undone if entry.photo_id is not None]
        index.estimates.undone(run.id, photo_ids)
        for entry in undone:
            now = entry_now(entry.path)
            if entry.photo_id is not None and now is not None:
                index.photos.rewritten(entry.photo_id, now)


def forget_estimates(paths: Sequence[str], index_path: Path | None, report: Report) -> Tally:
    """Takes every estimate that geotagger ever wrote out of the photos at or below `paths`, by the
    marks in the files; an index is not needed, but brought up to date where there is one."""
    tally = Tally()

    def tell(outcome: Outcome) -> None:
        tally.add(outcome)
        report(outcome)

    def problem(path: str, message: str) -> None:
        tell(Outcome(path, "failed", message))

    places = [os.path.realpath(path) for path in paths]
    folders = [place if os.path.isdir(place) else os.path.dirname(place) for place in places]
    known = index_exists(index_path)
    with lock(_outermost(folders)), open_index(index_path) if known else nullcontext() as index:
        for entry in walk(places, problem=problem):
            try:
                changed = metadata.forget(entry.path)
            except WriteError as error:
                tell(Outcome(entry.path, "failed", str(error), COULD_NOT_WRITE))
                continue
            if not changed:
                tell(Outcome(entry.path, "kept", "no estimate of geotagger is in it"))
                continue
            if index is not None:
                _forget_in_index(index, entry.path)
            tell(Outcome(entry.path, "written", "the estimate was taken out"))
    return tally


def _forget_in_index(index: Index, path: str) -> None:
    photo, now = index.photos.find(path), entry_now(path)
    if photo is None or now is None:
        return
    with index.batch():
        index.estimates.drop([photo.id], [rung for rung in RUNGS if rung not in OWN_FIXES])
        index.photos.rewritten(photo.id, now)
        index.learned.forget(photo.root_id, SETTLED)


def _outermost(folders: Iterable[str]) -> list[str]:
    """The folders without those that lie inside another of them."""
    outer: list[str] = []
    for folder in sorted(folders):
        if not is_at_or_below(folder, outer):
            outer.append(folder)
    return outer


def _chunks(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    source = iter(entries)
    while chunk := list(islice(source, size)):
        yield chunk
