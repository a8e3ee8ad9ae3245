"""Which image format some bytes are, whatever the file is called.

Takes the first bytes of a file, gives a short name or None. Signatures: JPEG (ITU-T T.81
annex B), PNG, WebP (RIFF), TIFF 6.0 and its RAW descendants, ISO base media brands
(ISO/IEC 23008-12 annex B, AVIF, Canon CR3), Fujifilm RAF.
"""

import struct

RAW_FORMATS = frozenset({"dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2"})
TIFF_FAMILY = frozenset({"tiff", "dng", "cr2", "nef", "arw", "orf", "rw2"})
"""Formats whose bytes are a TIFF from offset 0 on."""

VIDEO_FORMATS = frozenset({"mp4", "mov", "3gp", "mts"})
PLAIN_FORMATS = frozenset({"jxl", "jp2", "psd", "gif", "bmp"})
NOT_LOOKED_AT = VIDEO_FORMATS | PLAIN_FORMATS
"""Formats whose pictures no model sees: what they say of themselves counts, and they get sidecars."""

NAMES = {
    "jpeg": "JPEG",
    "heic": "HEIC",
    "avif": "AVIF",
    "png": "PNG",
    "webp": "WebP",
    "tiff": "TIFF",
    "jxl": "JPEG XL",
    "jp2": "JPEG 2000",
    "mov": "QuickTime",
    **{name: name.upper() for name in ("psd", "gif", "bmp", "mp4", "3gp", "mts")},
    **{raw: raw.upper() for raw in RAW_FORMATS},
}

_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

_NO_VIDEO_BRANDS = (b"M4A", b"M4B", b"M4P", b"F4A", b"mif", b"msf", b"mia", b"he", b"av", b"jx", b"jp", b"cr")
"""How brands of sound and pictures begin. New ones of videos are made every year, and listed nowhere here."""
_MOVIE_BOXES = (b"moov", b"mdat", b"wide", b"pnot")
"""With what old QuickTime files begin, which name no type."""
_PLAIN = (
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"8BPS", "psd"),
    (b"GIF8", "gif"),
)

_MAKE, _NEW_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 0x010F, 0x00FE, 0x014A, 0xC612


def sniff(head: bytes) -> str | None:
    """The format of a file that starts with `head` (a few kilobytes are enough): a key of
    NAMES, or None. A RAW file whose first directory lies beyond `head` counts as "tiff"."""
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[4:8] in _MOVIE_BOXES:
        return "mov"
    if head[:15] == b"FUJIFILMCCD-RAW":
        return "raf"
    plain = next((kind for start, kind in _PLAIN if head.startswith(start)), None)
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "bmp"
    if plain is not None or _is_transport_stream(head):
        return plain or "mts"
    if head[:4] in (b"IIRO", b"IIRS", b"MMOR"):
        return "orf"
    if head[:4] == b"IIU\x00":
        return "rw2"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "cr2" if head[8:11] == b"CR\x02" else _tiff_kind(head)
    return None


def tiff_kind(make: str, tags: set[int], reduced: bool) -> str:
    """Tells RAW from TIFF by the first directory: its maker, the tags it holds, and whether it
    calls itself a reduced-resolution image. A TIFF that a program made from a RAW keeps the
    maker but puts the full picture first."""
    if _DNG_VERSION in tags:
        return "dng"
    if _SUB_IFDS in tags and reduced:
        if make.upper().startswith("NIKON"):
            return "nef"
        if make.upper().startswith("SONY"):
            return "arw"
    return "tiff"


def _brand(head: bytes) -> str | None:
    length = int.from_bytes(head[:4], "big")
    box = head[8 : min(length, 512)] if length >= 16 else b""
    major = box[:4]
    brands = {major, *(box[i : i + 4] for i in range(8, len(box) - 3, 4))}
    if major == b"crx ":
        return "cr3"
    if major in _AVIF_BRANDS or (major in (b"mif1", b"msf1") and brands & _AVIF_BRANDS):
        return "avif"
    if major in _HEIF_BRANDS:
        return "heic"
    if major[:2] in (b"3g", b"3G") or major in (b"mmp4", b"KDDI"):
        return "3gp"
    if major == b"qt  ":
        return "mov"
    is_avc = major == b"avc1"
    return "mp4" if major and (is_avc or not major.startswith(_NO_VIDEO_BRANDS)) else None


def _is_transport_stream(head: bytes) -> bool:
    """MPEG-2 packets of 188 bytes, or of 192 with a time before each (AVCHD)."""
    return any(
        len(head) > at + 3 * size and all(head[at + n * size] == 0x47 for n in range(4))
        for at, size in ((0, 188), (4, 192))
    )


def _tiff_kind(head: bytes) -> str:
    order = "<" if head[:1] == b"I" else ">"
    make, tags, reduced = "", set(), False
    try:
        (offset,) = struct.unpack_from(order + "I", head, 4)
        (count,) = struct.unpack_from(order + "H", head, offset)
        for i in range(min(count, 200)):
            at = offset + 2 + 12 * i
            tag, kind, length = struct.unpack_from(order + "HHI", head, at)
            tags.add(tag)
            if tag == _NEW_SUBFILE_TYPE:
                reduced = bool(struct.unpack_from(order + "I", head, at + 8)[0] & 1)
            elif tag == _MAKE and kind == 2 and 4 < length < 256:
                (start,) = struct.unpack_from(order + "I", head, at + 8)
                make = head[start : start + length].split(b"\0")[0].decode("latin-1")
    except struct.error:
        pass  # the directory is not within the head: what was seen decides
    return tiff_kind(make, tags, reduced)
