"""Carries out what the owner decided in `review`: through the same writer, journal and index as `tag` and
`place`.

A decision is carried out only where the estimate that its owner saw still counts; one that cannot be
carried out now waits. The whole is a run of its own, which `undo` takes back."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geotagger.archive import lock
from geotagger.errors import PhotoError
from geotagger.estimate.values import OWN_FIXES
from geotagger.index import Index, open_index
from geotagger.index.decisions import Decision
from geotagger.index.estimates import PhotoEstimate, StoredEstimate
from geotagger.index.learned import CLOCKS, SETTLED
from geotagger.index.photos import IndexedPhoto
from geotagger.index.roots import Root
from geotagger.index.runs import Run, Status
from geotagger.tag.deciding import as_it_is, outcome_of
from geotagger.tag.decisions_undo import CLOCKS_BEFORE
from geotagger.tag.listener import Listener
from geotagger.tag.naming import name_what_was_placed
from geotagger.tag.outcome import Outcome, Report, Tally
from geotagger.tag.place import known_now
from geotagger.tag.reading import known_place
from geotagger.tag.sampling import SAMPLED_BEFORE, correction_of, judge, learn
from geotagger.tag.writing import Job, Writer, is_away, repair
from geotagger.writing import Writing

STALE = "its place is another one since you decided; look again"
OWN_PLACE = "has a position of its own, which a decision does not replace"
AWAY = "its archive is not there now; the decision waits until it is"


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """`run` is None where nothing was to be done. `lesson`: what a sample taught, in a line."""

    run: Run | None
    tally: Tally
    lesson: str | None = None


def carry_out(index_path: Path | None, writing: Writing, report: Report, *, wait: bool = False) -> CarriedOut:
    """All that waits. Raises ArchiveBusyError when another run holds an archive; everything then waits on."""
    tally = Tally()

    def tell(outcome: Outcome) -> None:
        tally.add(outcome)
        report(outcome)

    with open_index(index_path) as index:
        pending = index.decisions.pending()
        if not pending:
            return CarriedOut(None, tally)
        by_root = _by_root(index, pending)
        there = [root.path for root in by_root if os.path.isdir(root.path)]
        stands = correction_of(index)
        with lock(there, wait=wait):
            run = index.runs.begin(
                "review",
                {
                    "decisions": len(pending),
                    CLOCKS_BEFORE: _clocks(index, by_root),
                    SAMPLED_BEFORE: None if stands is None else stands.to_dict(),
                },
            )
            ended: Status = "failed"
            try:
                for root, decisions in by_root.items():
                    _Room(index, run, root, writing, tell).carry_out(decisions)
                ended = "done"
            finally:
                index.runs.end(run.id, ended, dict(tally.statuses))
            judge(index, index.decisions.of_run(run.id))
            lesson = learn(index, run)
        return CarriedOut(index.runs.find(str(run.id)), tally, lesson)


def _by_root(index: Index, decisions: Sequence[Decision]) -> dict[Root, list[Decision]]:
    roots = {root.id: root for root in index.roots.all()}
    ids = [d.wish.photo_id for d in decisions if d.wish.photo_id is not None]
    root_of = {photo.id: photo.root_id for photo in index.photos.get(ids)}
    by_root: dict[Root, list[Decision]] = {}
    for decision in decisions:
        wish = decision.wish
        root_id = wish.root_id if wish.photo_id is None else root_of.get(wish.photo_id)
        if root_id in roots:
            by_root.setdefault(roots[root_id], []).append(decision)
    return by_root


def _clocks(index: Index, by_root: dict[Root, list[Decision]]) -> dict[str, dict[str, float | None]]:
    """The corrections that stand before those of this run."""
    before: dict[str, dict[str, float | None]] = {}
    for root, decisions in by_root.items():
        stands = index.learned.get(root.id, CLOCKS) or {}
        cameras = [d.wish.camera for d in decisions if d.wish.action == "clock" and d.wish.camera]
        if cameras:
            before[str(root.id)] = {camera: stands.get(camera) for camera in cameras}
    return before


@dataclass(frozen=True)
class _Step:
    """One decision that can be carried out: the job of writing it, None where it is of the index alone."""

    decision: Decision
    outcome: Outcome
    job: Job | None = None


class _Room:
    """The decisions about one archive root."""

    def __init__(self, index: Index, run: Run, root: Root, writing: Writing, tell: Report) -> None:
        self._index, self._run, self._root, self._writing, self._tell = index, run, root, writing, tell

    def carry_out(self, decisions: Sequence[Decision]) -> None:
        index, run = self._index, self._run
        self._set_clocks([d for d in decisions if d.wish.action == "clock"])
        about_photos = [d for d in decisions if d.wish.photo_id is not None]
        if not about_photos:
            return
        paths = {
            photo.id: photo.path for photo in index.photos.get([d.wish.photo_id or 0 for d in about_photos])
        }
        if is_away(index, os.path.join(self._root.path, "photo")):
            for decision in about_photos:
                self._tell(Outcome(paths[decision.wish.photo_id or 0], "failed", AWAY, AWAY))
            return
        repair(index, [self._root.path], self._tell)
        if self._writing.sidecar_folder is not None:
            index.learned.add_sidecar_folder(self._root.id, str(self._writing.sidecar_folder))
        steps: list[_Step] = []
        with index.batch():
            for decision in about_photos:
                step = self._step(decision, paths[decision.wish.photo_id or 0])
                if step is not None:
                    steps.append(step)
            # before anything is written: whatever cuts the run off, a rejected place stays rejected
            index.decisions.carry_out(run.id, [step.decision for step in steps])
        unwritten: set[str] = set()

        def noticing(outcome: Outcome) -> None:
            if outcome.status not in ("written", "restored"):
                unwritten.add(outcome.path)
            self._tell(outcome)

        jobs = [step.job for step in steps if step.job is not None]
        Writer(index, run.id, run.name, self._writing, noticing).write(jobs)
        put_off = [step for step in steps if step.job is not None and step.outcome.path in unwritten]
        with index.batch():
            index.estimates.not_written(run.id, [step.decision.wish.photo_id or 0 for step in put_off])
            index.decisions.put_off([step.decision for step in put_off])
        placed = [job.photo_id for job in jobs]
        name_what_was_placed(index, run.id, self._root.id, placed, self._writing, Listener(), self._tell)
        for step in steps:
            if step.job is None:
                self._tell(step.outcome)
        index.learned.forget(self._root.id, SETTLED)

    def _set_clocks(self, decisions: Sequence[Decision]) -> None:
        if not decisions:
            return
        index = self._index
        kept = dict(index.learned.get(self._root.id, CLOCKS) or {})
        for decision in decisions:
            if decision.wish.camera and decision.wish.shift_s is not None:
                kept[decision.wish.camera] = decision.wish.shift_s
        with index.batch():
            index.learned.put(self._root.id, CLOCKS, kept)
            index.learned.forget(self._root.id, SETTLED)
            index.decisions.carry_out(self._run.id, decisions)

    def _step(self, decision: Decision, path: str) -> _Step | None:
        """What is to be done; None where nothing can be, which is told."""
        index, wish = self._index, decision.wish
        if not os.path.isfile(path):
            self._tell(Outcome(path, "failed", "there is no such file", "no such file"))
            index.decisions.drop([decision.id])
            return None
        try:
            photo = known_now(index, self._root, path)
        except PhotoError as error:
            self._tell(Outcome(path, "failed", error.about(path), "could not be read"))
            return None
        current = index.estimates.current(photo.id)
        if (None if current is None else current.id) != wish.seen_estimate:
            self._tell(as_it_is(photo, "kept", STALE))
            index.decisions.drop([decision.id])
            return None
        if wish.action in ("aside", "reopen"):
            word = "set aside" if wish.action == "aside" else "open again"
            return _Step(decision, as_it_is(photo, "indexed", word))
        if photo.rung in OWN_FIXES and (wish.action != "move" or photo.rung != "manual"):
            self._tell(as_it_is(photo, "kept", OWN_PLACE))
            index.decisions.drop([decision.id])
            return None
        if wish.action == "confirm" and current is not None:
            return self._confirm(decision, photo, current)
        if wish.action == "reject":
            return self._reject(decision, photo, current)
        return self._move(decision, photo)

    def _confirm(self, decision: Decision, photo: IndexedPhoto, current: StoredEstimate) -> _Step:
        """The circle stays as it is; from now on it is a fix of its radius."""
        index, run = self._index, self._run
        outcome = outcome_of(photo.path, "written", current.estimate)
        outcome = replace(outcome, reason="confirmed", model=None)
        if current.written is not None or self._writing.mode == "none":
            index.estimates.confirm(run.id, [photo.id])
            where = "it holds the place already" if current.written else "nothing is written into photos"
            return _Step(decision, replace(outcome, status="indexed", reason=f"confirmed; {where}"))
        index.estimates.set_aside(run.id, [photo.id])
        placed = PhotoEstimate(photo.id, current.estimate, current.model_id, support=current.support)
        index.estimates.put(run.id, [placed])
        index.estimates.confirm(run.id, [photo.id])
        return _Step(decision, outcome, Job(photo.id, current.estimate, outcome))

    def _reject(self, decision: Decision, photo: IndexedPhoto, current: StoredEstimate | None) -> _Step:
        outcome = Outcome(photo.path, "restored", "rejected", "rejected")
        if current is not None and current.written in ("exif", "sidecar"):
            if self._writing.mode != "none":
                self._index.estimates.set_aside(self._run.id, [photo.id])
                return _Step(decision, outcome, Job(photo.id, None, outcome))
            why = "rejected; nothing is written into photos, so its place still stands there"
            return _Step(decision, as_it_is(photo, "indexed", why))
        self._index.estimates.set_aside(self._run.id, [photo.id])
        return _Step(decision, Outcome(photo.path, "indexed", "rejected; only the index had its place"))

    def _move(self, decision: Decision, photo: IndexedPhoto) -> _Step:
        wish = decision.wish
        place = known_place(wish.latitude or 0.0, wish.longitude or 0.0, "manual", wish.radius_km or 0.1)
        self._index.estimates.put(self._run.id, [PhotoEstimate(photo.id, place)])
        outcome = replace(outcome_of(photo.path, "written", place), reason="placed by you")
        if self._writing.mode == "none":
            return _Step(decision, replace(outcome, status="indexed"))
        return _Step(decision, outcome, Job(photo.id, place, outcome))
