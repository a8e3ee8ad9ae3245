"""Changes to a file as splices: at `offset` of the old bytes, `length` bytes give way to `data`.

The bytes between splices are kept: they are copied by the kernel and never looked into. A list
of splices and the bytes it removed is all that undo needs. Knows nothing of formats.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple


class Splice(NamedTuple):
    offset: int
    length: int
    data: bytes

    @property
    def growth(self) -> int:
        return len(self.data) - self.length


class CopiedRange(NamedTuple):
    """A run of bytes that both files have, at different places perhaps."""

    old_offset: int
    new_offset: int
    length: int


def ordered(splices: Iterable[Splice]) -> list[Splice]:
    """By offset, without those that change nothing; ValueError when two overlap."""
    result = sorted((s for s in splices if s.length or s.data), key=lambda s: (s.offset, s.length))
    for one, other in pairwise(result):
        if one.offset + one.length > other.offset:
            raise ValueError(f"splices overlap at {other.offset}")
    return result


def kept_ranges(splices: Sequence[Splice], old_size: int) -> list[CopiedRange]:
    """What the ordered splices leave alone, in order, empty runs left out."""
    kept: list[CopiedRange] = []
    old = new = 0
    for splice in splices:
        if splice.offset > old:
            kept.append(CopiedRange(old, new, splice.offset - old))
        new += splice.offset - old + len(splice.data)
        old = splice.offset + splice.length
    if old < old_size:
        kept.append(CopiedRange(old, new, old_size - old))
    return kept


def added(splices: Sequence[Splice]) -> list[tuple[int, bytes]]:
    """What the ordered splices put in, with its offset in the new file."""
    result = []
    shift = 0
    for splice in splices:
        result.append((splice.offset + shift, splice.data))
        shift += splice.growth
    return result


def moved_by(splices: Iterable[Splice], offset: int) -> int:
    """How far the byte at `offset` moves. Data put in at an offset goes before the byte there."""
    return sum(s.growth for s in splices if s.offset + s.length <= offset)


def gaps(hidden: Iterable[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """What of a file of `size` lies outside these runs (start, end): start and length."""
    runs, at = [], 0
    for start, end in sorted(hidden):
        if start > at:
            runs.append((at, min(start, size) - at))
        at = max(at, end)
    if at < size:
        runs.append((at, size - at))
    return [(start, length) for start, length in runs if length > 0]


def spliced(old: bytes, splices: Iterable[Splice]) -> bytes:
    """The bytes after the change, for blocks that are held in memory."""
    parts: list[bytes] = []
    end = 0
    for splice in ordered(splices):
        parts += old[end : splice.offset], splice.data
        end = splice.offset + splice.length
    return b"".join((*parts, old[end:]))
