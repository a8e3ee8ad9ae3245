"""Bounds on what a file may ask for: a few kilobytes may unpack to more than a machine can hold.

Takes an open file, gives one that ends in ValueError where it gives more than a track of that size can; or
its lines, none of them endless, whatever they end with.
"""

from collections.abc import Iterator
from typing import Any

_ALWAYS_BYTES = 16 << 20
_MOST_TIMES = 60
"""Real tracks unpack to 5 to 30 times their size, those of a logger that lay still to 40."""
_ALWAYS_ELEMENTS = 300_000
_MOST_BYTES = 4 << 30
_LONGEST_LINE = 4096


class Bounded:
    """An open file of which `left` bytes may be read."""

    def __init__(self, file: Any, left: int) -> None:
        self._file = file
        self.left = left

    @staticmethod
    def budget(packed_bytes: int) -> int:
        return min(_ALWAYS_BYTES + _MOST_TIMES * packed_bytes, _MOST_BYTES)

    @staticmethod
    def elements(packed_bytes: int) -> int:
        """How many elements of XML may be in it, each of which takes microseconds: those of real tracks take
        two packed bytes and more."""
        return _ALWAYS_ELEMENTS + packed_bytes

    def read(self, size: int = -1) -> bytes:
        part: bytes = self._file.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(part)
        if self.left < 0:
            raise ValueError("it unpacks to far more than a track of its size does")
        return part


def lines(file: Any) -> Iterator[bytes]:
    """The lines of a text file. One that goes on and on comes in pieces."""
    while line := file.readline(_LONGEST_LINE):
        yield from line.splitlines(keepends=True) if b"\r" in line[:-2] else (line,)
