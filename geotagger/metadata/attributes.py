"""What a file carries besides its bytes: owner, mode, times, extended attributes, ACLs.

Read from the file that is to be replaced, given to its replacement, so that only the bytes
differ. On Linux the ACLs are extended attributes. What cannot be carried over is an error, and
the original stays. Two kinds are left to the system: `security.ima` and `security.evm` vouch
for the old bytes. Elsewhere than on Linux extended attributes are not carried.
"""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator

_OF_THE_OLD_BYTES = ("security.ima", "security.evm")
_ACCESS_LIST = "system.posix_acl_access"
_NO_ATTRIBUTES = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_NOT_PERMITTED = {errno.EPERM, errno.EACCES, *_NO_ATTRIBUTES}
_GETFLAGS = 0x80086601  # FS_IOC_GETFLAGS, linux/fs.h
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20


def carry_over(source: int, status: os.stat_result, target: int) -> None:
    """Gives the open file `target` all that the open file `source`, of that status, carries.
    OSError when one thing cannot be given."""
    new = os.fstat(target)
    if (new.st_uid, new.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(target, status.st_uid, status.st_gid)
    if sys.platform == "linux":
        _carry_extended(source, target)
    if stat.S_IMODE(os.fstat(target).st_mode) != stat.S_IMODE(status.st_mode):
        os.fchmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def belong_like(target: int, status: os.stat_result) -> None:
    """Gives a file that is new the owner and mode (without execution) of that status, as far as the
    system permits and the file system knows of such things; otherwise it is as this user makes files."""
    new = os.fstat(target)
    mode = (status.st_mode & 0o666) | 0o600
    if (new.st_uid, new.st_gid) != (status.st_uid, status.st_gid):
        with _as_far_as_permitted():
            os.fchown(target, status.st_uid, status.st_gid)
    if stat.S_IMODE(new.st_mode) != mode:
        with _as_far_as_permitted():
            os.fchmod(target, mode)


@contextlib.contextmanager
def _as_far_as_permitted() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_PERMITTED:
            raise


def _carry_extended(source: int, target: int) -> None:
    try:
        names = os.listxattr(source)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return
        raise
    for name in names:
        if name in _OF_THE_OLD_BYTES:
            continue
        value = os.getxattr(source, name)
        try:
            os.setxattr(target, name, value)
        except OSError:
            # a label that the system has given the new file by itself already is as good
            if _extended(target, name) != value:
                raise
    if _ACCESS_LIST not in names and _extended(target, _ACCESS_LIST) is not None:
        os.removexattr(target, _ACCESS_LIST)  # the folder's default, which lets others in


def _extended(descriptor: int, name: str) -> bytes | None:
    try:
        return os.getxattr(descriptor, name)
    except OSError:
        return None


def is_frozen(descriptor: int) -> bool:
    """Whether `chattr +i` or `+a` forbids replacing the file."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        flags = fcntl.ioctl(descriptor, _GETFLAGS, b"\0" * 8)
    except OSError:
        return False  # a file system without such flags
    return bool(int.from_bytes(flags, sys.byteorder) & (_IMMUTABLE | _APPEND_ONLY))
