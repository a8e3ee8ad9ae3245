"""Size, EXIF, XMP and IPTC of formats that only get sidecars: JPEG XL (ISO/IEC 18181-1, -2), JPEG 2000
(ISO/IEC 15444-1), Photoshop's PSD, GIF and BMP.

Takes a PhotoSourceFile, gives the blocks as they stand; decodes no picture.
"""

import contextlib
import struct
from dataclasses import dataclass, field

from geotagger.photo.isobmff import file_boxes
from geotagger.photo.source import PhotoSourceFile

_LARGEST_BLOCK = 16 << 20
_MAX_PARTS = 2000
_JP2_EXIF_UUID = b"JpgTiffExif->JP2"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_GIF_XMP = b"\x21\xff\x0bXMP DataXMP"


@dataclass(slots=True)
class PlainHead:
    width: int = 0
    height: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    traits: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)


def read_plain_head(source: PhotoSourceFile, kind: str) -> PlainHead:
    """Stops quietly where the file makes no sense."""
    head = PlainHead()
    with contextlib.suppress(struct.error, IndexError):  # of a part that lies about its length
        _READERS[kind](source, head)
    return head


def _read_gif(source: PhotoSourceFile, head: PlainHead) -> None:
    head.width, head.height = struct.unpack_from("<HH", source.head, 6)
    head.traits = frozenset({"palette"})
    at = source.head.find(_GIF_XMP)
    if at >= 0:
        start = at + len(_GIF_XMP)
        data = source.read(start, 1 << 20)
        end = data.find(b"<?xpacket end")
        head.xmp = data[: data.find(b"?>", end) + 2] if end >= 0 else None


def _read_bmp(source: PhotoSourceFile, head: PlainHead) -> None:
    if struct.unpack_from("<I", source.head, 14)[0] == 12:
        head.width, head.height = struct.unpack_from("<HH", source.head, 18)
    else:
        head.width, height = struct.unpack_from("<ii", source.head, 18)
        head.height = abs(height)


def _read_psd(source: PhotoSourceFile, head: PlainHead) -> None:
    head.height, head.width = struct.unpack_from(">II", source.head, 14)
    (colours,) = struct.unpack_from(">I", source.read(26, 4))
    (length,) = struct.unpack_from(">I", source.read(30 + colours, 4))
    resources = source.read(34 + colours, min(length, _LARGEST_BLOCK))
    head.iptc = resources
    at = 0
    for _ in range(_MAX_PARTS):
        if resources[at : at + 4] != b"8BIM" or len(resources) < at + 12:
            return
        (number,) = struct.unpack_from(">H", resources, at + 4)
        start = at + 6 + (resources[at + 6] + 2) // 2 * 2
        (size,) = struct.unpack_from(">I", resources, start)
        data = resources[start + 4 : start + 4 + size]
        if number in (0x0422, 0x0423):
            head.exif = head.exif or data
        elif number == 0x0424:
            head.xmp = data
        at = start + 4 + (size + 1) // 2 * 2


def _read_jp2(source: PhotoSourceFile, head: PlainHead) -> None:
    if source.head[:4] == b"\xff\x4f\xff\x51":
        _read_codestream(source.head, head)
        return
    for kind, at, length in file_boxes(source):
        if kind == b"jp2h":
            data = source.read(at, min(length, 4096))
            ihdr = data.find(b"ihdr")
            head.height, head.width = struct.unpack_from(">II", data, ihdr + 4) if ihdr >= 0 else (0, 0)
        elif kind == b"uuid" and length <= _LARGEST_BLOCK:
            data = source.read(at, length)
            if data[:16] == _JP2_EXIF_UUID:
                head.exif = data[16:].removeprefix(b"Exif\0\0")
            elif data[:16] == _XMP_UUID:
                head.xmp = data[16:]


def _read_codestream(data: bytes, head: PlainHead) -> None:
    right, below, left, above = struct.unpack_from(">IIII", data, 8)
    head.width, head.height = right - left, below - above


def _read_jxl(source: PhotoSourceFile, head: PlainHead) -> None:
    if source.head[:2] == b"\xff\x0a":
        head.width, head.height = _jxl_size(source.head[2:16])
        return
    for kind, at, length in file_boxes(source):
        if kind in (b"jxlc", b"jxlp") and not head.width:
            start = at + (4 if kind == b"jxlp" else 0)
            head.width, head.height = _jxl_size(source.read(start + 2, 14))
        elif kind == b"Exif" and length <= _LARGEST_BLOCK:
            data = source.read(at, length)
            head.exif = data[4 + int.from_bytes(data[:4], "big") :]
        elif kind == b"xml " and length <= _LARGEST_BLOCK:
            head.xmp = source.read(at, length)
        elif kind == b"brob":
            head.problems.append("compressed metadata of a JPEG XL is not read")


def _jxl_size(data: bytes) -> tuple[int, int]:
    """The SizeHeader (ISO/IEC 18181-1, D.2), whose bits go from the lowest up."""
    bits, at = int.from_bytes(data, "little"), 0

    def take(count: int) -> int:
        nonlocal at
        value = bits >> at & (1 << count) - 1
        at += count
        return value

    def size(is_small: int) -> int:
        return 8 * (take(5) + 1) if is_small else take((9, 13, 18, 30)[take(2)]) + 1

    is_small = take(1)
    height = size(is_small)
    ratio = take(3)
    if ratio:
        over, under = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        return height * over // under, height
    return size(is_small), height


_READERS = {"gif": _read_gif, "bmp": _read_bmp, "psd": _read_psd, "jp2": _read_jp2, "jxl": _read_jxl}
