"""Rows of every table that nobody wrote: no command ends in a traceback, and what is sound still counts."""

import sqlite3
from pathlib import Path

import pytest

from geotagger.index import open_index
from geotagger.index.learned import CLOCKS, MOVEMENT, SETTLED
from tests.commands import Geotagger
from tests.fuzz.indexes import fuzz
from tests.tag.scenes import bytes_of, walk_through_town


def test_all_commands_answer_of_damaged_indexes(tmp_path: Path) -> None:
    assert fuzz(tmp_path, range(2), float("inf")) == 2


@pytest.mark.slow
def test_all_commands_answer_of_many_damaged_indexes(tmp_path: Path) -> None:
    assert fuzz(tmp_path, range(2, 60), float("inf")) == 58


@pytest.mark.parametrize("value", ["[]", "[1]", "7", '"x"', "{", "null", '{"a": [1]}', "9" * 400])
def test_what_was_learned_and_is_damaged_counts_as_not_learned(
    geotagger: Geotagger, tmp_path: Path, value: str
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    geotagger("tag", "--model", "none", scene.folder)
    with open_index(geotagger.index) as index:
        (root,) = index.roots.all()
        for key in (SETTLED, MOVEMENT, CLOCKS):
            index.store.execute(
                "insert or replace into learned (root_id, key, value, updated) values (?, ?, ?, '')",
                (root.id, key, value),
            )
        assert index.learned.get(root.id, CLOCKS) in (None, {})
    if value in ("[]", '{"a": [1]}'):  # a command takes a second
        geotagger("tag", "--model", "none", scene.folder)
        geotagger("clocks")


def test_photos_beside_a_damaged_row_are_placed_and_undone(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 8, size=32)
    before = bytes_of(scene.folder)
    geotagger("tag", "--model", "none", scene.folder)
    with sqlite3.connect(geotagger.index) as database:
        database.execute("update photos set utc = 'x', fix_latitude = 'y' where path like '%IMG_0000.jpg'")
        database.execute("update estimates set latitude = 1e9, rests_on = '[]' where photo_id = 2")
    database.close()
    geotagger("why", scene.folder / "IMG_0003.jpg")
    geotagger("undo", "--yes", code=None)
    assert bytes_of(scene.folder) == before


def test_a_row_that_stops_a_command_is_named(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4, size=32)
    geotagger("tag", "--model", "none", scene.folder)
    with sqlite3.connect(geotagger.index) as database:
        database.execute("update runs set started = x'00ff'")
    database.close()
    said = geotagger("runs", code=None)
    assert said.code in (0, 5)
    if said.code == 5:
        assert "row 1 of runs is damaged (started)" in said.err
