"""A fix whose GPS time stamp is hours older than its photo places the photos beside it less surely."""

import io
from datetime import timedelta
from pathlib import Path

import piexif
import pytest
from PIL import Image

from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, exif_of


def jpeg_with_stamp(minutes: float, age: timedelta | None) -> bytes:
    """Taken at UTC+2; its receiver saw the place so long before, and it has none where that is None."""
    taken = START + timedelta(minutes=minutes)
    exif = piexif.load(exif_of(taken, None if age is None else (LATITUDE, LONGITUDE)))
    if age is not None:
        seen = taken - timedelta(hours=2) - age
        exif["GPS"][piexif.GPSIFD.GPSDateStamp] = seen.strftime("%Y:%m:%d").encode()
        exif["GPS"][piexif.GPSIFD.GPSTimeStamp] = ((seen.hour, 1), (seen.minute, 1), (seen.second, 1))
    file = io.BytesIO()
    Image.new("RGB", (32, 24), (90, 120, 60)).save(file, "JPEG", exif=piexif.dump(exif))
    return file.getvalue()


@pytest.mark.parametrize("stale", [False, True])
def test_a_stale_fix_is_told_and_says_less(geotagger: Geotagger, tmp_path: Path, stale: bool) -> None:
    age = timedelta(hours=3, minutes=5) if stale else timedelta(seconds=3)
    (tmp_path / "fixed.jpg").write_bytes(jpeg_with_stamp(0, age))
    (tmp_path / "asked.jpg").write_bytes(jpeg_with_stamp(2, None))
    said = geotagger("tag", tmp_path, "--model", "none", "--write", "none", "--json").by_name()
    assert said["fixed.jpg"]["status"] == "kept"
    why = geotagger("why", tmp_path / "asked.jpg").out
    assert ("3.1 h older than its photo" in why) == stale
    assert (said["asked.jpg"]["radius_km"] > 2) == stale
