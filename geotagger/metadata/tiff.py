"""TIFF blocks: reading their directories, and grafting a GPS directory without moving a byte.

A TIFF block is a whole TIFF file or the EXIF of another container (TIFF 6.0, section 2;
EXIF 2.32, clause 4.5). New directories are appended, and one pointer changes: the GPS entry of
IFD0, or, where there is none, the header's pointer to IFD0, which is written anew at the end
with one entry more. Every offset inside the block, also those in maker notes, stays true.

Takes windows, gives splices relative to the block. Knows nothing of what GPS values mean.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap
from typing import NamedTuple

from geotagger.metadata.source import Window
from geotagger.metadata.splice import Splice

GPS_POINTER = 0x8825
EXIF_POINTER = 0x8769
INTEROP_POINTER = 0xA005
MAKER_NOTE = 0x927C
XMP_TAG = 0x02BC
THUMBNAIL_OFFSET = 0x0201

_MOVABLE = (THUMBNAIL_OFFSET, MAKER_NOTE)

LONG, IFD = 4, 13
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_LARGEST_OFFSET = 0xFFFFFFFF
_LARGEST_VALUE = 16 << 20


_THUMBNAIL_START, _THUMBNAIL_LENGTH = 0x0201, 0x0202


class TiffError(Exception):
    """The block cannot be read, or cannot be grafted upon; the text says why."""


class TagEntry(NamedTuple):
    """One directory entry. `field` are its last four bytes: the value where it fits, otherwise an
    offset. `data` is the value, None when its type is unknown, or it lies outside the block, or is
    larger than any that we would look into."""

    tag: int
    type: int
    number: int
    field: bytes
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class DirectoryLayout:
    """`next_offset` is that of the following directory, 0 when it is the last or the block ends."""

    offset: int
    entries: tuple[TagEntry, ...]
    next_offset: int

    def find(self, tag: int) -> TagEntry | None:
        return next((e for e in self.entries if e.tag == tag), None)

    def position(self, index: int) -> int:
        """The offset of an entry's own twelve bytes."""
        return self.offset + 2 + 12 * index

    @property
    def end(self) -> int:
        return self.offset + 2 + 12 * len(self.entries) + 4


class Tiff:
    """A block whose header has been read: `order` is "<" or ">", `first` the offset of IFD0."""

    def __init__(self, window: Window) -> None:
        head = window.read(0, 8)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 8:
            raise TiffError("the EXIF has no TIFF header")
        magic, first = struct.unpack(order + "HI", head[2:])
        if magic == 43:
            raise TiffError("it is a BigTIFF")
        if magic != 42:
            raise TiffError("the EXIF has no TIFF header")
        self.window = window
        self.order = order
        self.first = int(first)
        self._directories: dict[int, DirectoryLayout] = {}

    def directory(self, offset: int) -> DirectoryLayout:
        """The directory at `offset`, without the values that lie elsewhere in the block."""
        directory = self._directories.get(offset)
        if directory is None:
            _, raw, following = self._table(offset)
            entries = tuple(starmap(TagEntry, struct.iter_unpack(self.order + "HHI4s", raw)))
            directory = self._directories[offset] = DirectoryLayout(offset, entries, following)
        return directory

    def raw_directory(self, offset: int, limit: int) -> tuple[tuple[bytes, ...], dict[int, int], int]:
        """The directory's entries as they stand, without what a graft may change; where its EXIF
        and interoperability pointers lead; and the offset of the next directory. What lies from
        `limit` on may move, so a pointer to a thumbnail or maker note there is left out."""
        count, raw, following = self._table(offset)
        tags = struct.unpack(f"{self.order}{'H10x' * count}", raw)
        entries = tuple(
            raw[12 * i : 12 * i + 12]
            if tag not in _MOVABLE or not self._leads_behind(limit, raw, i)
            else raw[12 * i : 12 * i + 8]
            for i, tag in enumerate(tags)
            if tag != GPS_POINTER
        )
        pointers = {
            tag: struct.unpack_from(self.order + "I", raw, 12 * i + 8)[0]
            for i, tag in enumerate(tags)
            if tag in (EXIF_POINTER, INTEROP_POINTER)
        }
        return entries, pointers, following

    def _leads_behind(self, limit: int, raw: bytes, index: int) -> bool:
        offset: int = struct.unpack_from(self.order + "I", raw, 12 * index + 8)[0]
        return offset >= limit

    def _table(self, offset: int) -> tuple[int, bytes, int]:
        """Count and bytes of the entries at `offset`, and the offset of the next directory."""
        window = self.window
        if not 8 <= offset <= window.size - 2:
            raise TiffError("a directory of the EXIF lies outside it")
        (count,) = struct.unpack(self.order + "H", window.read(offset, 2))
        raw = window.read(offset + 2, 12 * count + 4)
        if len(raw) < 12 * count:
            raise TiffError("a directory of the EXIF is cut off")
        tail = raw[12 * count :]
        following = struct.unpack(self.order + "I", tail)[0] if len(tail) == 4 else 0
        return count, raw[: 12 * count], following

    def data(self, entry: TagEntry) -> bytes | None:
        """The value of an entry in the block's byte order, None when it cannot be had."""
        unit = TYPE_SIZES.get(entry.type)
        if unit is None:
            return None
        length = unit * entry.number
        if length <= 4:
            return entry.field[:length]
        (offset,) = struct.unpack(self.order + "I", entry.field)
        if offset + length > self.window.size or length > _LARGEST_VALUE:
            return None
        return self.window.read(offset, length)

    def pointer(self, entry: TagEntry) -> int:
        """The offset that a pointer entry holds; 0 when it holds none."""
        if entry.type not in (LONG, IFD) or entry.number != 1:
            return 0
        return int(struct.unpack(self.order + "I", entry.field)[0])

    def filled(self, directory: DirectoryLayout) -> DirectoryLayout:
        """The same directory with every value that can be had."""
        if sum(TYPE_SIZES.get(e.type, 0) * e.number for e in directory.entries) > _LARGEST_VALUE:
            raise TiffError("a directory of the EXIF lists more than it can hold")
        entries = tuple(TagEntry(*e[:4], self.data(e)) for e in directory.entries)
        return DirectoryLayout(directory.offset, entries, directory.next_offset)

    def gps_directory(self) -> DirectoryLayout | None:
        """The GPS directory with its values; None when there is none or it cannot be read."""
        entry = self.directory(self.first).find(GPS_POINTER)
        if entry is None:
            return None
        try:
            return self.filled(self.directory(self.pointer(entry)))
        except TiffError:
            return None

    def chain(self) -> Iterator[DirectoryLayout]:
        """IFD0 and those that follow it, each once, however the pointers run; stops at damage."""
        seen: set[int] = set()
        offset = self.first
        while offset and offset not in seen:
            seen.add(offset)
            try:
                directory = self.directory(offset)
            except TiffError:
                return
            yield directory
            offset = directory.next_offset


