"""HEIC and AVIF files: an EXIF item is written anew at the end of the file, image data stays put.

The item's place is told by one entry of the `iloc` box (ISO/IEC 14496-12, 8.11.3): its offset and
length are overwritten, and the new EXIF follows the last box in a box of its own. Files for which
that does not work out, or where something counts from the end of the file, are refused.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geotagger.metadata.layout import LayoutChange, RefusedError
from geotagger.metadata.rdf_changes import fitted
from geotagger.metadata.source import MemorySource, Window
from geotagger.metadata.splice import Splice, gaps, ordered, spliced

BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif", b"msf1", b"hevc", b"avis"}
_LARGEST_META = 16 << 20
_LARGEST_ITEM = 16 << 20
_MOST_BOXES = 10_000
_FROM_THE_END = (b"MotionPhoto", b"MicroVideo", b"Container:Directory")
_BEHIND_THE_IMAGE = {b"mpvd", b"sefd"}


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    data: int
    end: int


@dataclass(frozen=True, slots=True)
class _Field:
    """A number in the file: where it stands, in how many bytes, and what it is."""

    position: int
    size: int
    value: int


@dataclass(frozen=True, slots=True)
class _ItemPlace:
    """Where an item lies. `offset` counts from `base`; None for both when it has several parts or
    lies in another box than `mdat`."""

    number: int
    base: int
    offset: _Field | None
    length: _Field | None

    @property
    def start(self) -> int:
        return self.base + (self.offset.value if self.offset else 0)

    @property
    def size(self) -> int:
        return self.length.value if self.length else 0


class Heif:
    """A HEIC or AVIF opened for surgery. RefusedError when it is damaged or has no EXIF item."""

    format = "heif"
    takes_new_xmp = False
    extended_xmp = b""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._boxes = list(_boxes(window, 0, window.size))
        if not self._boxes or self._boxes[-1].end != window.size:
            raise RefusedError("its boxes do not add up to its length")
        meta = next((b for b in self._boxes if b.kind == b"meta"), None)
        if meta is None or meta.end - meta.start > _LARGEST_META:
            raise RefusedError("it has no list of items")
        inner = {b.kind: b for b in _boxes(window, meta.data + 4, meta.end)}
        if b"iinf" not in inner or b"iloc" not in inner:
            raise RefusedError("it has no list of items")
        try:
            kinds = dict(_items(window, inner[b"iinf"]))
            self._places = {p.number: p for p in _places(window, inner[b"iloc"])}
        except (struct.error, IndexError):
            raise RefusedError("its list of items is damaged") from None
        self._exif = self._items_of(n for n, kind in kinds.items() if kind == b"Exif")
        self._prefixes = [_prefix(window.read(p.start, min(p.size, 64))) for p in self._exif]
        self.blocks = [
            MemorySource(window.read(p.start + skip, p.size - skip))
            for p, skip in zip(self._exif, self._prefixes, strict=True)
        ]
        self._xmp = self._items_of(n for n, kind in kinds.items() if kind == b"mime")
        self.packets = [window.read(p.start, p.size) for p in self._xmp]

    def splices(self, change: LayoutChange) -> list[Splice]:
        if change.dropped_exif or change.dropped_xmp:
            raise RefusedError("its items cannot be taken away")
        if change.new_exif is not None:
            raise RefusedError("it has no EXIF that could be extended")
        if change.new_xmp is not None:
            raise RefusedError("it has no XMP that could be extended")
        result: list[Splice] = []
        for number, splices in change.xmp.items():
            same_size = fitted(self.packets[number], splices)
            if same_size is None:
                raise RefusedError("its XMP has no room for more")
            result += [Splice(self._xmp[number].start + s.offset, s.length, s.data) for s in same_size]
        for number, splices in change.exif.items():
            result += self._moved(number, splices)
        return ordered(result)

    def pictures(self) -> list[tuple[int, int]]:
        """All that is not the list of items, EXIF or XMP; nothing of it ever moves."""
        hidden = [(b.start, b.end) for b in self._boxes if b.kind == b"meta" or self._is_exif_box(b)]
        hidden += [(p.start, p.start + p.size) for p in (*self._exif, *self._xmp)]
        return gaps(hidden, self._window.size)

    def outline(self) -> Sequence[object]:
        """The boxes, without one at the end that holds nothing but EXIF, and the items' places."""
        exif = {p.number for p in self._exif}
        boxes = [(b.kind, b.start, b.end) for b in self._boxes if not self._is_exif_box(b)]
        return [boxes, [p for n, p in self._places.items() if n not in exif]]

    def _items_of(self, numbers: Iterator[int]) -> list[_ItemPlace]:
        places = [self._places[n] for n in numbers if n in self._places]
        return [
            p
            for p in places
            if p.offset and p.length and 8 < p.size <= _LARGEST_ITEM and p.start + p.size <= self._window.size
        ]

    def _is_exif_box(self, box: _Box) -> bool:
        """Whether a box is one that was put at the end for an EXIF item."""
        return box is self._boxes[-1] and any(
            p.start == box.data and p.start + p.size == box.end for p in self._exif
        )

    def _moved(self, number: int, splices: Sequence[Splice]) -> Iterator[Splice]:
        place, skip = self._exif[number], self._prefixes[number]
        growth = sum(s.growth for s in splices)
        if not growth:
            yield from (Splice(place.start + skip + s.offset, s.length, s.data) for s in splices)
            return
        assert place.offset is not None
        assert place.length is not None
        self._check_end_is_free()
        yield _number(place.length, place.size + growth)
        last = self._boxes[-1]
        if self._is_exif_box(last) and place.start == last.data:
            yield Splice(last.start, 4, struct.pack(">I", last.end - last.start + growth))
            yield from (Splice(place.start + skip + s.offset, s.length, s.data) for s in splices)
            return
        item = self._window.read(place.start, skip) + spliced(self.blocks[number].data, splices)
        yield _number(place.offset, self._window.size + 8 - place.base)
        yield Splice(self._window.size, 0, struct.pack(">I4s", 8 + len(item), b"mdat") + item)

    def _check_end_is_free(self) -> None:
        last = self._boxes[-1]
        if any(b.kind in _BEHIND_THE_IMAGE for b in self._boxes):
            raise RefusedError("a video or its maker's data stands at its end")
        if any(mark in packet for packet in self.packets for mark in _FROM_THE_END):
            raise RefusedError("it is a motion photo, which counts from its end")
        if self._window.read(last.start, 4) == b"\0\0\0\0" or any(
            p.length is not None and p.size == 0 for p in self._places.values()
        ):
            raise RefusedError("a part of it reaches to its end, wherever that is")


