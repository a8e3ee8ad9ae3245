"""Rows of every table that nobody wrote: no command ends in a traceback, and what is sound still counts."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

import geotagger as library
from geotagger.errors import DamagedIndexWarning
from geotagger.index import open_index
from geotagger.index.learned import CLOCKS, MOVEMENT, SETTLED
from geotagger.index.soundness import damaged_rows
from geotagger.index.store import OPENED
from geotagger.text import READER
from tests.commands import Geotagger
from tests.fuzz.indexes import fuzz
from tests.tag.scenes import bytes_of, walk_through_town
from tests.web.pages import open_page


@pytest.fixture(autouse=True)
def nothing_was_open() -> None:
    """As in a process that has just begun."""
    OPENED.clear()


def test_all_commands_answer_of_damaged_indexes(tmp_path: Path) -> None:
    assert fuzz(tmp_path, range(2), float("inf")) == 2


@pytest.mark.slow
def test_all_commands_answer_of_many_damaged_indexes(tmp_path: Path) -> None:
    assert fuzz(tmp_path, range(2, 60), float("inf")) == 58


@pytest.mark.parametrize(
    "value", ["[]", "[1]", "7", '"x"', "{", "null", '{"a": [1]}', "9" * 400, f'{{"a": {"9" * 400}}}']
)
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
        index.store.damage.taken()
    if value in ("[]", '{"a": [1]}'):  # a command takes a second
        said = geotagger("clocks", code=1)
        assert "what was learned of archive 1 (clocks) is damaged, and counts for nothing" in said.err
        geotagger("tag", "--model", "none", scene.folder, code=1)


_LAST_WRITTEN = "select max(id) from estimates where written = 'exif'"


@pytest.mark.parametrize(
    ("damage", "named", "commands"),
    [
        ("update estimates set latitude = 1e9 where id = 2", "row 3 of photos",
         [("tag", "FOLDER", "--model", "none", "--again")]),
        ("update estimates set rests_on = '{' where id = 2", "row 2 of estimates",
         [("why", "PHOTO")]),
        (f"update estimates set radius_km = 'x' where id = ({_LAST_WRITTEN})", "of photos, or its estimate",
         [("tag", "FOLDER", "--model", "none", "--write-names")]),
        ("update photos set taken = 'x' where id = 3", "row 3 of photos",
         [("tag", "FOLDER", "--model", "none", "--again")]),
        ("update photos set other_utc = 'x' where id = 3", "row 3 of photos",
         [("why", "PHOTO")]),
        ("update runs set arguments = '[' where id = 1", "row 1 of runs", [("runs",), ("undo", "--yes")]),
    ],
    ids=["latitude", "support", "radius", "facts", "other-time", "arguments"],
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


def test_a_dry_run_of_what_takes_out_names_every_file(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    written = {
        record["path"]
        for record in geotagger("tag", "--model", "none", "--json", scene.folder).records
        if record["status"] == "written"
    }
    assert written
    for words in (["undo"], ["forget", "--estimates", scene.folder]):
        said = geotagger(*words, "--dry-run").err
        assert all(path in said for path in written), words


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


DAMAGES = {
    "confidence": "update estimates set confidence = 'x' where photo_id = 2",
    "latitude": "update estimates set latitude = 'x' where photo_id = 2",
    "longitude": "update estimates set longitude = 1e9 where photo_id = 2",
    "radius": "update estimates set radius_km = x'ff' where photo_id = 2",
    "place": "update estimates set place = x'ff' where photo_id = 2",
    "no UTF-8": "update photos set camera = cast(x'ff41' as text) where id = 2",
    "rung": "update estimates set rung = cast(x'ff' as text) where photo_id = 2",
    "time": "update photos set utc = 1e30, taken = null where id = 2",
    "clock": "update photos set taken = 'x' where id = 2",
    "offset": "update photos set utc_offset_s = 'y' where id = 2",
}


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of five photos in Vienna, all placed; number 2 is IMG_0001.jpg."""
    folder = tmp_path_factory.mktemp("sound")
    geotagger = Geotagger(folder)
    geotagger("tag", "--model", "none", walk_through_town(folder / "photos", 5, size=32).folder)
    return geotagger.index


