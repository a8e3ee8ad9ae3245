"""A photo and its sidecar never disagree about a place of ours."""

import os
from pathlib import Path

import pytest

from tests.commands import Geotagger
from tests.metadata import exiftool
from tests.tag.scenes import bytes_of, walk_through_town

pytestmark = exiftool.needs_exiftool

ONE = "IMG_0001.jpg"


@pytest.mark.parametrize(("first", "second"), [("exif", "sidecar"), ("sidecar", "exif"), ("sidecar", "auto")])
def test_the_owners_place_replaces_an_estimate_in_photo_and_sidecar(
    geotagger: Geotagger, tmp_path: Path, first: str, second: str
) -> None:
    scene = walk_through_town(tmp_path / "photos")
    photo, sidecar = scene.folder / ONE, scene.folder / f"{ONE}.xmp"
    original = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--write", first)
    estimated = bytes_of(scene.folder)

    said = geotagger("place", "48.85,2.35", photo, "--write", second, "--json").by_name()
    assert said[ONE]["status"] == "written"
    assert exiftool.tags(photo)["GPS:GPSLatitude"] == pytest.approx(48.85)
    assert exiftool.tags(sidecar)["XMP-exif:GPSLatitude"] == pytest.approx(48.85)
    assert exiftool.tags(sidecar)["XMP-geotagger:Rung"] == "manual"
    changed = {name for name, data in bytes_of(scene.folder).items() if estimated.get(name) != data}
    assert changed == {ONE, f"{ONE}.xmp"}
    assert geotagger("tag", scene.folder, "--json").by_name()[ONE]["rung"] == "manual"

    undone = geotagger("undo", "--yes", "--json").records
    assert [(os.path.basename(one["path"]), one["status"]) for one in undone] == [(ONE, "restored")]
    assert bytes_of(scene.folder) == estimated
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == original


def test_half_an_undo_leaves_the_estimate_known(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    photo, sidecar = scene.folder / ONE, scene.folder / f"{ONE}.xmp"
    geotagger("tag", scene.folder, "--write", "exif")
    geotagger("place", "48.85,2.35", photo, "--write", "sidecar")
    sidecar.write_text(sidecar.read_text().replace("48,51.", "48,52."))
    undone = geotagger("undo", "--yes", "--json").records
    assert [one["status"] for one in undone] == ["kept"]
    assert "no longer holds" in undone[0]["reason"]


def test_a_photo_that_can_no_longer_be_replaced_is_told(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    photo = scene.folder / ONE
    geotagger("tag", scene.folder)
    os.link(photo, tmp_path / "second name.jpg")
    before = photo.read_bytes()
    said = geotagger("place", "48.85,2.35", photo, "--json").by_name()[ONE]
    assert said["status"] == "written"
    assert f"into {ONE}.xmp" in said["reason"]
    assert "the old place is still in the other file" in said["reason"]
    assert photo.read_bytes() == before


def test_a_place_in_a_new_sidecar_is_kept_and_fails_nothing(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    geotagger("tag", scene.folder, "--write", "none")
    foreign = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,51N" exif:GPSLongitude="2,21E"/>'
        "</rdf:RDF>"
    )
    (scene.folder / f"{ONE}.xmp").write_text(foreign)
    before = bytes_of(scene.folder)
    said = geotagger("place", "1,2", scene.folder / ONE, "--json").by_name()[ONE]
    assert said["status"] == "kept"
    assert bytes_of(scene.folder) == before
