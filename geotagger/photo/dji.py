"""What DJI's drones and action cameras record of their place: the metadata track `djmd` of their films.

Takes a PhotoSourceFile and where the `mdia` box of a track lies; gives the first position. Each picture has a
sample, a message of Protocol Buffers; the first names its protocol, which says where in the message the place
lies, as ExifTool's DJI.pm lists it (fields 2 and 3 of the place are doubles, radians unless field 1 says
degrees). A protocol that nobody has described is not guessed at. No library that is kept up reads them.
"""

import contextlib
import math
import struct
from collections.abc import Iterator

from geotagger.coordinates import is_believable
from geotagger.photo.samples import samples
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.values import GpsFix

_A_SECOND = 30
_DRONE, _GOGGLES, _ACTION = (3, 3, 4), (3, 4, 4), (3, 4, 2)
_PLACES = {
    "dvtm_wm265e": _DRONE,  # Mavic 3
    "dvtm_wm261": _DRONE,  # Mavic 3 Pro
    "dvtm_Mavic4": _DRONE,
    "dvtm_Mini4_Pro": _DRONE,
    "dvtm_Mini5Pro": _DRONE,
    "dvtm_Air3": _DRONE,
    "dvtm_Air3s": _DRONE,
    "dvtm_pm320": _DRONE,  # Matrice 30
    "dvtm_wa345e": _DRONE,  # Matrice 4E
    "dvtm_AVATA2": _GOGGLES,
    "dvtm_dji_neo": _GOGGLES,
    "dvtm_ac203": _ACTION,  # Osmo Action 4
    "dvtm_ac204": _ACTION,  # Osmo Action 5
    "dvtm_ac206": _ACTION,  # Osmo Action 6
    "dvtm_oq101": _ACTION,  # Osmo 360
}
"""By protocol, the fields down to what holds the place (in its field 1) and the altitude (in 2)."""
_IN_DEGREES = frozenset({"dvtm_Mavic4", "dvtm_Mini5Pro"})
"""Which never say so."""
_VARINT, _EIGHT_BYTES, _MESSAGE, _FOUR_BYTES = 0, 1, 2, 5
"""Wire types (Protocol Buffers, Encoding)."""


def first_fix(source: PhotoSourceFile, start: int, end: int) -> GpsFix | None:
    """Where the camera first knew that it was; None where the track (the content of an `mdia` box) is not
    DJI's, or tells no place."""
    protocol = ""
    with contextlib.suppress(struct.error, ValueError):  # of a table or a message that lies about its length
        for offset, size in samples(source, start, end, b"djmd", _A_SECOND):
            message = source.read(offset, size)
            protocol = protocol or _protocol(message)
            if protocol not in _PLACES:
                return None
            fix = _fix(message, protocol)
            if fix is not None:
                return fix
    return None


def _protocol(message: bytes) -> str:
    name = next(_messages(message, (1, 1, 1)), b"").decode("latin-1")
    return name.removesuffix(".proto")


def _fix(message: bytes, protocol: str) -> GpsFix | None:
    for submessage in _messages(message, _PLACES[protocol]):
        fields = dict(_fields(submessage))
        place = fields.get(1)
        if not isinstance(place, bytes):
            continue
        parts = dict(_fields(place))
        latitude, longitude = parts.get(2), parts.get(3)
        if not isinstance(latitude, float) or not isinstance(longitude, float):
            continue
        if protocol not in _IN_DEGREES and not parts.get(1):
            latitude, longitude = math.degrees(latitude), math.degrees(longitude)
        if abs(latitude) <= 90 and abs(longitude) <= 180 and is_believable(latitude, longitude):
            return GpsFix(latitude, longitude)
    return None


def _messages(message: bytes, path: tuple[int, ...]) -> Iterator[bytes]:
    """What lies at the end of this path of fields."""
    for number, value in _fields(message):
        if number == path[0] and isinstance(value, bytes):
            if len(path) == 1:
                yield value
            else:
                yield from _messages(value, path[1:])


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Numbers and values of a message; ValueError or struct.error for what is none."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind == _EIGHT_BYTES:
            yield number, struct.unpack_from("<d", message, at)[0]
            at += 8
        elif kind == _FOUR_BYTES:
            yield number, struct.unpack_from("<f", message, at)[0]
            at += 4
        elif kind == _MESSAGE:
            length, at = _varint(message, at)
            yield number, message[at : at + length]
            at += length
        else:
            raise ValueError("no message")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = struct.unpack_from("B", message, at)[0]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise ValueError("no number")
