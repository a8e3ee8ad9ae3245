"""Replacing a file so that at every instant its name has the exact old or the exact new bytes.

The new file is written beside the old one under a temporary name, checked, fsynced, then takes
the old name by `os.replace`; `sync_folders` makes the new name durable. What no program can
promise: that a disk which acknowledges an fsync has kept its word; that a network file system
renames atomically for other machines that watch (NFS and SMB servers do it in one operation,
FAT has no journal); that nobody else writes to the file between our last look and the rename.
docs/writing.md lists what becomes of links, attributes and flags.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import xxhash

from geotagger.errors import NotCarriedOverError, WriteError, WriteRefusedError
from geotagger.metadata.attributes import belong_like, carry_over, is_frozen
from geotagger.metadata.copying import clone, copy_hashed, pieces_of, write_fully
from geotagger.metadata.source import ByteSource, read_fully
from geotagger.metadata.splice import Splice, kept_ranges
from geotagger.metadata.values import TEMPORARY_PATTERN, TEMPORARY_PREFIX, TEMPORARY_SUFFIX

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: "the disk reports an error",
    errno.EACCES: "there is no permission to write in its folder",
    errno.EPERM: "the system does not permit it",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "the file or its folder is gone",
    errno.ESTALE: "the network file system has lost it",
    errno.ENOTCONN: "the file system is gone",
    errno.ENODEV: "the file system is gone",
    errno.ENXIO: "the file system is gone",
    errno.EFBIG: "the file system cannot hold a file of that size",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: "its links run in a circle",
}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EISDIR, errno.EPERM}

Identity = tuple[int, int, int, int, int]
Check = Callable[[ByteSource], None]


@dataclass(frozen=True, slots=True)
class Temporary:
    """A finished file waiting to take the name of `target`, known by `device` and `inode`.
    `replaces` is the identity of the file it was made from, None when there must not be one."""

    path: str
    target: str
    device: int
    inode: int
    replaces: Identity | None
    kept_hash: str
    added_hash: str


def identity(status: os.stat_result) -> Identity:
    """Changes whenever anybody writes to the file, replaces it, or changes its owner or mode."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@contextlib.contextmanager
def opened(path: str) -> Iterator[ByteSource]:
    """A regular file to be read and replaced. WriteError when it is none or cannot be opened."""
    with as_write_error(path):
        # a FIFO named like a photo must not make the run wait for ever
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with as_write_error(path):
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WriteError(path, "it is not a regular file", "left alone")
            source = ByteSource(descriptor)
        yield source
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def as_write_error(path: str) -> Iterator[None]:
    """Turns an OSError into a WriteError that names the photo and says it is as it was."""
    try:
        yield
    except OSError as error:
        raise WriteError(path, _reason(error), "not written, the file is as it was") from error


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, error.strerror or str(error))


def check_replaceable(path: str, source: ByteSource) -> None:
    """WriteRefusedError for a file that must not be replaced, whoever may."""
    if source.status.st_nlink > 1:
        names = f"it has {source.status.st_nlink} names (hard links), and replacing it would part them"
        raise WriteRefusedError(path, names, "left alone, use a sidecar")
    if is_frozen(source.descriptor):
        raise WriteRefusedError(path, "it is marked immutable or append-only", "left alone, use a sidecar")


def write_changed(
    path: str, source: ByteSource, splices: Sequence[Splice], check: Check, durable: bool
) -> Temporary:
    """The file with the ordered splices, complete and checked, beside `path`.

    The bytes between the splices are hashed in the old file and read back from the new one; then
    `check` is called with the open new file and raises what it finds wrong. Raises WriteError.
    """
    runs = kept_ranges(splices, source.size)
    new_size = source.size + sum(s.growth for s in splices)
    unmoved = all(run.old_offset == run.new_offset for run in runs)
    with _temporary(path) as (name, descriptor):
        cloned = unmoved and clone(source.descriptor, descriptor)
        if cloned and new_size < source.size:
            os.ftruncate(descriptor, new_size)
        pieces = pieces_of(source, splices)
        for offset, data in pieces:
            write_fully(descriptor, data, offset)
        old_hash, new_hash = copy_hashed(source, descriptor, runs, cloned)
        try:
            carry_over(source.descriptor, source.status, descriptor)
        except PermissionError as error:
            why = "this user may not give a new file its owner, group, rights or attributes"
            raise NotCarriedOverError(path, why, "not written, the file is as it was") from error
        _check_pieces(path, descriptor, pieces)
        written = ByteSource(descriptor)
        if old_hash != new_hash or written.size != new_size:
            raise WriteError(path, "what was written reads back differently", "the file is as it was")
        check(written)
        if durable:
            os.fsync(descriptor)
    added_hash = xxhash.xxh3_128_hexdigest(b"".join(s.data for s in splices))
    device, inode = written.status.st_dev, written.status.st_ino
    return Temporary(name, path, device, inode, identity(source.status), new_hash, added_hash)


