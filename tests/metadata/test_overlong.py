"""A thumbnail or value that is longer than its EXIF block shows the same bytes after a write."""

import struct
from pathlib import Path

import pytest

from geotagger.errors import WriteRefusedError
from geotagger.metadata import commit, forget, prepare, restore
from geotagger.metadata.jpeg import Jpeg
from geotagger.metadata.source import MemorySource
from geotagger.writing import Writing
from tests.metadata.conftest import ESTIMATE, OWNERS
from tests.metadata.test_jpeg import segment, with_segments, written

_THUMBNAIL = b"\xff\xd8" + bytes(range(200)) + b"\xff\xd9"


def block_with_thumbnail(over: int, with_gps: bool = False) -> tuple[bytes, int]:
    """A TIFF block whose second directory tells of a thumbnail `over` bytes longer than the block, and where
    that begins."""
    first = struct.pack("<HHHI4s", 1, 0x0112, 3, 1, b"\1\0\0\0")
    if with_gps:
        first = struct.pack("<HHHI4sHHII", 2, 0x0112, 3, 1, b"\1\0\0\0", 0x8825, 4, 1, 200)
    second_at = 8 + len(first) + 4
    start = 300
    second = struct.pack("<H", 2) + struct.pack("<HHII", 0x0201, 4, 1, start)
    second += struct.pack("<HHII", 0x0202, 4, 1, len(_THUMBNAIL) + over)
    block = b"II*\0\x08\0\0\0" + first + struct.pack("<I", second_at) + second + b"\0" * 4
    block = block.ljust(200, b"\0") + struct.pack("<H", 0) + b"\0" * 4
    return block.ljust(start, b"\0") + _THUMBNAIL, start


def shown(data: bytes, over: int, start: int) -> bytes:
    """What a reader that counts in the file sees of the thumbnail."""
    at = data.index(b"Exif\0\0II*\0") + 6 + start
    return data[at : at + len(_THUMBNAIL) + over]


@pytest.mark.parametrize("with_gps", [False, True])
@pytest.mark.parametrize("over", [0, 1, 2, 7, 300, 700])
def test_what_a_thumbnail_shows_behind_its_block_stays(plain_jpeg: Path, over: int, with_gps: bool) -> None:
    block, start = block_with_thumbnail(over, with_gps)
    old = with_segments(plain_jpeg, segment(0xE1, b"Exif\0\0" + block))
    plain_jpeg.write_bytes(old)
    seen = shown(old, over, start)
    prepared = prepare(str(plain_jpeg), ESTIMATE, Writing("exif"))
    commit(prepared)
    new = plain_jpeg.read_bytes()
    assert shown(new, over, start) == seen
    again = written(plain_jpeg, new, OWNERS)
    assert shown(again, over, start) == seen
    plain_jpeg.write_bytes(new)
    forget(str(plain_jpeg))
    assert shown(plain_jpeg.read_bytes(), over, start) == seen
    plain_jpeg.write_bytes(new)
    restore(prepared.edit)
    assert plain_jpeg.read_bytes() == old


@pytest.mark.parametrize("tag", [0x010E, 0x8298])
def test_what_a_value_shows_behind_its_block_stays(plain_jpeg: Path, tag: int) -> None:
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, tag, 2, 40, 30) + b"\0" * 4 + b"words of an owner"
    old = with_segments(plain_jpeg, segment(0xE1, b"Exif\0\0" + block))
    at = old.index(b"II*\0") + 30
    new = written(plain_jpeg, old, ESTIMATE)
    assert new[at : at + 40] == old[at : at + 40]


def test_a_thumbnail_far_longer_than_a_segment_gets_a_sidecar(plain_jpeg: Path) -> None:
    block, _ = block_with_thumbnail(70_000)
    old = with_segments(plain_jpeg, segment(0xE1, b"Exif\0\0" + block), tail=bytes(100_000))
    plain_jpeg.write_bytes(old)
    with pytest.raises(WriteRefusedError, match="runs past the end"):
        prepare(str(plain_jpeg), ESTIMATE, Writing("exif"))
    assert prepare(str(plain_jpeg), ESTIMATE).edit.kind == "sidecar"
    assert plain_jpeg.read_bytes() == old


def test_a_length_that_is_behind_the_file_is_no_reason_to_refuse(plain_jpeg: Path) -> None:
    block, start = block_with_thumbnail(1 << 30)
    old = with_segments(plain_jpeg, segment(0xE1, b"Exif\0\0" + block))
    new = written(plain_jpeg, old, ESTIMATE)
    assert Jpeg(MemorySource(new)).blocks[0].data[start:].startswith(_THUMBNAIL)


def test_a_tiff_whose_thumbnail_runs_past_its_end_gets_a_sidecar(tmp_path: Path) -> None:
    block, _ = block_with_thumbnail(5)
    path = tmp_path / "a.tif"
    path.write_bytes(block)
    assert prepare(str(path), ESTIMATE).edit.kind == "sidecar"


def test_a_value_that_lies_in_the_header_of_its_block_is_not_changed_by_a_write(
    tmp_path: Path, plain_jpeg: Path
) -> None:
    """Found by fuzzing: such a write was made, and undo would not take it back."""
    entry = struct.pack(">HHII", 0x0110, 2, 7, 7)  # the model's name, from the header's last byte on
    block = b"MM\0*\0\0\0\x08" + struct.pack(">H", 1) + entry + bytes(4)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(with_segments(plain_jpeg, segment(0xE1, b"Exif\0\0" + block)))
    before = photo.read_bytes()
    with pytest.raises(WriteRefusedError, match="tags other than GPS"):
        prepare(str(photo), ESTIMATE, Writing("exif"))
    prepared = prepare(str(photo), ESTIMATE)
    assert prepared.edit.kind.startswith("sidecar")
    commit(prepared)
    assert photo.read_bytes() == before
    assert restore(prepared.edit).status == "restored"
