"""What kind of file system a path lies on, so far as the system tells.

Read from /proc/self/mounts, so known on Linux only; elsewhere every path counts as local.
"""

import functools
import os

from geotagger.archive.names import is_at_or_below

_NETWORK_TYPES = frozenset(
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs", "lustre"),
        *("gpfs", "ocfs2", "gfs2", "beegfs", "davfs", "fuse.davfs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs"),
    ]
)


def is_on_network(path: str) -> bool:
    """True when other machines may write to the same files."""
    where = os.path.realpath(path)
    longest, kind = "", ""
    for mount_point, fs_type in _mounts():
        if is_at_or_below(where, [mount_point]) and len(mount_point) >= len(longest):
            longest, kind = mount_point, fs_type
    return kind in _NETWORK_TYPES


@functools.cache
def _mounts() -> tuple[tuple[str, str], ...]:
    try:
        with open("/proc/self/mounts", "rb") as table:
            rows = [line.split(b" ") for line in table]
    except OSError:
        return ()
    return tuple((os.fsdecode(_unescaped(row[1])), os.fsdecode(row[2])) for row in rows if len(row) > 2)


def _unescaped(name: bytes) -> bytes:
    """Mount tables write space, tab, newline and backslash as octal (getmntent(3))."""
    for code, plain in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        name = name.replace(code, plain)
    return name
