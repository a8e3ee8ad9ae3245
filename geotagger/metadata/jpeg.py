"""JPEG files: their segments, and splices that change EXIF and XMP among them.

Only the segments before the scan data are read (ITU-T T.81, annex B). EXIF is APP1 "Exif",
XMP is APP1 "http://ns.adobe.com/xap/1.0/" (XMP part 3, clause 1.1.3). EXIF may run on in the
next segment, as ExifTool writes it. Everything else, known or not, is left alone.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import xxhash

from geotagger.metadata.layout import LayoutChange, RefusedError, check_amount, listed
from geotagger.metadata.pointers import Pointer, mpf_pointers, outlying_pointers, redirected
from geotagger.metadata.source import MemorySource, Window
from geotagger.metadata.splice import Splice, ordered

SOI, EOI, SOS, APP0, APP1, APP2 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2
_STANDALONE = {0x01, SOI, *range(0xD0, 0xD8)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_LONGEST_PAYLOAD = 0xFFFF - 2
_GARBAGE_LIMIT = 1 << 20
_GARBAGE_CHUNK = 1 << 14
_MARKER = re.compile(rb"\xff[^\x00\xff]")

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
EXIF_HEADER = b"Exif\0\0"
# some cameras put bytes before the name, write it in other letters, or end it with one zero
_EXIF_NAME = re.compile(rb"(.{0,4})Exif\0", re.DOTALL | re.IGNORECASE)
_TIFF_HEADERS = (b"II*\0", b"MM\0*")
_AFCP = (b"AXS!", b"AXS*")
"""The last record of AXS File Concatenation Protocol, press agencies' IPTC behind the image: whether all
that counts from the file's start could be set right is for its own programs to know."""


class Segment(NamedTuple):
    """A marker segment: `start` is the offset of its 0xFF, `size` that of the payload."""

    marker: int
    start: int
    size: int

    @property
    def payload(self) -> int:
        return self.start + 4

    @property
    def end(self) -> int:
        return self.start + 4 + self.size


class _Part(NamedTuple):
    """A stretch of an EXIF block: block offset, the segment, and where in the file it begins."""

    block_offset: int
    segment: Segment
    file_offset: int


