"""The bytes of one photo: a regular file, read by position, a part at a time.

Opens without ever hanging (a pipe called `a.jpg`) and turns everything the operating system
can say into UnreadablePhotoError. Knows nothing of formats.
"""

import os
import stat
from types import TracebackType
from typing import BinaryIO, Self

from geotagger.errors import UnreadablePhotoError

MOST_METADATA = 1 << 28
"""Of what is read by position, a window at a time."""

HEAD_BYTES = 1 << 16
"""Read in one go on opening: nearly always all that the facts of a JPEG need."""

_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)


class PhotoSourceFile:
    """`path` may hold undecodable bytes (surrogateescape). `size` in bytes. A context manager."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._fd = -1
        self._left = MOST_METADATA
        try:
            self._fd = os.open(self.path, _OPEN_FLAGS)
            status = os.fstat(self._fd)
            if not stat.S_ISREG(status.st_mode):
                raise self.refusal("not a regular file")
            self.size = status.st_size
            self.head = b""
            self.head = self.read(0, HEAD_BYTES)
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
            self.close()
            raise self._unreadable(error) from None
        except BaseException:
            self.close()
            raise
        if not self.head:
            self.close()
            raise self.refusal("the file is empty")

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on, fewer than `length` where the file ends before, or where more was read
        of it than metadata amounts to: whoever lists that much is told what a file that ends is told."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        length = min(length, self.size - offset, self._left)
        self._left -= length
        return self._read(offset, length)

    def read_picture(self, offset: int, length: int) -> bytes:
        """As `read`, for a picture inside the file, which does not count as metadata."""
        return self._read(offset, min(length, max(0, self.size - offset)))

    def _read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        try:
            while length > 0:
                part = self._pread(offset, length)
                if not part:
                    break  # the file shrank while we read it
                parts.append(part)
                offset += len(part)
                length -= len(part)
        except OSError as error:
            raise self._unreadable(error) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_all(self) -> bytes:
        if self.size <= len(self.head):
            return self.head
        return self.head + self._read(len(self.head), self.size - len(self.head))

    def open_file(self) -> BinaryIO:
        """The same file as an object of its own for decoders that want one."""
        try:
            file = os.fdopen(os.dup(self._fd), "rb")
            file.seek(0)
        except OSError as error:
            raise self._unreadable(error) from None
        return file

    def refusal(self, what: str) -> UnreadablePhotoError:
        """The error that says `what` is wrong with this file."""
        return UnreadablePhotoError(self.path, what, "left untouched")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pread(self, offset: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._fd, min(length, 1 << 30), offset)
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, min(length, 1 << 30))

    def _unreadable(self, error: Exception) -> UnreadablePhotoError:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return self.refusal(f"cannot be read ({said})")
