"""The way back: `geotagger undo` and `geotagger forget`."""

import itertools
import os
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from geotagger import metadata
from geotagger.archive import PassedOver, file_entry, is_at_or_below, lock, mirrored, sidecar_files, walk
from geotagger.errors import ArchiveError, WriteError
from geotagger.estimate.values import OWN_FIXES, RUNGS
from geotagger.index import Index, index_exists, open_index
from geotagger.index.journal import Chosen, JournalEntry, is_chosen
from geotagger.index.learned import SETTLED
from geotagger.index.photos import IndexedPhoto
from geotagger.index.runs import Run
from geotagger.index.store import Mode
from geotagger.metadata import Edit, restore, settle, sweep_temporaries, sync_folders
from geotagger.tag.chunks import chunks
from geotagger.tag.decisions_undo import decided_in_index, take_back_decisions
from geotagger.tag.outcome import COULD_NOT_WRITE, Outcome, Report, Status, Tally
from geotagger.tag.writing import GROUP, edit_of, keep_as_unchanged, repair, target_now


def undo(index: Index, run: Run, only: Chosen, report: Report, *, wait: bool = False) -> Tally:
    """Puts back the exact bytes of before `run`, of all its photos or of `only` some."""
    tally = Tally()

    def tell(outcome: Outcome) -> None:
        tally.add(outcome)
        report(outcome)

    wanted = only if isinstance(only, frozenset) else [os.path.realpath(path) for path in only]
    folders = sorted({os.path.dirname(entry.path) for entry in index.journal.done_by(run.id, wanted)})
    if not folders:
        take_back_decisions(index, run, wanted, tell)
        return tally
    there = [folder for folder in folders if os.path.isdir(folder)]
    if not there:
        raise ArchiveError(f"{folders[0]}: it is not there now, nothing was changed; is its disk mounted?")
    with lock(_outermost(there), wait=wait):
        repair(index, folders, tell)
        for folder in folders:
            for place in (folder, *(mirrored(one, folder) for one in index.learned.sidecar_folders(folder))):
                sweep_temporaries(place)
        for entries in chunks(index.journal.done_by(run.id, wanted), GROUP):
            _undo_group(index, run, entries, tell)
        take_back_decisions(index, run, wanted, tell)
        for root in index.roots.all():
            if any(is_at_or_below(folder, [root.path]) for folder in folders):
                index.learned.forget(root.id, SETTLED)
    return tally


_COVERED = "a later run wrote it again; undo that one first"
_ALREADY = "as it was before already"

_FORESEEN = {
    "new": "it would be as it was before",
    "old": "it is as it was before already",
    "other": "it was changed since; only the position would go, where it is still the one written",
}


def foresee_undo(index: Index, run: Run, only: Chosen, report: Report) -> Tally:
    """What `undo` would do; nothing is changed, not even the index."""
    tally = Tally()
    outcomes: dict[str, Outcome] = {}
    wanted = only if isinstance(only, frozenset) else [os.path.realpath(path) for path in only]
    unsettled = index.journal.pending_of(run.id) if run.unsettled else []
    asked_for = [entry for entry in unsettled if is_chosen(entry.path, wanted)]
    for entry in itertools.chain(asked_for, index.journal.done_by(run.id, wanted)):
        outcome = _foreseen(entry)
        if outcome.status != "planned" or entry.path not in outcomes:
            outcomes[entry.path] = outcome
    for photo in decided_in_index(index, run, wanted):
        reason = "dry run: the decision would be taken back"
        outcomes.setdefault(photo.path, Outcome(photo.path, "skipped", reason))
    for outcome in outcomes.values():
        tally.add(outcome)
        report(outcome)
    return tally


def _foreseen(entry: JournalEntry) -> Outcome:
    if entry.covered:
        return Outcome(entry.path, "kept", _COVERED)
    try:
        edit = edit_of(entry)
        target = target_now(edit, entry.path)
        state = settle(edit, target, photo=entry.path)
    except WriteError as error:
        return Outcome(entry.path, "failed", error.about(entry.path), COULD_NOT_WRITE)
    if state == "missing":
        return Outcome(entry.path, "kept", _of(target, entry, "it is no longer there"), "changed since")
    status: Status = "kept" if state == "old" else "planned"
    return Outcome(entry.path, status, f"dry run: {_FORESEEN[state]}", _FORESEEN[state])