def damaged(geotagger: Geotagger, tagged: Path, damage: str) -> None:
    with sqlite3.connect(tagged) as sound, sqlite3.connect(geotagger.index) as database:
        sound.backup(database)
        assert database.execute(damage).rowcount == 1
    sound.close()
    database.close()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_photos_beside_a_damaged_row_are_answered_and_it_is_named(
    geotagger: Geotagger, tagged: Path, damage: str
) -> None:
    damaged(geotagger, tagged, damage)
    sound = {f"IMG_{number:04d}.jpg" for number in (0, 2, 3, 4)}
    said = geotagger("query", "--json", code=1)
    assert set(said.by_name()) == sound
    assert "row 2 of photos, or its estimate, (" in said.err
    assert "IMG_0001.jpg) is damaged, and counts for nothing" in said.err
    assert len(geotagger("query", code=1).out.splitlines()) == 4
    for form in ("gpx", "kml"):
        exported = geotagger("export", "--format", form, code=1)
        assert {name for name in sound if name in exported.out} == sound
        assert "IMG_0001" not in exported.out
        assert "row 2 of photos" in exported.err
    handed = geotagger("handoff", "photoprism", code=1)
    assert "row 2 of photos" in handed.err


@pytest.mark.parametrize("what", ["latitude", "radius"])
def test_a_damaged_row_lies_in_no_region(
    geotagger: Geotagger, tagged: Path, tmp_path: Path, what: str
) -> None:
    damaged(geotagger, tagged, DAMAGES[what])
    vienna = [[16, 48], [17, 48], [17, 49], [16, 49], [16, 48]]
    region = tmp_path / "vienna.geojson"
    region.write_text(json.dumps({"type": "Polygon", "coordinates": [vienna]}))
    for where in (["--within", region], ["--near", "48.2,16.4", "--radius", 50, "--probability", 0.5]):
        assert len(geotagger("query", "--json", *where, code=None).records) == 4


@pytest.mark.parametrize("what", ["confidence", "no UTF-8", "rung"])
def test_status_names_the_row_that_it_cannot_count(geotagger: Geotagger, tagged: Path, what: str) -> None:
    damaged(geotagger, tagged, DAMAGES[what])
    assert "is damaged, and counts for nothing" in geotagger("status", code=1).err


@pytest.mark.parametrize("path", ["1", "'photos'", "x'ff'"])
def test_status_names_the_root_that_it_cannot_count(geotagger: Geotagger, tmp_path: Path, path: str) -> None:
    """Found by the fuzzer: the folders of a damaged root and of a sound one have no folder in common."""
    for name in ("one", "two"):
        geotagger("tag", "--model", "none", walk_through_town(tmp_path / name, 2, size=32).folder)
    database = sqlite3.connect(geotagger.index)
    assert database.execute(f"update roots set path = {path} where id = 2").rowcount == 1
    database.commit()
    database.close()
    said = geotagger("status", code=1)
    assert "row 2 of roots is damaged, and counts for nothing" in said.err
    assert len(geotagger("query", code=None).out.splitlines()) == 4


@pytest.mark.parametrize("what", ["confidence", "radius", "no UTF-8", "time"])
def test_the_page_shows_the_photos_beside_a_damaged_row(
    geotagger: Geotagger, tagged: Path, what: str
) -> None:
    damaged(geotagger, tagged, DAMAGES[what])
    world = {"south": -90, "west": -180, "north": 90, "east": 180}
    with open_page(geotagger) as page:
        shown = page.get("api/clusters", **world, zoom=24)
        listed = [
            photo["name"]
            for one in shown["clusters"]
            for photo in page.get("api/cell", cell=one["cell"], level=shown["level"])["photos"]
        ]
        assert sorted(listed) == [f"IMG_{number:04d}.jpg" for number in (0, 2, 3, 4)]
        assert sum(day["photos"] for day in page.get("api/outings")["outings"]) in (4, 5)
        page.get("api/tray")
        page.get("api/state")


