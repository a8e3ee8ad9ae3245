"""The boxes of a video that say when and where it was made: QuickTime, MP4 and 3GP (ISO/IEC 14496-12; 3GPP
TS 26.244; Apple's QuickTime File Format).

Takes a PhotoSourceFile, reads box by box within fixed limits and never the pictures; gives texts and numbers
as they stand. What they mean is for others.
"""

import contextlib
import re
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from geotagger.photo import dji, gopro, jpeg
from geotagger.photo.isobmff import file_boxes
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.values import GpsFix

_MAX_BOXES = 2000
_LARGEST_VALUE = 1 << 20
_EPOCH = datetime(1904, 1, 1)
_UNIX_EPOCH = datetime(1970, 1, 1)
_UNIX_S = 2_082_844_800
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")

_APPLE = "com.apple.quicktime."
_KEYS = {
    f"{_APPLE}location.ISO6709": "location",
    f"{_APPLE}location.role": "role",
    f"{_APPLE}location.accuracy.horizontal": "accuracy",
    f"{_APPLE}creationdate": "created",
    f"{_APPLE}make": "make",
    f"{_APPLE}model": "model",
    f"{_APPLE}software": "software",
    "com.android.version": "android",
    "com.android.manufacturer": "make",
    "com.android.model": "model",
    "location": "location",
    "location-eng": "location",
    b"\xa9xyz": "location",
    b"\xa9day": "day",
    b"\xa9mak": "make",
    b"\xa9mod": "model",
    b"manu": "make",
    b"modl": "model",
}
"""Keys of metadata (QuickTime, `mdta`) and four-character codes of user data."""


@dataclass(slots=True)
class QuickTime:
    """`created_utc`: the movie's creation time read as UTC, as the standard has it (many cameras write their
    own time); None for 1904. `texts` by the values of `_KEYS`. `loci`: the place of a 3GP, degrees, when it
    is where the camera stood. `thumbnail_exif`: the EXIF of a Canon's thumbnail. `xml`: Sony's.
    `telemetry`: the first sure position that a GoPro or DJI recorded."""

    width: int = 0
    height: int = 0
    duration_s: float = 0.0
    created_utc: datetime | None = None
    texts: dict[str, str] = field(default_factory=dict)
    loci: tuple[float, float] | None = None
    xmp: bytes | None = None
    xml: bytes | None = None
    thumbnail_exif: bytes | None = None
    telemetry: GpsFix | None = None


def read_quicktime(source: PhotoSourceFile) -> QuickTime:
    """Stops quietly where the file makes no sense."""
    video = QuickTime()
    with contextlib.suppress(struct.error):  # of a box that lies about its length
        _walk(source, video, 0, source.size, ())
    return video


_CONTAINERS = {(b"moov",), (b"moov", b"trak"), (b"moov", b"udta"), (b"moov", b"udta", b"CNTH")}


def _walk(source: PhotoSourceFile, video: QuickTime, at: int, end: int, path: tuple[bytes, ...]) -> None:
    for kind, start, length in file_boxes(source, at, end):
        here = (*path, kind)
        if here in _CONTAINERS:
            _walk(source, video, start, start + length, here)
        elif kind == b"meta" and path in ((), (b"moov",), (b"moov", b"udta"), (b"moov", b"trak")):
            _read_meta(source, video, start, start + length)
        elif kind == b"uuid" and length > 16 and source.read(start, 16) == _XMP_UUID:
            video.xmp = video.xmp or source.read(start + 16, min(length - 16, _LARGEST_VALUE))
        elif here == (b"moov", b"trak", b"mdia") and video.telemetry is None:
            track = source, start, start + length
            video.telemetry = gopro.first_fix(*track) or dji.first_fix(*track)
        elif path and length <= _LARGEST_VALUE and kind not in (b"mdia", b"mvex", b"edts"):
            _take(video, here, source.read(start, length))


