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
        said = geotagger("clocks", code=1)
        assert "what was learned of archive 1 (clocks) is damaged, and counts for nothing" in said.err
        geotagger("tag", "--model", "none", scene.folder, code=1)


@pytest.mark.parametrize(
    ("damage", "named", "commands"),
    [
        ("update estimates set latitude = 1e9 where id = 2", "row 3 of photos",
         [("tag", "FOLDER", "--model", "none", "--again")]),
        ("update estimates set rests_on = '{' where id = 2", "row 2 of estimates",
         [("why", "PHOTO")]),
        ("update photos set taken = 'x' where id = 3", "row 3 of photos",
         [("tag", "FOLDER", "--model", "none", "--again")]),
        ("update runs set arguments = '[' where id = 1", "row 1 of runs", [("runs",), ("undo", "--yes")]),
    ],
    ids=["latitude", "support", "facts", "arguments"],
)  # fmt: skip
def test_a_row_that_is_passed_over_is_named_and_the_exit_code_tells(
    geotagger: Geotagger, tmp_path: Path, damage: str, named: str, commands: list[tuple[str, ...]]
) -> None:
    scene = walk_through_town(tmp_path / "photos", 8, size=32)
    geotagger("tag", "--model", "none", scene.folder)
    with sqlite3.connect(geotagger.index) as database:
        assert database.execute(damage).rowcount == 1
    database.close()
    stand_for = {
        "FOLDER": scene.folder,
        "OTHER": scene.folder / "IMG_0004.jpg",
        "PHOTO": scene.folder / "IMG_0002.jpg",
    }
    for command in commands:
        said = geotagger(*(stand_for.get(word, word) for word in command), code=1)
        assert f"{named}" in said.err, command
        assert "is damaged, and counts for nothing" in said.err


def test_photos_beside_a_damaged_row_are_placed_and_undone(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 8, size=32)
    before = bytes_of(scene.folder)
    geotagger("tag", "--model", "none", scene.folder)
    with sqlite3.connect(geotagger.index) as database:
        database.execute("update photos set utc = 'x', fix_latitude = 'y' where path like '%IMG_0000.jpg'")
        database.execute("update estimates set latitude = 1e9, rests_on = '[]' where photo_id = 2")
    database.close()
    geotagger("why", scene.folder / "IMG_0003.jpg", code=1)
    geotagger("undo", "--yes", code=None)
    assert bytes_of(scene.folder) == before


def test_a_row_that_stops_a_command_is_named(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4, size=32)
    geotagger("tag", "--model", "none", scene.folder)
    with sqlite3.connect(geotagger.index) as database:
        database.execute("update runs set started = '7'")
    database.close()
    assert "7" in geotagger("runs").out
    with sqlite3.connect(geotagger.index) as database:
        database.execute("update estimates set confidence = 'x'")
    database.close()
    assert "row 1 of estimates is damaged (confidence)" in geotagger("query", code=5).err
