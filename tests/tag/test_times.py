"""Time, from the command line: cameras that do not know theirs, and the ends of the map and the calendar."""

import io
from datetime import datetime, timedelta
from pathlib import Path

import piexif
import pytest

from geotagger.geo import distance_km
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, STEP_DEG, jpeg, walk_through_town


def camera_photo(
    taken: datetime | str, place: tuple[float, float] | None = None, camera: str = "Old Camera"
) -> bytes:
    """A photo of a camera that writes no offset; a time in words is written as it is."""
    moment = taken if isinstance(taken, datetime) else START
    exif = piexif.load(jpeg(moment, place, camera=camera))
    del exif["Exif"][piexif.ExifIFD.OffsetTimeOriginal]
    if isinstance(taken, str):
        exif["Exif"][piexif.ExifIFD.DateTimeOriginal] = taken.encode()
    file = io.BytesIO()
    piexif.insert(piexif.dump(exif), jpeg(moment, place, camera=camera), file)
    return file.getvalue()


def where(n: float) -> tuple[float, float]:
    """On the walk through town, n photos on."""
    return LATITUDE + n * STEP_DEG, LONGITUDE


def test_a_wrong_clock_is_found_told_and_set_right(geotagger: Geotagger, tmp_path: Path) -> None:
    """The camera's clock is 1 h 03 min slow. A few of its photos have places; another has none."""
    scene = walk_through_town(tmp_path / "photos", photos=40, without_gps=0)
    slow = timedelta(hours=1, minutes=3)
    for n in (3, 9, 14, 20, 26, 31):
        moment = START + timedelta(minutes=4 * n) - slow
        (scene.folder / f"camera-{n}.jpg").write_bytes(camera_photo(moment, where(n)))
    asked = START + timedelta(minutes=4 * 17) - slow
    (scene.folder / "asked.jpg").write_bytes(camera_photo(asked))
    said = geotagger("tag", scene.folder, "--write", "none", "--json")
    evidence = next(line for line in said.err.splitlines() if "clock is off" in line)
    assert "Old Camera" in evidence
    assert "+1h0" in evidence
    assert "6 photos from" in evidence
    found = said.by_name()["asked.jpg"]
    assert distance_km(found["latitude"], found["longitude"], *where(17)) < 0.06


def test_a_camera_without_an_offset_takes_the_zone_of_its_neighbours(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """By the computer's zone it would be hours away from the phone that was beside it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(8):
        place = (-33.87 + 0.01 * n, 151.2)
        moment = START + timedelta(hours=n)
        (folder / f"phone-{n}.jpg").write_bytes(camera_photo(moment, place, "Phone"))
    (folder / "camera.jpg").write_bytes(camera_photo(START + timedelta(hours=5, minutes=1)))
    found = geotagger("tag", folder, "--write", "none", "--json").by_name()["camera.jpg"]
    assert distance_km(found["latitude"], found["longitude"], -33.82, 151.2) < 0.5


@pytest.mark.parametrize("date", ["0000:00:00 00:00:00", "1970:01:01 00:00:07", "    :  :     :  :  "])
def test_a_date_of_a_clock_that_was_never_set_is_no_time(
    geotagger: Geotagger, tmp_path: Path, date: str
) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=6, without_gps=0)
    (scene.folder / "unset.jpg").write_bytes(camera_photo(date))
    found = geotagger("tag", scene.folder, "--min-confidence", "0.1", "--json").by_name()["unset.jpg"]
    assert found["status"] == "indexed"
    assert "has no time" in found["reason"]


def test_a_burst_of_equal_seconds_shares_one_place(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=12, without_gps=0)
    moment = START + timedelta(minutes=20)
    for n in range(5):
        (scene.folder / f"burst-{n}.jpg").write_bytes(jpeg(moment, shade=n))
    said = geotagger("tag", scene.folder, "--write", "none", "--json").by_name()
    places = {(said[f"burst-{n}.jpg"]["latitude"], said[f"burst-{n}.jpg"]["longitude"]) for n in range(5)}
    assert len(places) == 1
    assert distance_km(*places.pop(), *where(5)) < 0.06


@pytest.mark.parametrize(
    ("before", "after", "between"),
    [
        ((-16.5, 179.99), (-16.5, -179.99), (-16.5, 180.0)),
        ((89.99, 0.0), (89.99, 180.0), (90.0, 0.0)),
        ((-89.995, 30.0), (-89.995, 30.0), (-89.995, 30.0)),
    ],
)
def test_at_the_date_line_and_at_the_poles_the_middle_is_between(
    geotagger: Geotagger,
    tmp_path: Path,
    before: tuple[float, float],
    after: tuple[float, float],
    between: tuple[float, float],
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "before.jpg").write_bytes(jpeg(START, before))
    (folder / "after.jpg").write_bytes(jpeg(START + timedelta(minutes=40), after))
    (folder / "asked.jpg").write_bytes(jpeg(START + timedelta(minutes=20)))
    found = geotagger("tag", folder, "--write", "none", "--json").by_name()["asked.jpg"]
    assert distance_km(found["latitude"], found["longitude"], *between) < 1.2


@pytest.mark.parametrize(
    ("local", "phone"),
    [
        # an hour that spring skips, and one that autumn repeats; the phone's is at +02:00
        (datetime(2024, 3, 31, 2, 30), datetime(2024, 3, 31, 3, 30)),
        (datetime(2024, 10, 27, 2, 30), datetime(2024, 10, 27, 2, 30)),
    ],
)
def test_an_hour_that_the_clocks_skip_or_repeat_is_one_moment(
    geotagger: Geotagger, tmp_path: Path, local: datetime, phone: datetime
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in (-1, 0, 1):
        (folder / f"phone{n}.jpg").write_bytes(jpeg(phone + timedelta(hours=n), where(20.0 * n)))
    (folder / "asked.jpg").write_bytes(camera_photo(local))
    found = geotagger("tag", folder, "--write", "none", "--json").by_name()["asked.jpg"]
    assert distance_km(found["latitude"], found["longitude"], *where(0)) < 0.3
