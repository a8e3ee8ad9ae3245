"""What stands behind the image, and counts from the file's end or start, is told right afterwards."""

import shutil
import struct
from pathlib import Path

import pytest

from geotagger.errors import WriteRefusedError
from geotagger.metadata import commit, prepare, restore
from geotagger.writing import Writing
from tests.metadata import exiftool
from tests.metadata.conftest import ESTIMATE, Copied


def _afcp(image: bytes, caption: bytes, letter: bytes = b"!") -> bytes:
    """The image with one IPTC record in an AFCP block, whose offsets count from the file's start."""
    order = ">" if letter == b"!" else "<"
    iptc = b"\x1c\x02\x78" + struct.pack(">H", len(caption)) + caption
    start = len(image)
    head = b"AXS" + letter + struct.pack(order + "HHI", 1, 1, 0)
    entry = b"IPTC" + struct.pack(order + "II", len(iptc), start + 24)
    return image + head + entry + iptc + b"AXS" + letter + struct.pack(order + "II", start, 0)


@exiftool.needs_exiftool
@pytest.mark.parametrize("letter", [b"!", b"*"])
def test_a_block_that_counts_from_the_start_is_not_moved(plain_jpeg: Path, letter: bytes) -> None:
    plain_jpeg.write_bytes(_afcp(plain_jpeg.read_bytes(), b"A caption", letter))
    old = plain_jpeg.read_bytes()
    assert exiftool.binary(plain_jpeg, "Caption-Abstract") == b"A caption"
    with pytest.raises(WriteRefusedError, match="AFCP"):
        prepare(str(plain_jpeg), ESTIMATE, Writing("exif"))
    prepared = prepare(str(plain_jpeg), ESTIMATE)
    assert prepared.edit.kind == "sidecar"
    assert prepared.note is not None
    assert "AFCP" in prepared.note
    commit(prepared)
    assert plain_jpeg.read_bytes() == old


def _samsung(image: bytes, name: bytes, data: bytes) -> bytes:
    """The image with one block of a Samsung phone's trailer, which counts from its end."""
    block = struct.pack("<HHI", 0, 0x0A01, len(name)) + name + data
    directory = b"SEFH" + struct.pack("<II", 101, 1)
    directory += struct.pack("<HHII", 0, 0x0A01, len(block), len(block))
    return image + block + directory + struct.pack("<I", len(directory)) + b"SEFT"


@exiftool.needs_exiftool
def test_a_samsung_trailer_is_read_as_before(plain_jpeg: Path) -> None:
    plain_jpeg.write_bytes(_samsung(plain_jpeg.read_bytes(), b"Image_UTC_Data", b"1516889474512"))
    before = exiftool.tags(plain_jpeg, "-Samsung:all")
    assert before["Samsung:TimeStamp"]
    prepared = prepare(str(plain_jpeg), ESTIMATE, Writing("exif"))
    commit(prepared)
    assert exiftool.tags(plain_jpeg, "-Samsung:all") == before
    assert restore(prepared.edit).status == "restored"


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


@pytest.mark.parametrize("box", [_box(b"mpvd", b"\0\0\0\x18ftypmp42" + bytes(500)), _box(b"sefd", bytes(80))])
def test_a_heic_with_a_video_or_makers_data_at_its_end_gets_a_sidecar(copied: Copied, box: bytes) -> None:
    photo = copied("exif-samples/heic/mobile/iphone_13_pro_max.HEIC")
    photo.write_bytes(photo.read_bytes() + box)
    old = photo.read_bytes()
    prepared = prepare(str(photo), ESTIMATE, Writing(overwrite=True))
    assert prepared.edit.kind == "sidecar"
    assert prepared.note is not None
    assert "at its end" in prepared.note
    commit(prepared)
    assert photo.read_bytes() == old


def test_a_heic_that_says_how_far_its_video_is_from_the_end_gets_a_sidecar(copied: Copied) -> None:
    photo = copied("exif-samples/heic/IMG_5195.HEIC")
    data = photo.read_bytes()
    start = data.index(b"<x:xmpmeta")
    at = data.index(b"<rdf:Description", start)
    told = (
        b'<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" '
    )
    end = data.index(b"</x:xmpmeta>", start)
    # in place of as many bytes of the packet, so that no box changes
    photo.write_bytes(data[:at] + told + data[at + len(told) : end] + data[end:])
    prepared = prepare(str(photo), ESTIMATE, Writing(overwrite=True))
    assert prepared.note is not None
    assert "motion photo" in prepared.note


@exiftool.needs_exiftool
def test_a_phones_second_pictures_are_found_by_its_own_index(shared_data: Path, tmp_path: Path) -> None:
    """The Multi-Picture index of real photos, ours against ExifTool's own rewriting of it."""
    found = 0
    for photo in sorted((shared_data / "photos/dog-signs").rglob("*.jp*g")):
        if found == 3 or b"MPF\0" not in photo.read_bytes()[:65536]:
            continue
        ours, theirs = tmp_path / "ours.jpg", tmp_path / "theirs.jpg"
        shutil.copyfile(photo, ours)
        shutil.copyfile(photo, theirs)
        second = exiftool.binary(photo, "MPImage2")
        if second[:2] != b"\xff\xd8":
            continue
        found += 1
        commit(prepare(str(ours), ESTIMATE, Writing(overwrite=True)))
        exiftool.run("-overwrite_original", "-GPSLatitude=1", "-GPSLatitudeRef=N", str(theirs))
        assert exiftool.binary(ours, "MPImage2") == exiftool.binary(theirs, "MPImage2") == second
    assert found == 3
