"""WebP files: EXIF and XMP chunks of a RIFF container (RFC 9649, section 2.7).

Metadata needs the extended layout: where a file has none, a VP8X chunk is made from what the
image data itself says of size and transparency. Lengths are of the RIFF header and the chunk
that grows; data behind the RIFF container stays where it is relative to its end.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geotagger.metadata.layout import LayoutChange, RefusedError, check_amount, listed
from geotagger.metadata.source import MemorySource, Window
from geotagger.metadata.splice import Splice, ordered

_EXIF_FLAG, _XMP_FLAG, _ALPHA_FLAG = 0x08, 0x04, 0x10


@dataclass(frozen=True, slots=True)
class _WebpChunk:
    """`start` is the offset of its four letters, `size` that of its data without padding."""

    kind: bytes
    start: int
    size: int

    @property
    def data(self) -> int:
        return self.start + 8

    @property
    def end(self) -> int:
        return self.start + 8 + self.size + (self.size & 1)


class Webp:
    """A WebP opened for surgery. RefusedError when it is cut off or not understood."""

    format = "webp"
    takes_new_xmp = False
    extended_xmp = b""

    def __init__(self, window: Window) -> None:
        self._window = window
        (self._riff_size,) = struct.unpack("<I", window.read(4, 4))
        self._end = 8 + self._riff_size
        if self._end > window.size:
            raise RefusedError("the file is cut off")
        self._chunks = listed(_chunks(window, self._end))
        if not self._chunks or self._chunks[-1].end != self._end:
            raise RefusedError("its chunks do not add up to its length")
        self._exif = [c for c in self._chunks if c.kind == b"EXIF" and c.size]
        self._xmp = [c for c in self._chunks if c.kind == b"XMP "]
        check_amount(c.size for c in (*self._exif, *self._xmp))
        self._prefixes = [6 if window.read(c.data, 6) == b"Exif\0\0" else 0 for c in self._exif]
        self.blocks = [
            MemorySource(window.read(c.data + p, c.size - p))
            for c, p in zip(self._exif, self._prefixes, strict=True)
        ]
        self.packets = [window.read(c.data, c.size) for c in self._xmp]
        self._extended = next((c for c in self._chunks if c.kind == b"VP8X" and c.size >= 10), None)

    def splices(self, change: LayoutChange) -> list[Splice]:
        result: list[Splice] = []
        for number, splices in change.exif.items():
            result += self._resized(self._exif[number], self._prefixes[number], splices)
        for number, splices in change.xmp.items():
            result += self._resized(self._xmp[number], 0, splices)
        gone = [self._exif[n] for n in change.dropped_exif] + [self._xmp[n] for n in change.dropped_xmp]
        result += [Splice(c.start, c.end - c.start, b"") for c in gone]
        flags = self._flags()
        if change.new_exif is not None:
            flags |= _EXIF_FLAG
            at = next((c.start for c in self._chunks if c.kind == b"XMP "), self._end)
            padding = b"\0" * (len(change.new_exif) & 1)
            head = struct.pack("<4sI", b"EXIF", len(change.new_exif))
            result.append(Splice(at, 0, head + change.new_exif + padding))
        if change.new_xmp is not None:
            flags |= _XMP_FLAG
            head = struct.pack("<4sI", b"XMP ", len(change.new_xmp))
            result.append(Splice(self._end, 0, head + change.new_xmp + b"\0" * (len(change.new_xmp) & 1)))
        if change.dropped_exif and len(change.dropped_exif) == len(self._exif):
            flags &= ~_EXIF_FLAG
        if change.dropped_xmp and len(change.dropped_xmp) == len(self._xmp):
            flags &= ~_XMP_FLAG
        if change.exif:
            flags |= _EXIF_FLAG
        result += self._flagged(flags)
        growth = sum(s.growth for s in result)
        if self._riff_size + growth > 0xFFFFFFFE:
            raise RefusedError("it has no room below 4 GB")
        if growth:
            result.append(Splice(4, 4, struct.pack("<I", self._riff_size + growth)))
        return ordered(result)

    def pictures(self) -> list[tuple[int, int]]:
        others = [(c.data, c.size) for c in self._chunks if c.kind not in (b"EXIF", b"XMP ", b"VP8X")]
        return [*others, (self._end, self._window.size - self._end)]

    def outline(self) -> Sequence[object]:
        """The chunks that hold neither EXIF nor XMP, and what the image is said to be."""
        chunks = [(c.kind, c.size) for c in self._chunks if c.kind not in (b"EXIF", b"XMP ", b"VP8X")]
        return [*chunks, self._canvas(), self._flags() & ~(_EXIF_FLAG | _XMP_FLAG)]

    def _resized(self, chunk: _WebpChunk, prefix: int, splices: Sequence[Splice]) -> list[Splice]:
        size = chunk.size + sum(s.growth for s in splices)
        result = [Splice(chunk.data + prefix + s.offset, s.length, s.data) for s in splices]
        if size == chunk.size:
            return result
        result.insert(0, Splice(chunk.start + 4, 4, struct.pack("<I", size)))
        old_padding = chunk.size & 1
        result.append(Splice(chunk.end - old_padding, old_padding, b"\0" * (size & 1)))
        return result

    def _flags(self) -> int:
        if self._extended is not None:
            return self._window.read(self._extended.data, 1)[0]
        image = self._chunks[0]
        if image.kind == b"VP8L":
            return _ALPHA_FLAG if self._window.read(image.data + 4, 1)[0] & 0x10 else 0
        return 0

    def _flagged(self, flags: int) -> list[Splice]:
        if self._extended is not None:
            same = flags == self._flags()
            return [] if same else [Splice(self._extended.data, 1, bytes([flags]))]
        if not flags & (_EXIF_FLAG | _XMP_FLAG):
            return []
        width, height = self._canvas()
        data = (
            struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        )
        return [Splice(12, 0, struct.pack("<4sI", b"VP8X", 10) + data)]

    def _canvas(self) -> tuple[int, int]:
        """Width and height: of the extended header, or of the one image (RFC 6386, 9.1; RFC 9649, 3.4)."""
        if self._extended is not None:
            data = self._window.read(self._extended.data, 10)
            return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
        image = self._chunks[0]
        data = self._window.read(image.data, 10)
        if image.kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", data[6:10])
            return width & 0x3FFF, height & 0x3FFF
        if image.kind == b"VP8L" and data[:1] == b"\x2f" and len(data) >= 5:
            bits = int.from_bytes(data[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        raise RefusedError("its image data is not understood")


def _chunks(window: Window, end: int) -> Iterator[_WebpChunk]:
    position = 12
    while position + 8 <= end:
        kind, size = struct.unpack("<4sI", window.read(position, 8))
        chunk = _WebpChunk(kind, position, size)
        if chunk.end > end:
            return
        yield chunk
        position = chunk.end
