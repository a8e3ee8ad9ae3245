"""What goes wrong for one photo, one word or one file must not end a run, nor be forgotten by it."""

import os
from pathlib import Path

import pytest

from geotagger.index import open_index
from geotagger.index.learned import CALIBRATION, SETTLED
from tests.commands import Geotagger
from tests.tag.scenes import walk_through_town


def test_an_unfinished_photo_that_cannot_be_looked_at_does_not_stop_the_others(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 8)
    lost, *others = sorted(scene.stripped)
    geotagger("tag", scene.folder)
    with open_index(geotagger.index) as index:
        index.store.execute("update journal set state = 'intended' where path like ?", (f"%{lost}",))
    (scene.folder / lost).unlink()
    (scene.folder / lost).symlink_to(lost)  # a link to itself: nobody can open it
    (scene.folder / others[0]).write_bytes((scene.folder / "IMG_0000.jpg").read_bytes())
    said = geotagger("tag", scene.folder, code=1)
    assert lost in said.err
    assert others[0] not in said.err
    with open_index(geotagger.index) as index:
        assert [os.path.basename(entry.path) for entry in index.journal.pending()] == [lost]


def test_a_place_that_nobody_believes_is_wrong_usage(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 2)
    assert "0,0" in geotagger("place", "0,0", scene.folder / "IMG_0001.jpg", code=2).err


def test_why_of_a_photo_that_vanished_says_so(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    geotagger("tag", scene.folder, "--write", "none")
    gone = scene.folder / "IMG_0003.jpg"
    gone.unlink()
    geotagger("tag", scene.folder, "--write", "none")
    assert "was gone" in geotagger("why", gone, code=2).err


def test_why_of_a_photo_that_cannot_be_read_says_so(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    broken = scene.folder / "broken image.jpg"
    broken.write_bytes(b"no photo")
    geotagger("tag", scene.folder, "--write", "none", code=1)
    assert "could not be read" in geotagger("why", broken).out
    assert "could not be read" in geotagger("why", broken, "--json").records[0]["reason"]


def test_an_archive_that_is_away_is_told_in_one_line(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    geotagger("tag", scene.folder, "--model", "none", "--write", "none")
    for photo in scene.folder.iterdir():
        photo.rename(tmp_path / photo.name)
    said = geotagger("tag", scene.folder, "--model", "none", "--json", code=1)
    assert len(said.err.splitlines() + said.out.splitlines()) == 1
    assert "is the disk mounted?" in said.records[0]["reason"]
    for photo in tmp_path.glob("*.jpg"):
        photo.rename(scene.folder / photo.name)
    assert "3 placed by neighbours" in geotagger("tag", scene.folder, "--model", "none").out


def test_a_folder_without_a_photo_is_nothing_to_place(geotagger: Geotagger, tmp_path: Path) -> None:
    assert "there is no photo in this folder" in geotagger("place", "1,2", tmp_path, code=2).err


def test_a_folder_without_a_pack_is_called_so(geotagger: Geotagger, tmp_path: Path) -> None:
    assert f"{tmp_path}: no model pack is there" in geotagger("tag", ".", "--model", tmp_path, code=3).err


def test_the_root_of_the_file_system_is_no_archive(geotagger: Geotagger) -> None:
    said = geotagger("tag", "/", "--dry-run", code=2, timeout=20).err
    assert "the root of the file system" in said.splitlines()[-1]


def test_clocks_are_remembered_listed_and_forgotten(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    assert "century" in geotagger("tag", scene.folder, "--clock", "Scene=99999999999999h", code=2).err
    geotagger("tag", scene.folder, "--clock", "Scene=+1h")
    told = {"archive": str(scene.folder), "camera": "Scene", "shift_s": 3600.0}
    assert geotagger("clocks", "--json").records == [told]
    assert geotagger("clocks").out == f"+1h\tScene\t{scene.folder}\n"
    geotagger("tag", scene.folder, "--clock", "scene=+1h03m")
    assert geotagger("clocks").out == f"+1h03m\tscene\t{scene.folder}\n"
    geotagger("clocks", "--forget", "SCENE")
    none = geotagger("clocks")
    assert (none.out, none.err) == ("", "geotagger: no correction of a clock is remembered\n")
    assert "nothing is remembered" in geotagger("clocks", "--forget", "Scene", code=2).err


def test_a_clock_of_no_camera_of_the_archive_is_told(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 10)
    said = geotagger("tag", scene.folder, "--clock", "Foo=+1h", "--clock", "scene one=+1h")
    (doubt,) = [line for line in said.err.splitlines() if "--clock" in line]
    assert "Foo: no camera there is called so" in doubt
    assert doubt.endswith("there are: Testmaker Scene One")
    assert "--clock Foo" in geotagger("evaluate", scene.folder, "--clock", "Foo=+1h").err


@pytest.mark.parametrize("option", ["--device", "--engine"])
def test_a_word_for_the_engine_is_looked_at_before_the_photos(
    geotagger: Geotagger, tmp_path: Path, option: str
) -> None:
    scene = walk_through_town(tmp_path / "photos", 2)
    assert "unknown" in geotagger("tag", scene.folder, option, "banana", "--model", "none", code=2).err
    assert not geotagger.index.exists()


def test_two_links_to_one_photo_write_it_once(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "elsewhere", 4)
    photos = tmp_path / "photos"
    walk_through_town(photos, 6)
    for name in ("a.jpg", "b.jpg"):
        (photos / name).symlink_to(scene.folder / "IMG_0001.jpg")
    said = geotagger("tag", photos, "--json").by_name()
    assert sorted(said[name]["status"] for name in ("a.jpg", "b.jpg")) == ["kept", "written"]


def test_a_new_calibration_gives_the_next_run_something_to_do(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 24, without_gps=4)
    geotagger("tag", scene.folder, "--model", "none")
    geotagger(
        "evaluate", scene.folder, "--model", "none", "--single", "--seed", "0", "--calibrate", code=None
    )
    with open_index(geotagger.index, mode="read") as index:
        (root,) = index.roots.all()
        assert index.learned.get(root.id, CALIBRATION) is not None
        assert index.learned.get(root.id, SETTLED) is None


def test_a_quiet_run_speaks_only_of_failures(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    said = geotagger("tag", scene.folder, "--quiet")
    assert (said.out, said.err) == ("", "")
    (scene.folder / "broken.jpg").write_bytes(b"not a photo")
    assert "broken.jpg" in geotagger("tag", scene.folder, "--quiet", code=1).err


def test_only_folders_that_may_not_be_written_bring_up_sidecar_folders(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    photo = scene.folder / sorted(scene.stripped)[0]
    Path(f"{photo}.xmp").write_text("this is no XMP")
    assert "--sidecar-folder" not in geotagger("tag", scene.folder, "--write", "sidecar", code=1).err


def test_the_summary_says_why_a_photo_has_a_sidecar_instead(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    linked = scene.folder / min(scene.stripped)
    os.link(linked, tmp_path / "another name.jpg")
    said = geotagger("tag", scene.folder)
    assert "; 1 of these into a sidecar: it has 2 names (hard links), and" in said.out
    assert Path(f"{linked}.xmp").exists()
    others = walk_through_town(tmp_path / "others", 6)
    assert "of these" not in geotagger("tag", others.folder, "--write", "sidecar").out