def _undo_group(index: Index, run: Run, entries: Sequence[JournalEntry], tell: Report) -> None:
    undone: list[JournalEntry] = []
    touched: list[str] = []
    outcomes: dict[str, Outcome] = {}
    photos = index.photos.get([entry.photo_id for entry in entries if entry.photo_id is not None])
    # another's change must stay one for the next run, which reads what else it changed
    as_recorded = {p.id for p in photos if _is_as_recorded(p, index.learned.sidecar_folders(p.path))}
    for entry in entries:
        outcome = _put_back(entry, touched)
        if _is_back(outcome):
            undone.append(entry)
        outcome_there = outcomes.get(entry.path)
        if outcome_there is None or outcome_there.group == _ALREADY or not _is_back(outcome):
            outcomes[entry.path] = outcome  # of a photo and its sidecar, the one that went wrong
    sync_folders(touched)
    with index.batch():
        index.journal.settle([entry.id for entry in undone], "undone")
        whole = [entry for entry in undone if _is_back(outcomes[entry.path])]
        photo_ids = [entry.photo_id for entry in whole if entry.photo_id is not None]
        index.estimates.undone(run.id, photo_ids)
        index.named.undone(run.id, photo_ids)
        for entry in undone:
            if entry.photo_id in as_recorded:
                keep_as_unchanged(index, entry.photo_id, entry.path)
    # names were written after all positions: of a photo that has both, the position is still to come
    later = {
        entry.path
        for entry in undone
        if entry.photo_id is not None
        and any(other.run_id == run.id for other in index.journal.done_in(entry.photo_id))
    }
    for path, outcome in outcomes.items():
        if path not in later or not _is_back(outcome):
            tell(outcome)


def _is_back(outcome: Outcome) -> bool:
    return outcome.status == "restored" or outcome.group == _ALREADY


def _put_back(entry: JournalEntry, touched: list[str]) -> Outcome:
    """Undoes one edit. What is not done stays in the journal as it was: the file still holds it."""
    if entry.covered:
        return Outcome(entry.path, "kept", _COVERED)
    try:
        edit = edit_of(entry)
        target = target_now(edit, entry.path)
        done = restore(edit, target, photo=entry.path)
    except WriteError as error:
        return Outcome(entry.path, "failed", error.about(entry.path), COULD_NOT_WRITE)
    reason = done.reason and _of(target, entry, done.reason)
    if done.folder is not None:
        touched.append(done.folder)
    if done.status == "kept":
        return Outcome(entry.path, "kept", reason, "changed since")
    if done.status == "unchanged":
        return Outcome(entry.path, "kept", "it is as it was before already", _ALREADY)
    return Outcome(entry.path, "restored", reason or "as it was before")


def _of(target: str, entry: JournalEntry, reason: str) -> str:
    """Of a photo's sidecar it is said that it is the sidecar."""
    return reason if target == entry.path else f"{target}: {reason}"


def forget_estimates(
    paths: Sequence[str],
    index_path: Path | None,
    report: Report,
    *,
    sidecar_folder: Path | None = None,
    wait: bool = False,
    dry_run: bool = False,
) -> Tally:
    """Takes every estimate that geotagger ever wrote out of the photos and sidecars at or below `paths`,
    and out of their sidecars in `sidecar_folder` and wherever the index knows of. What the journal can undo
    is undone, the rest goes by the marks in the files; an index is not needed, but brought up to date where
    there is one, guesses that were never written go from it, too, and no run can put those estimates back or
    undo them any more. With `dry_run` only says which."""
    tally = Tally()
    standing: set[str] = set()  # with estimates in them still: told of once

    def tell(outcome: Outcome) -> None:
        if outcome.status in ("failed", "planned"):
            standing.add(outcome.path)
        tally.add(outcome)
        report(outcome)

    def problem(left: PassedOver) -> None:
        tell(Outcome(left.path, "failed", left.reason))

    places = [os.path.realpath(path) for path in paths]
    folders = [place if os.path.isdir(place) else os.path.dirname(place) for place in places]
    locked = nullcontext() if dry_run else lock(_outermost(folders), wait=wait)
    has_index = index_exists(index_path)
    mode: Mode = "read" if dry_run else "write"
    with locked, open_index(index_path, mode=mode) if has_index else nullcontext() as index:
        take_out = partial(_foreseen_without, set()) if dry_run else partial(_forgotten, index)
        if index is not None and not dry_run:
            repair(index, places, tell)
        elsewhere = [] if sidecar_folder is None else [str(sidecar_folder)]
        if index is not None:
            for place in places:
                elsewhere += index.learned.sidecar_folders(place)
        elsewhere = list(dict.fromkeys(elsewhere))
        photos = (entry.path for entry in walk(places, problem=problem))
        swept: set[str] = set()
        for group in chunks(photos, GROUP):
            for folder in {os.path.dirname(path) for path in group} - swept if not dry_run else ():
                sweep_temporaries(folder)
                swept.add(folder)
            for path, outcome in take_out(group, elsewhere).items():
                tell(outcome or Outcome(path, "kept", "no estimate of geotagger is in it"))
        # a sidecar tells where a photo was taken also when the photo is gone
        sidecars = sidecar_files([*places, *(mirrored(one, place) for one in elsewhere for place in places)])
        for group in chunks(sidecars, GROUP):
            for outcome in take_out(group, ()).values():
                if outcome is not None:
                    tell(outcome)
        if index is not None:
            # what no walk passes: a hidden photo, say, that was named when it was placed
            there = filter(os.path.exists, index.estimates.written_below(places))
            for group in chunks((path for path in there if path not in standing), GROUP):
                for outcome in take_out(group, elsewhere).values():
                    if outcome is not None:
                        tell(outcome)
        if index is not None and not dry_run:
            for root_id in index.estimates.forget_guesses(places):
                index.learned.forget(root_id, SETTLED)
            _forget_tracks(index, places)
            index.texts.forget(places)
    return tally


