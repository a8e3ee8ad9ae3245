"""Boxes of ISO base media files: HEIF and AVIF items, and Canon's CR3.

Finds the primary image's size and turn, its EXIF and XMP items and its thumbnails
(ISO/IEC 14496-12 §8.11, ISO/IEC 23008-12 §6.5 and §6.6), and the CMT blocks of a CR3.
Takes a PhotoSourceFile, reads boxes within fixed limits, decodes nothing.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from geotagger.photo.source import PhotoSourceFile

_MAX_META = 4 << 20
_MAX_ITEM = 16 << 20
_MAX_BOXES = 10_000

_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_CANON_PREVIEW = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")


@dataclass(frozen=True, slots=True)
class Item:
    """A HEIF item: its four-character kind, where its bytes lie (construction method, extents of
    offset and length) and the properties that belong to it (kind, payload)."""

    id: int
    kind: bytes
    content_type: bytes
    method: int
    extents: tuple[tuple[int, int], ...]
    properties: tuple[tuple[bytes, bytes], ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height by the `ispe` property, (0, 0) when it has none."""
        for kind, payload in self.properties:
            if kind == b"ispe" and len(payload) >= 12:
                width, height = struct.unpack_from(">II", payload, 4)
                return width, height
        return 0, 0

    @property
    def orientation(self) -> int:
        """The EXIF orientation that its `irot` and `imir` properties amount to, in their order."""
        orientation = 1
        for kind, payload in self.properties:
            if kind == b"irot" and payload:
                for _ in range(payload[0] & 3):
                    orientation = _AFTER_QUARTER_TURN[orientation]
            elif kind == b"imir" and payload:
                orientation = _AFTER_MIRROR[payload[0] & 1][orientation]
        return orientation


# What an orientation becomes when the upright picture is further turned 90° anticlockwise, or
# mirrored top to bottom (imir 0) or left to right (imir 1).
_AFTER_QUARTER_TURN = {1: 8, 8: 3, 3: 6, 6: 1, 2: 5, 5: 4, 4: 7, 7: 2}
_AFTER_MIRROR = (
    {1: 4, 4: 1, 2: 3, 3: 2, 5: 8, 8: 5, 6: 7, 7: 6},
    {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 7: 8, 8: 7},
)


@dataclass(slots=True)
class ItemTable:
    """The items of a HEIF or AVIF file. `references`: (kind, from, to…)."""

    primary: int = 0
    items: dict[int, Item] = field(default_factory=dict)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    idat: bytes = b""

    def pointing_at(self, kind: bytes, target: int) -> list[Item]:
        """The items whose reference of `kind` names `target`: `thmb` its thumbnails, `cdsc` its
        descriptions."""
        return [
            self.items[source]
            for name, source, targets in self.references
            if name == kind and target in targets and source in self.items
        ]

    def data(self, source: PhotoSourceFile, item: Item) -> bytes:
        """The item's bytes; empty when they are not within the file or absurdly many."""
        whole = len(self.idat) if item.method == 1 else 0  # what an extent without a length stands for
        if sum(length or whole for _, length in item.extents) > _MAX_ITEM:
            return b""
        if item.method == 1:
            return b"".join(self.idat[at : at + (length or len(self.idat))] for at, length in item.extents)
        if item.method != 0:
            return b""
        return b"".join(source.read(at, length) for at, length in item.extents)


@dataclass(frozen=True, slots=True)
class CanonBlocks:
    """A CR3's TIFF blocks: CMT1 (image), CMT2 (EXIF), CMT4 (GPS), and its preview JPEG's place."""

    image: bytes = b""
    exif: bytes = b""
    gps: bytes = b""
    preview: tuple[int, int] = (0, 0)


def read_items(source: PhotoSourceFile) -> ItemTable:
    """The `meta` box of a HEIF or AVIF file; an empty table where there is none to be read."""
    for kind, start, length in file_boxes(source):
        if kind == b"meta":
            return _meta(source.read(start, min(length, _MAX_META)))
    return ItemTable()


