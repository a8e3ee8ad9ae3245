"""From the container formats to the same few things: a size, a turn, EXIF tags, an XMP packet.

Takes an open PhotoSourceFile and what `sniff` said; reads only the parts that hold metadata.
Judges nothing: what the tags mean is for others.
"""

import os
from dataclasses import dataclass, field

from geotagger.photo import isobmff, jpeg, tiff
from geotagger.photo.avchd import Avchd, read_avchd
from geotagger.photo.formats import NAMES, PLAIN_FORMATS, RAW_FORMATS, TIFF_FAMILY, VIDEO_FORMATS, tiff_kind
from geotagger.photo.plain_formats import read_plain_head
from geotagger.photo.png import read_png_head
from geotagger.photo.quicktime import QuickTime, read_quicktime
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.tags import NO_TAGS, Tags, joined, read_tags

_MAX_CHUNKS = 2000
_MAX_EXIF_CHUNK = 16 << 20

_ORIENTATION = ("image", 0x0112)
_PIXEL_X, _PIXEL_Y = ("exif", 0xA002), ("exif", 0xA003)


@dataclass(slots=True)
class Container:
    """`orientation` is what turns the stored pixels upright, by the container where it has a say (HEIF,
    AVIF), else by EXIF. `iptc` is an Image Resource Block or bare IIM datasets. `traits` are facts that hint
    at a graphic: "palette", "bilevel", "alpha". `texts` are comments and PNG text chunks. `jpeg_head`,
    `items`, `directories`, `video` and `avchd` keep what was parsed."""

    format: str
    width: int = 0
    height: int = 0
    orientation: int = 1
    tags: Tags = NO_TAGS
    xmp: bytes | None = None
    iptc: bytes | None = None
    traits: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    jpeg_head: jpeg.JpegHead | None = None
    items: isobmff.ItemTable | None = None
    directories: list[tiff.Directory] = field(default_factory=list)
    video: QuickTime | None = None
    avchd: Avchd = field(default_factory=Avchd)
    path: str = ""

    @property
    def name(self) -> str:
        return os.path.basename(self.path)


_LARGEST_EDGE = (1 << 31) - 1
"""No format that we read holds a longer one."""


def read_container(source: PhotoSourceFile, kind: str) -> Container:
    """Everything but the pixels. UnreadablePhotoError where not even the size can be told."""
    read = _READERS.get(kind, _read_tiff)
    container = read(source, kind)
    container.path = os.fspath(source.path)
    if container.video is None and (container.width <= 0 or container.height <= 0):
        raise source.refusal(f"truncated or damaged {NAMES[container.format]}: no picture size found")
    if container.width > _LARGEST_EDGE or container.height > _LARGEST_EDGE:
        container.problems.append(f"a size of {container.width}×{container.height} pixels is not believed")
        container.width, container.height = (
            min(container.width, _LARGEST_EDGE),
            min(container.height, _LARGEST_EDGE),
        )
    if container.tags.problem:
        container.problems.append(container.tags.problem)
    return container


def _orientation_of(tags: Tags) -> int:
    value = tags.number(*_ORIENTATION)
    return int(value) if value is not None and 1 <= value <= 8 else 1


def _read_jpeg(source: PhotoSourceFile, kind: str) -> Container:
    head = jpeg.read_jpeg_head(source)
    if not head.scan_offset:
        raise source.refusal("truncated JPEG: the file ends before the picture begins")
    tags = read_tags(head.exif) if head.exif else NO_TAGS
    texts = tuple(text.decode("latin-1").strip() for text in head.comments)
    return Container(
        kind,
        head.width,
        head.height,
        _orientation_of(tags),
        tags,
        xmp=head.xmp,
        iptc=head.iptc,
        texts=texts,
        jpeg_head=head,
    )


def _read_png(source: PhotoSourceFile, kind: str) -> Container:
    head = read_png_head(source)
    tags = joined(*map(read_tags, head.exif)) if head.exif else NO_TAGS
    return Container(
        kind,
        head.width,
        head.height,
        _orientation_of(tags),
        tags,
        xmp=head.xmp,
        iptc=head.iptc,
        traits=_png_traits(head.depth, head.colour),
        texts=tuple(head.texts),
    )


def _png_traits(depth: int, colour: int) -> frozenset[str]:
    traits = set()
    if colour == 3:
        traits.add("palette")
    if colour in (4, 6):
        traits.add("alpha")
    if depth == 1 and colour == 0:
        traits.add("bilevel")
    return frozenset(traits)


def _read_webp(source: PhotoSourceFile, kind: str) -> Container:
    container = Container(kind)
    at = 12
    for _ in range(_MAX_CHUNKS):
        header = source.read(at, 8)
        if len(header) < 8:
            break
        name, length = header[:4], int.from_bytes(header[4:], "little")
        data = source.read(at + 8, min(length, 16))
        if name == b"VP8X" and len(data) >= 10:
            container.width = 1 + int.from_bytes(data[4:7], "little")
            container.height = 1 + int.from_bytes(data[7:10], "little")
        elif name == b"VP8 " and len(data) >= 10 and not container.width:
            container.width = int.from_bytes(data[6:8], "little") & 0x3FFF
            container.height = int.from_bytes(data[8:10], "little") & 0x3FFF
        elif name == b"VP8L" and len(data) >= 5 and not container.width:
            bits = int.from_bytes(data[1:5], "little")
            container.width, container.height = 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
        elif name == b"EXIF" and length <= _MAX_EXIF_CHUNK:
            container.tags = read_tags(source.read(at + 8, length).removeprefix(b"Exif\0\0"))
        elif name == b"XMP " and length <= _MAX_EXIF_CHUNK:
            container.xmp = source.read(at + 8, length)
        at += 8 + length + (length & 1)
    container.orientation = _orientation_of(container.tags)
    return container


