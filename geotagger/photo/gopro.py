"""What a GoPro records of its own GPS: the metadata track of its films (GPMF).

Takes a PhotoSourceFile and where the `mdia` box of a track lies; gives the first position that its receiver
was sure of. The samples of the track, about one a second, are key-length-value records nested in each other:
a device (`DEVC`) holds streams (`STRM`), one of which holds `GPS5` (until HERO10; time in `GPSU`, lock in
`GPSF`, dilution in `GPSP` beside it) or `GPS9` (from HERO11 on; time, lock and dilution in each row). The
layout is GoPro's own description (github.com/gopro/gpmf-parser). Nothing else of the track is read: the
libraries that know the format read every sample of every sensor, and come for some versions of Python.
"""

import contextlib
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta

from geotagger.photo.samples import samples
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.values import GpsFix

_DEEPEST = 4
_LEAST_LOCK = 2
"""2: two dimensions, 3: three; 0: what it says is the last place it knew, which can be another country."""
_WORST_DILUTION = 20.0
_DAY_0_GPS9 = datetime(2000, 1, 1)

Record = tuple[bytes, bytes, int, int, bytes]
"""Key, type, size of one value, how many, the bytes."""


def first_fix(source: PhotoSourceFile, start: int, end: int) -> GpsFix | None:
    """Where the camera stood when its receiver first was sure; None where the track (the content of an
    `mdia` box) is no GoPro's, or its receiver never was."""
    with contextlib.suppress(struct.error):  # of a box or a record that lies about its length
        for offset, size in samples(source, start, end, b"gpmd"):
            fix = fix_in(source.read(offset, size))
            if fix is not None:
                return fix
    return None


def fix_in(sample: bytes) -> GpsFix | None:
    """The first sure position in one sample of the track."""
    for stream in _streams(sample, _DEEPEST):
        fix = _gps9(stream) if b"GPS9" in stream else _gps5(stream) if b"GPS5" in stream else None
        if fix is not None:
            return fix
    return None


def _records(data: bytes) -> Iterator[Record]:
    at = 0
    while at + 8 <= len(data):
        key, kind, size, count = struct.unpack_from(">4scBH", data, at)
        if key == b"\0\0\0\0":
            return
        yield key, kind, size, count, data[at + 8 : at + 8 + size * count]
        at += 8 + (size * count + 3) // 4 * 4


def _streams(data: bytes, deepest: int) -> Iterator[dict[bytes, Record]]:
    for key, kind, _, _, content in _records(data):
        if key == b"STRM":
            yield {record[0]: record for record in _records(content)}
        elif kind == b"\0" and deepest:
            yield from _streams(content, deepest - 1)


def _gps5(stream: dict[bytes, Record]) -> GpsFix | None:
    _, _, size, count, rows = stream[b"GPS5"]
    lock, dilution = _first_number(stream, b"GPSF", ">I"), _first_number(stream, b"GPSP", ">H")
    scale = _scale(stream)
    if size < 20 or not count or len(rows) < 20 or len(scale) < 3 or lock is None:
        return None
    latitude, longitude, altitude = (
        n / by for n, by in zip(struct.unpack_from(">3i", rows), scale, strict=False)
    )
    moment = _moment(stream[b"GPSU"][4]) if b"GPSU" in stream else None
    return _fix(latitude, longitude, altitude, lock, None if dilution is None else dilution / 100, moment)


def _gps9(stream: dict[bytes, Record]) -> GpsFix | None:
    _, _, size, count, rows = stream[b"GPS9"]
    scale = _scale(stream)
    if size != 32 or len(scale) != 9:
        return None
    for at in range(0, min(count, len(rows) // 32) * 32, 32):
        row = [n / by for n, by in zip(struct.unpack_from(">7i2H", rows, at), scale, strict=True)]
        try:
            moment = _DAY_0_GPS9 + timedelta(days=row[5], seconds=row[6])
        except OverflowError:
            continue
        fix = _fix(row[0], row[1], row[2], int(row[8]), row[7], moment)
        if fix is not None:
            return fix
    return None


def _fix(
    latitude: float,
    longitude: float,
    altitude: float,
    lock: int,
    dilution: float | None,
    moment: datetime | None,
) -> GpsFix | None:
    if (
        lock < _LEAST_LOCK
        or not (abs(latitude) <= 90 and abs(longitude) <= 180)
        or latitude == longitude == 0
    ):
        return None
    if dilution is not None and not 0 < dilution <= _WORST_DILUTION:
        return None
    return GpsFix(latitude, longitude, altitude, dop=dilution, utc=moment, dimensions=min(lock, 3))


def _scale(stream: dict[bytes, Record]) -> list[float]:
    if b"SCAL" not in stream:
        return []
    _, kind, size, count, content = stream[b"SCAL"]
    code = {b"l": "i", b"L": "I", b"s": "h", b"S": "H"}.get(kind)
    if code is None or struct.calcsize(f">{code}") != size or len(content) < size * count:
        return []
    scale = struct.unpack_from(f">{count}{code}", content)
    return [] if 0 in scale else [float(n) for n in scale]


def _first_number(stream: dict[bytes, Record], key: bytes, code: str) -> int | None:
    content = stream[key][4] if key in stream else b""
    return struct.unpack_from(code, content)[0] if len(content) >= struct.calcsize(code) else None


def _moment(text: bytes) -> datetime | None:
    """`yymmddhhmmss.sss`, UTC."""
    try:
        return datetime.strptime(text[:12].decode("ascii"), "%y%m%d%H%M%S")
    except ValueError:
        return None