def exif_block(table: ItemTable, source: PhotoSourceFile) -> bytes | None:
    """The TIFF block of the EXIF item (ISO/IEC 23008-12 annex A.2.1), of the primary image if told."""
    described = [item for item in table.pointing_at(b"cdsc", table.primary) if item.kind == b"Exif"]
    for item in described or [item for item in table.items.values() if item.kind == b"Exif"]:
        data = table.data(source, item)
        if len(data) > 8:
            skip = 4 + int.from_bytes(data[:4], "big")
            block = data[skip:]
            if block[:2] in (b"II", b"MM"):
                return block
            at = data.find(b"Exif\0\0")  # writers that count from elsewhere
            return data[at + 6 :] if at >= 0 else data[4:]
    return None


def xmp_packet(table: ItemTable, source: PhotoSourceFile) -> bytes | None:
    for item in table.items.values():
        if item.kind == b"mime" and b"rdf+xml" in item.content_type:
            return table.data(source, item) or None
    return None


def read_canon(source: PhotoSourceFile) -> CanonBlocks:
    """The metadata of a CR3 (layout: lclevy/canon_cr3)."""
    blocks: dict[bytes, bytes] = {}
    preview = (0, 0)
    for kind, start, length in file_boxes(source):
        if kind == b"moov":
            moov = source.read(start, min(length, _MAX_META))
            for inner, at, size in _boxes(moov, 0, len(moov)):
                if inner == b"uuid" and moov[at : at + 16] == _CANON:
                    for name, begin, extent in _boxes(moov, at + 16, at + size):
                        blocks[name] = moov[begin : begin + extent]
        elif kind == b"uuid" and source.read(start, 16) == _CANON_PREVIEW:
            # 8 bytes, then a PRVW box: 8 header, 4 zeros, u16, u16 width, u16 height, u16, u32 length
            header = source.read(start + 16, 32)
            if header[12:16] == b"PRVW" and len(header) == 32:
                preview = (start + 48, int.from_bytes(header[28:32], "big"))
    return CanonBlocks(blocks.get(b"CMT1", b""), blocks.get(b"CMT2", b""), blocks.get(b"CMT4", b""), preview)


