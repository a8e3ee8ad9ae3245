"""A film whose creation time may be UTC, as the standard has it, or its camera's own: both are weighed until
something decides."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from geotagger.geo import distance_km
from tests.commands import Geotagger
from tests.photo.pictures import exif, quarters
from tests.photo.pictures import jpeg as picture
from tests.photo.videos import movie, text
from tests.tag.scenes import jpeg

LUCERNE, BERN = (47.0502, 8.3093), (46.948, 7.4474)
CREATED = datetime(2024, 6, 15, 14, 20)
"""By its camera's clock in Lucerne, two hours later, as UTC, in Bern."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def a_day(folder: Path, *places: tuple[float, float]) -> None:
    """A phone's photos of two hours, ten minutes apart, in each of the places: 14:00 local time, 16:00, …"""
    for n, place in enumerate(places):
        for minute in range(0, 50, 10):
            moment = CREATED.replace(hour=14 + 2 * n, minute=minute)
            (folder / f"{n}_{minute}.jpg").write_bytes(jpeg(moment, place))


def nikon(folder: Path, moment: datetime, name: str = "DSC_9000.JPG") -> None:
    """A photo without a place; only a camera's clock."""
    told = moment.strftime("%Y:%m:%d %H:%M:%S").encode()
    block = exif({0x010F: b"NIKON", 0x0110: b"D90"}, {0x9003: told, 0xA431: b"2012345"})
    (folder / name).write_bytes(picture(quarters(), block))


def film(folder: Path, name: str = "clip.mov", created: datetime = CREATED) -> Path:
    data = movie(created=created, user=text(b"\xa9mak", "NIKON") + text(b"\xa9mod", "D90"), brand=b"qt  ")
    (folder / name).write_bytes(data)
    return folder / name


def gpx(path: Path, points: dict[str, tuple[float, float]]) -> Path:
    told = "".join(
        f'<trkpt lat="{lat}" lon="{lng}"><time>2024-06-15T{when}:00Z</time></trkpt>'
        for when, (lat, lng) in points.items()
    )
    path.write_text(f'<gpx version="1.1"><trk><trkseg>{told}</trkseg></trk></gpx>')
    return path


def test_where_the_two_times_are_of_two_towns_neither_is_written_and_why_names_both(
    geotagger: Geotagger, folder: Path
) -> None:
    a_day(folder, LUCERNE, BERN)
    asked = film(folder)
    said = geotagger("tag", folder, "--model", "none", "--json").by_name()["clip.mov"]
    assert said["status"] != "written"
    assert said["confidence"] < 0.7
    assert not asked.with_name("clip.mov.xmp").exists()
    told = geotagger("why", asked)
    assert "2024-06-15 12:20 or 2024-06-15 14:20 UTC" in told.out
    assert "Lucerne" in told.out
    assert "Bern" in told.out


def test_where_both_times_are_of_one_place_it_is_written(geotagger: Geotagger, folder: Path) -> None:
    a_day(folder, LUCERNE, LUCERNE)
    film(folder)
    said = geotagger("tag", folder, "--model", "none", "--json").by_name()["clip.mov"]
    assert said["status"] == "written"
    assert distance_km(said["latitude"], said["longitude"], *LUCERNE) < said["radius_km"]


@pytest.mark.parametrize(("hour", "place"), [(14, LUCERNE), (16, BERN)], ids=["own clock", "UTC"])
def test_photos_of_the_same_camera_anywhere_in_the_archive_decide(
    geotagger: Geotagger, folder: Path, hour: int, place: tuple[float, float]
) -> None:
    """Also for films that no photo is near."""
    a_day(folder, LUCERNE, BERN)
    (folder / "camera").mkdir()
    nikon(folder / "camera", CREATED.replace(hour=hour, minute=11))
    film(folder)
    film(folder, "later.mov", CREATED.replace(minute=45))
    said = geotagger("tag", folder, "--model", "none", "--json").by_name()
    for name in ("clip.mov", "later.mov"):
        assert said[name]["status"] == "written", said[name]
        assert distance_km(said[name]["latitude"], said[name]["longitude"], *place) < 5


def test_a_track_places_it_only_where_it_is_at_one_place_at_both_times(
    geotagger: Geotagger, folder: Path, tmp_path: Path
) -> None:
    a_day(folder, LUCERNE)
    film(folder)
    near = (LUCERNE[0] + 0.0002, LUCERNE[1])
    still = gpx(tmp_path / "still.gpx", {"12:15": near, "12:25": near, "14:15": near, "14:25": near})
    away = gpx(tmp_path / "away.gpx", {"12:15": LUCERNE, "12:25": LUCERNE, "14:15": BERN, "14:25": BERN})
    tag = ("tag", folder, "--model", "none", "--dry-run", "--json", "--track")
    said = geotagger(*tag, still).by_name()["clip.mov"]
    assert (said["rung"], said["status"]) == ("track", "planned")
    said = geotagger(*tag, away).by_name()["clip.mov"]
    assert said["status"] != "planned"


def test_googles_takeout_decides(geotagger: Geotagger, folder: Path) -> None:
    a_day(folder, LUCERNE, BERN)
    film(folder)
    for utc, place in ((CREATED, BERN), (CREATED - timedelta(hours=2), LUCERNE)):
        told = {"photoTakenTime": {"timestamp": f"{(utc - datetime(1970, 1, 1)).total_seconds():.0f}"}}
        (folder / "clip.mov.json").write_text(json.dumps(told))
        said = geotagger("tag", folder, "--model", "none", "--json", "--dry-run").by_name()["clip.mov"]
        assert said["status"] == "planned"
        assert distance_km(said["latitude"], said["longitude"], *place) < 5


def test_a_time_in_the_name_decides(geotagger: Geotagger, folder: Path) -> None:
    a_day(folder, LUCERNE, BERN)
    film(folder, "MVI_20240615_162000.mov")
    said = geotagger("tag", folder, "--model", "none", "--json").by_name()["MVI_20240615_162000.mov"]
    assert distance_km(said["latitude"], said["longitude"], *BERN) < 5