def serialised(entries: Sequence[TagEntry], offset: int, order: str, next_offset: int = 0) -> bytes:
    """A directory and its values as they stand at `offset` (even) of a block.

    An entry with `data` is written with it; one without keeps its four bytes as they are.
    """
    values = bytearray()
    values_offset = offset + 2 + 12 * len(entries) + 4
    table = bytearray(struct.pack(order + "H", len(entries)))
    for entry in entries:
        field = entry.field
        if entry.data is not None:
            if len(entry.data) <= 4:
                field = entry.data.ljust(4, b"\0")
            else:
                field = struct.pack(order + "I", values_offset + len(values))
                values += entry.data
                values += b"\0" * (len(values) & 1)
        table += struct.pack(order + "HHI4s", entry.tag, entry.type, entry.number, field)
    table += struct.pack(order + "I", next_offset)
    return bytes(table + values)


def pointing_block(gps: Sequence[TagEntry]) -> bytes:
    """A big-endian block with a GPS directory and nothing else."""
    start = 8 + 2 + 12 + 4
    pointer = TagEntry(GPS_POINTER, LONG, 1, struct.pack(">I", start))
    return b"MM\0*" + struct.pack(">I", 8) + serialised([pointer], 8, ">") + serialised(gps, start, ">")


def graft(tiff: Tiff, gps: Sequence[TagEntry], seen: bytes = b"") -> list[Splice]:
    """Gives the block the GPS directory `gps` (values in the block's byte order), behind the bytes `seen`,
    which something in the block shows although they stand behind it.

    Raises TiffError when IFD0 is damaged or the block would pass 4 GB.
    """
    ifd0 = tiff.directory(tiff.first)
    places = [i for i, e in enumerate(ifd0.entries) if e.tag == GPS_POINTER]
    if places:
        start, removed = (
            _end_to_write_at(tiff, ifd0) if not seen else (_even(tiff.window.size + len(seen)), 0)
        )
        added = seen.ljust(start - (tiff.window.size - removed), b"\0")
        pointer = _pointer_entry(start, tiff.order)
        patches = [Splice(ifd0.position(i), 12, pointer) for i in places]
        appended = added + serialised(gps, start, tiff.order)
        _check_reach(start + len(appended))
        return [*patches, Splice(tiff.window.size - removed, removed, appended)]
    start = _even(tiff.window.size + len(seen))
    gps_start = start + 2 + 12 * (len(ifd0.entries) + 1) + 4
    _check_reach(gps_start)
    entry = TagEntry(GPS_POINTER, LONG, 1, struct.pack(tiff.order + "I", gps_start))
    before = next((i for i, e in enumerate(ifd0.entries) if e.tag > GPS_POINTER), len(ifd0.entries))
    entries = (*ifd0.entries[:before], entry, *ifd0.entries[before:])
    if len(entries) > 0xFFFF:
        raise TiffError("the first directory of the EXIF is full")
    appended = (
        seen.ljust(start - tiff.window.size, b"\0")
        + serialised(entries, start, tiff.order, ifd0.next_offset)
        + serialised(gps, gps_start, tiff.order)
    )
    _check_reach(tiff.window.size + len(appended))
    return [
        Splice(4, 4, struct.pack(tiff.order + "I", start)),
        Splice(tiff.window.size, 0, appended),
    ]


