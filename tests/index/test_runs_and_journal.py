import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geotagger.errors import UsageError
from geotagger.index import Index, open_index
from geotagger.index.journal import Intent
from geotagger.index.roots import Root


def test_a_run_is_listed_with_what_it_did(index: Index) -> None:
    model = index.runs.model_id("rn101-5k500", "1", "d")
    run = index.runs.begin("tag", {"paths": ["/a"], "within": 25.0}, model)
    assert (run.status, run.model, run.ended) == ("running", "rn101-5k500", None)
    index.runs.end(run.id, "done", {"written": 3})
    (listed,) = index.runs.latest()
    assert (listed.status, listed.counts, listed.arguments["within"]) == ("done", {"written": 3}, 25.0)
    assert listed.ended is not None


def test_runs_are_found_by_number_name_and_beginning(index: Index) -> None:
    runs = [index.runs.begin("tag", {}) for _ in range(3)]
    for run in runs:
        assert index.runs.find(str(run.id)).id == run.id
        assert index.runs.find(run.name).id == run.id
        assert index.runs.find(run.name[:13]).id == run.id
    with pytest.raises(UsageError, match="3 runs"):
        index.runs.find(runs[0].name[:9])
    with pytest.raises(UsageError, match="no run"):
        index.runs.find("nonsense")


def test_a_run_that_was_killed_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    code = (
        "import os, signal; from pathlib import Path; from geotagger.index import open_index;"
        f"open_index(Path({str(path)!r})).runs.begin('tag', {{}}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    with open_index(path, mode="read") as index:
        assert [run.status for run in index.runs.latest()] == ["crashed"]
    with open_index(path) as index:
        index.runs.begin("tag", {})
        assert [run.status for run in index.runs.latest()] == ["running", "crashed"]
        assert index.store.row("select status from runs where id = 1") == ("crashed",)


def test_a_number_that_another_process_has_now_does_not_keep_a_run_alive(index: Index) -> None:
    run = index.runs.begin("tag", {})
    index.store.execute("update runs set process = ? where id = ?", (f"{os.getpid()} 1", run.id))
    assert index.runs.latest()[0].status == "crashed"


def test_the_journal_tells_what_is_pending_and_what_can_be_undone(
    index: Index, recorded: Root, archive: Path
) -> None:
    photos = {Path(known.path).name: known for known in index.photos.in_time(recorded.id)}
    run = index.runs.begin("tag", {})
    names = ["a.jpg", "b.jpg", "d.jpg", "f.png"]
    ids = index.journal.intend(run.id, [Intent(photos[n].id, photos[n].path, n.encode()) for n in names])
    assert [entry.edit for entry in index.journal.pending()] == [n.encode() for n in names]
    assert index.runs.latest_undoable() is None
    index.journal.settle(ids[:3], "done")
    index.journal.settle(ids[3:], "abandoned")
    assert index.journal.pending() == []
    assert index.runs.latest_undoable() == index.runs.find(str(run.id))
    assert [entry.edit for entry in index.journal.done_by(run.id, chunk=2)] == [b"d.jpg", b"b.jpg", b"a.jpg"]
    below = index.journal.done_by(run.id, only=[str(archive / "2023"), str(archive / "a.jpg")])
    assert [entry.edit for entry in below] == [b"b.jpg", b"a.jpg"]
    for entry in index.journal.done_by(run.id, chunk=1):
        index.journal.settle([entry.id], "undone")
    assert list(index.journal.done_by(run.id)) == []


def test_an_entry_follows_its_photo_to_another_mount(index: Index, recorded: Root, archive: Path) -> None:
    photo = next(index.photos.in_time(recorded.id))
    run = index.runs.begin("tag", {})
    index.journal.settle(index.journal.intend(run.id, [Intent(photo.id, photo.path, b"")]), "done")
    new = archive.parent / "new"
    archive.rename(new)
    index.roots.root_for(str(new))
    (entry,) = index.journal.done_by(run.id)
    assert Path(entry.path).exists()


def test_an_entry_says_when_a_later_run_wrote_the_same_photo(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    first, second = index.runs.begin("tag", {}), index.runs.begin("place", {})
    for run in (first, second):
        index.journal.settle(index.journal.intend(run.id, [Intent(photo.id, photo.path, b"")]), "done")
    assert [entry.covered for entry in index.journal.done_by(first.id)] == [True]
    assert [entry.covered for entry in index.journal.done_by(second.id)] == [False]
    index.journal.settle([next(index.journal.done_by(second.id)).id], "undone")
    assert [entry.covered for entry in index.journal.done_by(first.id)] == [False]


def test_a_file_that_is_no_known_photo_keeps_its_path_in_the_journal(index: Index, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")
    run = index.runs.begin("place", {})
    index.journal.settle(index.journal.intend(run.id, [Intent(None, path, b"e")]), "done")
    assert [entry.path for entry in index.journal.done_by(run.id, [path])] == [path]