def file_boxes(
    source: PhotoSourceFile, at: int = 0, end: int | None = None
) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two places of the file, all of it unless told: kind, start of the payload, length of
    the payload."""
    end = source.size if end is None else min(end, source.size)
    for _ in range(_MAX_BOXES):
        header = source.read(at, min(16, max(0, end - at)))
        if len(header) < 8:
            return
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        skip = 8
        if length == 1 and len(header) == 16:
            length, skip = int.from_bytes(header[8:16], "big"), 16
        elif length == 0:
            length = end - at
        if length < skip:
            return
        yield kind, at + skip, min(length, end - at) - skip
        at += length


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        skip = 8
        if length == 1 and at + 16 <= end:
            length, skip = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = end - at
        if length < skip:
            return
        yield kind, at + skip, min(length, end - at) - skip
        at += length


def _meta(data: bytes) -> ItemTable:
    table = ItemTable()
    kinds: dict[int, tuple[bytes, bytes]] = {}
    places: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {}
    properties: dict[int, tuple[tuple[bytes, bytes], ...]] = {}
    try:
        for kind, at, length in _boxes(data, 4, len(data)):
            payload = data[at : at + length]
            if kind == b"pitm":
                wide = payload[0] > 0
                table.primary = int.from_bytes(payload[4 : 8 if wide else 6], "big")
            elif kind == b"iinf":
                kinds = dict(_item_kinds(payload))
            elif kind == b"iloc":
                places = dict(_item_places(payload))
            elif kind == b"iprp":
                properties = _item_properties(payload)
            elif kind == b"iref":
                table.references = list(_item_references(payload))
            elif kind == b"idat":
                table.idat = payload
    except (struct.error, IndexError):
        pass  # a box that lies about its length: what was read before it stands
    for number, (kind, content_type) in kinds.items():
        method, extents = places.get(number, (0, ()))
        table.items[number] = Item(number, kind, content_type, method, extents, properties.get(number, ()))
    return table


def _item_kinds(payload: bytes) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    start = 6 if payload[0] == 0 else 8
    for kind, at, length in _boxes(payload, start, len(payload)):
        if kind != b"infe" or length < 12:
            continue
        version = payload[at]
        if version < 2:
            continue
        wide = version > 2
        number = int.from_bytes(payload[at + 4 : at + (8 if wide else 6)], "big")
        at_kind = at + (10 if wide else 8)
        rest = payload[at_kind + 4 : at + length].split(b"\0")
        yield number, (payload[at_kind : at_kind + 4], rest[1] if len(rest) > 1 else b"")


def _item_places(payload: bytes) -> Iterator[tuple[int, tuple[int, tuple[tuple[int, int], ...]]]]:
    version = payload[0]
    offset_size, length_size = payload[4] >> 4, payload[4] & 15
    base_size, index_size = payload[5] >> 4, payload[5] & 15 if version else 0
    at = 6
    wide = 4 if version > 1 else 2
    count, at = int.from_bytes(payload[at : at + wide], "big"), at + wide
    budget = _MAX_BOXES  # of the whole file: fields of no bytes would list extents that cost nothing
    for _ in range(min(count, _MAX_BOXES)):
        if at >= len(payload):
            return
        number, at = int.from_bytes(payload[at : at + wide], "big"), at + wide
        method = 0
        if version:
            method, at = payload[at + 1] & 15, at + 2
        at += 2  # data reference: only "this file" is known to us
        base, at = int.from_bytes(payload[at : at + base_size], "big"), at + base_size
        (extent_count,) = struct.unpack_from(">H", payload, at)
        at += 2
        budget -= extent_count
        if budget < 0:
            return
        extents = []
        for _ in range(extent_count):
            at += index_size
            offset, at = int.from_bytes(payload[at : at + offset_size], "big"), at + offset_size
            length, at = int.from_bytes(payload[at : at + length_size], "big"), at + length_size
            if at > len(payload):
                return
            extents.append((base + offset, length))
        yield number, (method, tuple(extents))


def _item_properties(payload: bytes) -> dict[int, tuple[tuple[bytes, bytes], ...]]:
    properties: list[tuple[bytes, bytes]] = []
    owned: dict[int, tuple[tuple[bytes, bytes], ...]] = {}
    for kind, at, length in _boxes(payload, 0, len(payload)):
        if kind == b"ipco":
            properties = [(name, payload[b : b + n]) for name, b, n in _boxes(payload, at, at + length)]
        elif kind == b"ipma":
            version, flags = payload[at], payload[at + 3]
            (count,) = struct.unpack_from(">I", payload, at + 4)
            at += 8
            for _ in range(min(count, _MAX_BOXES)):
                wide = 4 if version else 2
                number, at = int.from_bytes(payload[at : at + wide], "big"), at + wide
                entries, at = payload[at], at + 1
                indices = []
                for _ in range(entries):
                    if flags & 1:
                        indices.append(struct.unpack_from(">H", payload, at)[0] & 0x7FFF)
                        at += 2
                    else:
                        indices.append(payload[at] & 0x7F)
                        at += 1
                owned[number] = tuple(properties[i - 1] for i in indices if 0 < i <= len(properties))
    return owned


def _item_references(payload: bytes) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    code, size = ("H", 2) if payload[0] == 0 else ("I", 4)
    for kind, at, _ in _boxes(payload, 4, len(payload)):
        source, count = struct.unpack_from(f">{code}H", payload, at)
        targets = struct.unpack_from(f">{min(count, 1000)}{code}", payload, at + size + 2)
        yield kind, source, targets
