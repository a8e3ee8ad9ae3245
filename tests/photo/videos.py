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


def record(key: bytes, kind: bytes, size: int, *values: bytes) -> bytes:
    """A record of GPMF: `values` of `size` bytes each, filled up to whole words."""
    data = b"".join(values)
    data += bytes(-len(data) % 4)
    return key + struct.pack(">cBH", kind, size, len(values)) + data


def nested(key: bytes, *records: bytes) -> bytes:
    data = b"".join(records)
    return key + struct.pack(">cBH", b"\0", 1, len(data)) + data


def gps5(latitude: float, longitude: float, moment: str, *, lock: int = 3, dilution: float = 2.5) -> bytes:
    """A second of a HERO5 to HERO10; `moment` is yymmddhhmmss.sss."""
    row = struct.pack(">5i", round(latitude * 1e7), round(longitude * 1e7), 34_000, 0, 0)
    other = nested(
        b"STRM", record(b"SCAL", b"s", 2, struct.pack(">h", 417)), record(b"ACCL", b"s", 6, bytes(6))
    )
    ours = nested(
        b"STRM",
        record(b"GPSF", b"L", 4, struct.pack(">I", lock)),
        record(b"GPSU", b"U", 16, moment.encode()),
        record(b"GPSP", b"S", 2, struct.pack(">H", round(100 * dilution))),
        record(b"SCAL", b"l", 4, *(struct.pack(">i", by) for by in (10**7, 10**7, 1000, 1000, 100))),
        record(b"GPS5", b"l", 20, row, row),
    )
    return nested(b"DEVC", record(b"DVNM", b"c", 1, *(bytes([c]) for c in b"Camera")), other, ours)


def gps9(latitude: float, longitude: float, moment: datetime, *, locks: tuple[int, ...] = (3,)) -> bytes:
    """A second of a HERO11 or later, a row for each of `locks`."""
    since = moment - datetime(2000, 1, 1)
    place = round(latitude * 1e7), round(longitude * 1e7), 34_000, 0, 0
    rows = [struct.pack(">7i2H", *place, since.days, since.seconds * 1000, 250, lock) for lock in locks]
    scale = (10**7, 10**7, 1000, 1000, 100, 1, 1000, 100, 1)
    return nested(
        b"DEVC",
        nested(
            b"STRM",
            record(b"TYPE", b"c", 1, *(bytes([c]) for c in b"lllllllSS")),
            record(b"SCAL", b"l", 4, *(struct.pack(">i", by) for by in scale)),
            record(b"GPS9", b"?", 32, *rows),
        ),
    )


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def message(fields: dict[int, int | float | bytes]) -> bytes:
    """A message of Protocol Buffers."""
    data = b""
    for number, value in fields.items():
        if isinstance(value, bytes):
            data += varint(number << 3 | 2) + varint(len(value)) + value
        elif isinstance(value, float):
            data += varint(number << 3 | 1) + struct.pack("<d", value)
        else:
            data += varint(number << 3) + varint(value)
    return data


def djmd(
    place: tuple[float, float] | None,
    path: tuple[int, ...],
    protocol: str = "",
    unit: int | None = None,
) -> bytes:
    """What DJI writes beside a picture, beside the first one with the name of the protocol: the place as it
    is given, with its unit, and an altitude in millimetres."""
    fields: dict[int, int | float | bytes] = {} if unit is None else {1: unit}
    gps = message({1: message({**fields, 2: place[0], 3: place[1]}), 2: 72_500}) if place else b""
    for number in reversed(path):
        gps = message({number: gps})
    frame = gps if place else message({3: message({1: message({1: 7})})})
    clip = message({1: protocol.encode(), 5: b"1581F4XYZ", 9: 300, 10: b"Camera"})
    return (message({1: message({1: clip})}) if protocol else b"") + frame


def gopro(
    *samples: bytes, created: datetime | None = None, wide: bool = False, kind: bytes = b"gpmd"
) -> bytes:
    """A film with a metadata track of these samples, two in each chunk; `wide`: offsets of 64 bits."""
    ftyp = box(b"ftyp", b"mp41", b"\0\0\0\0", b"mp41")
    at = len(ftyp) + 8
    chunks = [at + sum(map(len, samples[:n])) for n in range(0, len(samples), 2)]
    offsets = struct.pack(">II", 0, len(chunks)) + struct.pack(
        f">{len(chunks)}{'Q' if wide else 'I'}", *chunks
    )
    pairs, rest = divmod(len(samples), 2)
    runs = ([(1, 2)] if pairs else []) + ([(pairs + 1, 1)] if rest else [])
    sizes = struct.pack(">III", 0, 0, len(samples)) + struct.pack(f">{len(samples)}I", *map(len, samples))
    table = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), box(kind, bytes(6), b"\0\1", bytes(4))),
        box(b"stts", struct.pack(">IIII", 0, 1, len(samples), 1000)),
        box(b"stsc", struct.pack(">II", 0, len(runs)), *(struct.pack(">III", *run, 1) for run in runs)),
        box(b"stsz", sizes),
        box(b"co64" if wide else b"stco", offsets),
    )
    moment = 0 if created is None else round((created - EPOCH).total_seconds())
    header = box(b"mvhd", struct.pack(">IIIII", 0, moment, moment, 1000, 1000 * len(samples)) + bytes(80))
    media = box(
        b"mdia",
        box(b"mdhd", struct.pack(">IIIIII", 0, moment, moment, 1000, 1000 * len(samples), 0)),
        box(b"hdlr", bytes(8) + b"meta" + bytes(12) + b"GoPro MET\0"),
        box(b"minf", box(b"gmhd"), table),
    )
    trak = box(b"trak", box(b"tkhd", bytes(84)), media)
    return ftyp + box(b"mdat", *samples) + box(b"moov", header, trak)