def _end_to_write_at(tiff: Tiff, ifd0: DirectoryLayout) -> tuple[int, int]:
    """Where a new GPS directory starts, and how many of the block's last bytes it replaces: the
    old GPS directory when it stands last in the block as we write them, so that a photo which is
    estimated again does not grow each time."""
    size = tiff.window.size
    old = tiff.gps_directory()
    if old is not None and old.offset % 2 == 0 and size - old.offset < 0x10000:
        last = tiff.window.read(old.offset, size - old.offset)
        if (
            serialised(old.entries, old.offset, tiff.order, old.next_offset) == last
            and old.offset > ifd0.offset
        ):
            return old.offset, len(last)
    return _even(size), 0


def _even(offset: int) -> int:
    return offset + (offset & 1)


def _pointer_entry(offset: int, order: str) -> bytes:
    return struct.pack(order + "HHII", GPS_POINTER, LONG, 1, offset)


def _check_reach(end: int) -> None:
    if end > _LARGEST_OFFSET:
        raise TiffError("it has no room below 4 GB")


def ungraft(tiff: Tiff, left: Sequence[TagEntry]) -> list[Splice]:
    """Leaves only `left` of the GPS directory (entries of it), or takes it away when nothing is
    left. In place, the block keeps its length; what the values held is overwritten with zeros
    where nothing else lies there. Raises TiffError when there is no GPS directory to be read."""
    ifd0, gps = tiff.directory(tiff.first), tiff.gps_directory()
    if gps is None:
        raise TiffError("its GPS directory cannot be read")
    removed = [e for e in gps.entries if e not in left]
    splices = [Splice(start, end - start, b"\0" * (end - start)) for start, end in _own_values(tiff, removed)]
    if left:
        table = serialised([e._replace(data=None) for e in left], gps.offset, tiff.order, gps.next_offset)
        return [*splices, Splice(gps.offset, gps.end - gps.offset, table.ljust(gps.end - gps.offset, b"\0"))]
    others = [e for e in ifd0.entries if e.tag != GPS_POINTER]
    table = serialised(others, ifd0.offset, tiff.order, ifd0.next_offset)
    length = min(ifd0.end, tiff.window.size) - ifd0.offset
    return [
        *splices,
        Splice(ifd0.offset, length, table.ljust(length, b"\0")[:length]),
        Splice(gps.offset, gps.end - gps.offset, b"\0" * (gps.end - gps.offset)),
    ]


def places_of_gps(tiff: Tiff) -> list[tuple[int, int]]:
    """Where the first directory, the GPS directory and its values lie: start and end."""
    ifd0, gps = tiff.directory(tiff.first), tiff.gps_directory()
    places = [(ifd0.offset, ifd0.end)]
    if gps is not None:
        places += [(gps.offset, gps.end), *_own_values(tiff, gps.entries)]
    return places


def places_of_values(tiff: Tiff) -> list[tuple[int, int]]:
    """Where the values and the thumbnail lie that are not of GPS: start and end."""
    gps = tiff.gps_directory()
    others = [d for d in (*tiff.chain(), *_sub_directories(tiff)) if gps is None or d.offset != gps.offset]
    places = [e for d in others for entry in d.entries if (e := _extent(tiff, entry)) is not None]
    for directory in others:
        start, length = (directory.find(tag) for tag in (_THUMBNAIL_START, _THUMBNAIL_LENGTH))
        if start is not None and length is not None:
            places.append((tiff.pointer(start), tiff.pointer(start) + tiff.pointer(length)))
    return places


def _own_values(tiff: Tiff, entries: Sequence[TagEntry]) -> list[tuple[int, int]]:
    """Where the values of GPS entries lie, when none of them overlaps another or anything else."""
    own = [e for entry in entries if (e := _extent(tiff, entry)) is not None]
    others: list[tuple[int, int]] = [(0, 8)]
    for directory in (*tiff.chain(), *_sub_directories(tiff)):
        others.append((directory.offset, directory.end))
        others += [
            e
            for entry in directory.entries
            if entry not in entries and (e := _extent(tiff, entry)) is not None
        ]
    apart = sorted(own)
    for (_, end), (start, _) in pairwise(apart):
        if start < end:
            return []
    if any(a < d and c < b for a, b in own for c, d in others):
        return []
    return apart


def _sub_directories(tiff: Tiff) -> Iterator[DirectoryLayout]:
    gps = tiff.gps_directory()
    if gps is not None:
        yield gps
    exif = tiff.directory(tiff.first).find(EXIF_POINTER)
    if exif is not None:
        try:
            directory = tiff.directory(tiff.pointer(exif))
            yield directory
            interop = directory.find(INTEROP_POINTER)
            if interop is not None:
                yield tiff.directory(tiff.pointer(interop))
        except TiffError:
            return


def _extent(tiff: Tiff, entry: TagEntry) -> tuple[int, int] | None:
    length = TYPE_SIZES.get(entry.type, 0) * entry.number
    if length <= 4:
        return None
    (start,) = struct.unpack(tiff.order + "I", entry.field)
    return (start, start + length) if start + length <= tiff.window.size else None
