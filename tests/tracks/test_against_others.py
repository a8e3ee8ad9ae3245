"""The readers held against GPSBabel and gpxpy: what these write is read as they were told it."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gpxpy
import numpy as np
import pytest

from geotagger.errors import SourceError
from geotagger.tracks import load_tracks
from geotagger.tracks.gpx import read_gpx
from geotagger.tracks.values import Point, WayPoint

START = datetime(2024, 6, 15, 22, 30, tzinfo=UTC)
POINTS = 200
Row = tuple[float, float, float]


def walk() -> list[Row]:
    """A walk over midnight, through Greenwich and the equator, up to two minutes from point to point."""
    rng = np.random.default_rng(14)
    utc = START.timestamp() + np.cumsum(rng.integers(10, 120, POINTS)).astype(float)
    lat = -0.01 + np.cumsum(rng.uniform(0, 2e-4, POINTS))
    lng = -0.01 + np.cumsum(rng.uniform(0, 2e-4, POINTS))
    return list(zip(utc.tolist(), lat.round(6).tolist(), lng.round(6).tolist(), strict=True))


def gpx(rows: list[Row]) -> str:
    points = "".join(
        f'<trkpt lat="{lat}" lon="{lng}"><ele>100</ele>'
        f"<time>{datetime.fromtimestamp(utc, UTC):%Y-%m-%dT%H:%M:%SZ}</time>"
        "<fix>3d</fix><sat>9</sat><hdop>1</hdop></trkpt>"
        for utc, lat, lng in rows
    )
    head = '<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">'
    return f"{head}<trk><trkseg>{points}</trkseg></trk></gpx>"


def babel(*arguments: str) -> None:
    subprocess.run(["gpsbabel", "-t", *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gpsbabel") is None:
        pytest.skip("gpsbabel is not installed")
    path = tmp_path_factory.mktemp("walk") / "walk.gpx"
    path.write_text(gpx(walk()))
    return path


@pytest.mark.parametrize(
    ("form", "tolerance_deg"),
    [
        ("gpx", 1e-6),
        ("gpx,gpxver=1.0", 1e-6),
        ("kml", 1e-6),
        ("kml,track=1", 1e-6),
        ("nmea", 1e-5),
        ("nmea,gpgga=0", 1e-5),
        ("gtrnctr,course=0", 1e-6),
        ("igc", 1e-5),
    ],
)
def test_what_gpsbabel_writes_is_read_as_it_was_told(
    source: Path, tmp_path: Path, form: str, tolerance_deg: float
) -> None:
    file = tmp_path / "track"
    babel("-i", "gpx", "-f", str(source), "-o", form, "-F", str(file))
    (track,) = load_tracks([file])
    ours, told = np.stack([track.utc, track.lat[:], track.lng[:]], axis=1), np.array(walk())
    assert not track.momentary
    assert ours.shape == told.shape
    assert np.abs(ours[:, 0] - told[:, 0]).max() <= 1
    assert np.abs(ours[:, 1:] - told[:, 1:]).max() <= tolerance_deg


@pytest.mark.parametrize("form", ["gtrnctr,course=1", "garmin_fit"])
def test_what_gpsbabel_writes_as_a_course_is_no_evidence(source: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / "track"
    babel("-i", "gpx", "-f", str(source), "-o", form, "-F", str(file))
    with pytest.raises(SourceError, match="not one point"):
        load_tracks([file])


def test_gpx_is_read_as_gpxpy_reads_it(tmp_path: Path) -> None:
    """Ways, routes and way points, times with and without offsets and parts of seconds."""
    rng = np.random.default_rng(1)
    made = gpxpy.gpx.GPX()
    for _ in range(3):
        way = gpxpy.gpx.GPXTrack("Zürich & <Umgebung>")
        segment = gpxpy.gpx.GPXTrackSegment()
        for n in range(40):
            at = START + timedelta(
                seconds=float(rng.integers(0, 10**6)), milliseconds=int(rng.integers(0, 999))
            )
            segment.points.append(
                gpxpy.gpx.GPXTrackPoint(*rng.uniform(-80, 80, 2), time=at, horizontal_dilution=float(n))
            )
        way.segments.append(segment)
        made.tracks.append(way)
    made.waypoints.append(gpxpy.gpx.GPXWaypoint(1.5, 2.5, time=START))
    route = gpxpy.gpx.GPXRoute()
    route.points.append(gpxpy.gpx.GPXRoutePoint(3.5, 4.5, time=START))
    made.routes.append(route)
    text = made.to_xml()
    (tmp_path / "a.gpx").write_text(text, encoding="utf-8")
    with (tmp_path / "a.gpx").open("rb") as file:
        pieces = list(read_gpx(file))
    theirs = gpxpy.parse(text)
    expected = [
        (point.time.timestamp(), point.latitude, point.longitude)
        for way in theirs.tracks
        for segment in way.segments
        for point in segment.points
        if point.time is not None
    ]
    assert [piece[:3] for piece in pieces if isinstance(piece, Point)] == expected
    marks = [piece[1:3] for piece in pieces if isinstance(piece, WayPoint)]
    assert sorted(marks) == [(1.5, 2.5), (3.5, 4.5)]
