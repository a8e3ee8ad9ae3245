"""What there is to undo: runs that were cut off are settled first, and the run that is meant is found."""

import os
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from geotagger.archive import is_along, is_at_or_below, lock, mirrored
from geotagger.errors import ArchiveBusyError, UsageError
from geotagger.index import Index
from geotagger.index.runs import Run
from geotagger.metadata import sweep_temporaries
from geotagger.tag.outcome import Report
from geotagger.tag.writing import is_away, repair

_POLL_S = 0.5


def settle_cut_off(index: Index, report: Report, *, wait: bool = False) -> list[str]:
    """Finds out what runs that were cut off have written, so that it can be undone; the lines that say
    which archives were looked at, and which could not be. Writes nothing but the index, and removes
    half-made files."""
    lines = []
    waiting = {_archive_of(index, entry.path) for entry in index.journal.pending()}
    crashed = {_archive_of(index, entry.path) for run in index.runs.cut_off()
               for entry in index.journal.pending_of(run.id)}  # fmt: skip
    for place in sorted(waiting):
        if is_away(index, os.path.join(place, "photo")):
            lines.append(
                f"{place}: not there now; what a run that was cut off did there is settled when it is"
            )
            continue
        try:
            with lock(place, wait=wait):
                settled = repair(index, [place], report)
                _sweep(index, place)
        except ArchiveBusyError:
            if place in crashed:
                raise
            continue  # a run that goes on knows what it is about to do
        if settled:
            lines.append(f"{place}: an earlier run was cut off; {settled} photos were checked")
    _sweep_after(index, index.runs.newly_crashed(), waiting)
    return lines


def _sweep_after(index: Index, crashed: Sequence[Run], swept: Collection[str]) -> None:
    """A run may be killed with half-made files beside photos and nothing in the journal yet."""
    for run in crashed:
        paths = run.arguments.get("paths")
        named_paths = [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []
        below = [os.path.realpath(path) for path in named_paths]
        for root in index.roots.all():
            concerns = not below or is_along(root.path, below)
            if concerns and root.path not in swept and os.path.isdir(root.path):
                with suppress(ArchiveBusyError), lock(root.path):  # whoever works there sweeps by itself
                    _sweep(index, root.path)
    index.runs.mark_crashed(crashed)


def _sweep(index: Index, place: str) -> None:
    elsewhere = index.learned.sidecar_folders(place)
    for folder in index.photos.folders(place):
        for one in (folder, *(mirrored(other, folder) for other in elsewhere)):
            sweep_temporaries(one)


def _archive_of(index: Index, path: str) -> str:
    holding = [root.path for root in index.roots.all() if is_at_or_below(path, [root.path])]
    return max(holding, key=len, default=os.path.dirname(path))


def run_to_undo(index: Index, named: str | None, *, wait: bool = False) -> Run:
    """The run of that number or name, or the newest that wrote something. UsageError for none,
    ArchiveBusyError for one that is under way and has recorded nothing yet, unless it is to be waited for."""
    while True:
        under_way = index.runs.under_way()
        try:
            run = _run_to_undo(index, named)
        except UsageError:
            if named is not None or not under_way:
                raise
            run = under_way[0]
        if run.written or run.id not in {one.id for one in under_way}:
            return run
        if not wait:
            raise ArchiveBusyError(
                f"run {run.id} ({run.command}) is still at work and has recorded no photo yet; nothing was "
                "changed; wait for it to end, or run again with --wait"
            )
        time.sleep(_POLL_S)


def _run_to_undo(index: Index, named: str | None) -> Run:
    if named is not None:
        return index.runs.find(named)
    latest = index.runs.latest_undoable()
    cut_off = next(iter(index.runs.cut_off()), None)
    if cut_off is not None and (latest is None or latest.id < cut_off.id):
        return cut_off
    decided = index.decisions.latest_run()
    if decided is not None and (latest is None or latest.id < decided):
        return index.runs.find(str(decided))
    if latest is None:
        raise UsageError("there is nothing to undo: no photo holds what a run wrote")
    return latest
