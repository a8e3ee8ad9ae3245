"""What the owner says of a place in another program is never taken for an estimate of ours."""

import subprocess
from pathlib import Path

import pytest

from geotagger.index import open_index
from geotagger.photo.facts import read_facts
from tests.commands import Geotagger
from tests.metadata import exiftool
from tests.tag.scenes import walk_through_town

pytestmark = exiftool.needs_exiftool


@pytest.mark.parametrize("mode", ["exif", "sidecar"])
def test_a_corrected_estimate_is_a_fix_from_then_on(geotagger: Geotagger, tmp_path: Path, mode: str) -> None:
    scene = walk_through_town(tmp_path / "photos")
    geotagger("tag", scene.folder, "--write", mode)
    photo = scene.folder / "IMG_0001.jpg"
    file = photo if mode == "exif" else photo.with_name("IMG_0001.jpg.xmp")
    group = "EXIF" if mode == "exif" else "XMP-exif"
    subprocess.run(
        ["exiftool", "-q", "-n", "-overwrite_original", f"-{group}:GPSLatitude=48.2105", file], check=True
    )
    for arguments in ((), ("--again",)):
        said = geotagger("tag", scene.folder, "--write", mode, *arguments, "--json").by_name()[photo.name]
        assert said["status"] == "kept"
        assert said["rung"] == ("camera" if mode == "exif" else "sidecar")
        assert said["latitude"] == pytest.approx(48.2105)
    geotagger("forget", "--estimates", scene.folder, "--yes")
    assert b"geotagger" not in file.read_bytes()
    assert exiftool.tags(file)["GPS:GPSLatitude" if mode == "exif" else "XMP-exif:GPSLatitude"] == 48.2105
    assert read_facts(scene.folder / "IMG_0003.jpg").fix is None
    said = geotagger("tag", scene.folder, "--dry-run", "--json").by_name()[photo.name]
    assert (said["status"], said["latitude"]) == ("kept", pytest.approx(48.2105))


def test_a_correction_that_no_run_has_seen_before_forget_is_seen_by_the_next(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    geotagger("tag", scene.folder)
    photo = scene.folder / "IMG_0001.jpg"
    exiftool.run("-n", "-P", "-overwrite_original", "-GPSLatitude=48.2105", str(photo))
    geotagger("forget", "--estimates", scene.folder, "--yes")
    said = geotagger("tag", scene.folder, "--json").by_name()[photo.name]
    assert (said["status"], said["rung"], said["latitude"]) == ("kept", "camera", pytest.approx(48.2105))


def test_a_time_that_was_corrected_before_undo_is_seen_by_the_next_run(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    geotagger("tag", scene.folder)
    photo = scene.folder / "IMG_0001.jpg"
    exiftool.run("-P", "-overwrite_original", "-DateTimeOriginal=2011:01:01 12:00:00", str(photo))
    geotagger("undo", "--yes")
    geotagger("tag", scene.folder, "--write", "none")
    with open_index(geotagger.index, mode="read") as index:
        known = index.photos.find(str(photo))
    assert known is not None
    assert known.facts is not None
    assert known.facts.taken is not None
    assert known.facts.taken.local.year == 2011
