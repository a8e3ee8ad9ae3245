"""Pointers that lead out of the segment they stand in, and so lose their target when it moves.

The Multi-Picture index counts from its own header (CIPA DC-007, clause 5.2.3.3.3), so that
growth before it does no harm, growth between it and the second image does. A few cameras put a
preview or thumbnail behind the image and point to it from EXIF, counted from the TIFF header.

Takes blocks and where they lie in the file; gives splices.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from geotagger.metadata.source import MemorySource, Window
from geotagger.metadata.splice import Splice, moved_by
from geotagger.metadata.tiff import (
    EXIF_POINTER,
    LONG,
    MAKER_NOTE,
    THUMBNAIL_OFFSET,
    TYPE_SIZES,
    Tiff,
    TiffError,
)

_MP_ENTRIES = 0xB002
_MAKER_DIRECTORIES = (0, 6, 8, 10, 12, 18)
"""Where the directory of a maker note begins: behind no name, or one of the makers' names."""
_SUB_DIRECTORIES = (0x0011, 0x2020)  # Nikon's preview, Olympus's camera settings
_MOST_ENTRIES = 1000
_MOST_NUMBERS = 64
_OTHER_ORDER = {"<": ">", ">": "<"}


class Pointer(NamedTuple):
    """A 32-bit `value` at file offset `position`, counted from file offset `base`."""

    position: int
    base: int
    value: int
    order: str


def mpf_pointers(block: MemorySource, base: int) -> list[Pointer]:
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


def outlying_pointers(block: MemorySource, base: int, file: Window) -> list[Pointer]:
    """Pointers that lead from an EXIF block at file offset `base` to what lies behind it: the
    thumbnail, a preview told by a maker note, or a whole maker note (Leica)."""
    try:
        tiff = Tiff(block)
        pointers = []
        for directory in tiff.chain():
            thumbnail = directory.find(THUMBNAIL_OFFSET)
            if thumbnail is not None:
                position = directory.position(directory.entries.index(thumbnail)) + 8
                pointers += _behind(block, base, file, 0, tiff.order, [(position, tiff.pointer(thumbnail))])
        exif = tiff.directory(tiff.first).find(EXIF_POINTER)
        if exif is None:
            return pointers
        directory = tiff.directory(tiff.pointer(exif))
    except TiffError:
        return []
    note = directory.find(MAKER_NOTE)
    if note is None:
        return pointers
    (offset,) = struct.unpack(tiff.order + "I", note.field)
    if offset < block.size:
        return pointers + _of_maker_note(block, base, file, offset, tiff.order)
    if file.read(base + offset, 5) == b"LEICA":
        position = directory.position(directory.entries.index(note)) + 8
        pointers.append(Pointer(base + position, base, offset, tiff.order))
    return pointers


def _of_maker_note(block: MemorySource, base: int, file: Window, note: int, order: str) -> list[Pointer]:
    """Numbers of a maker note that, counted as makers count, lead exactly to a JPEG behind the
    block. No maker's tags need to be known for that: a number does so by chance once in a billion."""
    for start in _MAKER_DIRECTORIES:
        for note_order in (order, _OTHER_ORDER[order]):
            numbers = _numbers(block.data, note + start, note_order, _maker_bases(note))
            if numbers is not None:
                return [
                    pointer
                    for maker_base in _maker_bases(note)
                    for pointer in _behind(block, base, file, maker_base, note_order, numbers)
                ]
    return []


def _maker_bases(note: int) -> tuple[int, int, int]:
    """What makers count offsets from: the TIFF header of the photo, the maker note, or the TIFF
    header that Nikon puts into it."""
    return (0, note, note + 10)


def _behind(
    block: MemorySource,
    base: int,
    file: Window,
    maker_base: int,
    order: str,
    numbers: Iterable[tuple[int, int]],
) -> list[Pointer]:
    """The numbers (position in the block, value) that lead to a JPEG behind the block."""
    pointers = []
    for position, value in numbers:
        target = base + maker_base + value
        # Minolta and Olympus spoil the first byte of their previews
        if block.size <= maker_base + value and file.read(target, 3)[1:] == b"\xd8\xff":
            pointers.append(Pointer(base + position, base + maker_base, value, order))
    return pointers


def _numbers(
    data: bytes, start: int, order: str, bases: tuple[int, ...], depth: int = 0
) -> list[tuple[int, int]] | None:
    """All 32-bit numbers of a directory and those below it, with their positions; None when there
    is no directory at `start`."""
    if start + 2 > len(data):
        return None
    (count,) = struct.unpack_from(order + "H", data, start)
    if not 0 < count <= _MOST_ENTRIES or start + 2 + 12 * count > len(data):
        return None
    table = list(struct.iter_unpack(order + "HHII", data[start + 2 : start + 2 + 12 * count]))
    if any(kind not in TYPE_SIZES for _, kind, _, _ in table):
        return None
    numbers = []
    for index, (tag, kind, number, value) in enumerate(table):
        numbers.append((start + 2 + 12 * index + 8, value))
        if kind == LONG and 1 < number <= _MOST_NUMBERS:
            for at in range(value, value + 4 * number, 4):
                if at + 4 <= len(data):
                    numbers.append((at, struct.unpack_from(order + "I", data, at)[0]))
        if tag in _SUB_DIRECTORIES and not depth:
            for base in bases:
                below = _numbers(data, base + value, order, bases, depth + 1)
                if below is not None:
                    numbers += below
    return numbers


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
