"""Processes of our own that read what others made, so that the operating system bounds what it takes: memory
and processor time. They are kept for the next file, and end with the process that asked.

For whoever asks: `BoundedProcesses`. For the process itself: `begin_to_serve` and the bounds. Where the
system knows none (Windows; macOS bounds the time only), there are none. Knows no format.
"""

import atexit
import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import resource

BYTES_ALLOWED = 1 << 30
"""What one file may take, beyond what the process has when it begins."""

_TRIAL = zlib.compress(bytes(n * n * n // 7 % 251 for n in range(1 << 14)))
_TRIALS, _TRIALS_S = 1000, 0.014
"""How often it is inflated, and how long that took on the machine of benchmarks/RESULTS.md."""


class BoundedProcesses:
    """Of one kind. module: it has a function `serve`, which answers one wish after the other. environment:
    what stands in theirs besides ours."""

    def __init__(self, module: str, **environment: str) -> None:
        self._start = (
            f"import sys, json; sys.path[:] = json.loads(sys.argv[1]); from {module} import serve; serve()"
        )
        self._environment = environment
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        atexit.register(self.end_all)

    def take(self) -> "subprocess.Popen[bytes]":
        """One that waits for a wish."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return subprocess.Popen(
                [sys.executable, "-P", "-c", self._start, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONWARNINGS": "ignore", **self._environment},
            )

    def keep(self, process: "subprocess.Popen[bytes]") -> None:
        """It has answered, and may be asked again."""
        self._idle.put(process)

    def end(self, process: "subprocess.Popen[bytes]") -> int:
        """One that is not to be asked again; its exit code."""
        for stream in (process.stdin, process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass  # what was not sent yet has nobody to read it
        try:
            return process.wait(0.2)  # one that died for a reason of its own: that one is told
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def end_all(self) -> None:
        while True:
            try:
                self.end(self._idle.get_nowait())
            except queue.Empty:
                return


def took_too_long(exit_code: int) -> bool:
    """Whether a process ended by its bound of processor time."""
    return hasattr(signal, "SIGXCPU") and exit_code == -signal.SIGXCPU


def begin_to_serve() -> BinaryIO:
    """Where the answers go; what is printed goes elsewhere. From now on memory is bounded."""
    # a key pressed or a signal to the whole group is for the process that asked; our input ends with it
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints may stand between answers
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):  # a system that knows no such limit
            status = Path("/proc/self/status").read_text()
            data = int((re.search(r"VmData:\s+(\d+) kB", status) or ["", "0"])[1]) << 10
            resource.setrlimit(resource.RLIMIT_DATA, (data + BYTES_ALLOWED, resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return answers


def bound_time(seconds: float) -> None:
    """So long from now, of processor time."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            limit = int(time.process_time() + seconds + 1)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def slowness() -> float:
    """How many times as long as the machine of benchmarks/RESULTS.md this one takes, 1 for a faster one."""
    began = time.process_time()
    for _ in range(_TRIALS):
        zlib.decompress(_TRIAL)
    return max(1.0, (time.process_time() - began) / _TRIALS_S)
