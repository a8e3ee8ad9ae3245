"""`--write-names`: what places are called, in the photos that have one, and out of them again."""

import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from geotagger.metadata.containers import layout_of
from geotagger.metadata.source import MemorySource
from geotagger.metadata.xmp_names import names_in
from tests.commands import Geotagger
from tests.tag.scenes import bytes_of, walk_through_town


def names(photo: Path) -> list[str]:
    """City and country, as they stand in the photo."""
    for packet in layout_of(MemorySource(photo.read_bytes()), photo.name).packets:
        if (mark := names_in(packet)) is not None:
            return [mark.city, mark.country]
    return []


def test_photos_are_named_on_demand_and_undone_exactly(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 10)
    photos = sorted(scene.folder.iterdir())
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--model", "none")
    placed = bytes_of(scene.folder)
    assert not any(map(names, photos))
    said = geotagger("tag", scene.folder, "--model", "none", "--write-names")
    assert "names of places were written into 10 photos" in said.err
    assert {tuple(names(photo)) for photo in photos} == {("Vienna", "Austria")}
    named = bytes_of(scene.folder)
    again = geotagger("tag", scene.folder, "--model", "none", "--write-names")
    assert "names of places" not in again.err
    assert bytes_of(scene.folder) == named
    undone = geotagger("undo", "--yes", "--json")
    assert {record["status"] for record in undone.records} == {"restored"}
    assert bytes_of(scene.folder) == placed
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == before


def test_one_run_that_places_and_names_is_undone_as_one(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 80)  # more than a group of the journal
    before = bytes_of(scene.folder)
    records = geotagger("tag", scene.folder, "--model", "none", "--write-names", "--json").records
    assert len(records) == 80
    assert geotagger("runs", "--json").records[0]["undoable"] == 80
    assert len(geotagger("undo", "--dry-run", "--json").records) == 80
    assert len(geotagger("undo", "--yes", "--json").records) == 80
    assert bytes_of(scene.folder) == before
    assert geotagger("status", "--json").records[0]["placed"] == 40


def test_a_dry_run_names_nothing_and_says_what_it_would(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    before = bytes_of(scene.folder)
    said = geotagger("tag", scene.folder, "--model", "none", "--write-names", "--dry-run")
    assert "names of places would be written into at most 4 photos" in said.err
    assert bytes_of(scene.folder) == before


@pytest.mark.parametrize("mode", ["sidecar", "none"])
def test_names_go_where_positions_go(geotagger: Geotagger, tmp_path: Path, mode: str) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--model", "none", "--write-names", "--write", mode)
    after = bytes_of(scene.folder)
    assert {name: data for name, data in after.items() if not name.endswith(".xmp")} == before
    sidecars = [data for name, data in after.items() if name.endswith(".xmp")]
    assert len(sidecars) == (4 if mode == "sidecar" else 0)
    assert all(b"<photoshop:City>Vienna<" in data for data in sidecars)
    if mode == "sidecar":
        geotagger("undo", "--yes")
        assert bytes_of(scene.folder) == before


def test_place_names_what_its_owner_placed(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    photos = sorted(scene.folder.iterdir())
    before = bytes_of(scene.folder)
    geotagger("place", "41.2359,1.8119", photos[1], "--write-names")
    assert [names(photo) for photo in photos] == [[], ["Sitges", "Spain"], [], []]
    # the owner moves it: the old name would be wrong
    said = geotagger("place", "48.2082,16.3738", photos[1])
    assert "names of places were written into 1 photo" in said.err
    assert names(photos[1]) == ["Vienna", "Austria"]
    geotagger("undo", "--yes")
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == before


def test_names_in_a_sidecar_of_their_own_follow_a_place_that_moves(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """A TIFF holds its position itself, and its names stand beside it."""
    photo = tmp_path / "scan.tif"
    Image.new("RGB", (32, 24), (90, 60, 30)).save(photo)
    before = photo.read_bytes()
    geotagger("place", "41.2359,1.8119", photo, "--write-names")
    (sidecar,) = tmp_path.glob("*.xmp")
    assert b"<photoshop:City>Sitges<" in sidecar.read_bytes()
    geotagger("place", "48.2082,16.3738", photo)
    assert b"<photoshop:City>Vienna<" in sidecar.read_bytes()
    assert b"Sitges" not in sidecar.read_bytes()
    geotagger("undo", "--yes")
    assert b"<photoshop:City>Sitges<" in sidecar.read_bytes()
    geotagger("undo", "--yes")
    assert (photo.read_bytes(), sidecar.exists()) == (before, False)


def test_forget_takes_names_of_estimates_and_leaves_those_of_cameras(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--model", "none", "--write-names")
    geotagger("forget", "--estimates", "--yes", scene.folder)
    for photo in sorted(scene.folder.iterdir()):
        if photo.name in scene.stripped:
            assert photo.read_bytes() == before[photo.name]
        else:
            assert names(photo) == ["Vienna", "Austria"]


def test_a_run_that_was_cut_off_while_it_named_is_settled(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--model", "none", "--write-names")
    named = bytes_of(scene.folder)
    index = sqlite3.connect(geotagger.index)
    with index:  # as a kill leaves it: the files have their names, and nobody wrote that down
        last = "(select max(id) from journal)"
        index.execute(f"update journal set state = 'intended' where id > {last} - 3")
        index.execute("update estimates set named_by = null")
        index.execute("delete from learned where key = 'settled'")
    said = geotagger("tag", scene.folder, "--model", "none", "--write-names").err
    assert "an earlier run was cut off" in said
    assert "names of places" not in said
    assert bytes_of(scene.folder) == named
    written = index.execute("select written, count(*) from estimates where current group by 1").fetchall()
    assert dict(written) == {"camera": 3, "exif": 3}
    index.close()
    geotagger("undo", "1", "--yes")
    assert bytes_of(scene.folder) == before


@pytest.mark.parametrize("damage", ["latitude = 'x'", "longitude = 1e9"])
def test_photos_beside_a_damaged_row_are_named(geotagger: Geotagger, tmp_path: Path, damage: str) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    geotagger("tag", scene.folder, "--model", "none")
    before = bytes_of(scene.folder)
    with sqlite3.connect(geotagger.index) as database:
        database.execute(f"update estimates set {damage} where photo_id = 2")
    database.close()
    said = geotagger("tag", scene.folder, "--model", "none", "--write-names", code=1)
    assert "names of places were written into 3 photos" in said.err
    assert "row 2 of photos" in said.err
    assert bytes_of(scene.folder)["IMG_0001.jpg"] == before["IMG_0001.jpg"]
