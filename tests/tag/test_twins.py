"""Two equal phones in one archive, of two people in two cities, from the command line."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import piexif
import pytest

from geotagger.geo import distance_km
from geotagger.index import open_index
from geotagger.index.learned import MOVEMENT
from tests.commands import Geotagger
from tests.tag.scenes import START, jpeg

COLOGNE, MUNICH = (50.94, 6.96), (48.14, 11.58)


@pytest.mark.parametrize("told_by", ["folder", "software"])
def test_photos_of_equal_phones_go_to_the_city_of_their_own(
    geotagger: Geotagger, tmp_path: Path, told_by: str
) -> None:
    bare = _of_equal_phones(tmp_path / "photos", told_by)
    said = geotagger("tag", tmp_path / "photos", "--model", "none", "--dry-run", "--json").by_name()
    for name, city in bare:
        assert said[name]["status"] == "planned"
        assert distance_km(said[name]["latitude"], said[name]["longitude"], *city) < 10


def test_what_was_learned_of_a_camera_goes_by_the_name_that_it_has_now(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """Of equal phones that is their folder's, which may be renamed."""
    _of_equal_phones(tmp_path / "photos", "folder")
    for name in ("anna", "lisa"):
        if name != "anna":
            (tmp_path / "photos" / "anna").rename(tmp_path / "photos" / name)
        geotagger("tag", tmp_path / "photos", "--model", "none", "--write", "none")
        with open_index(geotagger.index) as index:
            assert any(name in camera for camera in index.learned.get(1, MOVEMENT)["movement"]["cameras"])


def _of_equal_phones(archive: Path, told_by: str) -> set[tuple[str, tuple[float, float]]]:
    """Twenty-four minutes apart by turns; a third of them have no place: those, with their cities."""
    bare = set()
    for n in range(36):
        who, name = ("anna", "ben")[n % 2 if told_by == "folder" else 0], f"IMG_{n:04}.jpg"
        lacks = n // 2 % 3 == 1
        city = (COLOGNE, MUNICH)[n % 2]
        place = None if lacks else (city[0] + 0.0005 * n, city[1])
        folder = archive / who
        folder.mkdir(parents=True, exist_ok=True)
        taken = START + timedelta(minutes=24 * (n % 12), days=n // 12)
        version = ("16.1", "15.7")[n % 2] if told_by == "software" else "16.1"
        (folder / name).write_bytes(_with_software(jpeg(taken, place, size=32), version))
        if lacks:
            bare.add((name, city))
    return bare


def _with_software(content: bytes, version: str) -> bytes:
    exif = piexif.load(content)
    exif["0th"][piexif.ImageIFD.Software] = version.encode()
    file = BytesIO()
    piexif.insert(piexif.dump(exif), content, file)
    return file.getvalue()