def _take(video: QuickTime, path: tuple[bytes, ...], data: bytes) -> None:
    kind = path[-1]
    if path == (b"moov", b"mvhd") and data:
        wide = data[0] == 1
        created, scale, duration = (
            struct.unpack_from(">Q8xIQ", data, 4) if wide else struct.unpack_from(">I4xII", data, 4)
        )
        video.duration_s = duration / scale if scale and duration < 1 << 40 else 0.0
        video.created_utc = _moment(created)
    elif path == (b"moov", b"trak", b"tkhd") and len(data) >= 84:
        width, height = (size >> 16 for size in struct.unpack(">II", data[-8:]))
        if width * height > video.width * video.height:
            video.width, video.height = width, height
    elif path[:2] == (b"moov", b"udta"):
        if kind == b"loci":
            video.loci = video.loci or _loci(data)
        elif kind == b"XMP_":
            video.xmp = video.xmp or data
        elif kind == b"CNDA":
            video.thumbnail_exif = jpeg.read_jpeg_head(data).exif
        elif kind in _KEYS:
            video.texts.setdefault(_KEYS[kind], _international(data))


def _moment(seconds: int) -> datetime | None:
    """Seconds of 1904; of 1970, as some cameras count, where that would lie before the first of them."""
    try:
        return (
            (_UNIX_EPOCH if seconds < _UNIX_S else _EPOCH) + timedelta(seconds=seconds) if seconds else None
        )
    except OverflowError:
        return None


def _international(data: bytes) -> str:
    """A text with its length and language before it, or one without."""
    if len(data) >= 4 and int.from_bytes(data[:2], "big") in range(1, len(data) - 3):
        data = data[4 : 4 + int.from_bytes(data[:2], "big")]
    return data.decode("utf-8", "replace").strip(" \0")


def _loci(data: bytes) -> tuple[float, float] | None:
    """3GPP TS 26.244, 8.10: behind version and language a name, a role (0: where it was shot; 1: the place
    shown), longitude and latitude in 16.16."""
    if data[6:8] in (b"\xfe\xff", b"\xff\xfe"):
        end = next((at + 2 for at in range(6, len(data) - 1, 2) if data[at : at + 2] == b"\0\0"), len(data))
    else:
        end = data.find(b"\0", 6) + 1 or len(data)
    if len(data) < end + 9 or data[end] != 0:
        return None
    longitude, latitude = struct.unpack_from(">ii", data, end + 1)
    return latitude / 65536, longitude / 65536


def _read_meta(source: PhotoSourceFile, video: QuickTime, at: int, end: int) -> None:
    if source.read(at + 4, 4) != b"hdlr":
        at += 4  # a full box, with version and flags
    keys: list[str] = []
    for kind, start, length in file_boxes(source, at, end):
        if length > _LARGEST_VALUE:
            continue
        if kind == b"keys":
            keys = _key_names(source.read(start, length))
        elif kind == b"xml ":
            video.xml = source.read(start + 4, max(0, length - 4))
        elif kind == b"ilst":
            for item, item_start, item_length in file_boxes(source, start, start + length):
                number = int.from_bytes(item, "big")
                name = keys[number - 1] if 0 < number <= len(keys) else item
                if name in _KEYS:
                    _take_item(source, video, _KEYS[name], item_start, item_start + item_length)


def _take_item(source: PhotoSourceFile, video: QuickTime, name: str, at: int, end: int) -> None:
    for kind, start, length in file_boxes(source, at, end):
        if kind == b"data" and 8 < length <= _LARGEST_VALUE:
            data = source.read(start, length)
            code, value = int.from_bytes(data[:4], "big") & 0xFFFFFF, data[8:]
            if code == 1:
                video.texts.setdefault(name, value.decode("utf-8", "replace").strip(" \0"))
            elif code in (21, 22, 65, 66, 67, 74, 75, 76, 77, 78):
                video.texts.setdefault(name, str(int.from_bytes(value, "big")))
            elif code == 23 and len(value) == 4:
                video.texts.setdefault(name, str(struct.unpack(">f", value)[0]))
            return


def _key_names(data: bytes) -> list[str]:
    names: list[str] = []
    at = 8
    while at + 8 <= len(data) and len(names) < _MAX_BOXES:
        length = int.from_bytes(data[at : at + 4], "big")
        if length < 8:
            break
        names.append(data[at + 8 : at + length].decode("utf-8", "replace"))
        at += length
    return names


def sony_text(xml: bytes | None, pattern: str) -> str:
    """The first group of `pattern` in the XML of a Sony; "" when it is not there."""
    match = re.search(pattern.encode(), xml or b"")
    return match[1].decode("utf-8", "replace") if match else ""
