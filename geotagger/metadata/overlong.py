"""Values and thumbnails whose stated length runs past the end of their EXIF block: cameras of old wrote such
(Sony's DCR-PC110 a thumbnail that is one byte longer than its block). Readers show what stands there in the
file, so a block that grows must begin to grow with those very bytes.

Takes a block and how much of the file stands behind it; gives how many of those bytes are seen.
"""

from collections.abc import Iterator

from geotagger.metadata.tiff import (
    EXIF_POINTER,
    GPS_POINTER,
    INTEROP_POINTER,
    TYPE_SIZES,
    DirectoryLayout,
    Tiff,
    TiffError,
)

_THUMBNAIL_START, _THUMBNAIL_LENGTH, _SUB_IFDS = 0x0201, 0x0202, 0x014A
_MOST_GROWTH = 1 << 12
"""A graft is shorter."""

_MOST_SEEN = 1 << 16


class OverlongError(TiffError):
    """More is seen behind the block than can be kept in view."""


def seen_behind(tiff: Tiff, left: int) -> int:
    """How many bytes behind the block its directories show, where `left` bytes stand there in the file.
    OverlongError where they could not stay as they are."""
    size = tiff.window.size
    most = 0
    for start, end in _ranges(tiff):
        over = end - size
        # what ends far behind the file is read neither before nor after
        if over <= 0 or start >= size + _MOST_GROWTH or over > left + _MOST_GROWTH:
            continue
        if over > min(left, _MOST_SEEN):
            raise OverlongError(
                "a thumbnail or value of its EXIF runs past the end, and would show other bytes"
            )
        most = max(most, over)
    return most


def _ranges(tiff: Tiff) -> Iterator[tuple[int, int]]:
    """Where the values and thumbnails of all directories but GPS stand: start and end in the block."""
    order = "little" if tiff.order == "<" else "big"
    for directory in _directories(tiff):
        lengths = {entry.tag: int.from_bytes(entry.field, order) for entry in directory.entries}  # type: ignore[arg-type]
        if _THUMBNAIL_START in lengths and _THUMBNAIL_LENGTH in lengths:
            start = lengths[_THUMBNAIL_START]
            yield start, start + lengths[_THUMBNAIL_LENGTH]
        for entry in directory.entries:
            length = TYPE_SIZES.get(entry.type, 0) * entry.number
            if length > 4 and entry.tag != GPS_POINTER:
                start = int.from_bytes(entry.field, order)  # type: ignore[arg-type]
                yield start, start + length


def _directories(tiff: Tiff) -> Iterator[DirectoryLayout]:
    for directory in tiff.chain():
        yield directory
        for entry in directory.entries:
            if entry.tag not in (EXIF_POINTER, _SUB_IFDS):
                continue
            try:
                inner = tiff.directory(tiff.pointer(entry))
            except TiffError:
                continue
            yield inner
            interop = inner.find(INTEROP_POINTER)
            if interop is not None:
                try:
                    yield tiff.directory(tiff.pointer(interop))
                except TiffError:
                    continue
