"""Where the samples of a film's metadata track lie (ISO/IEC 14496-12, 8.7).

Takes a PhotoSourceFile and where the `mdia` box of a track lies; gives offsets and sizes, as many as ten
minutes have. What is in a sample is for others.
"""

import struct
from collections.abc import Iterator

from geotagger.photo.isobmff import file_boxes
from geotagger.photo.source import PhotoSourceFile

_MOST_LOOKED_AT = 600
"""Ten minutes: a receiver that has not found its satellites by then finds none in this film."""
_LARGEST_SAMPLE = 1 << 18
_LARGEST_TABLE = 1 << 22


def samples(
    source: PhotoSourceFile, start: int, end: int, kind: bytes, a_second: int = 1
) -> Iterator[tuple[int, int]]:
    """Offset and size of a sample each second, of a track whose sample entry is `kind` and that has so many a
    second; nothing of any other track. Raises struct.error for tables that lie about their length."""
    boxes = {name: (at, at + length) for name, at, length in file_boxes(source, start, end)}
    for path in (b"minf", b"stbl"):
        if path not in boxes:
            return
        boxes = {name: (at, at + length) for name, at, length in file_boxes(source, *boxes[path])}
    at, to = boxes.get(b"stsd", (0, 0))
    if not 16 <= to - at <= _LARGEST_TABLE or source.read(at + 12, 4) != kind:
        return
    tables = {
        name: source.read(at, to - at)
        for name, (at, to) in boxes.items()
        if name in (b"stsz", b"stsc", b"stco", b"co64") and to - at <= _LARGEST_TABLE
    }
    if not {b"stsz", b"stsc"} <= tables.keys():
        return
    most = _MOST_LOOKED_AT * a_second
    sizes, chunks = _sizes(tables[b"stsz"], most), _chunks(tables, most)
    runs = [
        (first, count) for first, count, _ in struct.iter_unpack(">III", _rows(tables[b"stsc"], 8, 12, most))
    ]
    sample, run, in_chunk = 0, 0, 1
    for number, offset in enumerate(chunks, start=1):
        while run < len(runs) and runs[run][0] <= number:
            in_chunk, run = runs[run][1], run + 1
        for n in range(sample, min(sample + in_chunk, len(sizes))):
            if n % a_second == 0 and sizes[n] <= _LARGEST_SAMPLE:
                yield offset, sizes[n]
            offset += sizes[n]
        sample += in_chunk
        if sample >= len(sizes):
            return


def _sizes(table: bytes, most: int) -> list[int]:
    size, count = struct.unpack_from(">II", table, 4)
    if size:
        return [size] * min(count, most)
    return [one for (one,) in struct.iter_unpack(">I", _rows(table, 12, 4, most))]


def _chunks(tables: dict[bytes, bytes], most: int) -> list[int]:
    kind, width = (b"co64", 8) if b"co64" in tables else (b"stco", 4)
    rows = _rows(tables.get(kind, b""), 8, width, most)
    return [one for (one,) in struct.iter_unpack(">Q" if width == 8 else ">I", rows)]


def _rows(table: bytes, start: int, width: int, most: int) -> bytes:
    """The rows behind a table's head, whole ones only."""
    return table[start : start + min((len(table) - start) // width, most) * width]
