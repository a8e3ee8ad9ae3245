"""An index of an older version opens, is brought up to date whole or not at all, and says what it said."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from geotagger.index import open_index
from geotagger.index.schema import VERSION
from geotagger.index.version1 import TABLES
from tests.commands import Geotagger
from tests.index.versions import OldIndex, lay_out
from tests.tag.killing import run_and_kill, steps_of


@pytest.fixture
def old(tmp_path: Path, geotagger: Geotagger) -> OldIndex:
    return lay_out(tmp_path, geotagger.index)


def tables_of(path: Path) -> dict[str, list[Any]]:
    """All that version 1 knew, and the version."""
    connection = sqlite3.connect(path)
    try:
        rows = {
            name: connection.execute(f"select {', '.join(columns)} from {name}").fetchall()
            for name, columns in TABLES.items()
        }
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        return rows
    finally:
        connection.close()


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("pragma user_version").fetchone()[0])
    finally:
        connection.close()


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_asking_answers_as_before_and_leaves_an_older_index_as_it_is(
    geotagger: Geotagger, old: OldIndex
) -> None:
    content = old.path.read_bytes()
    said = geotagger("query", "--json").records
    assert [
        {key: record[key] for key in was} for was, record in zip(old.queried, said, strict=True)
    ] == old.queried
    assert version_of(old.path) == 1
    assert old.path.read_bytes() == content


def test_bringing_it_up_to_date_keeps_every_row(geotagger: Geotagger, old: OldIndex) -> None:
    before = tables_of(old.path)
    open_index(old.path).close()
    assert version_of(old.path) == VERSION
    assert tables_of(old.path) == before
    said = geotagger("query", "--json").records
    assert [
        {key: record[key] for key in was} for was, record in zip(old.queried, said, strict=True)
    ] == old.queried


@pytest.mark.parametrize("upgraded", [False, True])
def test_why_reads_the_options_of_an_older_run(geotagger: Geotagger, old: OldIndex, upgraded: bool) -> None:
    if upgraded:
        open_index(old.path).close()
    between = geotagger("why", old.archive / "2024/IMG_0003.jpg", "--json").records[0]
    assert (between["run"], between["stands"], between["tracks"]) == ("20261127-7f854d", "neighbours", [])
    tracked = geotagger("why", old.archive / "CAM_1.jpg", "--json").records[0]
    assert (tracked["run"], tracked["stands"], tracked["rung"]) == ("20261127-8c7b8c", "track", "track")
    assert len(tracked["tracks"]) == 1
    timeless = geotagger("why", old.archive / "ÄÖ nobody.jpg", "--json").records[0]
    assert timeless["stands"] == "manual"
    assert timeless["radius_km"] == 10.0  # --within of that run


def test_the_runs_of_an_older_index_are_undone_to_the_exact_bytes(
    geotagger: Geotagger, old: OldIndex
) -> None:
    for run in ("3", "2", "1"):
        geotagger("undo", run, "--yes")
    assert bytes_below(old.archive) == old.before


def test_after_an_upgrade_no_file_changes(geotagger: Geotagger, old: OldIndex) -> None:
    before = bytes_below(old.archive)
    for _ in range(2):
        said = geotagger("tag", old.archive, "--model", "none", "--within", "10", "--json")
        assert "written" not in {record["status"] for record in said.records}
        assert bytes_below(old.archive) == before


def test_a_written_estimate_remembers_the_clock_that_was_told(old: OldIndex) -> None:
    with open_index(old.path) as index:
        kept = index.store.rows(
            "select photos.path, rests_on from estimates join photos on photos.id = photo_id"
            " where current = 1 and rests_on is not null"
        )
    remembered = {path: json.loads(rests_on)["clock_s"] for path, rests_on in kept}
    assert remembered == {
        **{f"2024/IMG_000{n}.jpg": 0.0 for n in (1, 3, 5, 7)},
        **{f"CAM_{n}.jpg": 120.0 for n in range(3)},
    }


def test_a_kill_at_any_step_of_the_upgrade_leaves_the_old_index_or_the_new_one(
    tmp_path: Path, old: OldIndex
) -> None:
    rows = tables_of(old.path)
    os.remove(old.path)

    def bring_up(path: Path) -> None:
        open_index(path).close()

    measured = lay_out(tmp_path / "measured", tmp_path / "measured.db").path
    steps = steps_of(lambda: bring_up(measured))
    assert steps > len(TABLES)
    met = set()
    for after in (False, True):
        for step in range(1, steps + 1):
            path = lay_out(tmp_path / "killed", tmp_path / f"killed-{after}-{step}.db").path
            assert run_and_kill(lambda path=path: bring_up(path), step, after)  # type: ignore[misc]
            met.add(version_of(path))
            with open_index(path) as index:
                assert index.store.row("pragma user_version")[0] == VERSION
                assert index.store.rows("pragma foreign_key_check") == []
            here = str(tmp_path / "killed")
            assert _without(tables_of(path), here) == _without(rows, str(tmp_path))
    assert met == {1, VERSION}


def _without(rows: dict[str, list[Any]], folder: str) -> str:
    """All rows as text, without the folder that their paths begin with."""
    in_bytes = repr(os.fsencode(folder))[2:-1]
    return repr(rows).replace(folder, "").replace(in_bytes, "")
