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


def transport_stream(entries: dict[int, bytes], *, timed: bool = True) -> bytes:
    """An AVCHD file whose first picture holds these entries of MDPM; `timed`: packets of 192 bytes."""
    mdpm = b"MDPM" + bytes([len(entries)]) + b"".join(bytes([tag]) + value for tag, value in entries.items())
    uuid = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66")
    body = uuid + mdpm
    body = body.replace(b"\0\0\0", b"\0\0\x03\0").replace(b"\0\0\1", b"\0\0\x03\1")
    picture = b"\0\0\0\1\x09\x10" + b"\0\0\0\1\x06\x05" + bytes([len(uuid + mdpm)]) + body + b"\x80"
    pes = b"\0\0\1\xe0\0\0\x80\x80\x05\x21\0\1\0\1" + picture + b"\0\0\0\1\x65" + bytes([0x88]) * 400
    pat = bytes.fromhex("0000b00d0001c100000001e100") + bytes(4)
    pmt = bytes.fromhex("0002b0120001c10000f011f0001bf011f000") + bytes(4)
    packets = [_packet(0, pat, start=True), _packet(0x100, pmt, start=True)]
    for at in range(0, len(pes), 184):
        packets.append(_packet(0x1011, pes[at : at + 184], start=at == 0))
    packets += [_packet(0x1FFF, b"", start=False)] * 8
    return b"".join((b"\0\0\0\0" if timed else b"") + packet for packet in packets)


def _packet(program: int, payload: bytes, *, start: bool) -> bytes:
    head = struct.pack(">BH", 0x47, program | (0x4000 if start else 0))
    if len(payload) == 184:
        return head + b"\x10" + payload
    if program in (0, 0x100):
        return head + b"\x10" + payload.ljust(184, b"\xff")
    stuffing = 183 - len(payload)
    return (
        head + b"\x30" + bytes([stuffing]) + (b"\0" + b"\xff" * (stuffing - 1) if stuffing else b"") + payload
    )
