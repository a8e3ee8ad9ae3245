"""The directories of a TIFF-like file (TIFF 6.0; BigTIFF; the RAW formats built on them).

For what exifread does not tell: the size of the picture, and where a RAW keeps its previews.
Reads entries only, by position, within fixed limits; circular directories end the walk.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from geotagger.photo.source import PhotoSourceFile

_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 1000
_MAX_VALUES = 64
_LONGEST_TEXT = 256
_LONGEST_XMP = 1 << 20

WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC = 0x0100, 0x0101, 0x0103, 0x0106
SUBFILE, MAKE, ORIENTATION, SUB_IFDS = 0x00FE, 0x010F, 0x0112, 0x014A
STRIP_OFFSETS, SAMPLES, STRIP_COUNTS = 0x0111, 0x0115, 0x0117
JPEG_OFFSET, JPEG_LENGTH = 0x0201, 0x0202
BITS_PER_SAMPLE = 0x0102
XMP, IPTC, PHOTOSHOP = 0x02BC, 0x83BB, 0x8649
_BLOCKS = (XMP, IPTC, PHOTOSHOP)
"""Written as bytes by some, as opaque by others, IPTC as numbers even."""

_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}
"""struct codes of the field types that are whole numbers or text; the rest is left out."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory: tag → its values, whole numbers, or bytes for text and opaque data."""

    entries: dict[int, tuple[int, ...] | bytes]

    def number(self, tag: int, default: int = 0) -> int:
        value = self.entries.get(tag)
        return value[0] if isinstance(value, tuple) and value else default

    def numbers(self, tag: int) -> tuple[int, ...]:
        value = self.entries.get(tag)
        return value if isinstance(value, tuple) else ()

    def text(self, tag: int) -> str:
        value = self.entries.get(tag)
        return value.split(b"\0")[0].decode("latin-1") if isinstance(value, bytes) else ""


def is_big_tiff(source: PhotoSourceFile) -> bool:
    return source.head[:4] in (b"II+\0", b"MM\0+")


def read_directories(source: PhotoSourceFile) -> list[Directory]:
    """The chain of directories and the sub-directories of each, in the order they are met."""
    return list(_walk(source))


def _walk(source: PhotoSourceFile) -> Iterator[Directory]:
    order = "<" if source.head[:1] == b"I" else ">"
    big = is_big_tiff(source)
    first = source.read(8, 8) if big else source.read(4, 4)
    if len(first) < (8 if big else 4):
        return
    pending = [struct.unpack(order + ("Q" if big else "I"), first)[0]]
    seen: set[int] = set()
    while pending and len(seen) < _MAX_DIRECTORIES:
        offset = pending.pop(0)
        if not offset or offset in seen:
            continue
        seen.add(offset)
        read = _read_directory(source, offset, order, big)
        if read is None:
            continue
        directory, following = read
        pending.extend(directory.numbers(SUB_IFDS))
        pending.append(following)
        yield directory


def _read_directory(
    source: PhotoSourceFile, offset: int, order: str, big: bool
) -> tuple[Directory, int] | None:
    count_code, entry_code, entry_size = ("Q", "HHQQ", 20) if big else ("H", "HHII", 12)
    inline = 8 if big else 4
    raw_count = source.read(offset, struct.calcsize(count_code))
    if len(raw_count) < struct.calcsize(order + count_code):
        return None
    (count,) = struct.unpack(order + count_code, raw_count)
    if count > _MAX_ENTRIES:
        return None
    at = offset + len(raw_count)
    table = source.read(at, entry_size * count + inline)
    entries: dict[int, tuple[int, ...] | bytes] = {}
    for i in range(min(count, len(table) // entry_size)):
        tag, kind, length, where = struct.unpack_from(order + entry_code, table, i * entry_size)
        code = _FORMATS.get(kind)
        if code is None or not length:
            continue
        if tag in _BLOCKS:
            length *= struct.calcsize(order + code)
            code = "s"
        most = _LONGEST_XMP if tag in _BLOCKS else _LONGEST_TEXT if code == "s" else _MAX_VALUES
        wanted = min(length, most)
        size = struct.calcsize(order + code)
        if length * size <= inline:
            start = (i + 1) * entry_size - inline
            data = table[start : start + wanted * size]
        else:
            data = source.read(where, wanted * size)
        if code == "s":
            entries[tag] = data
        elif len(data) == wanted * size:
            entries[tag] = struct.unpack(f"{order}{wanted}{code}", data)
    end = table[entry_size * count :]
    following = struct.unpack(order + ("Q" if big else "I"), end)[0] if len(end) == inline else 0
    return Directory(entries), following