def _number(field: _Field, value: int) -> Splice:
    if not 0 <= value < 1 << 8 * field.size:
        raise RefusedError("its list of items cannot tell so large an offset")
    return Splice(field.position, field.size, value.to_bytes(field.size, "big"))


def _prefix(head: bytes) -> int:
    """What stands before the TIFF header: a count and usually "Exif" (ISO/IEC 23008-12, A.2.1)."""
    skip = 4 + int.from_bytes(head[:4], "big")
    if head[skip : skip + 2] in (b"II", b"MM"):
        return skip
    if head[4:10] == b"Exif\0\0":
        return 10
    raise RefusedError("its EXIF item is not understood")


def _boxes(window: Window, start: int, end: int) -> Iterator[_Box]:
    for _ in range(_MOST_BOXES):
        head = window.read(start, 16)
        if start + 8 > end or len(head) < 8:
            return
        size, data = int.from_bytes(head[:4], "big"), start + 8
        if size == 1 and len(head) == 16:
            size, data = int.from_bytes(head[8:16], "big"), start + 16
        elif size == 0:
            size = end - start
        if start + size > end or start + size < data:
            return
        yield _Box(head[4:8], start, data, start + size)
        start += size


def _items(window: Window, box: _Box) -> Iterator[tuple[int, bytes]]:
    """Item numbers and kinds (8.11.6); a MIME item counts only when it is XMP."""
    version = window.read(box.data, 1)[0]
    for entry in _boxes(window, box.data + (6 if version == 0 else 8), box.end):
        data = window.read(entry.data, min(entry.end - entry.data, 256))
        if entry.kind != b"infe" or not data or data[0] < 2:
            continue
        wide = 4 if data[0] > 2 else 2
        kind = data[6 + wide : 10 + wide]
        if kind != b"mime" or b"application/rdf+xml" in data:
            yield int.from_bytes(data[4 : 4 + wide], "big"), kind


def _places(window: Window, box: _Box) -> Iterator[_ItemPlace]:
    data = window.read(box.data, box.end - box.data)
    version = data[0]
    offset_size, length_size, base_size = data[4] >> 4, data[4] & 15, data[5] >> 4
    index_size = data[5] & 15 if version else 0
    wide = 4 if version > 1 else 2
    at = 6 + wide
    for _ in range(int.from_bytes(data[6:at], "big")):
        number, at = int.from_bytes(data[at : at + wide], "big"), at + wide
        method = 0
        if version:
            method, at = data[at + 1] & 15, at + 2
        (reference,) = struct.unpack_from(">H", data, at)
        base = int.from_bytes(data[at + 2 : at + 2 + base_size], "big")
        (parts,) = struct.unpack_from(">H", data, at + 2 + base_size)
        at += 4 + base_size + index_size
        offset = _Field(box.data + at, offset_size, int.from_bytes(data[at : at + offset_size], "big"))
        after = at + offset_size
        length = _Field(
            box.data + after, length_size, int.from_bytes(data[after : after + length_size], "big")
        )
        at += -index_size + parts * (index_size + offset_size + length_size)
        if at > len(data):
            raise IndexError
        whole = parts == 1 and method == 0 and reference == 0 and offset_size and length_size
        yield _ItemPlace(number, base, offset if whole else None, length if whole else None)
