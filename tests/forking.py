"""Processes of the command that need not import everything anew.

A server per test process imports the command and what it works with once, and forks for each command: the
child is a process of its own, with the environment, folder, streams and rights of the caller, and starts in a
hundredth of a second instead of one. What a start costs, and what is imported when, is for tests that start a
process for themselves.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]

_LIBRARIES = (
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "exifread",
    "numpy",
    "onnx",
    "onnxruntime",
    "piexif",
    "rich.markdown",
    "rich.progress",
    "rich.table",
    "s2sphere",
    "pydantic",
    "sqlite3",
    "sqlite_utils",
    "typer._adapters",
    "typer.rich_utils",
    "tzfpy",
    "xxhash",
)
"""What most commands import, sooner or later; without what few do, such as torch."""

_READ_AT_THE_START = ("PYTHON", "LD_", "DYLD_", "OMP_", "OPENBLAS_", "LANG", "LC_", "TERMINAL_WIDTH")
"""Beginnings of variables that a program reads once, while it starts."""

_NUMBER = struct.Struct("!i")


class ForkServer:
    """Starts processes of `geotagger`, one server for all of a test process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, there = socket.socketpair()
        self._environment = dict(os.environ)
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from tests.forking import serve; serve({there.fileno()})"],
            pass_fds=[there.fileno()],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        there.close()
        atexit.register(self._close)

    def can(self, environment: Mapping[str, str]) -> bool:
        """Whether a fork can have this environment."""
        names = [name for name in (*environment, *self._environment) if name.startswith(_READ_AT_THE_START)]
        return all(environment.get(name) == self._environment.get(name) for name in names)

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        streams: tuple[int, int],
        timeout: float,
    ) -> int:
        """Runs a command with these open files for its output and errors: its exit code, as `subprocess`
        gives it. TimeoutExpired where it takes longer; it is killed."""
        mask = os.umask(0)
        os.umask(mask)
        wish = json.dumps([list(words), dict(environment), str(folder), mask]).encode()
        mine, other = socket.socketpair()
        with mine:
            with other, self._lock:
                socket.send_fds(self._socket, [b"!"], [other.fileno(), *streams])
            mine.sendall(_NUMBER.pack(len(wish)) + wish)
            pid = _number(mine)
            mine.settimeout(timeout)
            try:
                return _number(mine)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), timeout) from None

    def _close(self) -> None:
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


def serve(descriptor: int) -> None:
    """The server: forks for each wish until the socket is closed at the other end."""
    import geotagger
    from geotagger.cli import build
    from geotagger.cli.settings import default_map
    from geotagger.estimate.people import share_of_earth, usual_about
    from geotagger.gazetteer.naming import names_of
    from geotagger.text.ratios import ratios_of
    from geotagger.text.values import Line

    for module in pkgutil.walk_packages(geotagger.__path__, "geotagger."):
        if not module.name.endswith("__main__"):
            with suppress(ImportError, geotagger.GeotaggerError):
                importlib.import_module(module.name)
    for name in _LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    # tables that are shipped, and what Python and typer make of a command when it is first used
    names_of([48.2], [16.4])
    usual_about(48.2, 16.4, 1.0, 1.0)
    share_of_earth(0.0, 3600.0)
    with suppress(ImportError, geotagger.GeotaggerError):
        default_map(build(), {})
    with suppress(ImportError, geotagger.GeotaggerError):
        ratios_of([Line("Velkommen til Aarhus", 0.9)])
    gc.collect()
    gc.freeze()  # what all commands share is not looked through, nor copied, by each of them
    wishes = socket.socket(fileno=descriptor)
    while True:
        word, files, _, _ = socket.recv_fds(wishes, 1, 3)
        with suppress(ChildProcessError):
            while os.waitpid(-1, 0 if not word else os.WNOHANG)[0]:
                pass
        if not word:
            return
        if os.fork() == 0:
            wishes.close()
            _keep(*files)
        for file in files:
            os.close(file)


def _keep(descriptor: int, out: int, err: int) -> None:
    """Forks once more and waits, so that the server need not."""
    caller = socket.socket(fileno=descriptor)
    words, environment, folder, mask = json.loads(_exactly(caller, _number(caller)))
    pid = os.fork()
    if pid == 0:
        caller.close()
        for file, standard in ((out, 1), (err, 2)):
            os.dup2(file, standard)
            os.close(file)
        os.umask(mask)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        os.chdir(folder)
        os._exit(_run(words))
    caller.sendall(_NUMBER.pack(pid))
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):  # the caller has stopped to wait
        caller.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _run(words: Sequence[str]) -> int:
    """`python -m geotagger` with these words, to its very end."""
    sys.argv = ["geotagger", *words]
    code: object = 0
    try:
        runpy.run_module("geotagger", run_name="__main__", alter_sys=True)
    except SystemExit as exit:
        code = exit.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, as the end of a program does
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        return 120
    return (code or 0) & 0xFF


def _number(connection: socket.socket) -> int:
    return int(_NUMBER.unpack(_exactly(connection, _NUMBER.size))[0])


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError("the other end has gone away")
        data += more
    return data
