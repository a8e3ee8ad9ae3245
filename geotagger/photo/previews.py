"""Smaller pictures of the same scene inside a file: previews of RAW files.

Takes an open file and what its container told; gives a picture large enough for the network's
input, reading only that picture's bytes, or None. LibRaw finds what the directories do not show.
"""

import rawpy
from PIL import Image

from geotagger.photo import isobmff, tiff
from geotagger.photo.containers import Container, raf_preview
from geotagger.photo.decode import Picture, decode_jpeg_bytes, decoder_complaint
from geotagger.photo.formats import RAW_FORMATS
from geotagger.photo.jpeg import read_jpeg_head
from geotagger.photo.prepare import Preprocessing, edge_needed
from geotagger.photo.source import ByteSource

_JPEG_HEAD_BYTES = 1 << 16
_LONGEST_PREVIEW = 1 << 27
_JPEG_COMPRESSIONS = frozenset({6, 7})

_SAME_SHAPE = 0.03
"""Aspect ratios that differ by less show the same picture: sensors have a few masked columns, and
4:3 against 3:2 (a letterboxed thumbnail) differs by 0.12."""


def find_preview(source: ByteSource, container: Container, preprocessing: Preprocessing) -> Picture | None:
    """A preview to use instead of the main picture; None when there is none that will do. A RAW
    without any is an UnreadablePhotoError."""
    if container.format in RAW_FORMATS:
        return _raw_preview(source, container, preprocessing)
    return None


def _raw_preview(source: ByteSource, container: Container, preprocessing: Preprocessing) -> Picture:
    edge = edge_needed(preprocessing)
    for offset, length in _best_first(source, container, edge or preprocessing.input_size):
        try:
            image = decode_jpeg_bytes(source.read(offset, length), edge)
        except Exception:
            continue  # a damaged preview; another one may be whole
        return _picture(image, container)
    try:
        return _by_libraw(source, container, edge)
    except Exception as error:
        raise source.refusal(decoder_complaint(error, container.format)) from None


def _best_first(source: ByteSource, container: Container, edge: int) -> list[tuple[int, int]]:
    """Offset and length of the lossy JPEGs in a RAW. First those of the picture's shape that are large
    enough, smallest first; then what is left, largest first."""
    ranked = []
    for offset, length in _jpeg_places(source, container):
        head = read_jpeg_head(source.read(offset, min(length, _JPEG_HEAD_BYTES)))
        if head.width and not head.lossless and head.components == 3:
            size = head.width * head.height
            fits = min(head.width, head.height) >= edge and _same_shape(head.width, head.height, container)
            ranked.append((not fits, size if fits else -size, (offset, length)))
    return [place for _, _, place in sorted(ranked)]


def _jpeg_places(source: ByteSource, container: Container) -> list[tuple[int, int]]:
    found = []
    for directory in container.directories:
        found.append((directory.number(tiff.JPEG_OFFSET), directory.number(tiff.JPEG_LENGTH)))
        strips, counts = directory.numbers(tiff.STRIP_OFFSETS), directory.numbers(tiff.STRIP_COUNTS)
        if directory.number(tiff.COMPRESSION) in _JPEG_COMPRESSIONS and len(strips) == len(counts) == 1:
            found.append((strips[0], counts[0]))
    if container.format == "raf":
        found.append(raf_preview(source))
    elif container.format == "cr3":
        found.append(isobmff.read_canon(source).preview)
    return [(at, length) for at, length in found if at > 0 and 0 < length <= _LONGEST_PREVIEW]


def _by_libraw(source: ByteSource, container: Container, edge: int | None) -> Picture:
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
