"""Copying runs of bytes from one open file to another inside the kernel.

`clone` shares the blocks where the file system can (btrfs, XFS, APFS has no such call here);
otherwise `copy_file_range`, then `sendfile`, then plain reads and writes: whichever the kernel
and the file system take. Both sides are hashed while they are still in the processor's cache,
which makes the check of a copy cost about a third of the copy. What is not very long goes through
a buffer; the few kilobytes between two changes are written with them, in one call.
"""

import errno
import os
import sys
import threading
from collections.abc import Callable, Sequence

import xxhash

from geotagger.metadata.source import ByteSource
from geotagger.metadata.splice import CopiedRange, Splice, added, kept_ranges

_CHUNK = 1 << 19
_SHORT = 1 << 16
"""Below, a kept run is written together with the changes before and behind it, as one piece."""
_LARGE = 1 << 24
"""From here on the kernel copies. What is shorter has to be read for its hash anyway and comes out of
the cache: writing it from there takes half the time of an unaligned copy inside the kernel."""
_threads = threading.local()
_FICLONE = 0x40049409  # linux/fs.h
_NOT_HERE = {
    errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM,
    errno.EBADF, errno.ETXTBSY,
}  # fmt: skip

Copier = Callable[[int, int, int, int, int], int]


def clone(source: int, target: int) -> bool:
    """Makes the empty `target` share all blocks of `source`; False where that is not possible."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise
    return True


def pieces_of(source: ByteSource, splices: Sequence[Splice]) -> list[tuple[int, bytearray]]:
    """What is written from memory, each piece with its offset in the new file: the data of the
    ordered splices, and the short runs that are kept before, between and behind them."""
    runs = kept_ranges(splices, source.size)
    parts = [(r.new_offset, source.read(r.old_offset, r.length)) for r in runs if r.length < _SHORT]
    pieces: list[tuple[int, bytearray]] = []
    for offset, data in sorted((*parts, *added(splices))):
        if pieces and pieces[-1][0] + len(pieces[-1][1]) == offset:
            pieces[-1][1].extend(data)
        elif data:
            pieces.append((offset, bytearray(data)))
    return pieces


def copy_hashed(
    source: ByteSource, target: int, runs: Sequence[CopiedRange], copied: bool = False
) -> tuple[str, str]:
    """Copies the runs (unless a clone has `copied` them already); the XXH3 of what was read from
    the source and of what the target then gives back. Short runs are in pieces, which are to be
    compared whole. Raises OSError, also when the source ends early."""
    read, written = xxhash.xxh3_128(), xxhash.xxh3_128()
    buffer = _buffer()
    for run in runs:
        if run.length < _SHORT:
            data = source.read(run.old_offset, run.length)
            read.update(data)
            written.update(data)
            continue
        is_large = run.length >= _LARGE
        done = 0
        while done < run.length:
            start, to = run.old_offset + done, run.new_offset + done
            # whole pages of the target at a time, whatever the shift between the files
            piece = buffer[: min(_CHUNK - to % _CHUNK, run.length - done)]
            if is_large and not copied:
                _copy(source.descriptor, target, start, to, len(piece))
            _read_into(source.descriptor, start, piece)
            read.update(piece)
            if not is_large and not copied:
                write_fully(target, piece, to)
            _read_into(target, to, piece)
            written.update(piece)
            done += len(piece)
    return read.hexdigest(), written.hexdigest()


def _buffer() -> memoryview:
    """One buffer for each thread: its pages stay mapped and in the cache from file to file."""
    if not hasattr(_threads, "buffer"):
        _threads.buffer = memoryview(bytearray(_CHUNK))
    buffer: memoryview = _threads.buffer
    return buffer


def _read_into(descriptor: int, offset: int, piece: memoryview) -> None:
    while piece:
        count = os.preadv(descriptor, [piece], offset)
        if not count:
            raise OSError(errno.EIO, "the file became shorter while it was read")
        piece, offset = piece[count:], offset + count


def _copy(source: int, target: int, start: int, to: int, length: int) -> None:
    while length:
        for copier in _copiers:
            try:
                count = copier(source, target, start, to, length)
            except OSError as error:
                if error.errno not in _NOT_HERE or copier is _by_hand:
                    raise
                continue
            if count or copier is _by_hand:
                break
        if not count:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        start, to, length = start + count, to + count, length - count


def _in_kernel(source: int, target: int, start: int, to: int, length: int) -> int:
    return os.copy_file_range(source, target, length, start, to)


def _by_sendfile(source: int, target: int, start: int, to: int, length: int) -> int:
    os.lseek(target, to, os.SEEK_SET)
    return os.sendfile(target, source, start, length)


def _by_hand(source: int, target: int, start: int, to: int, length: int) -> int:
    data = os.pread(source, length, start)
    return write_fully(target, data, to)


def write_fully(descriptor: int, data: bytes | bytearray | memoryview, offset: int) -> int:
    """Writes all of `data` at `offset`; the count."""
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, offset)
        view, offset = view[count:], offset + count
    return len(data)


_copiers: tuple[Copier, ...] = (
    *((_in_kernel,) if hasattr(os, "copy_file_range") else ()),
    *((_by_sendfile,) if sys.platform == "linux" else ()),
    _by_hand,
)
