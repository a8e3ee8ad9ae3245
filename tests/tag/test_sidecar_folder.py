"""`--sidecar-folder`: sidecars of archives that nothing is written into."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from geotagger.archive import mirrored
from geotagger.metadata import sidecar_positions
from tests.commands import Geotagger
from tests.tag.scenes import START, Scene, bytes_of, walk_through_town

WOULD_GO = "dry run: the estimate would be taken out"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return walk_through_town(tmp_path / "photos", 8)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    return tmp_path / "sidecars"


def sidecar_of(photo: Path, beside: Path) -> Path:
    return Path(mirrored(str(beside), str(photo)) + ".xmp")


def statuses(geotagger: Geotagger, *arguments: object) -> dict[str, str]:
    said = geotagger(*arguments, "--json").by_name()
    return {name: record["status"] for name, record in said.items()}


def test_photos_of_the_same_name_in_two_archives_have_sidecars_of_their_own(
    geotagger: Geotagger, tmp_path: Path, beside: Path
) -> None:
    for year, place in (("2019", "50.9,6.9"), ("2020", "55.7,12.6")):
        walk_through_town(tmp_path / year, 1, without_gps=1)
        photo = tmp_path / year / "IMG_0000.jpg"
        geotagger("place", place, photo, "--overwrite", "--write", "sidecar", "--sidecar-folder", beside)
    found = {
        year: [
            round(told.latitude, 1)
            for told in sidecar_positions(str(tmp_path / year / "IMG_0000.jpg"), [str(beside)])
        ]
        for year in ("2019", "2020")
    }
    assert found == {"2019": [50.9], "2020": [55.7]}


def test_a_folder_above_that_is_tagged_later_finds_its_sidecars(
    geotagger: Geotagger, tmp_path: Path, beside: Path
) -> None:
    other = walk_through_town(tmp_path / "all" / "2019", 40, start=START - timedelta(days=400))
    scene = walk_through_town(tmp_path / "all" / "2020", 40)
    for folder in (scene.folder, other.folder):
        geotagger("tag", folder, "--write", "sidecar", "--sidecar-folder", beside)
    sidecars = bytes_of(beside)
    assert len(sidecars) == len(scene.stripped) + len(other.stripped)
    assert set(statuses(geotagger, "tag", tmp_path / "all").values()) == {"kept"}
    assert bytes_of(beside) == sidecars


def test_what_a_lost_index_knew_is_read_from_the_sidecar_folder(
    geotagger: Geotagger, scene: Scene, beside: Path
) -> None:
    photo = scene.folder / sorted(scene.stripped)[0]
    geotagger("place", "1,2", photo, "--write", "sidecar", "--sidecar-folder", beside)
    geotagger.index.unlink()
    said = geotagger(
        "tag", scene.folder, "--write", "sidecar", "--sidecar-folder", beside, "--json"
    ).by_name()
    assert (said[photo.name]["status"], said[photo.name]["rung"]) == ("kept", "manual")
    assert said[photo.name]["latitude"] == pytest.approx(1)


def test_a_sidecar_that_changed_in_its_folder_is_read_again(
    geotagger: Geotagger, scene: Scene, beside: Path
) -> None:
    geotagger("tag", scene.folder, "--write", "sidecar", "--sidecar-folder", beside)
    assert set(statuses(geotagger, "tag", scene.folder).values()) == {"kept"}
    photo = scene.folder / sorted(scene.stripped)[0]
    sidecar_of(photo, beside).unlink()
    again = statuses(geotagger, "tag", scene.folder, "--write", "sidecar", "--sidecar-folder", beside)
    assert {name for name, status in again.items() if status == "written"} == {photo.name}


@pytest.mark.parametrize("index", ["kept", "lost"])
def test_forget_takes_estimates_out_of_the_sidecar_folder(
    geotagger: Geotagger, scene: Scene, beside: Path, index: str
) -> None:
    geotagger("tag", scene.folder, "--write", "sidecar", "--sidecar-folder", beside)
    (scene.folder / sorted(scene.stripped)[0]).unlink()  # its sidecar tells where it was taken none the less
    told: list[object] = []
    if index == "lost":
        geotagger.index.unlink()
        told = ["--sidecar-folder", beside]
    foreseen = geotagger("forget", "--estimates", scene.folder, "--dry-run", "--json", *told).records
    assert len([r for r in foreseen if r["reason"] == WOULD_GO]) == len(scene.stripped)
    assert len(list(beside.rglob("*.xmp"))) == len(scene.stripped)
    said = geotagger("forget", "--estimates", scene.folder, "--yes", "--json", *told).records
    assert len([r for r in said if r["status"] == "restored"]) == len(scene.stripped)
    assert list(beside.rglob("*.xmp")) == []


def test_forget_may_be_pointed_at_the_sidecar_folder_itself(
    geotagger: Geotagger, scene: Scene, beside: Path
) -> None:
    geotagger("tag", scene.folder, "--write", "sidecar", "--sidecar-folder", beside)
    said = geotagger("forget", "--estimates", beside, "--yes", "--json").records
    assert [r["status"] for r in said] == ["restored"] * len(scene.stripped)
    assert list(beside.rglob("*.xmp")) == []
    again = statuses(geotagger, "tag", scene.folder)
    assert {name for name, status in again.items() if status == "written"} == scene.stripped


def test_undo_empties_the_sidecar_folder_and_the_next_run_finds_nothing_changed(
    geotagger: Geotagger, scene: Scene, beside: Path
) -> None:
    (scene.folder / "IMG_0001.jpg.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    options = ("--write", "sidecar", "--sidecar-folder", beside)
    geotagger("tag", scene.folder, *options)
    geotagger("undo", "--yes")
    assert list(beside.rglob("*.xmp")) == []
    geotagger("tag", scene.folder, "--write", "none")
    assert "unchanged" in geotagger("tag", scene.folder, "--write", "none").out


def test_leftovers_in_the_sidecar_folder_are_swept(geotagger: Geotagger, scene: Scene, beside: Path) -> None:
    options = ("--write", "sidecar", "--sidecar-folder", beside)
    geotagger("tag", scene.folder, *options)
    leftover = Path(mirrored(str(beside), str(scene.folder)), ".geotagger-12ab.tmp")
    leftover.write_bytes(b"half a sidecar")
    geotagger("tag", scene.folder, *options)
    assert not leftover.exists()


def test_an_archive_may_lose_its_sidecar_folder(geotagger: Geotagger, scene: Scene, beside: Path) -> None:
    geotagger("tag", scene.folder, "--write", "sidecar", "--sidecar-folder", beside)
    shutil.rmtree(beside)
    assert str(beside) in geotagger("tag", scene.folder, "--write", "none").err
    geotagger("forget", "--estimates", scene.folder, "--yes")


def test_a_folder_for_sidecars_that_is_not_there_yet_is_not_said_to_be_missing(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    words = ("tag", scene.folder, "--model", "none")
    folder = ("--write", "sidecar", "--sidecar-folder", tmp_path / "xmp")
    assert "lay there" not in geotagger(*words, *folder, "--dry-run").err
    assert "lay there" not in geotagger(*words, *folder).err
    (tmp_path / "xmp").rename(tmp_path / "gone")
    assert "lay there" in geotagger(*words).err
