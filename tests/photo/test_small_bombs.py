"""Small HEIC files that list more than they hold cost no more memory than they have bytes."""

import struct
import tracemalloc
from pathlib import Path

import pytest

from geotagger.photo.isobmff import exif_block, read_items
from geotagger.photo.source import PhotoSourceFile

_ALLOWED_BYTES = 48 << 20


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def heic(items: bytes, places: bytes, idat: bytes = b"") -> bytes:
    inner = box(b"pitm", b"\0\0\0\0\0\1") + box(b"iinf", items) + box(b"iloc", places) + box(b"idat", idat)
    return box(b"ftyp", b"heic\0\0\0\0heicmif1") + box(b"meta", b"\0\0\0\0" + inner)


def exif_items(count: int) -> bytes:
    entries = (box(b"infe", b"\2\0\0\0" + struct.pack(">HH", n, 0) + b"Exif\0") for n in range(1, count + 1))
    return b"\0\0\0\0" + struct.pack(">H", count) + b"".join(entries)


def extents_of_no_bytes(count: int) -> bytes:
    """`count` items of 65,535 extents each, whose offset and length take no bytes."""
    each = (struct.pack(">HHH", n, 0, 0xFFFF) for n in range(1, count + 1))
    return heic(exif_items(count), b"\0\0\0\0\0\0" + struct.pack(">H", count) + b"".join(each))


def whole_idat_again_and_again(idat_bytes: int, extents: int) -> bytes:
    """One item in `idat` (construction method 1) whose extents, of length 0, each stand for all of it."""
    place = struct.pack(">HHHH", 1, 1, 0, extents)
    return heic(exif_items(1), b"\1\0\0\0\0\0" + struct.pack(">H", 1) + place, b"\0" * idat_bytes)


@pytest.mark.parametrize(
    "bomb",
    [extents_of_no_bytes(100), extents_of_no_bytes(3_000), whole_idat_again_and_again(3 << 20, 9_000)],
    ids=["6 KB of extents", "60 KB of extents", "3 MB of data 9,000 times"],
)
def test_what_a_heic_lists_is_bounded(tmp_path: Path, bomb: bytes) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(bomb)
    tracemalloc.start()
    try:
        with PhotoSourceFile(path) as source:
            exif_block(read_items(source), source)
        assert tracemalloc.get_traced_memory()[1] < _ALLOWED_BYTES
    finally:
        tracemalloc.stop()
