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

from geotagger.geo import is_believable
from geotagger.marks import mark_anywhere, mark_of, processing_method
from geotagger.metadata.tiff import Entry, pointing_block
from geotagger.metadata.values import FoundPosition, Position

(VERSION, LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE) = range(7)
SATELLITES, STATUS, MEASURE_MODE, DOP = range(8, 12)
MAP_DATUM, METHOD, AREA, DIFFERENTIAL, ERROR = 18, 27, 28, 30, 31

_OF_THE_POSITION = {LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, MAP_DATUM, METHOD, ERROR}
"""Always replaced: they would tell of another position than the one beside them."""
_OF_THE_FIX = {ALTITUDE_REF, ALTITUDE, SATELLITES, STATUS, MEASURE_MODE, DOP, AREA, DIFFERENTIAL}
"""Dropped when a position of somebody else is overwritten: how it was found. Beside none, or one of
ours, they are somebody's knowledge of its own (a barometer's altitude) and stay."""

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
    found = read(old, order)
    if found is not None and found.mark is None:
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
    left = [e for e in old if e.tag not in _OF_THE_POSITION]
    return left if any(e.tag != VERSION for e in left) else []


def without_estimate(old: Sequence[Entry], order: str) -> list[Entry]:
    """What is left of a directory when what an estimate of ours says of itself is taken out from beside a
    position that is no longer ours: its mark, and its radius."""
    found = {e.tag: e for e in old if e.data is not None}
    method = found.get(METHOD)
    mark = mark_anywhere(_text(method.data or b"")) if method else None
    if mark is None or not mark.is_estimate:
        return list(old)
    if not {LATITUDE, LONGITUDE} & {e.tag for e in old}:
        return without_position(old)
    error_m = _rationals(found.get(ERROR), order)
    gone = {METHOD, ERROR} if error_m and mark.states_error(error_m[0]) else {METHOD}
    return [e for e in old if e.tag not in gone]


def read(entries: Sequence[Entry], order: str) -> FoundPosition | None:
    """The position in a directory; None when there is none, or one that is not to be believed: the
    photo room, which finds photos that lack a place, and this one must agree."""
    found = {e.tag: e for e in entries if e.data is not None}
    latitude = _signed_degrees(found.get(LATITUDE), found.get(LATITUDE_REF), b"NS", order)
    longitude = _signed_degrees(found.get(LONGITUDE), found.get(LONGITUDE_REF), b"EW", order)
    if latitude is None or longitude is None or not is_believable(latitude, longitude):
        return None
    method = found.get(METHOD)
    return FoundPosition(
        latitude,
        longitude,
        mark_of(_text(method.data or b""), latitude, longitude) if method else None,
    )


def _degrees(angle: float) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    parts = round(abs(angle) * 3600 * SECOND_PARTS)
    minutes, seconds = divmod(parts, 60 * SECOND_PARTS)
    return ((minutes // 60, 1), (minutes % 60, 1), (seconds, SECOND_PARTS))


def _signed_degrees(value: Entry | None, ref: Entry | None, letters: bytes, order: str) -> float | None:
    numbers = _rationals(value, order)
    letter = (ref.data or b"").strip()[:1].upper() if ref is not None else b""
    if not numbers or not letter or letter not in letters:
        return None
    degrees, minutes, seconds = (*numbers[:3], 0.0, 0.0)[:3]
    angle = math.fsum((abs(degrees), minutes / 60, seconds / 3600))
    return -angle if letter == letters[1:] else angle


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
