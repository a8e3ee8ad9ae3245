"""What a killed run has written is known to every command that comes next, before any other `tag`."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest

from geotagger.index import open_index
from tests.commands import Geotagger
from tests.tag.scenes import Scene, bytes_of, walk_through_town
from tests.tag.test_crash import tag_scene


@pytest.fixture
def cut_off(
    geotagger: Geotagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Scene, dict[str, bytes]]:
    """An archive whose `tag` was killed when some photos had changed and none was recorded."""
    monkeypatch.setenv("XDG_STATE_HOME", geotagger.environment["XDG_STATE_HOME"])
    scene = walk_through_town(tmp_path / "photos", 12, size=32)
    old = bytes_of(scene.folder)
    tag_until_photos_changed(scene, geotagger.index, 3)
    assert sum(photos_changed(scene, old)) >= 3
    with open_index(geotagger.index, mode="read") as index:
        assert index.journal.pending()
        assert index.runs.latest_undoable() is None
    return scene, old


def tag_until_photos_changed(scene: Scene, index: Path, count: int) -> None:
    """`tag` in a child that is killed when so many photos have changed."""
    child = os.fork()
    if child == 0:
        plain, changed, turn = os.replace, [0], threading.Lock()

        def replace(*names: str) -> None:
            with turn:
                plain(*names)
                changed[0] += 1
                if changed[0] == count:
                    os.kill(os.getpid(), signal.SIGKILL)

        os.replace = replace  # type: ignore[assignment]
        try:
            tag_scene(scene, index)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def photos_changed(scene: Scene, old: dict[str, bytes]) -> list[bool]:
    return [(scene.folder / name).read_bytes() != content for name, content in old.items()]


@pytest.mark.parametrize("named", [(), ("1",)])
def test_undo_straight_after_a_kill_puts_back_every_byte(
    geotagger: Geotagger, cut_off: tuple[Scene, dict[str, bytes]], named: tuple[str, ...]
) -> None:
    scene, old = cut_off
    said = geotagger("undo", *named, "--yes")
    assert "an earlier run was cut off" in said.err
    assert bytes_of(scene.folder) == old, "no temporary file either"
    assert geotagger("runs", "--json").records[0]["unsettled"] == 0


def test_forget_straight_after_a_kill_leaves_no_estimate(
    geotagger: Geotagger, cut_off: tuple[Scene, dict[str, bytes]]
) -> None:
    scene, old = cut_off
    geotagger("forget", "--estimates", scene.folder, "--yes")
    assert bytes_of(scene.folder) == old


@pytest.mark.parametrize(
    "command",
    [("runs",), ("query",), ("status",), ("why", "IMG_0001.jpg"), ("undo", "--dry-run"),
     ("tag", "--model", "none", "--dry-run")],
    ids=lambda command: command[0],
)  # fmt: skip
def test_what_only_looks_says_what_is_to_be_settled_and_writes_nothing(
    geotagger: Geotagger, cut_off: tuple[Scene, dict[str, bytes]], command: tuple[str, ...]
) -> None:
    scene, _ = cut_off
    photos, index = bytes_of(scene.folder), contents_of(geotagger.index)
    more = [scene.folder] if command[0] == "tag" else []
    told = [scene.folder / word if word.endswith(".jpg") else word for word in command]
    said = geotagger(*told, *more, code=None)
    assert "was cut off, " in said.err
    assert "to be settled by " in said.err
    assert bytes_of(scene.folder) == photos
    assert contents_of(geotagger.index) == index


def contents_of(index: Path) -> list[object]:
    with open_index(index, mode="read") as opened:
        return [
            opened.store.rows(f"select * from {name}") for name in ("journal", "runs", "photos", "estimates")
        ]


def test_a_dry_run_of_undo_names_every_photo_that_was_changed(
    geotagger: Geotagger, cut_off: tuple[Scene, dict[str, bytes]]
) -> None:
    scene, old = cut_off
    said = geotagger("undo", "--dry-run", "--json").by_name()
    changed = {name for name, is_changed in zip(old, photos_changed(scene, old), strict=True) if is_changed}
    assert {
        name for name, r in said.items() if r["reason"].endswith("it would be as it was before")
    } == changed


def test_what_was_cut_off_on_a_disk_that_is_away_waits_for_it(
    geotagger: Geotagger, cut_off: tuple[Scene, dict[str, bytes]]
) -> None:
    scene, old = cut_off
    away = scene.folder.with_name("away")
    scene.folder.rename(away)
    for mount_point_is_left in (False, True):
        if mount_point_is_left:
            scene.folder.mkdir()
        said = geotagger("undo", "--yes", code=None)
        assert "not there now" in said.err
        assert geotagger("runs", "--json").records[0]["unsettled"] > 0, "nothing is concluded from no files"
    scene.folder.rmdir()
    away.rename(scene.folder)
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == old


def test_undo_and_runs_beside_a_running_tag_leave_it_alone(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 200, size=32)
    old = bytes_of(scene.folder)
    running = geotagger.start("tag", "--model", "none", scene.folder)
    deadline = time.monotonic() + 60
    while not any(photos_changed(scene, old)) and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.002)
    stop_between_writes(running, geotagger.index)
    try:
        assert running.poll() is None, "it ended before it could be stopped"
        assert "cut off" not in geotagger("runs").err
        said = geotagger("undo", "--yes", code=4)
        assert "cut off" not in said.err
    finally:
        running.send_signal(signal.SIGCONT)
    running.communicate(timeout=120)
    assert running.returncode == 0
    assert geotagger("query", "--json", "--source", "neighbours").records
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == old


def test_a_folder_that_is_gone_does_not_keep_the_rest_from_being_undone(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos" / "here", 6)
    walk_through_town(tmp_path / "photos" / "gone", 6)
    old = bytes_of(scene.folder)
    geotagger("tag", tmp_path / "photos")
    shutil.rmtree(tmp_path / "photos" / "gone")
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == old


def test_a_full_disk_under_the_index_is_no_reason_to_deny_what_was_written(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """The index cannot take the outcomes: as when its disk filled behind the intents."""
    scene = walk_through_town(tmp_path / "photos", 12, size=32)
    old = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--dry-run")
    code = (
        "from geotagger.index.journal import Journal\n"
        "from geotagger.errors import IndexUnusableError\n"
        "def full(*_): raise IndexUnusableError('the disk that holds the index is full')\n"
        "Journal.settle = full\n"
        "from geotagger.__main__ import main; main()\n"
    )
    run = geotagger.command("tag", "--model", "none", scene.folder)
    done = subprocess.run(
        [run[0], "-c", code, *run[3:]],
        env=geotagger.environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert any(photos_changed(scene, old))
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == old


@pytest.mark.parametrize("named", [(), ("1",)])
def test_undo_beside_a_tag_that_has_recorded_nothing_yet_is_told_that_it_is_busy(
    geotagger: Geotagger, tmp_path: Path, named: tuple[str, ...]
) -> None:
    scene = walk_through_town(tmp_path / "photos", 12, size=32)
    old = bytes_of(scene.folder)
    running = geotagger.start("tag", "--model", "none", scene.folder)
    deadline = time.monotonic() + 60
    while not has_begun(geotagger.index) and time.monotonic() < deadline:
        time.sleep(0.005)
    stop_between_writes(running, geotagger.index)
    try:
        assert running.poll() is None
        assert bytes_of(scene.folder) == old, "it was stopped too late"
        said = geotagger("undo", *named, "--yes", code=4)
        assert "nothing was changed" in said.err
    finally:
        running.send_signal(signal.SIGCONT)
    waiting = geotagger("undo", *named, "--yes", "--wait")
    running.communicate(timeout=120)
    assert running.returncode == 0
    assert "restored" in waiting.out
    assert bytes_of(scene.folder) == old


def stop_between_writes(running: "subprocess.Popen[bytes]", index: Path) -> None:
    """Stops it where it holds no lock of SQLite, which nobody but it could give back."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        running.send_signal(signal.SIGSTOP)
        try:
            with contextlib.closing(sqlite3.connect(index, timeout=0)) as opened:
                opened.execute("begin immediate").connection.rollback()
            return
        except sqlite3.OperationalError:
            running.send_signal(signal.SIGCONT)
            time.sleep(0.002)
    raise AssertionError("it never lets go of the index")


def has_begun(index: Path) -> bool:
    if not index.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as opened:
            return bool(opened.execute("select count(*) from runs").fetchone()[0])
    except sqlite3.Error:
        return False
