"""Videos without pictures: the boxes in which phones and cameras say when and where they were made."""

import struct
from datetime import datetime
from itertools import count

EPOCH = datetime(1904, 1, 1)
APPLE = "com.apple.quicktime."


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", 8 + len(data)) + kind + data


def movie(
    *extra: bytes,
    created: datetime | None = None,
    seconds: float = 3,
    brand: bytes = b"mp42",
    meta: dict[str, str] | None = None,
    user: bytes = b"",
) -> bytes:
    """A movie of this creation time; `meta` is QuickTime metadata, `user` boxes of user data, `extra` boxes
    behind it. The pictures come first, as cameras write them."""
    moment = 0 if created is None else round((created - EPOCH).total_seconds())
    header = struct.pack(">IIIII", 0, moment, moment, 1000, round(1000 * seconds)) + bytes(80)
    track = box(b"trak", box(b"tkhd", bytes(76) + struct.pack(">II", 1920 << 16, 1080 << 16)))
    parts = [box(b"mvhd", header), track]
    if user:
        parts.append(box(b"udta", user))
    if meta:
        parts.append(apple_meta(meta))
    ftyp = box(b"ftyp", brand, b"\0\0\0\0", brand, b"isom")
    return ftyp + box(b"mdat", bytes(range(256)) * 64) + box(b"moov", *parts) + b"".join(extra)


def apple_meta(values: dict[str, str]) -> bytes:
    keys = b"".join(struct.pack(">I", 8 + len(k)) + b"mdta" + k.encode() for k in values)
    items = b"".join(
        box(struct.pack(">I", n), box(b"data", struct.pack(">II", 1, 0), value.encode()))
        for n, value in zip(count(1), values.values(), strict=False)
    )
    handler = box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    table = box(b"keys", struct.pack(">II", 0, len(values)), keys)
    return box(b"meta", handler, table, box(b"ilst", items))


def text(kind: bytes, value: str) -> bytes:
    """A text of user data with its length and language."""
    data = value.encode()
    return box(kind, struct.pack(">HH", len(data), 0x15C7), data)


def loci(latitude: float, longitude: float, role: int = 0, name: bytes = b"\0") -> bytes:
    place = struct.pack(">Biii", role, round(longitude * 65536), round(latitude * 65536), 0)
    return box(b"loci", bytes(4), b"\x15\xc7", name, place, b"earth\0\0")
