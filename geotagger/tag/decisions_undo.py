"""The way back of what `review` decided in the index alone: verdicts, confirmations, corrections of clocks.

`undo` puts the bytes of photos back, this what the index remembers of the decision.
"""

from collections.abc import Mapping

from geotagger.index import Index
from geotagger.index.journal import Chosen, is_chosen
from geotagger.index.learned import CLOCKS, SETTLED
from geotagger.index.photos import IndexedPhoto
from geotagger.index.runs import Run
from geotagger.tag.outcome import Outcome, Report
from geotagger.tag.sampling import take_back

CLOCKS_BEFORE = "clocks_before"
"""Argument of a run of `review`: by root and camera the corrections that it replaced, null for none."""


def decided_in_index(index: Index, run: Run, wanted: Chosen) -> list[IndexedPhoto]:
    """The photos about which a run decided something that stands, and into which it wrote nothing that does;
    at or below `wanted`, where that says anything."""
    ids = [d.wish.photo_id for d in index.decisions.of_run(run.id) if d.wish.photo_id is not None]
    return [
        photo
        for photo in index.photos.get(ids)
        if is_chosen(photo.path, wanted)
        and not any(entry.run_id == run.id for entry in index.journal.done_in(photo.id))
    ]


def take_back_decisions(index: Index, run: Run, wanted: Chosen, tell: Report) -> None:
    """Call it when the files are as they were before the run: what it wrote nowhere is told."""
    photos = decided_in_index(index, run, wanted)
    ids = [photo.id for photo in photos]
    undone_in_files = index.journal.undone_by(run.id)
    with index.batch():
        index.estimates.unconfirm(run.id, ids)
        index.estimates.reinstate(run.id, ids)
        index.decisions.undone(run.id, ids)
        take_back(index, run, ids)
        for root_id in {photo.root_id for photo in photos}:
            index.learned.forget(root_id, SETTLED)
        if not wanted and not isinstance(wanted, frozenset):
            _set_clocks_back(index, run)
    for photo in photos:
        if photo.id not in undone_in_files:
            tell(Outcome(photo.path, "indexed", "the decision was taken back; only the index had it"))


def _set_clocks_back(index: Index, run: Run) -> None:
    before = run.arguments.get(CLOCKS_BEFORE)
    decisions = [d.wish for d in index.decisions.of_run(run.id) if d.wish.action == "clock"]
    for wish in decisions:
        if wish.root_id is None or wish.camera is None:
            continue
        kept = dict(index.learned.get(wish.root_id, CLOCKS) or {})
        if kept.get(wish.camera) != wish.shift_s:
            continue  # somebody has told it anew since
        earlier = before.get(str(wish.root_id), {}) if isinstance(before, Mapping) else {}
        shift_s = earlier.get(wish.camera)
        kept.pop(wish.camera)
        if isinstance(shift_s, int | float):
            kept[wish.camera] = float(shift_s)
        index.learned.put(wish.root_id, CLOCKS, kept)
        index.learned.forget(wish.root_id, SETTLED)
    index.decisions.clocks_undone(run.id)
