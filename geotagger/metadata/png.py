"""PNG files: EXIF in an `eXIf` chunk, XMP in an `iTXt` chunk (PNG third edition, 11.3.2.5, 11.3.3.4).

A new `eXIf` goes right behind the header: nothing in a PNG counts from the start of the file, but
Apple's `iDOT` counts from itself to the image data, so nothing may grow between those two.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geotagger.metadata import verify
from geotagger.metadata.layout import LayoutChange, RefusedError, check_amount, listed
from geotagger.metadata.source import MemorySource, Window
from geotagger.metadata.splice import Splice, ordered, spliced

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_PLAIN_TEXT = b"\0\0\0\0"
"""Not compressed, of no method, in no language, with no other keyword (11.3.3.4)."""
_TEXTS = (b"iTXt", b"tEXt", b"zTXt")
_LARGEST_TEXT = 16 << 20
_LONGEST_CHUNK = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class _PngChunk:
    """`start` is the offset of its length field, `size` that of its data."""

    kind: bytes
    start: int
    size: int

    @property
    def data(self) -> int:
        return self.start + 8

    @property
    def end(self) -> int:
        return self.start + 12 + self.size


class Png:
    """A PNG opened for surgery. RefusedError when it is cut off before its image data."""

    format = "png"
    takes_new_xmp = False
    extended_xmp = b""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._chunks = listed(_chunks(window))
        if not any(c.kind == b"IDAT" for c in self._chunks):
            raise RefusedError("the file ends before its image begins")
        self._exif = [c for c in self._chunks if c.kind == b"eXIf" and c.size]
        check_amount(c.size for c in (*self._exif, *(c for c in self._chunks if c.kind in _TEXTS)))
        self._prefixes = [_prefix_of(window.read(c.data, 6)) for c in self._exif]
        self.blocks = [
            MemorySource(window.read(c.data + len(p), c.size - len(p)))
            for c, p in zip(self._exif, self._prefixes, strict=True)
        ]
        self._xmp: list[_PngChunk] = []
        self.packets: list[bytes] = []
        for chunk in self._chunks:
            if chunk.kind == b"iTXt" and window.read(chunk.data, 18) == _XMP_KEYWORD:
                self._xmp.append(chunk)
                self.packets.append(self._text(chunk)[1])

    def splices(self, change: LayoutChange) -> list[Splice]:
        result: list[Splice] = []
        for number, splices in change.exif.items():
            chunk, prefix = self._exif[number], self._prefixes[number]
            data = prefix + spliced(self.blocks[number].data, splices)
            result += self._rewritten(chunk, data, [_moved(s, chunk.data + len(prefix)) for s in splices])
        for number, splices in change.xmp.items():
            chunk = self._xmp[number]
            head, packet, compressed = self._text(chunk)
            packet = spliced(packet, splices)
            data = head + (zlib.compress(packet) if compressed else packet)
            result += self._rewritten(chunk, data, [Splice(chunk.data, chunk.size, data)])
        gone = [self._exif[n] for n in change.dropped_exif] + [self._xmp[n] for n in change.dropped_xmp]
        result += [Splice(c.start, c.end - c.start, b"") for c in gone]
        new = b""
        if change.new_exif is not None:
            self._check_no_text_profile()
            new += _chunk(b"eXIf", change.new_exif)
        if change.new_xmp is not None:
            new += _chunk(b"iTXt", _XMP_KEYWORD + _PLAIN_TEXT + change.new_xmp)
        result.append(Splice(self._behind_header(), 0, new))
        return self._checked(ordered(result))

    def pictures(self) -> list[tuple[int, int]]:
        ours = {c.start for c in (*self._exif, *self._xmp)}
        end = self._chunks[-1].end
        chunks = [(c.start, c.end - c.start) for c in self._chunks if c.start not in ours]
        return [*chunks, (end, self._window.size - end)]

    def outline(self) -> Sequence[object]:
        """Kind, size and checksum of every chunk that holds neither EXIF nor XMP."""
        ours = {c.start for c in (*self._exif, *self._xmp)}
        return [
            (c.kind, c.size, self._window.read(c.end - 4, 4)) for c in self._chunks if c.start not in ours
        ]

    def _rewritten(self, chunk: _PngChunk, data: bytes, splices: list[Splice]) -> list[Splice]:
        """A chunk's new data with length and checksum to match."""
        if len(data) > _LONGEST_CHUNK:
            raise RefusedError("its EXIF would be too large for a PNG chunk")
        checksum = zlib.crc32(data, zlib.crc32(chunk.kind))
        return [
            Splice(chunk.start, 4, struct.pack(">I", len(data))),
            *splices,
            Splice(chunk.end - 4, 4, struct.pack(">I", checksum)),
        ]

    def _checked(self, splices: list[Splice]) -> list[Splice]:
        for chunk in self._chunks:
            if chunk.kind == b"iDOT" and any(s.growth and s.offset > chunk.start for s in splices):
                raise RefusedError("it counts on its image data staying where it is (iDOT)")
        return splices

    def _behind_header(self) -> int:
        return next((c.end for c in self._chunks if c.kind == b"IHDR"), len(SIGNATURE))

    def _text(self, chunk: _PngChunk) -> tuple[bytes, bytes, bool]:
        """What stands before the text of an iTXt chunk, the text, and whether it was compressed."""
        data = self._window.read(chunk.data, min(chunk.size, _LARGEST_TEXT))
        match = re.match(rb"[^\0]*\0(.)(.)[^\0]*\0[^\0]*\0", data, re.DOTALL)
        if match is None:
            return data, b"", False
        text = data[match.end() :]
        if match[1] != b"\1":
            return match[0], text, False
        return match[0], _inflated(text), True

    def _check_no_text_profile(self) -> None:
        """ImageMagick keeps EXIF as hexadecimal text; a position there would contradict ours."""
        for chunk in self._chunks:
            if chunk.kind not in (b"tEXt", b"zTXt"):
                continue
            if not self._window.read(chunk.data, 17).startswith(b"Raw profile type "):
                continue
            data = self._window.read(chunk.data, min(chunk.size, _LARGEST_TEXT))
            _, _, text = data.partition(b"\0")
            if chunk.kind == b"zTXt":
                text = _inflated(text[1:])
            match = re.search(rb"\n *\d+\n([0-9a-fA-F\s]*)", text)
            if match is not None:
                digits = re.sub(rb"\s", b"", match[1])
                block = bytes.fromhex(digits[: len(digits) & ~1].decode())
                if verify.position_in(MemorySource(block.removeprefix(b"Exif\0\0"))) is not None:
                    raise RefusedError("its EXIF with a position is kept as text")


def _chunks(window: Window) -> Iterator[_PngChunk]:
    position = len(SIGNATURE)
    while True:
        head = window.read(position, 8)
        if len(head) < 8:
            return
        size = struct.unpack(">I", head[:4])[0]
        chunk = _PngChunk(head[4:], position, size)
        if chunk.end > window.size:
            if chunk.kind == b"IDAT":  # an image cut off in its data still has its metadata
                yield chunk
            return
        yield chunk
        if chunk.kind == b"IEND":
            return
        position = chunk.end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _prefix_of(head: bytes) -> bytes:
    """Some writers put JPEG's name before the TIFF header."""
    return head if head == b"Exif\0\0" else b""


def _moved(splice: Splice, by: int) -> Splice:
    return Splice(splice.offset + by, splice.length, splice.data)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _LARGEST_TEXT)
    except zlib.error:
        return b""
