"""When and where an AVCHD camera made a video: `MDPM`, which it hides in the H.264 stream (as ExifTool's
H264.pm describes it; no standard is public).

Takes a PhotoSourceFile of MPEG-2 transport packets, looks at the first of them, gives a time and a place.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.values import CaptureTime

_LOOKED_AT = 1 << 20
_LONGEST = 2048
_SYNC = 0x47
_DATE, _TIME = 0x18, 0x19
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _STATUS = 0xB1, 0xB2, 0xB5, 0xB6, 0xBC
_ZONE_UNUSED, _ZONE_SUMMER, _ZONE_WEST, _ZONE_HALF = 0x80, 0x40, 0x20, 0x01


@dataclass(frozen=True, slots=True)
class Avchd:
    """`place`: latitude and its letter, longitude and its letter, as `read_position` takes them; None where
    the camera had no fix."""

    taken: CaptureTime | None = None
    place: tuple[tuple[float, ...], str, tuple[float, ...], str] | None = None


def read_avchd(source: PhotoSourceFile) -> Avchd:
    """What the first pictures of the stream say; nothing where they say nothing."""
    for stream in _streams(source.read(0, _LOOKED_AT)):
        at = stream.find(b"MDPM")
        if at >= 0:
            # an escape byte stands wherever the stream would look like a start code (H.264, 7.4.1)
            data = re.sub(rb"\0\0\x03", rb"\0\0", stream[at + 4 : at + 4 + _LONGEST])
            entries = {data[n]: data[n + 1 : n + 5] for n in range(1, min(len(data) - 4, 5 * data[0] + 1), 5)}
            return Avchd(_moment(entries), _place(entries))
    return Avchd()


def _streams(data: bytes) -> list[bytes]:
    """The payloads of each program of the transport packets, put together."""
    size, skip = (188, 0) if data[:1] == bytes([_SYNC]) else (192, 4)
    parts: dict[int, list[bytes]] = defaultdict(list)
    for at in range(skip, len(data) - 187, size):
        packet = data[at : at + 188]
        if packet[0] != _SYNC or not packet[3] & 0x10:
            continue
        start = 5 + packet[4] if packet[3] & 0x20 else 4
        parts[int.from_bytes(packet[1:3], "big") & 0x1FFF].append(packet[start:])
    return [b"".join(payloads) for payloads in parts.values()]


def _moment(entries: dict[int, bytes]) -> CaptureTime | None:
    date, time = entries.get(_DATE, b""), entries.get(_TIME, b"")
    if len(date) < 4 or len(time) < 4:
        return None
    digits = (date[1:] + time).hex()
    if not digits.isdecimal():
        return None
    try:
        local = datetime.strptime(digits, "%Y%m%d%H%M%S")
    except ValueError:
        return None
    zone = date[0]
    size = timedelta(hours=zone >> 1 & 0x0F, minutes=30 * (zone & _ZONE_HALF))
    if zone & (_ZONE_UNUSED | _ZONE_SUMMER) or not size:  # whether summer time is in it nobody knows
        return CaptureTime(local)
    return CaptureTime(local, -size if zone & _ZONE_WEST else size)


def _place(entries: dict[int, bytes]) -> tuple[tuple[float, ...], str, tuple[float, ...], str] | None:
    if entries.get(_STATUS, b"A")[:1] == b"V" or _LATITUDE not in entries or _LONGITUDE not in entries:
        return None
    latitude, longitude = (
        tuple(_ratio(entries.get(first + n, b"")) for n in range(3)) for first in (_LATITUDE, _LONGITUDE)
    )
    refs = (entries.get(ref, b"").decode("latin-1").strip("\0 ") for ref in (_LATITUDE_REF, _LONGITUDE_REF))
    return latitude, next(refs), longitude, next(refs)


def _ratio(data: bytes) -> float:
    over, under = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    return over / under if under else (float("nan") if over else 0.0)
