"""One run at a time on an archive.

A run holds its archive roots and everything below them: another run that asks for the same
root, for a folder inside it or for one above it is refused, or waits.

Kept by three locks, each as strong as its ground:
- a file per root in the user's state folder (`filelock`; the kernel lets go of it when the
  process ends, however it ends). Read-only archives are locked the same way, and it is here
  that roots inside one another are seen.
- the root folder itself and, shared with others, the folders above it (`flock`, no file is made), against
  runs of other users, homes and containers on this machine.
- on a network file system that may be written, `.geotagger.lock` in the root, against other
  machines. Removed when the run ends.

What this cannot do: over NFS or SMB the last one is as good as the server's locks (NFS 4, or
NFS 3 with a lock daemon; mounts with `nolock` or `local_lock=all` lock one machine only); a
read-only mount is not locked against other machines; another machine that works on a folder above
or below is not seen, nor another user where a folder in between may not be read.
"""

import contextlib
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from geotagger.archive.mounts import is_on_network
from geotagger.archive.names import is_along, is_at_or_below
from geotagger.errors import ArchiveBusyError, ArchiveError

NETWORK_LOCK_NAME = ".geotagger.lock"
_POLL_S = 0.25


@contextlib.contextmanager
def lock(
    roots: str | Sequence[str],
    *,
    wait: bool = False,
    waiting: Callable[[str], None] | None = None,
    state_folder: Path | None = None,
) -> Iterator[None]:
    """Holds one or several archive roots while the `with` block runs.

    All of them are taken or none is, so two runs with several roots cannot block each other.
    `wait`: wait until they are free, however long; `waiting` is called once with a line that
    says for whom. `state_folder` is where the locks lie (the user's state folder unless told).

    Raises ArchiveBusyError when another run holds one of them (or a folder above or below),
    ArchiveError when the state folder cannot be written.
    """
    wanted = [os.path.realpath(root) for root in ([roots] if isinstance(roots, str) else roots)]
    folder = state_folder or _state_folder()
    stack: contextlib.ExitStack | None = None
    has_said = False
    while stack is None:
        try:
            stack = _take(wanted, folder)
        except ArchiveBusyError as busy:
            if not wait:
                raise
            if not has_said and waiting is not None:
                waiting(f"{busy}; waiting until it ends")
            has_said = True
            time.sleep(_POLL_S)
        except OSError as error:
            raise ArchiveError(
                f"{folder}: the archive cannot be locked here ({error.strerror or error}); nothing was "
                "changed; make the folder writable or set XDG_STATE_HOME to one that is"
            ) from error
    with stack:
        yield


def _take(wanted: list[str], folder: Path) -> contextlib.ExitStack:
    """Takes all locks or raises ArchiveBusyError with none held."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack, FileLock(folder / "taking"):
        for other in sorted(folder.glob("*.json")):
            _refuse_if_held(other, wanted)
        for root in wanted:
            _take_in_state_folder(stack, folder, root)
            _take_in_archive(stack, root)
        for above in sorted({above for root in wanted for above in _above(root)} - set(wanted)):
            if not is_at_or_below(above, wanted):
                _share(stack, above)
        return stack.pop_all()


def _refuse_if_held(note: Path, wanted: list[str]) -> None:
    """Raises when the run that left this note still lives and its root touches a wanted one;
    clears up after a run that died."""
    from filelock import FileLock, Timeout

    try:
        holder = json.loads(note.read_text())
        root = os.fsdecode(bytes.fromhex(holder["root"]))
    except (OSError, ValueError, KeyError, TypeError):
        holder, root = {}, ""
    if root and not is_along(root, wanted):
        return
    probe = FileLock(note.with_suffix(".lock"))
    try:
        probe.acquire(timeout=0)
    except Timeout:
        if root:
            raise ArchiveBusyError(_busy(root, holder)) from None
        return
    note.unlink(missing_ok=True)
    probe.release()


def _take_in_state_folder(stack: contextlib.ExitStack, folder: Path, root: str) -> None:
    from filelock import FileLock, Timeout

    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
    file_lock = FileLock(folder / f"{name}.lock")
    try:
        file_lock.acquire(timeout=0)
    except Timeout:
        raise ArchiveBusyError(_busy(root, {})) from None
    stack.callback(file_lock.release)
    note = folder / f"{name}.json"
    stack.callback(_remove, note)
    # a file of its own: some versions of filelock empty the lock file of the holder when another asks
    note.write_text(
        json.dumps(
            {
                "root": os.fsencode(root).hex(),
                "process": os.getpid(),
                "machine": socket.gethostname(),
                "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            }
        )
    )


def _take_in_archive(stack: contextlib.ExitStack, root: str) -> None:
    from filelock import FileLock, Timeout

    if sys.platform != "win32":
        import fcntl

        try:
            descriptor = os.open(root, os.O_RDONLY)
        except OSError as error:
            raise ArchiveError(f"{root}: cannot be read ({error.strerror}); nothing was changed") from error
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveBusyError(_busy(root, {})) from None
        except OSError:
            pass  # a file system without locks: the state folder's lock has to do
    if is_on_network(root) and os.access(root, os.W_OK):
        file_lock = FileLock(Path(root, NETWORK_LOCK_NAME))
        try:
            file_lock.acquire(timeout=0)
        except Timeout:
            raise ArchiveBusyError(_busy(root, {})) from None
        except OSError:
            return  # the server gives no locks
        stack.callback(Path(root, NETWORK_LOCK_NAME).unlink, missing_ok=True)
        stack.callback(file_lock.release)


def _remove(note: Path) -> None:
    with contextlib.suppress(OSError):  # whoever asks next clears it away
        note.unlink()


def _above(root: str) -> list[str]:
    return [os.fspath(parent) for parent in Path(root).parents]


def _share(stack: contextlib.ExitStack, folder: str) -> None:
    """Holds a folder together with whoever works elsewhere below it; raises where one works on all of it."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # others may not list it either, so hardly work on it
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ArchiveBusyError(_busy(folder, {})) from None
    except OSError:
        pass  # a file system without locks


def _busy(root: str, holder: dict[str, object]) -> str:
    if holder:
        who = f"process {holder['process']} on {holder['machine']}, since {holder['since']}"
    else:
        who = "another user, container or machine"
    return (
        f"{root}: another run of geotagger is working on it ({who}); nothing was changed; "
        "wait for it to end, or run again with --wait"
    )


def _state_folder() -> Path:
    from platformdirs import user_state_path

    return user_state_path("geotagger", appauthor=False) / "locks"
