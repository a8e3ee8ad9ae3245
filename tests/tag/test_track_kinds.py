"""What kinds of tracks do to a photo, through the command; beside each trap a control that is written."""

import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from geotagger.geo import distance_km
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, jpeg

TAKEN = START - timedelta(hours=2)
"""UTC of the photo: its clock is that of Vienna."""


def iso(minutes: float = 0.0) -> str:
    return f"{TAKEN + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def tagged(geotagger: Geotagger, folder: Path, content: str | bytes) -> tuple[dict[str, Any], str]:
    """What became of a photo, and what was said on standard error."""
    photos = folder / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(jpeg(START))
    track = folder / "track"
    track.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = geotagger("tag", photos, "--model", "none", "--track", track, "--json")
    return said.records[0], said.err


def gpx(element: str, minutes: tuple[float, ...], told: str = "") -> str:
    points = "".join(
        f'<{element} lat="{LATITUDE}" lon="{LONGITUDE}"><time>{iso(at)}</time>{told}</{element}>'
        for at in minutes
    )
    inner = points if element == "wpt" else f"<trk><trkseg>{points}</trkseg></trk>"
    return f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">{inner}</gpx>'


def nmea() -> str:
    latitude, longitude = (
        f"{int(degrees):0{width}d}{60 * (degrees % 1):07.4f}"
        for degrees, width in ((LATITUDE, 2), (LONGITUDE, 3))
    )
    text = f"GPGGA,{TAKEN:%H%M%S}.000,{latitude},N,{longitude},E,1,09,0.8,400.0,M,0.0,M,,"
    dated = f"GPZDA,{TAKEN:%H%M%S}.000,{TAKEN:%d,%m,%Y},00,00"
    return "".join(f"${line}*{_checksum(line):02X}\r\n" for line in (text, dated))


def _checksum(text: str) -> int:
    checksum = 0
    for character in text:
        checksum ^= ord(character)
    return checksum


def fit() -> bytes:
    """A record with a field of an app that describes nothing."""
    semicircles = [round(degrees * 2**31 / 180) for degrees in (LATITUDE, LONGITUDE)]
    when = int(TAKEN.replace(tzinfo=UTC).timestamp() - datetime(1989, 12, 31, tzinfo=UTC).timestamp())
    body = bytes([0x60, 0, 0]) + struct.pack("<H", 20) + bytes([3, 253, 4, 0x86, 0, 4, 0x85, 1, 4, 0x85])
    body += bytes([1, 7, 1, 0, 0]) + struct.pack("<Iii", when, *semicircles) + b"\x05"
    return struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT") + b"\0\0" + body + b"\0\0"


def visit(root: str) -> str:
    segment = {
        "startTime": iso(-24 * 60),
        "endTime": iso(24 * 60),
        "visit": {"topCandidate": {"placeLocation": f"geo:{LATITUDE},{LONGITUDE}"}},
    }
    return json.dumps([segment] if root == "list" else {root: [segment]})


def path() -> str:
    points = [
        {
            "point": f"geo:{LATITUDE + n / 1000},{LONGITUDE}",
            "durationMinutesOffsetFromStartTime": str(30 + 5 * n),
        }
        for n in range(-6, 7)
    ]
    return json.dumps([{"startTime": iso(-30), "endTime": iso(30), "timelinePath": points}])


@pytest.mark.parametrize(
    "content",
    [
        gpx("trkpt", (-10, 0, 10)),
        gpx("trkpt", (-60, 60)),
        gpx("wpt", (1,)),
        "\n<?xml version='1.0'?>" + gpx("trkpt", (-1, 1)),
        nmea(),
        fit(),
        visit("list"),
        visit("semanticSegments"),
        path(),
    ],
    ids=[
        "track",
        "sparse track",
        "way point a minute away",
        "blank line",
        "nmea",
        "fit",
        "visit",
        "segment",
        "path",
    ],
)
def test_the_photo_is_written_where_the_track_says(
    geotagger: Geotagger, tmp_path: Path, content: str | bytes
) -> None:
    record, said = tagged(geotagger, tmp_path, content)
    assert (record["status"], record["rung"]) == ("written", "track")
    away = distance_km(record["latitude"], record["longitude"], LATITUDE, LONGITUDE)
    assert away < max(record["radius_km"], 0.02)
    assert not said


@pytest.mark.parametrize(
    "content",
    [
        gpx("wpt", (-30, 30)),
        gpx("wpt", (0,), "<sym>Geocache</sym>"),
        gpx("wpt", (-1,), "<type>Geocache|Traditional Cache</type>"),
    ],
    ids=["way points half an hour away", "geocache", "geocache by its type"],
)
def test_a_mark_that_was_not_set_then_and_there_writes_nothing(
    geotagger: Geotagger, tmp_path: Path, content: str
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    before = jpeg(START)
    (photos / "a.jpg").write_bytes(before)
    (tmp_path / "tracks").mkdir()
    (tmp_path / "tracks" / "pq.gpx").write_text(content)
    said = geotagger("tag", photos, "--model", "none", "--track", tmp_path / "tracks", "--json")
    assert said.records[0]["status"] != "written"
    assert (photos / "a.jpg").read_bytes() == before
