"""A track told once is remembered for its archive, as far as it is near photos in time."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.archive import FileEntry
from geotagger.geo import distance_km
from geotagger.index import Index, open_index
from geotagger.index.photos import Record
from geotagger.index.tracks import ENDS_REACH_S, WHOLE_REACH_S, within_reach
from geotagger.photo.values import Facts
from geotagger.tracks import Degrees, Track
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, jpeg


def gpx(path: Path, *, north: float = 0.0, first: datetime = START, minutes: int = 60) -> Path:
    """A walk along a street, a point every two minutes; `north` moves all of it, in degrees."""
    points = "".join(
        f'<trkpt lat="{LATITUDE + north + n * 0.001:.6f}" lon="{LONGITUDE}">'
        f"<time>{first + timedelta(minutes=2 * n - 120):%Y-%m-%dT%H:%M:%SZ}</time></trkpt>"
        for n in range(minutes // 2 + 1)
    )
    path.write_text(
        f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    )
    return path


def photo(path: Path, minutes: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(START + timedelta(minutes=minutes)))
    return path


def on_the_walk(minutes: float) -> tuple[float, float]:
    return LATITUDE + minutes / 2 * 0.001, LONGITUDE


@pytest.fixture
def track(tmp_path: Path) -> Path:
    return gpx(tmp_path / "walk.gpx")


def test_a_track_told_once_places_photos_of_later_runs(
    geotagger: Geotagger, tmp_path: Path, track: Path
) -> None:
    folder = tmp_path / "photos"
    photo(folder / "first.jpg", 10)
    assert geotagger("tag", folder, "--track", track, "--json").records[0]["rung"] == "track"
    assert "unchanged" in geotagger("tag", folder).out
    track.unlink()
    photo(folder / "second.jpg", 20)
    placed = geotagger("tag", folder, "--json").by_name()["second.jpg"]
    assert (placed["status"], placed["rung"]) == ("written", "track")
    assert distance_km(placed["latitude"], placed["longitude"], *on_the_walk(20)) < 0.02


def test_copies_of_a_track_count_once(geotagger: Geotagger, tmp_path: Path) -> None:
    """Downloads are often there twice."""
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    for name in ("walk.gpx", "walk (1).gpx"):
        gpx(tracks / name)
    photo(tmp_path / "photos" / "first.jpg", 10)
    assert geotagger("tag", tmp_path / "photos", "--track", tracks, "--json").records[0]["rung"] == "track"
    assert len(geotagger("tracks", "--json").records) == 1


def test_a_track_of_the_same_name_and_length_is_another_one(
    geotagger: Geotagger, tmp_path: Path, track: Path
) -> None:
    folder = tmp_path / "photos"
    photo(folder / "first.jpg", 10)
    geotagger("tag", folder, "--track", track, "--write", "none")
    gpx(track, north=0.05)
    said = geotagger("tag", folder, "--track", track, "--write", "none", "--json")
    latitude, longitude = on_the_walk(10)
    assert (
        distance_km(said.records[0]["latitude"], said.records[0]["longitude"], latitude + 0.05, longitude)
        < 0.02
    )
    assert len(geotagger("tracks", "--json").records) == 1


def test_why_gives_the_same_numbers_when_the_file_is_gone(
    geotagger: Geotagger, tmp_path: Path, track: Path
) -> None:
    asked = photo(tmp_path / "photos" / "first.jpg", 10)
    geotagger("tag", asked.parent, "--track", track)
    before = geotagger("why", asked, "--json").records
    track.unlink()
    after = geotagger("why", asked, "--json")
    assert after.records == before
    assert "gone" not in after.err


def test_the_clock_of_a_receiver_that_was_set_right_once_is_right_whenever_its_file_is_given(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    slow = gpx(tmp_path / "slow.gpx", first=START - timedelta(days=3, hours=2))
    asked = photo(tmp_path / "photos" / "first.jpg", 10)
    first = geotagger("tag", asked.parent, "--track", slow, "--clock", "SLOW.gpx=+3d2h", "--json").records[0]
    assert (first["rung"], first["status"]) == ("track", "written")
    before = geotagger("why", asked, "--json").records
    assert geotagger("why", asked, "--track", slow, "--json").records == before
    photo(tmp_path / "photos" / "second.jpg", 20)
    *_, second = geotagger("tag", asked.parent, "--track", slow, "--json").records
    assert os.path.basename(second["path"]) == "second.jpg"
    assert (second["rung"], second["status"]) == ("track", "written")
    assert distance_km(second["latitude"], second["longitude"], *on_the_walk(20)) < 0.02
    assert len(geotagger("tracks", "--json").records) == 1
    # a later word counts
    again = geotagger("tag", asked.parent, "--track", slow, "--clock", "slow.gpx=0", "--dry-run")
    assert "slow.gpx: helps no photo" in again.err


def test_tracks_are_listed_and_forgotten(geotagger: Geotagger, tmp_path: Path, track: Path) -> None:
    folder = tmp_path / "photos"
    written = photo(folder / "first.jpg", 10)
    other = gpx(tmp_path / "other.gpx", first=START - timedelta(days=400))
    geotagger("tag", folder, "--track", track, "--track", other)
    listed = {record["name"]: record for record in geotagger("tracks", "--json").records}
    assert {name: record["points"] for name, record in listed.items()} == {"walk.gpx": 31, "other.gpx": 0}
    assert (listed["walk.gpx"]["archive"], listed["walk.gpx"]["file"]) == (str(folder), str(track))
    assert listed["walk.gpx"]["first"] == "2024-05-17T07:00:00+00:00"
    assert str(track) in geotagger("tracks").out
    content = written.read_bytes()
    geotagger("tracks", "--forget", "walk.gpx")
    assert [record["name"] for record in geotagger("tracks", "--json").records] == ["other.gpx"]
    geotagger("tracks", "--forget", tmp_path)
    assert "no track is remembered" in geotagger("tracks").err
    assert "no track walk.gpx is remembered" in geotagger("tracks", "--forget", "walk.gpx", code=2).err
    geotagger("tag", folder)
    assert written.read_bytes() == content


def test_forget_takes_the_tracks_of_an_archive_with_its_estimates(
    geotagger: Geotagger, tmp_path: Path, track: Path
) -> None:
    folder = tmp_path / "photos"
    photo(folder / "a" / "first.jpg", 10)
    photo(folder / "b" / "second.jpg", 20)
    geotagger("tag", folder, "--track", track)
    geotagger("forget", "--estimates", folder / "a", "--yes")
    assert len(geotagger("tracks", "--json").records) == 1
    geotagger("forget", "--estimates", folder, "--dry-run")
    assert len(geotagger("tracks", "--json").records) == 1
    geotagger("forget", "--estimates", folder, "--yes")
    assert geotagger("tracks", "--json").records == []
    assert all(record["rung"] != "track" for record in geotagger("tag", folder, "--json").records)


def test_a_dry_run_remembers_no_track(geotagger: Geotagger, tmp_path: Path, track: Path) -> None:
    folder = tmp_path / "photos"
    photo(folder / "first.jpg", 10)
    geotagger("tag", folder)
    geotagger("tag", folder, "--track", track, "--dry-run")
    assert geotagger("tracks", "--json").records == []


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with open_index(tmp_path / "index.db") as opened:
        yield opened


def recorded(folder: Path, index: Index, utc: float) -> int:
    """A root with one photo of that time; its number."""
    folder.mkdir(parents=True)
    root = index.roots.root_for(str(folder))
    entry = FileEntry(f"{folder}/a.jpg", 1, 1, 1, 1)
    index.photos.record(root, [Record(entry, Facts("jpeg", 1, 1), utc=utc)])
    return root.id


def day_long(digest: str = "d", first: float = 0.0, days: int = 30) -> Track:
    """A point every hour."""
    utc = first + 3600.0 * np.arange(24 * days)
    lat, lng = Degrees.of(np.linspace(1, 2, len(utc))), Degrees.of(np.zeros(len(utc)))
    return Track("long.gpx", utc, lat, lng, np.ones(len(utc)), digest, "/f")


def test_only_points_near_photos_are_kept(tmp_path: Path, index: Index) -> None:
    root_id = recorded(tmp_path / "a", index, 10 * 86400.0)
    index.tracks.remember(root_id, [day_long()])
    (kept,) = index.tracks.of_root(root_id)
    assert len(kept.utc) == 49
    whole = day_long()
    at = np.searchsorted(whole.utc, kept.utc)
    for name in ("utc", "lat", "lng", "error_km"):
        assert np.array_equal(getattr(kept, name)[:], getattr(whole, name)[at])


def test_a_root_that_takes_others_over_keeps_the_points_of_all(tmp_path: Path, index: Index) -> None:
    for name, day in (("a", 3), ("b", 20)):
        index.tracks.remember(recorded(tmp_path / "all" / name, index, day * 86400.0), [day_long()])
    index.tracks.remember(recorded(tmp_path / "all" / "c", index, 5 * 86400.0), [day_long("e")])
    root = index.roots.root_for(os.fspath(tmp_path / "all"))
    kept = {track.digest: track for track in index.tracks.of_root(root.id)}
    assert {digest: len(track.utc) for digest, track in kept.items()} == {"d": 98, "e": 49}
    assert np.all(np.diff(kept["d"].utc) > 0)
    assert [track.root_id for track in index.tracks.listed()] == [root.id, root.id]


times = st.lists(st.integers(0, 40).map(lambda n: n * 43200.0), max_size=12).map(sorted)


@given(times, times)
def test_within_reach_is_what_a_look_at_every_pair_finds(points: list[float], photos: list[float]) -> None:
    expected = [
        any(abs(point - taken) <= WHOLE_REACH_S for taken in photos)
        or any(
            abs(point - taken) <= ENDS_REACH_S
            and (
                point == max((p for p in points if p < taken), default=None)
                or point == min((p for p in points if p >= taken), default=None)
            )
            for taken in photos
        )
        for point in points
    ]
    near = within_reach(np.array(sorted(set(points))), np.array(photos, dtype=np.float64))
    assert near.tolist() == [e for point, e in dict(zip(points, expected, strict=True)).items()]


def test_a_stay_longer_than_any_reach_is_remembered_as_one(geotagger: Geotagger, tmp_path: Path) -> None:
    """Three months in one place; the photo of a later run is of the middle of them."""
    first, last = (f"{START + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (-45, 45))
    track = tmp_path / "stay.kml"
    track.write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><TimeSpan>'
        f"<begin>{first}</begin><end>{last}</end></TimeSpan>"
        f"<Point><coordinates>{LONGITUDE},{LATITUDE},0</coordinates></Point></Placemark></kml>"
    )
    folder = tmp_path / "photos"
    photo(folder / "first.jpg", 10)
    assert geotagger("tag", folder, "--track", track, "--json").records[0]["rung"] == "track"
    track.unlink()
    photo(folder / "second.jpg", 60 * 24)
    second = geotagger("tag", folder, "--json").by_name()["second.jpg"]
    assert (second["status"], second["rung"]) == ("written", "track")
    assert distance_km(second["latitude"], second["longitude"], LATITUDE, LONGITUDE) < 0.01


def test_marks_of_a_file_are_remembered_beside_its_points(geotagger: Geotagger, tmp_path: Path) -> None:
    """A photo half-way between two way points of an earlier run stays without a place."""
    times = [f"{START + timedelta(minutes=minutes - 120):%Y-%m-%dT%H:%M:%SZ}" for minutes in (0, 30, 300)]
    points = [f'<{kind} lat="{LATITUDE}" lon="{LONGITUDE}"><time>{time}</time></{kind}>'
              for kind, time in zip(("wpt", "wpt", "trkpt"), times, strict=True)]  # fmt: skip
    track = tmp_path / "mixed.gpx"
    track.write_text(
        f'<gpx xmlns="http://www.topografix.com/GPX/1/1">{points[0]}{points[1]}'
        f"<trk><trkseg>{points[2]}</trkseg></trk></gpx>"
    )
    folder = tmp_path / "photos"
    photo(folder / "first.jpg", 0)
    assert geotagger("tag", folder, "--track", track, "--json").records[0]["rung"] == "track"
    track.unlink()
    photo(folder / "second.jpg", 30)
    photo(folder / "third.jpg", 300)
    photo(folder / "between.jpg", 15)
    rungs = {name: record["rung"] for name, record in geotagger("tag", folder, "--json").by_name().items()}
    assert (rungs["second.jpg"], rungs["third.jpg"]) == ("track", "track")
    assert rungs["between.jpg"] != "track"
