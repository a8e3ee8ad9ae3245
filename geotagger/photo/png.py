"""The chunks of a PNG that hold metadata (PNG third edition, 11.3), and the text profiles in which
ImageMagick, GraphicsMagick and others keep EXIF, XMP and IPTC where older PNG had no place for them.

Takes a PhotoSourceFile, gives the blocks as they stand; judges nothing.
"""

import re
import zlib
from dataclasses import dataclass, field

from geotagger.photo.source import PhotoSourceFile

_MAX_CHUNKS = 2000
_LARGEST_CHUNK = 16 << 20
_LARGEST_TEXT = 4 << 20
"""Of a text profile, inflated: EXIF has at most 64 KB, XMP rarely one megabyte."""

_XMP_KEYWORD = b"XML:com.adobe.xmp"
_PROFILE_KEYWORD = b"Raw profile type "
_PROFILE = re.compile(rb"\n?[^\n]{0,64}\n\s*\d+\n([0-9a-fA-F\s]*)")
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass(slots=True)
class PngHead:
    """`exif` are the TIFF blocks, that of the eXIf chunk first; `iptc` an Image Resource Block."""

    width: int = 0
    height: int = 0
    depth: int = 8
    colour: int = 2
    exif: list[bytes] = field(default_factory=list)
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: list[str] = field(default_factory=list)


def read_png_head(source: PhotoSourceFile) -> PngHead:
    """Walks all chunks. Stops quietly where the file makes no sense."""
    head = PngHead()
    profiles: list[bytes] = []
    at = 8
    for _ in range(_MAX_CHUNKS):
        header = source.read(at, 8)
        if len(header) < 8:
            break
        length, name = int.from_bytes(header[:4], "big"), header[4:]
        if name == b"IHDR":
            data = source.read(at + 8, 13)
            if len(data) == 13:
                head.width, head.height = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
                head.depth, head.colour = data[8], data[9]
        elif name == b"eXIf" and length <= _LARGEST_CHUNK:
            head.exif.append(source.read(at + 8, length).removeprefix(b"Exif\0\0"))
        elif name in (b"tEXt", b"zTXt", b"iTXt") and length <= _LARGEST_CHUNK:
            _take_text(head, profiles, name, source, at + 8, length)
        elif name == b"IEND":
            break
        at += 12 + length
    head.exif += profiles
    return head


def _take_text(
    head: PngHead, profiles: list[bytes], name: bytes, source: PhotoSourceFile, at: int, length: int
) -> None:
    start = source.read(at, min(length, 80))
    keyword = start.partition(b"\0")[0]
    if keyword == _XMP_KEYWORD:
        head.xmp = head.xmp or _text(name, source.read(at, length))
    elif keyword.startswith(_PROFILE_KEYWORD):
        kind = keyword[len(_PROFILE_KEYWORD) :].strip().lower()
        _take_profile(head, profiles, kind, _binary(_text(name, source.read(at, length))))
    elif name != b"zTXt" and len(head.texts) < 16:
        text = source.read(at, min(length, 256)).replace(b"\0", b" ")
        head.texts.append(text.decode("latin-1"))


def _take_profile(head: PngHead, profiles: list[bytes], kind: bytes, block: bytes) -> None:
    if kind in (b"exif", b"app1") and block.startswith(_XMP_SEGMENT):
        head.xmp = head.xmp or block.removeprefix(_XMP_SEGMENT)
    elif kind in (b"exif", b"app1"):
        profiles.append(block.removeprefix(b"Exif\0\0"))
    elif kind == b"xmp":
        head.xmp = head.xmp or block
    elif kind in (b"iptc", b"8bim"):
        head.iptc = head.iptc or block


def _text(name: bytes, data: bytes) -> bytes:
    """The text of a tEXt, zTXt or iTXt chunk, inflated; b"" where it cannot be read."""
    _, _, rest = data.partition(b"\0")
    if name == b"tEXt":
        return rest
    if name == b"zTXt":
        return _inflated(rest[1:])
    compressed = rest[:1] == b"\1"
    parts = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(parts) < 3:
        return b""
    return _inflated(parts[2]) if compressed else parts[2]


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _LARGEST_TEXT)
    except zlib.error:
        return b""


def _binary(text: bytes) -> bytes:
    """A profile's bytes of its name, its length and hexadecimal digits."""
    match = _PROFILE.match(text)
    digits = re.sub(rb"\s", b"", match[1]) if match else b""
    return bytes.fromhex(digits[: len(digits) & ~1].decode())
