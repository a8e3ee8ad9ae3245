"""docs/sources.md says in which order fields are asked: a photo that has them all, from which the first is
taken away again and again, tells each in its turn."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import piexif
import pytest

from geotagger.marks import Mark
from geotagger.metadata import Position, Writing, commit, prepare
from geotagger.tag.file_facts import read_with_sidecars
from geotagger.tag.reading import position_of
from tests.tag.test_sources import dataset, packet, photo

HOURS = ["DateTimeOriginal", "CreateDate", "XMP", "IPTC", "sidecar", "ModifyDate", "GPS", "Takeout"]
"""The rows of the table of times; each field tells its own hour of one day, the first one o'clock."""
DAY = datetime(2024, 6, 15)


def hour(row: str) -> datetime:
    return DAY + timedelta(hours=1 + HOURS.index(row))


@pytest.mark.parametrize("first", HOURS)
def test_times_are_asked_for_in_the_order_of_the_table(tmp_path: Path, first: str) -> None:
    there = HOURS[HOURS.index(first) :]

    def told(row: str) -> bytes | None:
        return hour(row).strftime("%Y:%m:%d %H:%M:%S").encode() if row in there else None

    gps: dict[int, Any] = {}
    if "GPS" in there:
        gps = {29: b"2024:06:15", 7: ((hour("GPS").hour, 1), (0, 1), (0, 1))}
    xmp = (
        f"<exif:DateTimeOriginal>{hour('XMP').isoformat()}</exif:DateTimeOriginal>" if "XMP" in there else ""
    )
    iptc = b""
    if "IPTC" in there:
        iptc = dataset(55, b"20240615") + dataset(60, hour("IPTC").strftime("%H%M%S").encode())
    exif = {0x9003: told("DateTimeOriginal"), 0x9004: told("CreateDate"), 0x9011: None}
    (tmp_path / "a.jpg").write_bytes(photo({0x0132: told("ModifyDate")}, exif, gps, xmp=xmp, iptc=iptc))
    if "sidecar" in there:
        told_beside = f"<exif:DateTimeOriginal>{hour('sidecar').isoformat()}</exif:DateTimeOriginal>"
        (tmp_path / "a.jpg.xmp").write_bytes(packet(told_beside))
    seconds = (hour("Takeout") - datetime(1970, 1, 1)).total_seconds()
    (tmp_path / "a.jpg.json").write_text(json.dumps({"photoTakenTime": {"timestamp": f"{seconds:.0f}"}}))
    facts, _ = read_with_sidecars(str(tmp_path / "a.jpg"), ())
    if first in ("GPS", "Takeout"):
        assert (facts.taken, facts.gps_utc) == (None, hour(first))
    else:
        assert facts.taken is not None
        assert facts.taken.local == hour(first)


@pytest.mark.parametrize(
    ("told", "offset_h"),
    [
        ("<exif:DateTimeOriginal>2024-06-15T12:00:00</exif:DateTimeOriginal>", None),
        ("<exif:DateTimeOriginal>2024:06:15 12:00:00</exif:DateTimeOriginal>", None),
        ("<photoshop:DateCreated>2024-06-15T12:00:00.00+02:00</photoshop:DateCreated>", 2),
        ("<xmp:CreateDate>2024-06-15T12:00Z</xmp:CreateDate>", 0),
    ],
    ids=["digiKam", "darktable", "Lightroom", "CreateDate"],
)
@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.XMP"])
def test_a_photo_without_a_time_has_that_of_its_sidecar(
    tmp_path: Path, told: str, offset_h: int | None, name: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(photo(exif={0x9003: None, 0x9011: None}))
    (tmp_path / name).write_bytes(packet(told))
    taken = read_with_sidecars(str(tmp_path / "a.jpg"), ())[0].taken
    assert taken is not None
    assert taken.local == datetime(2024, 6, 15, 12)
    assert taken.offset == (None if offset_h is None else timedelta(hours=offset_h))


ROWS = ["EXIF", "XMP", "LocationCreated", "sidecar", "geoData", "geoDataExif"]
"""The rows of the table of places; each tells its own latitude, the first 41."""


def degrees(row: str) -> float:
    return 41.0 + ROWS.index(row)


@pytest.mark.parametrize("first", ROWS)
def test_places_are_asked_for_in_the_order_of_the_table(tmp_path: Path, first: str) -> None:
    there = ROWS[ROWS.index(first) :]

    def place(row: str) -> str:
        told = f"<exif:GPSLatitude>{degrees(row):.0f},0.0N</exif:GPSLatitude>"
        return told + "<exif:GPSLongitude>8,0.0E</exif:GPSLongitude>" if row in there else ""

    gps = {1: b"N", 2: ((41, 1), (0, 1), (0, 1)), 3: b"E", 4: ((8, 1), (0, 1), (0, 1))}
    created = (
        f"<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType='Resource'>{place('LocationCreated')}"
        "</rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>"
    )
    data = photo(gps=gps if first == "EXIF" else None, xmp=place("XMP") + created)
    (tmp_path / "a.jpg").write_bytes(data)
    if "sidecar" in there:
        (tmp_path / "a.jpg.xmp").write_bytes(packet(place("sidecar")))
    takeout = {
        row: {"latitude": degrees(row) if row in there else 0.0, "longitude": 8.0 if row in there else 0.0}
        for row in ("geoData", "geoDataExif")
    }
    (tmp_path / "a.jpg.json").write_text(json.dumps(takeout))
    position = position_of(*read_with_sidecars(str(tmp_path / "a.jpg"), ()))
    assert position is not None
    assert position[0].latitude == pytest.approx(degrees(first))
    assert position[0].rung == ("camera" if first in ("EXIF", "XMP", "LocationCreated") else "sidecar")


def test_what_is_written_is_what_the_page_lists(tmp_path: Path) -> None:
    """Of EXIF; that nothing else changes, the corpora show (tests/metadata/test_corpus.py)."""
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    listed = page[page.index("## What is written") :]
    (tmp_path / "a.jpg").write_bytes(photo())
    commit(prepare(str(tmp_path / "a.jpg"), Position(47.0, 8.0, Mark("neighbours", 0.9, 1.0)), Writing()))
    gps = piexif.load(str(tmp_path / "a.jpg"))["GPS"]
    names = {str(piexif.TAGS["GPS"][tag]["name"]).removesuffix("Ref") for tag in gps}
    assert names == {"GPSVersionID", "GPSLatitude", "GPSLongitude", "GPSMapDatum"} | {
        "GPSProcessingMethod",
        "GPSHPositioningError",
    }
    assert all(name in listed for name in names)
