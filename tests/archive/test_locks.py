import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from geotagger.archive import lock
from geotagger.archive import locks as locks_module
from geotagger.errors import ArchiveBusyError, ArchiveError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "archive" / "2024").mkdir(parents=True)
    (tmp_path / "archive-2").mkdir()
    return tmp_path / "archive"


@contextlib.contextmanager
def held_by_another_process(root: Path) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sys; from geotagger.archive import lock\n"
        "with lock(sys.argv[1]):\n print('held', flush=True)\n sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def test_a_second_run_is_refused_with_exit_code_4_and_told_who_holds_it(archive: Path) -> None:
    with (
        held_by_another_process(archive) as other,
        pytest.raises(ArchiveBusyError) as caught,
        lock(str(archive)),
    ):
        pass
    assert caught.value.exit_code == 4
    assert f"process {other.pid}" in str(caught.value)
    assert str(archive) in str(caught.value)
    assert "--wait" in str(caught.value)
    with lock(str(archive)):
        pass


@pytest.mark.parametrize(("held", "wanted"), [("archive", "archive/2024"), ("archive/2024", "archive")])
def test_roots_inside_one_another_conflict(tmp_path: Path, archive: Path, held: str, wanted: str) -> None:
    assert archive.exists()
    with (
        held_by_another_process(tmp_path / held),
        pytest.raises(ArchiveBusyError, match="another run"),
        lock(str(tmp_path / wanted)),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks no folders")
@pytest.mark.parametrize(
    ("held", "wanted", "is_refused"),
    [
        ("archive", "archive/2024", True),
        ("archive/2024", "archive", True),
        ("archive/2024", "archive/2024", True),
        ("archive/2024", "archive/2025", False),
    ],
)
def test_runs_under_two_homes_see_each_other_on_folders_above_and_below(
    tmp_path: Path, archive: Path, held: str, wanted: str, *, is_refused: bool
) -> None:
    (archive / "2025").mkdir()
    with held_by_another_process(tmp_path / held), contextlib.ExitStack() as stack:
        if is_refused:
            stack.enter_context(pytest.raises(ArchiveBusyError, match="another user, container or machine"))
        with lock(str(tmp_path / wanted), state_folder=tmp_path / "another home"):
            pass


def test_a_run_may_hold_folders_inside_one_another(archive: Path) -> None:
    with lock([str(archive / "2024"), str(archive)]):
        pass


def test_archives_side_by_side_do_not_conflict(tmp_path: Path, archive: Path) -> None:
    with held_by_another_process(archive), lock(str(tmp_path / "archive-2")):
        pass


def test_a_lock_conflicts_inside_one_process_too(archive: Path) -> None:
    with lock(str(archive)), pytest.raises(ArchiveBusyError), lock(str(archive)):
        pass


def test_a_killed_run_holds_nothing(archive: Path, state: Path) -> None:
    with held_by_another_process(archive) as other:
        other.kill()
        other.wait(timeout=30)
        with lock(str(archive / "2024")):  # a folder below: the dead run's own lock file is not asked for
            pass
        with lock(str(archive)):
            pass
    assert not list(state.rglob("*.json"))


def test_waiting_lasts_until_the_other_run_ends_and_says_so_once(archive: Path) -> None:
    said: list[str] = []
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(held_by_another_process(archive))
        assert other.stdin is not None
        threading.Timer(0.8, other.stdin.close).start()
        start = time.monotonic()
        with lock(str(archive), wait=True, waiting=said.append):
            assert time.monotonic() - start > 0.5
    assert len(said) == 1
    assert "waiting" in said[0]


def test_of_several_roots_all_are_taken_or_none(tmp_path: Path, archive: Path) -> None:
    second = tmp_path / "archive-2"
    with held_by_another_process(second):
        with pytest.raises(ArchiveBusyError), lock([str(archive), str(second)]):
            pass
        with lock(str(archive)):
            pass
    with lock([str(archive), str(second)]):
        pass


def test_nothing_is_left_in_the_archive(archive: Path) -> None:
    before = archive.stat().st_mtime_ns
    with lock(str(archive)):
        assert sorted(p.name for p in archive.iterdir()) == ["2024"]
    assert archive.stat().st_mtime_ns == before


def test_a_read_only_archive_can_be_locked(archive: Path) -> None:
    archive.chmod(0o555)
    try:
        with lock(str(archive)), pytest.raises(ArchiveBusyError), lock(str(archive)):
            pass
    finally:
        archive.chmod(0o755)


def test_another_user_of_this_machine_is_kept_out_by_the_folder_itself(archive: Path, tmp_path: Path) -> None:
    with (
        held_by_another_process(archive),
        pytest.raises(ArchiveBusyError, match="another user"),
        lock(str(archive), state_folder=tmp_path / "another users state"),
    ):
        pass


def test_on_a_network_file_system_a_lock_in_the_archive_keeps_other_machines_out(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks_module, "is_on_network", lambda _: True)
    with lock(str(archive)):
        assert (archive / ".geotagger.lock").exists()
    assert not (archive / ".geotagger.lock").exists()
    assert tmp_path.exists()


def test_a_state_folder_that_cannot_be_written_is_said(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArchiveError, match="cannot be locked"),
        lock(str(archive), state_folder=tmp_path / "file" / "locks"),
    ):
        pass


def test_a_note_that_a_crash_left_half_written_does_no_harm(archive: Path, state: Path) -> None:
    with lock(str(archive)):
        (note,) = state.rglob("*.json")
    note.write_text('{"root": "zz')
    with lock(str(archive)):
        pass
