"""The facts of every real file, held against what ExifTool says of it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geotagger.errors import UnreadablePhotoError
from geotagger.photo.facts import read_facts
from geotagger.photo.values import Facts

Told = dict[str, Any]


@pytest.fixture(scope="module")
def both(shared_data: Path) -> list[tuple[str, Facts, Told]]:
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    endings = [f for e in ("jpg", "jpeg", "heic", "heif", "avif", "png", "tif", "tiff") for f in ("-ext", e)]
    command = ["exiftool", "-j", "-n", "-r", "-G1", "-q", "-q", *endings, str(shared_data / "photos")]
    said = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    return list(_pairs(said))


def _pairs(said: list[Told]) -> Iterator[tuple[str, Facts, Told]]:
    for told in said:
        try:
            yield told["SourceFile"], read_facts(told["SourceFile"]), told
        except UnreadablePhotoError:
            assert "ExifTool:Error" in told, told["SourceFile"]


def test_every_position_is_the_same(both: list[tuple[str, Facts, Told]]) -> None:
    for path, facts, told in both:
        place = told.get("Composite:GPSLatitude"), told.get("Composite:GPSLongitude")
        if facts.fix is None:
            assert place == (None, None), path
        else:
            fix = facts.fix
            assert (fix.latitude, fix.longitude) == pytest.approx(place, abs=1e-7), path
            assert fix.error_m == pytest.approx(told.get("GPS:GPSHPositioningError")), path
            if told.get("Composite:GPSAltitude"):
                assert fix.altitude_m == pytest.approx(told["Composite:GPSAltitude"], abs=1e-6), path
    assert sum(facts.fix is not None for _, facts, _ in both) > 270


def test_every_capture_time_is_the_same(both: list[tuple[str, Facts, Told]]) -> None:
    for path, facts, told in both:
        taken = told.get("ExifIFD:DateTimeOriginal") or told.get("ExifIFD:CreateDate")
        if not taken:
            continue  # what stands in for a missing capture time is our own choice
        assert facts.taken is not None, path
        assert facts.taken.local.strftime("%Y:%m:%d %H:%M:%S") == taken[:19], path
        sub_seconds = told.get("ExifIFD:SubSecTimeOriginal")
        if sub_seconds is not None:
            assert f"{facts.taken.local.microsecond:06}" == str(sub_seconds)[:6].ljust(6, "0"), path
        offset = told.get("ExifIFD:OffsetTimeOriginal")
        if offset:
            sign = -1 if offset[0] == "-" else 1
            minutes = sign * (int(offset[1:3]) * 60 + int(offset[4:6]))
            assert facts.taken.offset is not None, path
            assert facts.taken.offset.total_seconds() == minutes * 60, path


def test_every_size_and_orientation_is_the_same(both: list[tuple[str, Facts, Told]]) -> None:
    for path, facts, told in both:
        sizes = [
            (told.get(f"{g}:ImageWidth"), told.get(f"{g}:ImageHeight"))
            for g in ("File", "PNG", "IFD0", "Meta")
        ]
        assert (facts.width, facts.height) == next(size for size in sizes if size[0]), path
        if facts.format not in ("heic", "avif"):  # these say it elsewhere, and that is what counts
            orientation = told.get("IFD0:Orientation")
            assert facts.orientation == (orientation if orientation in range(1, 9) else 1), path
