"""Decoding in a process of its own, for pictures that could take much memory or time, or whose headers
cannot be trusted to say how much: what one file can cause there is bounded by the operating system.

Takes a path and a Preprocessing, gives pixels or an error like `read_pixels`. The processes are kept for
the next picture; they end with this one. Where the system knows no such bounds (Windows; macOS bounds the
time only), what the headers say is all that is looked at.
"""

import atexit
import json
import os
import queue
import signal
import subprocess
import sys
from typing import Any

import numpy as np

from geotagger.errors import TooLargeToSeeError, UnreadablePhotoError
from geotagger.photo.prepare import PixelRecipe, Pixels

_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from geotagger.photo.decoding import serve; serve()"
)
_FIELDS = ("input_size", "crop", "channels", "scale", "mean", "std", "resampling")

_idle: "queue.SimpleQueue[subprocess.Popen[bytes]]" = queue.SimpleQueue()


def read_apart(path: str, size: tuple[str, int, int], preprocessing: PixelRecipe, previews: str) -> Pixels:
    """`size`: format, width and height that the file had a moment ago. TooLargeToSeeError where a bound was
    met, UnreadablePhotoError for what is no whole picture, and where its decoder crashed."""
    wish = {name: getattr(preprocessing, name) for name in _FIELDS}
    line = (
        json.dumps({"path": os.path.abspath(path), "size": size, "previews": previews, "preprocessing": wish})
        + "\n"
    )
    process = _process()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line.encode())
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline() or b"{}")
        data = process.stdout.read(answer.get("bytes", 0))
    except (OSError, ValueError):
        answer, data = {}, b""
    except BaseException:  # we are asked to stop: the process may be at work for seconds
        _end(process)
        raise
    if "shape" in answer and len(data) == answer["bytes"]:
        _idle.put(process)
        return np.frombuffer(data, np.float32).reshape(answer["shape"]).copy()
    if "reason" in answer:
        _idle.put(process)
        kind = TooLargeToSeeError if answer["too_large"] else UnreadablePhotoError
        raise kind(path, answer["reason"], answer["left"])
    raise _death(path, process)


def _process() -> "subprocess.Popen[bytes]":
    try:
        return _idle.get_nowait()
    except queue.Empty:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )


def _death(path: str, process: "subprocess.Popen[bytes]") -> UnreadablePhotoError:
    """Why a process gave no answer."""
    _end(process)
    code = process.returncode
    if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
        what = "it takes longer to decode than one picture may"
        return TooLargeToSeeError(path, what, "left untouched")
    return UnreadablePhotoError(path, f"its decoder crashed (status {code})", "left untouched")


def _end(process: "subprocess.Popen[bytes]") -> None:
    for stream in (process.stdin, process.stdout):
        try:
            if stream is not None:
                stream.close()
        except OSError:
            pass  # what was not sent yet has nobody to read it
    if process.poll() is None:
        try:
            process.wait(0.2)  # one that died for a reason of its own: that one is told
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@atexit.register
def _end_all() -> None:
    while True:
        try:
            _end(_idle.get_nowait())
        except queue.Empty:
            return
