"""A track that helps no photo is named with its dates, and how a rollover would mend it."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from geotagger.tag.unmet import lines_on_unmet
from geotagger.tracks import load_tracks
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, jpeg

WEEKS = timedelta(weeks=1024)


def gpx(path: Path, first: datetime = START - timedelta(hours=2), element: str = "trkpt") -> Path:
    points = "".join(
        f'<{element} lat="{LATITUDE + n * 0.001}" lon="{LONGITUDE}">'
        f"<time>{first + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}</time></{element}>"
        for n in range(30)
    )
    inner = points if element == "wpt" else f"<trk><trkseg>{points}</trkseg></trk>"
    path.write_text(f'<gpx xmlns="http://www.topografix.com/GPX/1/1">{inner}</gpx>')
    return path


def archive(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(START + timedelta(minutes=10)))
    return folder


def test_a_track_of_another_year_is_named_and_one_of_the_day_is_not(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    photos = archive(tmp_path / "photos")
    walk = gpx(tmp_path / "walk.gpx")
    other = gpx(tmp_path / "other.gpx", START - timedelta(days=400))
    said = geotagger("tag", photos, "--model", "none", "--track", walk, "--track", other)
    lines = [line for line in said.err.splitlines() if "helps no photo" in line]
    assert lines == [f"geotagger: {other}: helps no photo: it is of 2023-04-13, the photos of 2024-05-17"]


def test_a_rollover_is_offered_and_what_is_offered_works(geotagger: Geotagger, tmp_path: Path) -> None:
    photos = archive(tmp_path / "photos")
    track = gpx(tmp_path / "walk.gpx", START - timedelta(hours=2) - WEEKS)
    said = geotagger("tag", photos, "--model", "none", "--track", track, "--json")
    assert said.records[0]["status"] != "written"
    (line,) = [line for line in said.err.splitlines() if "helps no photo" in line]
    assert "it is of 2004-10-01, the photos of 2024-05-17; 1,024 weeks later it would meet them" in line
    assert "--clock 'walk.gpx=+7168d' sets it right" in line
    mended = geotagger(
        "tag", photos, "--model", "none", "--track", track, "--clock", "walk.gpx=+7168d", "--json"
    )
    assert not mended.err
    record = mended.records[0]
    assert (record["status"], record["rung"]) == ("written", "track")
    assert abs(record["latitude"] - (LATITUDE + 0.010)) < 0.0001


def test_way_points_an_hour_away_help_no_photo(tmp_path: Path) -> None:
    tracks = load_tracks([gpx(tmp_path / "a.gpx", START, "wpt")])
    at = tracks[0].utc
    assert len(list(lines_on_unmet(tracks, np.array([at[-1] + 3600.0])))) == 1
    assert not list(lines_on_unmet(tracks, np.array([at[-1] + 60.0])))


def test_many_that_help_none_are_summed_up(tmp_path: Path) -> None:
    for n in range(9):
        gpx(tmp_path / f"{n}.gpx", START - timedelta(days=400 + n))
    lines = list(lines_on_unmet(load_tracks([tmp_path]), np.array([START.timestamp()])))
    assert len(lines) == 6
    assert lines[-1] == "4 tracks more help no photo: they are of 2023-04-05 to 2023-04-08"


def test_photos_without_a_time_are_said_to_be(tmp_path: Path) -> None:
    (line,) = lines_on_unmet(load_tracks([gpx(tmp_path / "a.gpx")]), np.array([]))
    assert line.endswith("it is of 2024-05-17, and no photo there has a time")


def test_a_folder_without_tracks_is_named_in_one_line(geotagger: Geotagger, tmp_path: Path) -> None:
    photos = archive(tmp_path / "photos")
    said = geotagger("tag", photos, "--model", "none", "--track", photos)
    assert [line for line in said.err.splitlines() if "no track could be read" in line] == [
        f"geotagger: {photos}: no track could be read in this folder; no place was taken from it"
    ]
