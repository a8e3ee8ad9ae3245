"""Runs a function in a forked process that is killed (SIGKILL) at its n-th dealing with the disk.

The child's `os` functions that change files, and SQLite's statements, count their calls; at the
n-th one the process dies, before or after the call. The product knows nothing of it.
"""

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from geotagger.index import store

_CHANGING = (
    "replace",
    "fsync",
    "unlink",
    "pwrite",
    "write",
    "ftruncate",
    "copy_file_range",
    "fchmod",
    "utime",
)

_WRITING = ("begin", "commit", "insert", "update", "delete", "create", "alter", "pragma user_version =")


class Killer:
    """Counts steps; kills the process at step `at`. `after`: let the step happen first."""

    def __init__(self, at: int, after: bool) -> None:
        self.steps = 0
        self._at, self._after = at, after
        self._turn = threading.Lock()

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._turn:
                self.steps += 1
                mine = self.steps == self._at
            if mine and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **kwargs)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def run_and_kill(work: Callable[[], object], at: int, after: bool) -> bool:
    """Runs `work` in a child and kills it at that step; False when it ended before."""
    child = os.fork()
    if child == 0:
        _work_counted(Killer(at, after), work, lambda _: None)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the run failed by itself"
    return False


def _work_counted(killer: Killer, work: Callable[[], object], told: Callable[[int], object]) -> NoReturn:
    """The whole life of a child: its steps are counted, and told when the work is done."""
    for name in _CHANGING:
        setattr(os, name, killer.counted(getattr(os, name)))
    _count_statements(killer)
    code = 1
    try:
        work()
        code = 0
    finally:
        told(killer.steps)
        os._exit(code)


def _count_statements(killer: Killer) -> None:
    """Commits and writes of the index count as steps too."""
    plain = sqlite3.connect

    class Counted(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql.lstrip().lower().startswith(_WRITING):
                return killer.counted(super().execute)(sql, *args)  # type: ignore[no-any-return]
            return super().execute(sql, *args)

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return plain(*args, factory=Counted, **kwargs)

    store.sqlite3.connect = connect  # type: ignore[attr-defined]


def steps_of(work: Callable[[], object]) -> int:
    """How many steps an undisturbed run of `work` takes, counted in a child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # the pipe's own write comes after the count is taken
        _work_counted(Killer(0, False), work, lambda steps: os.write(writer, str(steps).encode()))
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        steps = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0
    return int(steps)