def write_new(path: str, data: bytes, like: os.stat_result | None, durable: bool) -> Temporary:
    """A file that is not there yet, with the mode (without execution) and owner of `like`."""
    with _temporary(path) as (name, descriptor):
        write_fully(descriptor, data, 0)
        if like is not None:
            belong_like(descriptor, like)
        _check_pieces(path, descriptor, [(0, data)])
        made = os.fstat(descriptor)
        if durable:
            os.fsync(descriptor)
    nothing_kept, added_hash = xxhash.xxh3_128_hexdigest(b""), xxhash.xxh3_128_hexdigest(data)
    return Temporary(name, path, made.st_dev, made.st_ino, None, nothing_kept, added_hash)


def take_place(temporary: Temporary) -> None:
    """Gives the finished file its name. WriteError when the old file has changed since it was
    read, or cannot be replaced; the temporary file is gone then."""
    try:
        with as_write_error(temporary.target):
            _check_unchanged(temporary)
            try:
                os.replace(temporary.path, temporary.target)
            except OSError:
                if not _has_taken_place(temporary):
                    raise
    except BaseException:
        drop(temporary)
        raise


def drop(temporary: Temporary) -> None:
    """Forgets a finished file that shall not take its place."""
    with contextlib.suppress(OSError):
        os.unlink(temporary.path)


def sync_folders(folders: Iterable[str]) -> None:
    """Makes the names in these folders durable, each folder once. Where the system cannot sync a
    folder (Windows, some network file systems) the names are as durable as it makes them itself.
    WriteError when a disk reports an error; what was written stands there all the same."""
    for folder in dict.fromkeys(folders):
        try:
            descriptor = os.open(folder or ".", os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise WriteError(
                    folder,
                    f"written, but {_reason(error)} and cannot confirm it",
                    "a power cut could undo it, look after the disk",
                ) from error


def sweep_temporaries(folder: str) -> list[str]:
    """Removes what an interrupted run left in one folder (not below it); the names. Call it only
    while no other run works on the archive."""
    swept = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if re.match(TEMPORARY_PATTERN, entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
                    swept.append(entry.name)
    return swept


@contextlib.contextmanager
def _temporary(path: str) -> Iterator[tuple[str, int]]:
    """An empty file beside `path`; it is removed again when anything goes wrong."""
    name = os.path.join(os.path.dirname(path), f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    with as_write_error(path):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                yield name, descriptor
            finally:
                os.close(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def _check_pieces(path: str, descriptor: int, pieces: Sequence[tuple[int, bytes | bytearray]]) -> None:
    for offset, data in pieces:
        if read_fully(descriptor, offset, len(data)) != data:
            raise WriteError(path, "what was written reads back differently", "the file is as it was")


def _check_unchanged(temporary: Temporary) -> None:
    try:
        now = identity(os.lstat(temporary.target))
    except FileNotFoundError:
        now = None
    if now != temporary.replaces:
        raise WriteError(
            temporary.target, "another program changed it meanwhile", "left as it is now, run again"
        )


def _has_taken_place(temporary: Temporary) -> bool:
    """Whether the rename was done although an error came back: a network file system may lose the
    answer, ask again, and be told that there is no such file any more."""
    try:
        now = os.lstat(temporary.target)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (temporary.device, temporary.inode)
