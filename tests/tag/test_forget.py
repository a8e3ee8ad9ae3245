"""`forget --estimates`: what it leaves in the photos, in the index, and of `undo`."""

import os
import random
from pathlib import Path

import pytest

import geotagger as library
from geotagger.index import open_index
from geotagger.tag.outcome import Outcome
from geotagger.tag.undo import forget_estimates
from tests.commands import Geotagger
from tests.tag.killing import run_and_kill, steps_of
from tests.tag.scenes import bytes_of, walk_through_town


def undoable(geotagger: Geotagger) -> dict[int, int]:
    return {run["run"]: run["undoable"] for run in geotagger("runs", "--json").records}


@pytest.mark.parametrize("mode", ["exif", "sidecar"])
def test_exact_bytes_come_back_where_the_journal_has_them(
    geotagger: Geotagger, tmp_path: Path, mode: str
) -> None:
    scene = walk_through_town(tmp_path / "photos", 8)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--write", mode)
    geotagger("tag", scene.folder, "--write", mode, "--again", "--within", "3")
    said = geotagger("forget", "--estimates", scene.folder, "--yes", "--json").by_name()
    assert {name for name, record in said.items() if record["status"] == "restored"} == scene.stripped
    assert bytes_of(scene.folder) == before
    assert geotagger("query", "--json", "--source", "neighbours").records == []


@pytest.mark.parametrize("mode", ["exif", "sidecar"])
def test_undo_says_that_forget_was_there_first(geotagger: Geotagger, tmp_path: Path, mode: str) -> None:
    scene = walk_through_town(tmp_path / "photos", 8)
    geotagger("tag", scene.folder, "--write", mode)
    geotagger("forget", "--estimates", scene.folder, "--yes")
    after = bytes_of(scene.folder)
    assert undoable(geotagger) == {1: 0}
    said = geotagger("undo", "1")
    assert "nothing of run 1 is left to undo" in said.err
    assert (
        f"`geotagger forget` has taken its estimates out of {len(scene.stripped)} of its photos" in said.err
    )
    assert "would place them again" not in said.err
    assert said.out == "Run 1, nothing undone: 0 photos\n"
    assert "nothing to undo" in geotagger("undo", "--yes", code=2).err
    assert bytes_of(scene.folder) == after


def test_undo_without_a_number_passes_over_a_forgotten_run(geotagger: Geotagger, tmp_path: Path) -> None:
    first = walk_through_town(tmp_path / "first", 4)
    second = walk_through_town(tmp_path / "second", 4)
    before = bytes_of(first.folder)
    geotagger("tag", first.folder)
    geotagger("tag", second.folder)
    geotagger("forget", "--estimates", second.folder, "--yes")
    assert undoable(geotagger) == {1: len(first.stripped), 2: 0}
    assert geotagger("undo", "--yes").out.startswith("Run 1, undone: ")
    assert bytes_of(first.folder) == before


def test_a_photo_that_was_changed_since_loses_the_estimate_only(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder)
    changed, whole = (scene.folder / name for name in sorted(scene.stripped))
    changed.write_bytes(changed.read_bytes() + b"appended")
    geotagger("forget", "--estimates", scene.folder, "--yes")
    assert changed.read_bytes().endswith(b"appended")
    assert b"geotagger" not in changed.read_bytes()
    assert whole.read_bytes() == before[whole.name]
    assert undoable(geotagger) == {1: 0}