def test_what_was_decided_drawn_or_handed_over_and_is_damaged_counts_for_nothing(
    geotagger: Geotagger, tagged: Path
) -> None:
    damaged(
        geotagger,
        tagged,
        "insert into decisions (action, photo_id, latitude, longitude, radius_km, decided, state)"
        " values ('move', 2, 'x', 1, 1, '', 'pending')",
    )
    with sqlite3.connect(geotagger.index) as database:
        (run,) = database.execute("select max(id) from runs").fetchone()
        for asset, latitude in (("sound", 48.2), ("damaged", "x")):
            database.execute(
                "insert into handoffs (run_id, server, photo_id, asset, latitude, longitude, state)"
                " values (?, 'server', 2, ?, ?, 16, 'given')",
                (run, asset, latitude),
            )
        for photo_id, confidence in ((2, "x"), (4, 0.9)):
            database.execute(
                "insert into samples (photo_id, drawn, latitude, longitude, radius_km, confidence, stratum,"
                " weight, inside) values (?, '', 48, 16, 1, ?, 9, 1, 1)",
                (photo_id, confidence),
            )
    database.close()
    with open_index(geotagger.index) as index:
        assert index.decisions.pending() == []
        assert [gift.asset for gift in index.handoffs.given_to("server")] == ["sound"]
        assert [sample.photo_id for sample in index.samples.judged()] == [4]
        named = "\n".join(index.store.damage.taken())
    assert all(row in named for row in ("row 1 of decisions", "row 2 of handoffs", "row 2 of samples"))


def test_a_program_is_warned_of_what_its_question_met_and_of_nothing_else(
    geotagger: Geotagger, tagged: Path
) -> None:
    damaged(geotagger, tagged, DAMAGES["latitude"])
    named = f"{geotagger.index}: row 2 of photos, or its estimate, .*IMG_0001.jpg.* counts for nothing"
    for _ in range(2):
        with pytest.warns(DamagedIndexWarning, match=named) as warned:
            assert len(list(library.query(index=geotagger.index))) == 4
        assert len(warned) == 1
    assert len(list(library.query(index=tagged))) == 5
    with open_index(geotagger.index, mode="read") as index:
        for _ in range(2):
            with pytest.warns(DamagedIndexWarning, match=named):
                assert len(list(library.query(index=index))) == 4
        library.clocks(index=index)


def test_a_question_about_a_region_names_the_row_that_lies_nowhere(
    geotagger: Geotagger, tagged: Path, tmp_path: Path
) -> None:
    region = tmp_path / "vienna.geojson"
    vienna = [[16, 48], [17, 48], [17, 49], [16, 49], [16, 48]]
    region.write_text(json.dumps({"type": "Polygon", "coordinates": [vienna]}))
    for what in ("latitude", "longitude"):
        damaged(geotagger, tagged, DAMAGES[what])
        for where in (
            ["--near", "48.2,16.4", "--radius", 50],
            ["--near", "48.2,16.4", "--nearest", 3],
            ["--bbox", "48,16,49,17"],
            ["--within", region],
        ):
            said = geotagger("query", "--json", *where, code=1)
            assert set(said.by_name()) <= {f"IMG_{number:04d}.jpg" for number in (0, 2, 3, 4)}, where
            assert "row 2 of photos, or its estimate, (" in said.err, where
    elsewhere = geotagger("query", "--near", "48.2,16.4", "--radius", 50, "--path", tmp_path / "elsewhere")
    assert "damaged" not in elsewhere.err