def _read_heif(source: PhotoSourceFile, kind: str) -> Container:
    table = isobmff.read_items(source)
    primary = table.items.get(table.primary)
    width, height = primary.size if primary else (0, 0)
    block = isobmff.exif_block(table, source)
    return Container(
        kind,
        width,
        height,
        primary.orientation if primary else 1,
        read_tags(block) if block else NO_TAGS,
        xmp=isobmff.xmp_packet(table, source),
        items=table,
    )


def _read_plain(source: PhotoSourceFile, kind: str) -> Container:
    head = read_plain_head(source, kind)
    tags = read_tags(head.exif) if head.exif else NO_TAGS
    return Container(
        kind,
        head.width,
        head.height,
        _orientation_of(tags),
        tags,
        xmp=head.xmp,
        iptc=head.iptc,
        traits=head.traits,
        problems=head.problems,
    )


def _read_video(source: PhotoSourceFile, kind: str) -> Container:
    if kind == "mts":
        return Container(kind, video=QuickTime(), avchd=read_avchd(source))
    video = read_quicktime(source)
    tags = read_tags(video.thumbnail_exif) if video.thumbnail_exif else NO_TAGS
    return Container(kind, video.width, video.height, tags=tags, xmp=video.xmp, video=video)


def _read_cr3(source: PhotoSourceFile, kind: str) -> Container:
    blocks = isobmff.read_canon(source)
    tags = joined(
        *(
            read_tags(block, directory)
            for block, directory in ((blocks.image, "image"), (blocks.exif, "exif"), (blocks.gps, "gps"))
            if block
        )
    )
    width, height = tags.number("image", tiff.WIDTH), tags.number("image", tiff.HEIGHT)
    return Container(
        kind,
        int(width or tags.number(*_PIXEL_X) or 0),
        int(height or tags.number(*_PIXEL_Y) or 0),
        _orientation_of(tags),
        tags,
    )


def _read_raf(source: PhotoSourceFile, kind: str) -> Container:
    offset, length = raf_preview(source)
    preview = source.read(offset, min(length, 1 << 20))
    if preview[:2] != b"\xff\xd8":
        raise source.refusal("truncated or damaged RAF: its embedded JPEG is missing")
    head = jpeg.read_jpeg_head(preview)
    tags = read_tags(head.exif) if head.exif else NO_TAGS
    return Container(kind, head.width, head.height, _orientation_of(tags), tags, xmp=head.xmp)


def raf_preview(source: PhotoSourceFile) -> tuple[int, int]:
    """Offset and length of the JPEG in a RAF (its header, big-endian, bytes 84 to 91)."""
    return int.from_bytes(source.read(84, 4), "big"), int.from_bytes(source.read(88, 4), "big")


def _read_tiff(source: PhotoSourceFile, kind: str) -> Container:
    directories = tiff.read_directories(source)
    first = directories[0] if directories else tiff.Directory({})
    if kind == "tiff":
        kind = tiff_kind(first.text(tiff.MAKE), set(first.entries), bool(first.number(tiff.SUBFILE) & 1))
    container = Container(kind, directories=directories)
    if tiff.is_big_tiff(source):
        container.problems.append("metadata of a BigTIFF is not read")
        orientation = first.number(tiff.ORIENTATION, 1)
        container.orientation = orientation if 1 <= orientation <= 8 else 1
    else:
        container.tags = read_tags(source)
        container.orientation = _orientation_of(container.tags)
    if kind in RAW_FORMATS:
        sizes = [(d.number(tiff.WIDTH), d.number(tiff.HEIGHT)) for d in directories]
        sizes.append((int(container.tags.number(*_PIXEL_X) or 0), int(container.tags.number(*_PIXEL_Y) or 0)))
        if kind == "rw2":  # Panasonic's own tags: sensor width and height less its borders
            sizes.append((first.number(0x0002), first.number(0x0003)))
        container.width, container.height = max(sizes, key=lambda size: size[0] * size[1])
    else:
        container.width, container.height = first.number(tiff.WIDTH), first.number(tiff.HEIGHT)
        container.traits = _tiff_traits(first)
    container.xmp = _opaque(first, tiff.XMP)
    container.iptc = _opaque(first, tiff.PHOTOSHOP) or _opaque(first, tiff.IPTC)
    return container


def _tiff_traits(first: tiff.Directory) -> frozenset[str]:
    traits = set()
    if first.number(tiff.PHOTOMETRIC) == 3:
        traits.add("palette")
    if first.number(tiff.BITS_PER_SAMPLE, 1) == 1 and first.number(tiff.SAMPLES, 1) == 1:
        traits.add("bilevel")
    return frozenset(traits)


def _opaque(first: tiff.Directory, tag: int) -> bytes | None:
    value = first.entries.get(tag)
    return value if isinstance(value, bytes) else None


_READERS = {
    "jpeg": _read_jpeg,
    "png": _read_png,
    "webp": _read_webp,
    "heic": _read_heif,
    "avif": _read_heif,
    "cr3": _read_cr3,
    "raf": _read_raf,
    **dict.fromkeys(TIFF_FAMILY, _read_tiff),
    **dict.fromkeys(PLAIN_FORMATS, _read_plain),
    **dict.fromkeys(VIDEO_FORMATS, _read_video),
}