def test_what_the_owner_placed_over_an_estimate_can_still_be_undone(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    geotagger("tag", scene.folder)
    estimated = bytes_of(scene.folder)
    one = scene.folder / min(scene.stripped)
    geotagger("place", "1,2", one)
    placed = one.read_bytes()
    geotagger("forget", "--estimates", scene.folder, "--yes")
    assert one.read_bytes() == placed
    assert undoable(geotagger) == {1: 1, 2: 1}
    geotagger("undo", "--yes")
    assert one.read_bytes() == estimated[one.name]


def test_undo_does_not_call_undone_what_was_as_before_already(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder)
    for name in scene.stripped:
        (scene.folder / name).write_bytes(before[name])
    said = geotagger("undo", "--yes")
    assert said.out == "Run 1, nothing undone: 2 photos; 2 kept: as it was before already\n"
    assert "would place them again" not in said.err
    assert undoable(geotagger) == {1: 0}


def test_nothing_below_a_folder_keeps_an_estimate_nor_does_the_index(tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    lowly, hidden = scene.folder / min(scene.stripped), scene.folder / ".hidden.jpg"
    os.rename(scene.folder / max(scene.stripped), hidden)
    index, before = tmp_path / "index.db", bytes_of(scene.folder)
    library.tag(scene.folder, index=index, model="none", min_confidence=1.0)
    library.place(hidden, 48.2, 16.37, index=index)
    library.undo(index=index)
    library.tag(hidden, index=index, model="none")
    with open_index(index) as opened:
        (photo,) = (p for p in opened.photos.in_time(1) if p.path == str(hidden))
        assert opened.journal.done_in(photo.id), "an estimate stands in the photo that no walk passes"
        (photo,) = (p for p in opened.photos.in_time(1) if p.path == str(lowly))
        assert opened.estimates.current(photo.id)
        assert not opened.journal.done_in(photo.id)
    planned = [o.path for o in forgotten_of(scene.folder, index, dry_run=True) if o.status == "planned"]
    assert planned == [str(hidden)]
    restored = [o.path for o in forgotten_of(scene.folder, index) if o.status == "restored"]
    assert restored == [str(hidden)]
    assert bytes_of(scene.folder) == before
    with open_index(index) as opened:
        rungs = opened.store.rows("select distinct rung from estimates")
        assert rungs == [("camera",)]


def test_what_was_guessed_is_guessed_again_by_the_next_run(tmp_path: Path) -> None:
    """Also where nothing was ever written; and under a place of the owner no guess is left."""
    scene, index = walk_through_town(tmp_path / "photos", 6, size=32), tmp_path / "index.db"
    estimates = "select photos.path, rung from estimates join photos on photos.id = photo_id order by 1, 2"

    def guessed() -> set[str]:
        library.tag(scene.folder, index=index, model="none", min_confidence=1.0)
        with open_index(index) as opened:
            return {path for path, rung in opened.store.rows(estimates) if rung == "neighbours"}

    assert guessed() == scene.stripped
    library.place(scene.folder / min(scene.stripped), 48.2, 16.37, index=index)
    forgotten_of(scene.folder, index)
    with open_index(index) as opened:
        assert {rung for _, rung in opened.store.rows(estimates)} == {"camera", "manual"}
    assert guessed() == scene.stripped - {min(scene.stripped)}


def test_a_pattern_is_no_photo(tmp_path: Path) -> None:
    """What cannot be undone is done to what was named, and not to what `query` would take it for."""
    scene, index = walk_through_town(tmp_path / "photos", 6, size=32), tmp_path / "index.db"
    library.tag(scene.folder, index=index, model="none")
    (tmp_path / "empty").mkdir()
    before = bytes_of(scene.folder)
    outcomes: list[Outcome] = []
    forget_estimates([str(tmp_path / "empty"), str(scene.folder / "IMG_*")], index, outcomes.append)
    assert [outcome.status for outcome in outcomes] == ["failed"]
    assert bytes_of(scene.folder) == before


def forgotten_of(folder: Path, index: Path, *, dry_run: bool = False) -> list[Outcome]:
    outcomes: list[Outcome] = []
    forget_estimates([str(folder)], index, outcomes.append, dry_run=dry_run)
    return outcomes


def test_forget_that_is_killed_at_any_step_is_finished_by_the_next(
    geotagger: Geotagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", geotagger.environment["XDG_STATE_HOME"])
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder)
    changed = scene.folder / max(scene.stripped)
    changed.write_bytes(changed.read_bytes() + b"appended")
    tagged, index = bytes_of(scene.folder), geotagger.index.read_bytes()

    def forget() -> None:
        forget_estimates([str(scene.folder)], geotagger.index, lambda _: None)

    steps = steps_of(forget)
    forgotten = before | {changed.name: changed.read_bytes()}
    assert bytes_of(scene.folder) == forgotten
    choose = random.Random(0)
    for at in sorted(choose.sample(range(1, steps + 1), min(steps, 25))):
        for name, content in tagged.items():
            (scene.folder / name).write_bytes(content)
        for part in geotagger.index.parent.glob(geotagger.index.name + "-*"):
            part.unlink()
        geotagger.index.write_bytes(index)
        run_and_kill(forget, at, choose.random() < 0.5)
        now = bytes_of(scene.folder)
        assert all(now[name] in (tagged[name], forgotten[name]) for name in tagged)
        forget()
        now = bytes_of(scene.folder)
        assert {name: now[name] for name in now if not name.startswith(".geotagger-")} == forgotten
        with open_index(geotagger.index) as opened:
            assert opened.runs.latest_undoable() is None
            assert not opened.store.rows("select 1 from estimates where written in ('exif', 'sidecar')")