def test_a_photo_whose_time_is_none_counts_as_one_without_and_is_named(
    geotagger: Geotagger, tagged: Path
) -> None:
    damaged(geotagger, tagged, "update photos set utc = 'x' where id = 2")
    with open_index(geotagger.index, mode="read") as index:
        (root,) = index.roots.all()
        photos = [(photo.id, photo.utc is not None) for photo in index.photos.in_time(root.id)]
        assert photos == [(1, True), (3, True), (4, True), (5, True), (2, False)]
        assert "row 2 of photos" in "\n".join(index.store.damage.taken())
        archive = Path(root.path)
    assert "row 2 of photos" in geotagger("why", archive / "IMG_0002.jpg", code=1).err
    # of the three that are left one cannot be hidden
    assert "row 2 of photos" in geotagger("evaluate", archive, "--model", "none", code=2).err


@pytest.mark.parametrize("column", ["first_utc", "points", "added"])
def test_a_track_that_cannot_be_listed_is_named(geotagger: Geotagger, tagged: Path, column: str) -> None:
    damaged(
        geotagger,
        tagged,
        "insert into tracks (root_id, digest, name, path, added, first_utc, last_utc, points, places)"
        " values (1, 'd', 'walk.gpx', '/walk.gpx', '', 1, 2, 3, x'00')",
    )
    with sqlite3.connect(geotagger.index) as database:
        database.execute(f"update tracks set {column} = x'ff'")
    database.close()
    said = geotagger("tracks", code=1)
    assert "the track 'walk.gpx' is damaged" in said.err


@pytest.mark.parametrize("ratios", ["{", "7", "[" * 100_000, '{"countries": {"AT": -1}, "elsewhere": 1}'])
def test_what_was_read_in_a_picture_and_is_damaged_is_named(
    geotagger: Geotagger, tagged: Path, ratios: str
) -> None:
    damaged(
        geotagger, tagged, f"insert into texts (photo_id, reader, ratios) values (2, '{READER}', '{ratios}')"
    )
    with open_index(geotagger.index, mode="read") as index:
        assert index.texts.of([1, 2], READER) == {}
        assert "what was read in photo 2" in "\n".join(index.store.damage.taken())


def test_a_run_whose_name_is_no_unicode_is_listed_and_named(geotagger: Geotagger, tagged: Path) -> None:
    damaged(geotagger, tagged, "update runs set name = cast(x'ff41' as text) where id = 1")
    said = geotagger("runs", code=1)
    assert "\ufffdA" in said.out
    assert said.err.count("row 1 of runs is damaged") == 1


def test_a_track_of_an_archive_that_is_damaged_is_named(geotagger: Geotagger, tagged: Path) -> None:
    damaged(
        geotagger,
        tagged,
        "insert into tracks (root_id, digest, name, path, added, first_utc, last_utc, points, places)"
        " values (77, 'd', 'walk.gpx', '/walk.gpx', '', 1, 2, 3, x'00')",
    )
    assert "the track walk.gpx" in geotagger("tracks", code=1).err


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
    with open_index(geotagger.index):
        assert any("row 1 of estimates is damaged (confidence)" in named for named in damaged_rows())
    with sqlite3.connect(geotagger.index) as database:
        database.execute("update estimates set confidence = 0.9, doubt = cast(x'ff' as text) where id = 2")
        database.execute("update estimates set confidence = 0.9")
    database.close()
    assert any("row 2 of estimates is damaged (doubt)" in named for named in damaged_rows())


def test_a_damaged_row_is_named_of_an_index_whose_name_is_no_unicode(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"index-\xff.db")
    with open_index(path) as index:
        index.store.execute("insert into roots (id, path, added) values (1, '/photos', x'00')")
    assert f"{path}: row 1 of roots is damaged (added)" in damaged_rows()


def test_a_time_that_may_be_another_is_looked_at_as_the_others_are(tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 2, size=32)
    library.tag(scene.folder, index=tmp_path / "one.db", model="none")
    with open_index(tmp_path / "one.db") as index:
        index.store.execute("update photos set other_utc = 'x' where id = 1")
    assert any("row 1 of photos is damaged (other_utc)" in named for named in damaged_rows())