def _forget_tracks(index: Index, places: Sequence[str]) -> None:
    """Where photos of these places were is in the tracks, too, of archives that are to be forgotten whole."""
    whole = {root.id for root in index.roots.all() if is_at_or_below(root.path, places)}
    concerned = [track for track in index.tracks.listed() if track.root_id in whole]
    index.tracks.forget(concerned)
    for root_id in {track.root_id for track in concerned}:
        index.learned.forget(root_id, SETTLED)


def _forgotten(
    index: Index | None, paths: Sequence[str], sidecar_folders: Sequence[str]
) -> dict[str, Outcome | None]:
    """What became of some photos or sidecars; None of those that hold no estimate."""
    outcomes: dict[str, Outcome | None] = {}
    touched: list[str] = []
    settled: list[tuple[_Remembered, bool]] = []
    for path in paths:
        touched_before = len(touched)
        try:
            remembered = None if index is None else _remembered(index, path, sidecar_folders)
            if remembered is not None:
                _undo_estimates(remembered, touched)
            touched += map(os.path.dirname, metadata.forget(path, sidecar_folders))
        except WriteError as error:
            outcomes[path] = Outcome(path, "failed", error.about(path), COULD_NOT_WRITE)
            continue
        is_changed = len(touched) > touched_before
        outcomes[path] = Outcome(path, "restored", "the estimate was taken out") if is_changed else None
        # an estimate without a change: a run that was cut off had taken it out already
        if remembered is not None and (is_changed or remembered.estimates):
            settled.append((remembered, is_changed))
    sync_folders(touched)
    if index is not None:
        with index.batch():
            for remembered, is_changed in settled:
                _forget_in_index(index, remembered, is_changed)
    return outcomes


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What the index knows of a photo that is to lose its estimates: what the journal has of them, newest
    first, without those that a place of the owner was written over; and whether the file is as recorded."""

    photo: IndexedPhoto
    estimates: list[tuple[JournalEntry, Edit]]
    is_as_recorded: bool


def _remembered(index: Index, path: str, sidecar_folders: Sequence[str]) -> _Remembered | None:
    photo = index.photos.find(path)
    if photo is None:
        return None
    estimates: list[tuple[JournalEntry, Edit]] = []
    of_the_owner: set[str] = set()
    for entry in index.journal.done_in(photo.id):
        edit = edit_of(entry)
        target = target_now(edit, entry.path)
        if not edit.is_estimate:
            of_the_owner.add(target)
        elif target not in of_the_owner:
            estimates.append((entry, edit))
    return _Remembered(photo, estimates, _is_as_recorded(photo, sidecar_folders))


def _is_as_recorded(photo: IndexedPhoto, sidecar_folders: Sequence[str]) -> bool:
    try:
        now = file_entry(photo.path, sidecar_folders)
    except OSError:
        return False
    recorded = (photo.size, photo.mtime_ns, photo.sidecar_mtime_ns)
    return recorded == (now.size, now.mtime_ns, now.sidecar_mtime_ns)


def _undo_estimates(remembered: _Remembered, touched: list[str]) -> None:
    """Puts back the exact bytes from before the estimates; out of a file that was changed since only
    their positions go."""
    for entry, edit in remembered.estimates:
        done = restore(edit, target_now(edit, entry.path), photo=entry.path)
        if done.folder is not None:
            touched.append(done.folder)


def _forget_in_index(index: Index, remembered: _Remembered, is_changed: bool) -> None:
    photo = remembered.photo
    index.journal.settle([entry.id for entry, _ in remembered.estimates], "forgotten")
    index.estimates.drop([photo.id], [rung for rung in RUNGS if rung not in OWN_FIXES])
    if is_changed and remembered.is_as_recorded:
        keep_as_unchanged(index, photo.id, photo.path)
    index.learned.forget(photo.root_id, SETTLED)


def _foreseen_without(
    named_already: set[str], paths: Sequence[str], sidecar_folders: Sequence[str]
) -> dict[str, Outcome | None]:
    """What would become of some photos or sidecars, but of those `named_already` with their photos."""
    outcomes: dict[str, Outcome | None] = {}
    for path in paths:
        if os.path.realpath(path) in named_already:
            continue
        try:
            targets = metadata.would_forget(path, sidecar_folders)
        except WriteError as error:
            outcomes[path] = Outcome(path, "failed", error.about(path), COULD_NOT_WRITE)
            continue
        named_already.update(map(os.path.realpath, targets))
        outcomes[path] = (
            Outcome(path, "planned", "dry run: the estimate would be taken out", "it would be taken out")
            if targets
            else None
        )
    return outcomes


def _outermost(folders: Iterable[str]) -> list[str]:
    """The folders without those that lie inside another of them."""
    outer: list[str] = []
    for folder in sorted(folders):
        if not is_at_or_below(folder, outer):
            outer.append(folder)
    return outer
