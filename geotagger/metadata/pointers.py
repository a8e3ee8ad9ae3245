"""Pointers that lead out of the segment they stand in, and so lose their target when it moves.

The Multi-Picture index counts from its own header (CIPA DC-007, clause 5.2.3.3.3), so that
growth before it does no harm, growth between it and the second image does. A few cameras put a
preview or thumbnail behind the image and point to it from EXIF, counted from the TIFF header.

Takes blocks and where they lie in the file; gives splices.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from geotagger.metadata.source import Held, Window
from geotagger.metadata.splice import Splice, moved_by
from geotagger.metadata.tiff import THUMBNAIL_OFFSET, Tiff, TiffError

_MP_ENTRIES = 0xB002


class Pointer(NamedTuple):
    """A 32-bit `value` at file offset `position`, counted from file offset `base`."""

    position: int
    base: int
    value: int
    order: str


def mpf_pointers(block: Held, base: int) -> list[Pointer]:
    """The image offsets of a Multi-Picture index whose TIFF header stands at `base`."""
    pointers = []
    try:
        tiff = Tiff(block)
        for directory in tiff.chain():
            entry = directory.find(_MP_ENTRIES)
            data = tiff.data(entry) if entry else None
            if entry is None or data is None or entry.number < 16:
                continue
            (offset,) = struct.unpack(tiff.order + "I", entry.field)
            for start in range(0, len(data) - 15, 16):
                (value,) = struct.unpack_from(tiff.order + "I", data, start + 8)
                if value:  # 0 is the first image itself
                    pointers.append(Pointer(base + offset + start + 8, base, value, tiff.order))
    except TiffError:
        return []
    return pointers


def outlying_pointers(block: Held, base: int, file: Window) -> list[Pointer]:
    """Thumbnail offsets of the directory chain that lead to an image behind the block."""
    pointers = []
    try:
        tiff = Tiff(block)
        for directory in tiff.chain():
            for index, entry in enumerate(directory.entries):
                if entry.tag != THUMBNAIL_OFFSET:
                    continue
                value = tiff.pointer(entry)
                if value >= block.size and file.read(base + value, 2) == b"\xff\xd8":
                    position = base + directory.position(index) + 8
                    pointers.append(Pointer(position, base, value, tiff.order))
    except TiffError:
        return []
    return pointers


def redirected(pointers: Iterable[Pointer], changes: Sequence[Splice], file_size: int) -> list[Splice]:
    """The pointers whose target moves against their base, written anew."""
    result = []
    for pointer in pointers:
        target = pointer.base + pointer.value
        shift = moved_by(changes, target) - moved_by(changes, pointer.base)
        if shift and target < file_size:
            value = struct.pack(pointer.order + "I", pointer.value + shift)
            result.append(Splice(pointer.position, 4, value))
    return result
