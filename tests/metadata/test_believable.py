"""What is a position: the photo room, which finds photos that lack one, and the writers agree."""

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import piexif
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.coordinates import UnreadableCoordinatesError, is_believable
from geotagger.metadata import Position, verify
from geotagger.metadata.source import MemorySource
from geotagger.metadata.xmp import position_of, stated_position_in
from geotagger.photo.position import stated_position
from geotagger.photo.tags import read_tags
from geotagger.photo.xmp import xmp_position
from tests.metadata.conftest import ESTIMATE

ratios = st.tuples(st.integers(0, 200), st.sampled_from([0, 1, 60, 1000, 10_000_000]))
directories = st.fixed_dictionaries(
    {},
    optional={
        1: st.sampled_from([b"N", b"S", b"s", b"n ", b" ", b"E", b""]),
        2: st.lists(ratios, min_size=1, max_size=4),
        3: st.sampled_from([b"E", b"W", b"w", b"N", b""]),
        4: st.lists(ratios, min_size=1, max_size=4),
    },
)


@given(directories)
def test_both_readers_of_gps_directories_see_the_same_position(gps: dict[int, Any]) -> None:
    block = piexif.dump({"GPS": gps})[6:]
    fix = stated_position(read_tags(block), None).fix
    found = verify.position_in(MemorySource(block))
    assert (fix is None) == (found is None)
    if fix is not None and found is not None:
        assert (found.latitude, found.longitude) == pytest.approx((fix.latitude, fix.longitude), abs=1e-9)


def gps_block(order: str, *entries: tuple[int, int, int, bytes]) -> bytes:
    """A TIFF block whose GPS directory holds these: tag, type, count, value."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    head += struct.pack(order + "HHHII", 1, 0x8825, 4, 1, 26) + struct.pack(order + "I", 0)
    directory, data = struct.pack(order + "H", len(entries)), b""
    behind = len(head) + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        field = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", behind + len(data))
        data += value if len(value) > 4 else b""
        directory += struct.pack(order + "HHI", tag, kind, count) + field
    return head + directory + bytes(4) + data


def spelled(order: str, kind: int) -> tuple[int, bytes]:
    """38° 1' 31" by field type: how many values, and their bytes."""
    whole = (38, 1, 31)
    packed = {
        2: b"38 deg 1' 31\"\0",
        3: struct.pack(order + "3H", *whole),
        4: struct.pack(order + "3I", *whole),
        5: struct.pack(order + "6I", 38, 1, 1, 1, 31, 1),
        10: struct.pack(order + "6i", 38, 1, 1, 1, 31, 1),
        11: struct.pack(order + "3f", *whole),
        12: struct.pack(order + "d", 38 + 1 / 60 + 31 / 3600),
    }[kind]
    return {2: len(packed), 12: 1}.get(kind, 3), packed


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [2, 3, 4, 5, 10, 11, 12])
def test_both_readers_read_every_type_of_number_as_exiftool_does(
    tmp_path: Path, order: str, kind: int
) -> None:
    count, value = spelled(order, kind)
    fields = [(1, 2, 2, b"S\0"), (2, kind, count, value), (3, 2, 2, b"W\0"), (4, kind, count, value)]
    block = gps_block(order, *fields)
    there = pytest.approx((-38.0252778, -38.0252778), abs=1e-6)
    fix, found = stated_position(read_tags(block), None).fix, verify.position_in(MemorySource(block))
    assert fix is not None
    assert found is not None
    assert (fix.latitude, fix.longitude) == there
    assert (found.latitude, found.longitude) == there
    without_letters = gps_block(order, *(field for field in fields if field[0] in (2, 4)))
    assert stated_position(read_tags(without_letters), None).unreadable is not None
    if shutil.which("exiftool"):
        (tmp_path / "a.tif").write_bytes(block)
        command = ["exiftool", "-j", "-n", "-Composite:GPSLatitude", str(tmp_path / "a.tif")]
        (told,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert told["GPSLatitude"] == pytest.approx(-38.0252778, abs=1e-6)


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(0.0, 0.0), (0.00009, -0.00009), (90.1, 0), (0, 180.1), (float("nan"), 1)]
)
def test_what_is_no_position_is_neither_found_nor_written(latitude: float, longitude: float) -> None:
    assert not is_believable(latitude, longitude)
    with pytest.raises(ValueError, match="place"):
        Position(latitude, longitude, ESTIMATE.mark)
    packet = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/"'
        f' exif:GPSLatitude="{latitude:f}" exif:GPSLongitude="{longitude:f}"/></rdf:RDF>'
    )
    assert position_of(packet.encode()) is None
    assert is_believable(0.0001, 0)


PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/">{}</rdf:Description></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize(
    "spelled",
    [
        "<rdf:Alt><rdf:li xml:lang='x-default'>{}</rdf:li></rdf:Alt>",
        "<rdf:Description><rdf:value>{}</rdf:value></rdf:Description>",
    ],
)
def test_coordinates_that_are_no_plain_values_are_somebodys_word(spelled: str) -> None:
    latitude, longitude = spelled.format("33,52.08S"), spelled.format("151,12.6E")
    packet = PACKET.format(
        f"<exif:GPSLatitude>{latitude}</exif:GPSLatitude><exif:GPSLongitude>{longitude}</exif:GPSLongitude>"
    ).encode()
    assert position_of(packet) is None
    with pytest.raises(UnreadableCoordinatesError):
        stated_position_in(packet)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_an_embedded_packet_in_utf_16_says_where(encoding: str) -> None:
    place = "<exif:GPSLatitude>33,52.08S</exif:GPSLatitude><exif:GPSLongitude>151,12.6E</exif:GPSLongitude>"
    assert xmp_position(PACKET.format(place).encode(encoding)) == pytest.approx((-33.868, 151.21))
