"""Kills a step of work at any of its calls to the operating system.

`killed_at(n, work)` forks; the child counts the calls of `os` that touch files and sends itself
SIGKILL at the n-th, before it, after it, or in the middle of a write. No hook in the product is
needed. Any work can be given, also a whole run with its index.
"""

import os
import signal
from collections.abc import Callable
from typing import Any, Literal

Moment = Literal["before", "within", "after"]
CALLS = (
    "open", "pwrite", "write", "copy_file_range", "sendfile", "ftruncate", "fchown", "fchmod",
    "utime", "setxattr", "fsync", "fdatasync", "replace", "rename", "link", "unlink", "remove",
    "mkdir", "makedirs", "close",
)  # fmt: skip


def killed_at(step: int, moment: Moment, work: Callable[[], Any]) -> bool:
    """Runs `work` in a child; True when it was killed, False when it ended before that step.
    AssertionError when it failed by itself."""
    child = os.fork()
    if child == 0:
        try:
            _arm(step, moment)
            work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False


def _arm(step: int, moment: Moment) -> None:
    count = 0

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count != step:
                return real(*arguments, **options)
            if moment == "within" and name in ("pwrite", "write"):
                half = bytes(arguments[1])[: len(arguments[1]) // 2]
                real(arguments[0], half, *arguments[2:])
            if moment == "within" and name == "copy_file_range":
                real(arguments[0], arguments[1], arguments[2] // 2, *arguments[3:])
            try:
                if moment == "after":
                    real(*arguments, **options)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)

        return call

    for name in CALLS:
        if hasattr(os, name):
            setattr(os, name, wrapped(name, getattr(os, name)))