class Jpeg:
    """A JPEG file opened for surgery. RefusedError when it is none or is cut off too early."""

    format = "jpeg"

    def __init__(self, window: Window) -> None:
        self._window = window
        if window.read(0, 2) != b"\xff\xd8":
            raise RefusedError("it is not a JPEG")
        self.segments = listed(_segments(window))
        if not any(s.marker == SOS or s.marker in _FRAMES for s in self.segments):
            raise RefusedError("the file ends before its image begins")
        check_amount(s.size for s in self.segments if s.marker == APP1)
        self._exif: list[list[_Part]] = []
        self._xmp: list[Segment] = []
        self._extended_xmp: list[Segment] = []
        self._mpf: list[Segment] = []
        self.blocks: list[MemorySource] = []
        self._sort_out()
        self.packets = [window.read(s.payload + len(XMP_HEADER), s.size - len(XMP_HEADER)) for s in self._xmp]
        self.takes_new_xmp = not self._extended_xmp

    def _sort_out(self) -> None:
        read = self._window.read
        previous: Segment | None = None
        for segment in self.segments:
            if segment.marker == APP1:
                head = read(segment.payload, 80)
                name = _EXIF_NAME.match(head)
                if name is not None and segment.size > len(name[1]) + 6:
                    start = segment.payload + len(name[1]) + 6
                    data = read(start, segment.end - start)
                    if previous is not None and not name[1] and data[:4] not in _TIFF_HEADERS:
                        parts, block = self._exif[-1], self.blocks[-1]
                        parts.append(_Part(block.size, segment, start))
                        self.blocks[-1] = MemorySource(block.data + data, (self._window, segment.end))
                    else:
                        self._exif.append([_Part(0, segment, start)])
                        self.blocks.append(MemorySource(data, (self._window, segment.end)))
                    previous = segment
                    continue
                if head.startswith(XMP_HEADER):
                    self._xmp.append(segment)
                elif head.startswith(EXTENDED_XMP_HEADER):
                    self._extended_xmp.append(segment)
            elif segment.marker == APP2 and read(segment.payload, 4) == b"MPF\0":
                self._mpf.append(segment)
            previous = None

    @property
    def extended_xmp(self) -> bytes:
        """The bytes of all extended XMP segments, for a look whether they speak of GPS."""
        return b"".join(self._window.read(s.payload + 75, s.size - 75) for s in self._extended_xmp)

    def splices(self, change: LayoutChange) -> list[Splice]:
        result: list[Splice] = []
        for number, block_splices in change.exif.items():
            result += self._exif_splices(self._exif[number], self.blocks[number].size, block_splices)
        for number, packet_splices in change.xmp.items():
            segment = self._xmp[number]
            result += _resized(segment, sum(s.growth for s in packet_splices), "XMP")
            base = segment.payload + len(XMP_HEADER)
            result += [Splice(base + s.offset, s.length, s.data) for s in packet_splices]
        for number in change.dropped_exif:
            result += [Splice(p.segment.start, 4 + p.segment.size, b"") for p in self._exif[number]]
        for number in change.dropped_xmp:
            segment = self._xmp[number]
            result.append(Splice(segment.start, 4 + segment.size, b""))
        result += self._new_segments(change)
        if any(s.growth for s in result) and self._window.read(self._window.size - 12, 4) in _AFCP:
            raise RefusedError("the AFCP block at its end counts from the start of the file")
        return ordered([*result, *self._redirected(ordered(result))])

    def _exif_splices(self, parts: list[_Part], size: int, changes: Sequence[Splice]) -> Iterator[Splice]:
        """Splices of a block as splices of the file; those that grow it are at the block's end."""
        growth = 0
        for change in changes:
            for part, following in zip(parts, [*parts[1:], None], strict=True):
                first = part.block_offset
                last = following.block_offset if following else size
                start, end = max(change.offset, first), min(change.offset + change.length, last)
                is_final = following is None and change.offset + change.length == size
                if start >= end and not (is_final and change.offset >= first):
                    continue
                done = start - change.offset
                data = change.data[done:] if is_final else change.data[done : done + end - start]
                if is_final:
                    growth += len(data) - (end - start)
                yield Splice(part.file_offset + start - first, end - start, data)
        yield from _resized(parts[-1].segment, growth, "EXIF")

    def _new_segments(self, change: LayoutChange) -> Iterator[Splice]:
        data = b""
        # behind EXIF that is damaged but begins as it should: who reads the first block only goes
        # on finding what is left of it, an orientation perhaps
        places = [
            parts[-1].segment.end
            for parts, block in zip(self._exif, self.blocks, strict=True)
            if change.new_exif is None or block.data[:4] in _TIFF_HEADERS
        ]
        at = max(places, default=self._first_place())
        if change.new_exif is not None:
            data += _segment(EXIF_HEADER + change.new_exif, "EXIF")
        if change.new_xmp is not None:
            data += _segment(XMP_HEADER + change.new_xmp, "XMP")
        if data:
            yield Splice(at, 0, data)

    def _first_place(self) -> int:
        """After the JFIF and JFXX segments, which must come first (JFIF 1.02)."""
        end = 2
        for segment in self.segments:
            if segment.marker != APP0 or segment.start != end:
                break
            end = segment.end
        return end

    def _redirected(self, changes: list[Splice]) -> list[Splice]:
        """Pointers that lead out of their segment, where what they lead to has moved."""
        if not any(s.growth for s in changes):
            return []
        pointers: list[Pointer] = []
        for segment in self._mpf:
            if any(s.growth and s.offset > segment.start for s in changes):
                base = segment.payload + 4
                pointers += mpf_pointers(MemorySource(self._window.read(base, segment.end - base)), base)
        for parts, block in zip(self._exif, self.blocks, strict=True):
            if len(parts) == 1:
                pointers += outlying_pointers(block, parts[0].file_offset, self._window)
        return redirected(pointers, changes, self._window.size)

    def _content(self, segment: Segment) -> bytes:
        """A segment's payload, without the offsets of a Multi-Picture index, which may move."""
        payload = self._window.read(segment.payload, segment.size)
        if segment not in self._mpf:
            return payload
        blanked = bytearray(payload)
        for pointer in mpf_pointers(MemorySource(payload[4:]), 4):
            blanked[pointer.position : pointer.position + 4] = bytes(4)
        return bytes(blanked)

    def pictures(self) -> list[tuple[int, int]]:
        return [(s.start, self._window.size - s.start) for s in self.segments if s.marker in (SOS, EOI)]

    def outline(self) -> list[object]:
        """Marker and content of every segment that holds neither EXIF nor XMP."""
        ours = {p.segment.start for parts in self._exif for p in parts} | {s.start for s in self._xmp}
        return [
            (s.marker, s.size, xxhash.xxh3_64_intdigest(self._content(s)))
            for s in self.segments
            if s.start not in ours and s.marker not in (SOS, EOI)
        ]


def _segments(window: Window) -> Iterator[Segment]:
    """The marker segments up to the first scan, the end of the image or of the file. Fill bytes
    and stray bytes between segments are passed over, as all decoders do."""
    position = 2
    strays_end = position + _GARBAGE_LIMIT
    while True:
        head = window.read(position, 4)
        if len(head) < 2:
            return
        if head[0] != 0xFF or head[1] in (0x00, 0xFF):
            position = _next_marker(window, position + 1, strays_end)
            continue
        marker = head[1]
        if marker in _STANDALONE:
            position += 2
            continue
        if marker in (SOS, EOI):
            yield Segment(marker, position, 0)
            return
        if len(head) < 4:
            return
        size = struct.unpack(">H", head[2:])[0] - 2
        if size < 0 or position + 4 + size > window.size:
            return
        yield Segment(marker, position, size)
        position += 4 + size


def _next_marker(window: Window, start: int, end: int) -> int:
    """The next 0xFF that could begin a marker; behind the file when there is none before `end`."""
    while start < end:
        chunk = window.read(start, _GARBAGE_CHUNK)
        match = _MARKER.search(chunk)
        if match is not None:
            return start + match.start()
        if len(chunk) < 2:
            break
        start += len(chunk) - 1
    return window.size


def _resized(segment: Segment, growth: int, what: str) -> list[Splice]:
    if not growth:
        return []
    if segment.size + growth > _LONGEST_PAYLOAD:
        raise RefusedError(f"its {what} fills the 64 KB that a JPEG segment can hold")
    return [Splice(segment.start + 2, 2, struct.pack(">H", segment.size + growth + 2))]


def _segment(payload: bytes, what: str) -> bytes:
    if len(payload) > _LONGEST_PAYLOAD:
        raise RefusedError(f"its {what} would not fit the 64 KB that a JPEG segment can hold")
    return struct.pack(">BBH", 0xFF, APP1, len(payload) + 2) + payload
