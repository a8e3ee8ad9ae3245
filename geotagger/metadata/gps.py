"""GPS directories: what a position looks like in EXIF, and what an existing directory says.

The fields are those of EXIF 2.32, clause 4.6.6, their types piexif's. They are packed here, since
piexif.dump copies all it is given, deeply; the tests hold the outcome against it. Of a directory
that is there, the fields that tell of something else than the position (times, directions,
speeds) are kept. Knows nothing of where the directory is put.
"""

import math
import struct
from collections.abc import Sequence
from typing import Any

import piexif  # type: ignore[import-untyped]

from geotagger.geo import is_place
from geotagger.marks import mark_of, processing_method
from geotagger.metadata.tiff import Entry, pointing_block
from geotagger.metadata.values import FoundPosition, Position

(VERSION, LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE) = range(7)
SATELLITES, STATUS, MEASURE_MODE, DOP = range(8, 12)
MAP_DATUM, METHOD, AREA, DIFFERENTIAL, ERROR = 18, 27, 28, 30, 31

_OF_THE_POSITION = {LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, MAP_DATUM, METHOD, ERROR}
"""Always replaced: they would tell of another position than the one beside them."""
_OF_THE_FIX = {ALTITUDE_REF, ALTITUDE, SATELLITES, STATUS, MEASURE_MODE, DOP, AREA, DIFFERENTIAL}
"""Dropped when a position is overwritten: how the old one was found. Without an old position
they are somebody's knowledge of its own (a barometer's altitude) and stay."""

POSITION_TAGS = _OF_THE_POSITION | {ALTITUDE_REF, ALTITUDE, VERSION}
"""What we write, and what is taken away again when an estimate is forgotten."""

SECOND_PARTS = 1_000_000
"""Seconds of arc are written in millionths: 0.03 millimetres."""
_CHARACTER_CODE = b"ASCII\0\0\0"
_TAGS: dict[int, dict[str, Any]] = piexif.TAGS["GPS"]
_ASCII, _RATIONAL = 2, 5


def built(position: Position, order: str) -> list[Entry]:
    """The directory of a position by ascending tag, values in the byte order."""
    entries = []
    for tag, value in sorted(fields_of(position).items()):
        kind: int = _TAGS[tag]["type"]
        if kind == _RATIONAL:
            numbers = value if isinstance(value[0], tuple) else (value,)
            data = b"".join(struct.pack(order + "2I", *pair) for pair in numbers)
            count = len(numbers)
        else:
            data = value + b"\0" if kind == _ASCII else bytes(value)
            count = len(data)
        entries.append(Entry(tag, kind, count, bytes(4), data))
    return entries


def standalone(position: Position) -> bytes:
    """A TIFF block with nothing but the position, for a photo that has no EXIF."""
    return pointing_block(built(position, ">"))


def fields_of(position: Position) -> dict[int, Any]:
    """The values of a position as piexif takes them."""
    fields: dict[int, Any] = {
        VERSION: (2, 3, 0, 0),
        LATITUDE_REF: b"N" if position.latitude >= 0 else b"S",
        LATITUDE: _degrees(position.latitude),
        LONGITUDE_REF: b"E" if position.longitude >= 0 else b"W",
        LONGITUDE: _degrees(position.longitude),
        MAP_DATUM: b"WGS-84",
        METHOD: _CHARACTER_CODE + _method(position).encode("ascii"),
    }
    if position.altitude_m is not None:
        fields[ALTITUDE_REF] = (0 if position.altitude_m >= 0 else 1,)
        fields[ALTITUDE] = (round(abs(position.altitude_m) * 1000), 1000)
    if position.mark.radius_km is not None:
        fields[ERROR] = (round(position.mark.radius_km * 1000 * 100), 100)
    return fields


def _method(position: Position) -> str:
    return processing_method(position.mark, position.latitude, position.longitude)


def merged(old: Sequence[Entry], position: Position, order: str) -> list[Entry]:
    """The directory to write where `old` (values in `order`) stands: ours, and of theirs what
    tells of something else."""
    new = {e.tag: e for e in built(position, order)}
    dropped = set(_OF_THE_POSITION)
    if read(old, order) is not None:
        dropped |= _OF_THE_FIX
    theirs: dict[int, Entry] = {}
    for entry in old:
        void = entry.tag == STATUS and (entry.data or b"")[:1] == b"V"  # would call ours invalid
        if not void and entry.tag not in dropped:
            theirs.setdefault(entry.tag, entry)
    if VERSION in theirs:
        del new[VERSION]
    merged = theirs | new
    return [merged[tag] for tag in sorted(merged)]


def without_position(old: Sequence[Entry]) -> list[Entry]:
    """What is left of a directory when a position that we wrote is taken out."""
    left = [e for e in old if e.tag not in POSITION_TAGS]
    version = [e for e in old if e.tag == VERSION and left]
    return version + left


def read(entries: Sequence[Entry], order: str) -> FoundPosition | None:
    """The position in a directory; None when there is none, or it is not on the Earth, or it is
    exactly 0,0, which receivers write while they do not know."""
    found = {e.tag: e for e in entries if e.data is not None}
    latitude = _signed_degrees(found.get(LATITUDE), found.get(LATITUDE_REF), b"S", order)
    longitude = _signed_degrees(found.get(LONGITUDE), found.get(LONGITUDE_REF), b"W", order)
    if latitude is None or longitude is None or not is_place(latitude, longitude):
        return None
    if latitude == 0 == longitude:
        return None
    method = found.get(METHOD)
    return FoundPosition(
        latitude,
        longitude,
        mark_of(_text(method.data or b""), latitude, longitude) if method else None,
        _altitude(found.get(ALTITUDE), found.get(ALTITUDE_REF), order),
    )


def _degrees(angle: float) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    parts = round(abs(angle) * 3600 * SECOND_PARTS)
    minutes, seconds = divmod(parts, 60 * SECOND_PARTS)
    return ((minutes // 60, 1), (minutes % 60, 1), (seconds, SECOND_PARTS))


def _signed_degrees(value: Entry | None, ref: Entry | None, negative: bytes, order: str) -> float | None:
    numbers = _rationals(value, order)
    if not numbers or len(numbers) > 3:
        return None
    angle = math.fsum(number / (1, 60, 3600)[i] for i, number in enumerate(numbers))
    return -angle if ref is not None and (ref.data or b"")[:1].upper() == negative else angle


def _altitude(value: Entry | None, ref: Entry | None, order: str) -> float | None:
    numbers = _rationals(value, order)
    if not numbers:
        return None
    return -numbers[0] if ref is not None and ref.data == b"\1" else numbers[0]


def _rationals(entry: Entry | None, order: str) -> list[float] | None:
    """The numbers of a RATIONAL or SRATIONAL entry; None when one has no value (x/0)."""
    if entry is None or entry.data is None or entry.type not in (5, 10):
        return None
    unit = "I" if entry.type == 5 else "i"
    pairs = list(struct.iter_unpack(f"{order}2{unit}", entry.data))
    if any(denominator == 0 and numerator != 0 for numerator, denominator in pairs):
        return None
    # 0/0 stands for "not given": seconds of a camera that writes decimal minutes
    if pairs and pairs[0][1] == 0:
        return None
    return [numerator / denominator if denominator else 0.0 for numerator, denominator in pairs]


def _text(value: bytes) -> str:
    """A comment with its eight bytes of character code, which some writers leave out."""
    body = value[8:] if value[:8] in (_CHARACTER_CODE, b"\0" * 8) else value
    return body.rstrip(b"\0 ").decode("ascii", "replace")
