"""One item of a HEIC as a HEIC of its own: libheif decodes primary images, thumbnails are items.

Takes an item's kind, properties and data; gives the bytes of a minimal file around it
(ISO/IEC 23008-12 §10.2, ISO/IEC 14496-12 §8.11).
"""

import struct

from geotagger.photo.isobmff import Item


def standalone(item: Item, data: bytes) -> bytes:
    """A file whose primary image is `item`, with all of its properties (codec, size, turn, colour)."""
    head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    # the offset of the data is a number of fixed width, so the length of `meta` does not depend on it
    offset = len(head) + len(_meta(item, 0, len(data))) + 8
    return head + _meta(item, offset, len(data)) + _box(b"mdat", data)


def _meta(item: Item, offset: int, length: int) -> bytes:
    properties = b"".join(_box(kind, payload) for kind, payload in item.properties)
    owned = bytes(range(1, len(item.properties) + 1))
    return _full_box(
        b"meta",
        _full_box(b"hdlr", b"\0\0\0\0pict" + b"\0" * 13)
        + _full_box(b"pitm", struct.pack(">H", 1))
        + _full_box(
            b"iinf", struct.pack(">H", 1) + _full_box(b"infe", struct.pack(">HH4sB", 1, 0, item.kind, 0), 2)
        )
        + _box(
            b"iprp",
            _box(b"ipco", properties) + _full_box(b"ipma", struct.pack(">IHB", 1, 1, len(owned)) + owned),
        )
        + _full_box(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, length)),
    )


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def _full_box(kind: bytes, payload: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]) + payload)
