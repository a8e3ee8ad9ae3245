"""GPS directories: what a position looks like in EXIF, and what an existing directory says.

The fields are those of EXIF 2.32, clause 4.6.6, their types piexif's. They are packed here, since
piexif.dump copies all it is given, deeply; the tests hold the outcome against it. Of a directory
that is there, the fields that tell of something else than the position (times, directions,
speeds) are kept. Knows nothing of where the directory is put.
"""

import contextlib
import math
import struct
from collections.abc import Sequence
from typing import Any

import piexif  # type: ignore[import-untyped]

from geotagger.coordinates import Spelling, UnreadableCoordinatesError, read_position
from geotagger.marks import mark_anywhere, mark_of, processing_method
from geotagger.metadata.tiff import TagEntry, pointing_block
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
_RATIONALS = (5, 10)
_NUMBER_CODES = {
    1: "B", 3: "H", 4: "I", 5: "2I", 6: "b", 7: "B", 8: "h", 9: "i", 10: "2i", 11: "f", 12: "d",
}  # fmt: skip
"""struct codes of the types of TIFF 6.0 that are numbers, a ratio as its two."""


def built(position: Position, order: str) -> list[TagEntry]:
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
        entries.append(TagEntry(tag, kind, count, bytes(4), data))
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


def merged(old: Sequence[TagEntry], position: Position, order: str) -> list[TagEntry]:
    """The directory to write where `old` (values in `order`) stands: ours, and of theirs what
    tells of something else."""
    new = {e.tag: e for e in built(position, order)}
    dropped = set(_OF_THE_POSITION)
    there = read(old, order)
    if there is not None and there.mark is None:
        dropped |= _OF_THE_FIX
    theirs: dict[int, TagEntry] = {}
    for entry in old:
        void = entry.tag == STATUS and (entry.data or b"")[:1] == b"V"  # would call ours invalid
        if not void and entry.tag not in dropped:
            theirs.setdefault(entry.tag, entry)
    if VERSION in theirs:
        del new[VERSION]
    merged = theirs | new
    return [merged[tag] for tag in sorted(merged)]


def without_position(old: Sequence[TagEntry]) -> list[TagEntry]:
    """What is left of a directory when a position that we wrote is taken out."""
    left = [e for e in old if e.tag not in _OF_THE_POSITION]
    return left if any(e.tag != VERSION for e in left) else []


def without_estimate(old: Sequence[TagEntry], order: str) -> list[TagEntry]:
    """What is left of a directory when what an estimate of ours says of itself is taken out from beside a
    position that is no longer ours: its mark, and its radius."""
    by_tag = {e.tag: e for e in old if e.data is not None}
    method = by_tag.get(METHOD)
    mark = mark_anywhere(_text(method.data or b"")) if method else None
    if mark is None or not mark.is_estimate:
        return list(old)
    if not {LATITUDE, LONGITUDE} & {e.tag for e in old}:
        return without_position(old)
    error_m = _rational(by_tag.get(ERROR), order)
    gone = {METHOD, ERROR} if error_m and mark.states_error(error_m) else {METHOD}
    return [e for e in old if e.tag not in gone]


def read(entries: Sequence[TagEntry], order: str) -> FoundPosition | None:
    """The position in a directory; None when there is none, or one that is not to be believed: the
    photo room, which finds photos that lack a place, and this one must agree."""
    with contextlib.suppress(UnreadableCoordinatesError):
        return stated_position(entries, order)
    return None


def stated_position(entries: Sequence[TagEntry], order: str) -> FoundPosition | None:
    """As `read`. UnreadableCoordinatesError where a position is named that cannot be read."""
    by_tag = {e.tag: e for e in entries if e.data is not None}
    if (by_tag[STATUS].data or b"")[:1].upper() == b"V" if STATUS in by_tag else False:
        return None
    latitude, longitude = _spelling(by_tag.get(LATITUDE), order), _spelling(by_tag.get(LONGITUDE), order)
    refs = _ref(by_tag.get(LATITUDE_REF)), _ref(by_tag.get(LONGITUDE_REF))
    place = read_position(latitude, refs[0], longitude, refs[1], signed=False)
    if place is None:
        return None
    method = by_tag.get(METHOD)
    return FoundPosition(*place, mark_of(_text(method.data or b""), *place) if method else None)


def _degrees(angle: float) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    parts = round(abs(angle) * 3600 * SECOND_PARTS)
    minutes, seconds = divmod(parts, 60 * SECOND_PARTS)
    return ((minutes // 60, 1), (minutes % 60, 1), (seconds, SECOND_PARTS))


def _spelling(entry: TagEntry | None, order: str) -> Spelling:
    """What stands in an entry, whatever its type: numbers, or a text."""
    if entry is None or entry.data is None:
        return None
    if entry.type == _ASCII:
        return entry.data.partition(b"\0")[0].decode("latin-1")
    return _numbers(entry, order)


def _ref(entry: TagEntry | None) -> str:
    return "" if entry is None else (entry.data or b"").partition(b"\0")[0].decode("latin-1")


def _numbers(entry: TagEntry, order: str) -> list[float]:
    """The numbers of an entry, NaN for a ratio without value."""
    code = _NUMBER_CODES.get(entry.type)
    data = entry.data or b""
    if code is None:
        return []
    size = struct.calcsize(order + code)
    values = list(struct.iter_unpack(order + code, data[: len(data) // size * size]))
    if len(code) == 1:
        return [float(value) for (value,) in values]
    return [numerator / denominator if denominator else math.nan for numerator, denominator in values]


def _rational(entry: TagEntry | None, order: str) -> float | None:
    """The first number of a RATIONAL entry, None where it has none."""
    numbers = _numbers(entry, order) if entry is not None and entry.type in _RATIONALS else []
    return numbers[0] if numbers and math.isfinite(numbers[0]) else None


def _text(value: bytes) -> str:
    """A comment with its eight bytes of character code, which some writers leave out."""
    body = value[8:] if value[:8] in (_CHARACTER_CODE, b"\0" * 8) else value
    return body.rstrip(b"\0 ").decode("ascii", "replace")
