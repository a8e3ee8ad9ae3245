"""Bytes to parse: a block in memory, or an open file of which only the asked-for parts are read.

A file is read with `pread`, never mapped: an archive that vanishes would kill a process that
reads a mapping, and here it is an error like any other. Knows nothing of formats.
"""

import os
from typing import Protocol

_HEAD_BYTES = 1 << 16


class Window(Protocol):
    """Something with bytes at offsets 0…size."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`; fewer than `length` where the window ends."""
        ...

    @property
    def behind(self) -> "tuple[Window, int] | None":
        """The file around a block, and where in it the block ends; None where nothing stands behind it that a
        reader of the block could see."""
        ...


class MemorySource:
    """A window on bytes in memory, and on what stands behind them in a file."""

    def __init__(self, data: bytes, behind: tuple[Window, int] | None = None) -> None:
        self.data, self.behind = data, behind

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


class ByteSource:
    """A window on an open file; its head is read once and kept."""

    behind = None

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.status = os.fstat(descriptor)
        self._head = os.pread(descriptor, _HEAD_BYTES, 0)

    @property
    def size(self) -> int:
        return self.status.st_size

    def read(self, offset: int, length: int) -> bytes:
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        return read_fully(self.descriptor, offset, min(length, max(0, self.size - offset)))


def read_fully(descriptor: int, offset: int, length: int) -> bytes:
    """The bytes at `offset` of an open file, fewer only where the file ends."""
    parts: list[bytes] = []
    while length > 0:
        part = os.pread(descriptor, length, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return b"".join(parts)
