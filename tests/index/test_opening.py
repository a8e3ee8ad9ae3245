import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from geotagger.errors import IndexUnusableError
from geotagger.index import Index, default_index_path, open_index
from geotagger.index.schema import APPLICATION_ID, VERSION


def test_a_new_index_is_marked_as_ours_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "index.db"
    open_index(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("pragma user_version").fetchone() == (VERSION,)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    connection.close()


def test_the_index_of_the_user_lies_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_index_path() == tmp_path / "geotagger" / "index.db"
    open_index().close()
    assert default_index_path().is_file()


@pytest.mark.parametrize("mode", ["write", "read", "snapshot"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a database at all, but a letter to a friend", "not an index"),
        (b"SQLite format 3\0" + b"\xff" * 4000, "damaged|cannot be used"),
        (b"\0" * 4096, "not an index"),
    ],
)
def test_a_damaged_index_is_refused_and_left_as_it_is(
    tmp_path: Path, mode: str, content: bytes, said: str
) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(content)
    with pytest.raises(IndexUnusableError, match=said) as caught:
        open_index(path, mode=mode)  # type: ignore[arg-type]
    assert caught.value.exit_code == 5
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["index.db"]


@pytest.mark.parametrize("mode", ["write", "read", "snapshot"])
def test_an_index_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "index.db"
    open_index(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"pragma user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(IndexUnusableError, match="newer geotagger"):
        open_index(path, mode=mode)  # type: ignore[arg-type]
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", ["write", "read", "snapshot"])
def test_another_programs_database_is_left_alone(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "photos.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("create table theirs (id)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(IndexUnusableError, match="another program's database"):
        open_index(path, mode=mode)  # type: ignore[arg-type]
    assert path.read_bytes() == before


def test_a_folder_is_no_index(tmp_path: Path) -> None:
    for mode in ("write", "read", "snapshot"):
        with pytest.raises(IndexUnusableError):
            open_index(tmp_path, mode=mode)


def test_an_index_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexUnusableError, match="cannot be"):
        open_index(tmp_path / "file" / "index.db")


def test_reading_a_missing_index_says_so_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusableError, match="no index there"):
        open_index(tmp_path / "index.db", mode="read")
    assert not list(tmp_path.iterdir())


def test_damage_deep_inside_is_met_as_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as index:
        _learn_much(index)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 :] = b"\xa5" * (len(whole) - len(whole) // 2)
    path.write_bytes(whole)
    with open_index(path, mode="read") as index, pytest.raises(IndexUnusableError, match="damaged"):
        index.store.rows("select sum(length(value)) from learned")


def _learn_much(index: Index) -> None:
    root = index.roots.root_for("/")
    with index.batch():
        for number in range(3000):
            index.learned.put(root.id, f"key {number}", "x" * 1000)


def test_a_snapshot_forgets_what_is_written_to_it(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as index:
        index.roots.root_for(str(tmp_path))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with open_index(path, mode="snapshot") as index:
        assert len(index.roots.all()) == 1
        index.runs.begin("tag", {})
        assert len(index.runs.latest()) == 1
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_snapshot_of_nothing_is_an_empty_index_and_makes_no_file(tmp_path: Path) -> None:
    with open_index(tmp_path / "none" / "index.db", mode="snapshot") as index:
        index.roots.root_for(str(tmp_path))
        assert len(index.roots.all()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.ordinary_user
def test_an_index_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    open_index(path).close()
    path.chmod(0o444)
    with pytest.raises(IndexUnusableError, match="written"):
        open_index(path)


@pytest.mark.ordinary_user
def test_an_index_on_a_read_only_medium_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as index:
        index.roots.root_for(str(tmp_path))
    tmp_path.chmod(0o555)
    try:
        with open_index(path, mode="read") as index:
            assert len(index.roots.all()) == 1
    finally:
        tmp_path.chmod(0o755)


def test_two_connections_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as one, open_index(path) as other:
        one.runs.begin("tag", {})
        other.runs.begin("place", {})
        assert [run.command for run in one.runs.latest()] == ["place", "tag"]


def test_a_writer_that_does_not_let_go_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as one, open_index(path) as other:
        other.store.execute("pragma busy_timeout = 10")
        with one.batch(), pytest.raises(IndexUnusableError, match="another program is writing"):
            other.runs.begin("tag", {})


def test_a_full_disk_is_said_and_what_was_kept_stays(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as index:
        kept = index.runs.begin("tag", {})
        pages = index.store.row("pragma page_count")[0]
        index.store.execute(f"pragma max_page_count = {pages + 2}")
        with pytest.raises(IndexUnusableError, match="full"):
            _learn_much(index)
    with open_index(path) as index:
        assert [run.id for run in index.runs.latest()] == [kept.id]


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    with open_index(tmp_path / "index.db") as index:
        with pytest.raises(ZeroDivisionError):
            _begin_two_and_fail(index)
        assert index.runs.latest() == []
        with index.batch():
            index.runs.begin("tag", {})
        assert len(index.runs.latest()) == 1


def _begin_two_and_fail(index: Index) -> None:
    with index.batch():
        index.runs.begin("tag", {})
        with index.batch():
            index.runs.begin("place", {})
        raise ZeroDivisionError


def test_an_index_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as index:
        index.runs.begin("tag", {})
        assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
    path.chmod(0o640)
    open_index(path).close()
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_an_index_under_a_link_that_leads_nowhere_yet_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "index.db").symlink_to(tmp_path / "elsewhere.db")
    with open_index(tmp_path / "index.db") as index:
        index.runs.begin("tag", {})
    assert (tmp_path / "elsewhere.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("mode", ["write", "read", "snapshot"])
def test_a_pipe_is_no_index_and_is_not_waited_for(tmp_path: Path, mode: str) -> None:
    os.mkfifo(tmp_path / "index.db")
    with pytest.raises(IndexUnusableError, match="pipe"):
        open_index(tmp_path / "index.db", mode=mode)  # type: ignore[arg-type]


def test_two_processes_may_make_the_same_index_at_once(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from geotagger.index import open_index;"
        f"open_index(Path({str(tmp_path / 'index.db')!r})).close()"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, b"")


def test_reading_needs_neither_numpy_nor_sqlite_utils(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    open_index(path).close()
    code = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from geotagger.index import open_index
        from geotagger.index.search import Near, Query, search
        index = open_index(Path({str(path)!r}), mode="read")
        list(search(index.store, Query(near=Near(1, 2, 3))))
        assert not {{"numpy", "sqlite_utils", "PIL"}} & set(sys.modules)
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_wrong_statement_of_ours_is_not_called_damage(index: Index) -> None:
    """Who is told to move the index away throws the undo journal away with it."""
    with pytest.raises(IndexUnusableError) as caught:
        index.store.rows("select no_such_column from photos")
    assert "fault of geotagger" in str(caught.value)
    assert "damaged" not in str(caught.value)
    assert "move it away" not in str(caught.value)


def test_what_is_forgotten_is_not_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with open_index(path) as index:
        root = index.roots.root_for(str(tmp_path))
        index.learned.put(root.id, "clocks", {"a camera of the secret place": 1.0})
    assert b"the secret place" in path.read_bytes()
    with open_index(path) as index:
        index.learned.forget(root.id, "clocks")
    assert b"the secret place" not in path.read_bytes()


def test_a_new_index_loads_no_pandas_and_hides_it_from_nobody(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    said = (
        "import sys; from pathlib import Path; from geotagger.index import open_index;"
        f"index = open_index(Path({str(tmp_path / 'i.db')!r})); print('pandas' in sys.modules);"
        "index.database.table_names(); import pandas; print(pandas.DataFrame({'a': [1]}).shape)"
    )
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["False", "(1, 1)"]
