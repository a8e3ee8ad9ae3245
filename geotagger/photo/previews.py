"""Smaller pictures of the same scene inside a file: previews of RAW files, large thumbnails of
multi-picture JPEGs, thumbnails of HEICs.

Takes an open file and what its container told; gives a picture of the same shape, large enough for
the network's input, reading only that picture's bytes; or None. Thumbnails in EXIF (160 pixels) are
too small for any network, and previews in maker notes outlive edits of the picture: both are left out.
"""

from typing import Literal

import rawpy
from PIL import Image

from geotagger.photo import isobmff, mpf, tiff
from geotagger.photo.containers import Container, raf_preview
from geotagger.photo.decode import Picture, decode_heic_bytes, decode_jpeg_bytes, decoder_complaint
from geotagger.photo.heic_item import standalone
from geotagger.photo.jpeg import read_jpeg_head
from geotagger.photo.prepare import PixelRecipe, edge_needed
from geotagger.photo.source import PhotoSourceFile

Previews = Literal["faithful", "any", "none"]
"""`faithful`: with twice the pixels that the input needs, like a scaled decode. `any`: with as many as the
input; faster, but a phone's HEIC thumbnail changed the top class of 7 % of the photos where scaled
decoding changed none (benchmarks/RESULTS.md)."""

_JPEG_HEAD_BYTES = 1 << 16
_LONGEST_PREVIEW = 1 << 27
_JPEG_COMPRESSIONS = frozenset({6, 7})

_SAME_SHAPE = 0.03
"""Aspect ratios that differ by less show the same picture: sensors have a few masked columns, and
4:3 against 3:2 (a letterboxed thumbnail) differs by 0.12."""


def raw_preview(source: PhotoSourceFile, container: Container, preprocessing: PixelRecipe) -> Picture:
    """The preview of a RAW file; UnreadablePhotoError when nothing in it can be shown."""
    edge = edge_needed(preprocessing)
    for offset, length in _best_first(source, container, edge or preprocessing.input_size):
        try:
            image = decode_jpeg_bytes(source.read_picture(offset, length), edge)
        except Exception:
            continue  # a damaged preview; another one may be whole
        return _picture(image, container)
    try:
        return _by_libraw(source, container, edge)
    except Exception as error:
        raise source.refusal(decoder_complaint(error, container.format)) from None


def find_preview(
    source: PhotoSourceFile, container: Container, preprocessing: PixelRecipe, previews: Previews
) -> Picture | None:
    """A preview to use instead of the main picture; None when there is none that will do."""
    edge = edge_needed(preprocessing)
    if edge is None or previews == "none":
        return None  # the very pixels are wanted
    if previews == "any":
        edge = preprocessing.input_size
    try:
        head = container.jpeg_head
        if head is not None and head.mpf is not None:
            return _of_index(source, container, mpf.large_thumbnails(head.mpf, head.mpf_offset), edge)
        if container.format == "heic" and container.items is not None:
            return _thumbnail(source, container, container.items, edge)
    except Exception:
        return None  # a damaged preview; the main picture may be whole
    return None


def _of_index(
    source: PhotoSourceFile, container: Container, places: list[tuple[int, int]], edge: int
) -> Picture | None:
    for offset, length in places:
        if offset + length > source.size or length > _LONGEST_PREVIEW:
            continue
        data = source.read_picture(offset, length)
        preview = read_jpeg_head(data) if data[:2] == b"\xff\xd8" else None
        if preview is None or preview.width > container.width or preview.in_scans:
            continue  # no preview is larger than its picture: this one may have any size
        if _fits(preview.width, preview.height, container, edge):
            return Picture(decode_jpeg_bytes(data, edge))
    return None


def _thumbnail(
    source: PhotoSourceFile, container: Container, items: isobmff.ItemTable, edge: int
) -> Picture | None:
    """Thumbnails of phones are 240 pixels high: enough for an input of 224 only without headroom, but
    eighty times faster to decode than the picture."""
    for item in items.pointing_at(b"thmb", items.primary):
        if item.kind == b"hvc1" and _fits(*item.size, container, edge):
            image = decode_heic_bytes(standalone(item, items.data(source, item)))
            return Picture(image, turned=True)
    return None


def _fits(width: int, height: int, container: Container, edge: int) -> bool:
    return min(width, height) >= edge and _same_shape(width, height, container)


def _best_first(source: PhotoSourceFile, container: Container, edge: int) -> list[tuple[int, int]]:
    """Offset and length of the lossy JPEGs in a RAW. First those of the picture's shape that are large
    enough, smallest first; then what is left, largest first."""
    ranked = []
    for offset, length in _jpeg_places(source, container):
        head = read_jpeg_head(source.read(offset, min(length, _JPEG_HEAD_BYTES)))
        if head.width and not head.lossless and head.components == 3:
            size = head.width * head.height
            fits = _fits(head.width, head.height, container, edge)
            ranked.append((not fits, size if fits else -size, (offset, length)))
    return [place for _, _, place in sorted(ranked)]


def _jpeg_places(source: PhotoSourceFile, container: Container) -> list[tuple[int, int]]:
    places = []
    for directory in container.directories:
        places.append((directory.number(tiff.JPEG_OFFSET), directory.number(tiff.JPEG_LENGTH)))
        strips, counts = directory.numbers(tiff.STRIP_OFFSETS), directory.numbers(tiff.STRIP_COUNTS)
        if directory.number(tiff.COMPRESSION) in _JPEG_COMPRESSIONS and len(strips) == len(counts) == 1:
            places.append((strips[0], counts[0]))
    if container.format == "raf":
        places.append(raf_preview(source))
    elif container.format == "cr3":
        places.append(isobmff.read_canon(source).preview)
    return [(at, length) for at, length in places if at > 0 and 0 < length <= _LONGEST_PREVIEW]


def _by_libraw(source: PhotoSourceFile, container: Container, edge: int | None) -> Picture:
    """The preview that LibRaw knows of; without one, the RAW itself at half size."""
    with source.open_file() as file, rawpy.imread(file) as raw:
        try:
            thumb = raw.extract_thumb()
        except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
            developed = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
            return Picture(Image.fromarray(developed), turned=True)
        if isinstance(thumb.data, bytes):
            return _picture(decode_jpeg_bytes(thumb.data, edge), container)
        return _picture(Image.fromarray(thumb.data), container)


def _picture(image: Image.Image, container: Container) -> Picture:
    """Some cameras store the preview upright already: then its shape is that of the turned picture."""
    upright = container.orientation >= 5 and not _same_shape(image.width, image.height, container)
    return Picture(image, turned=upright and _same_shape(image.height, image.width, container))


def _same_shape(width: int, height: int, container: Container) -> bool:
    ours, theirs = width / height, container.width / container.height
    return abs(ours / theirs - 1) < _SAME_SHAPE
