"""TIFF and DNG files: the whole file is one TIFF block, and is only ever appended to.

A camera's own raw format is often a TIFF too, but its maker's programs count on more than the
standard says, so those get a sidecar. Told apart by content, and by the name where it names a
raw format.
"""

import os
from collections.abc import Sequence

import xxhash

from geotagger.metadata.layout import LayoutChange, RefusedError
from geotagger.metadata.rdf_changes import fitted
from geotagger.metadata.source import Window
from geotagger.metadata.splice import Splice, gaps, ordered
from geotagger.metadata.tiff import XMP_TAG, DirectoryLayout, TagEntry, Tiff, TiffError, places_of_gps

_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 0x00FE, 0x0106, 0x014A, 0xC612
_REDUCED_IMAGE, _COLOUR_FILTER_ARRAY = 1, 32803
_PLAIN_EXTENSIONS = ("tif", "tiff", "dng", "")


class TiffFile:
    """A TIFF or DNG opened for surgery. RefusedError for raw formats and damaged files."""

    format = "tiff"
    takes_new_xmp = False
    extended_xmp = b""

    def __init__(self, window: Window, name: str) -> None:
        extension = os.path.splitext(name)[1][1:].lower()
        try:
            tiff = Tiff(window)
            first = tiff.directory(tiff.first)
            if first.find(_DNG_VERSION) is None and (
                extension not in _PLAIN_EXTENSIONS or _is_raw(tiff, first) or window.read(8, 2) == b"CR"
            ):
                raise RefusedError("a camera's raw file is not written into")
        except TiffError as error:
            raise RefusedError(str(error)) from None
        self._tiff, self._window = tiff, window
        self.blocks = [window]
        self._xmp = [e for e in first.entries if e.tag == XMP_TAG and e.type in (1, 7) and e.number > 4]
        self.packets = [tiff.data(e) or b"" for e in self._xmp]

    def splices(self, change: LayoutChange) -> list[Splice]:
        if change.new_exif is not None or change.dropped_exif or change.dropped_xmp:
            raise RefusedError("its directories cannot be changed")
        if change.new_xmp is not None:
            raise RefusedError("it has no XMP that could be extended")
        result = list(change.exif.get(0, ()))
        for number, splices in change.xmp.items():
            entry = self._xmp[number]
            start = int.from_bytes(entry.field, "little" if self._tiff.order == "<" else "big")
            same_size = fitted(self.packets[number], splices)
            if same_size is None:
                raise RefusedError("its XMP has no room for more")
            result += [Splice(start + s.offset, s.length, s.data) for s in same_size]
        return ordered(result)

    def pictures(self) -> list[tuple[int, int]]:
        """All but the first directory, GPS and XMP; nothing of it ever moves."""
        order = "little" if self._tiff.order == "<" else "big"
        hidden = [(4, 8), *places_of_gps(self._tiff)]
        for entry, packet in zip(self._xmp, self.packets, strict=True):
            start = int.from_bytes(entry.field, order)  # type: ignore[arg-type]
            hidden.append((start, start + len(packet)))
        return gaps(hidden, self._window.size)

    def outline(self) -> Sequence[object]:
        """The directories of reduced images, and a hash of the ICC profile and others' XMP."""
        first = self._tiff.directory(self._tiff.first)
        pointers = first.find(_SUB_IFDS)
        data = self._tiff.data(pointers) if pointers else None
        return [first.next_offset, xxhash.xxh3_64_intdigest(data or b"")]


def _is_raw(tiff: Tiff, first: DirectoryLayout) -> bool:
    """A reduced image first and the real one in a sub-directory, or sensor data: no plain TIFF."""
    reduced = _number(tiff, first.find(_NEW_SUBFILE_TYPE)) == _REDUCED_IMAGE
    sensor = _number(tiff, first.find(_PHOTOMETRIC)) == _COLOUR_FILTER_ARRAY
    return (reduced and first.find(_SUB_IFDS) is not None) or sensor


def _number(tiff: Tiff, entry: TagEntry | None) -> int | None:
    if entry is None or entry.type not in (3, 4) or entry.number != 1:
        return None
    data = tiff.data(entry) or b""
    return int.from_bytes(data, "little" if tiff.order == "<" else "big")
