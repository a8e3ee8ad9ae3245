"""The process in which `apart` has pictures decoded: `serve` answers one line of JSON after the other.

It may take 1 GiB of memory and some seconds of processor time for each picture, by the limits of the
operating system; a decoder that wants more fails, or the process ends, and whoever asked says so.
"""

import contextlib
import json
import os
import re
import signal
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from geotagger.errors import TooLargeToSeeError, UnreadablePhotoError
from geotagger.photo.pixels import read_pixels_here
from geotagger.photo.prepare import Pixels

if sys.platform != "win32":
    import resource

BYTES_ALLOWED = 1 << 30
"""What one picture may take, beyond what this process has when it begins."""

SECONDS_ALLOWED = 10.0
"""Of processor time for one picture, on a machine as fast as that of benchmarks/RESULTS.md."""

_TRIAL = zlib.compress(bytes(n * n * n // 7 % 251 for n in range(1 << 14)))
_TRIALS, _TRIALS_S = 1000, 0.014
"""How often it is inflated, and how long that took there."""


@dataclass(frozen=True, slots=True)
class ToldPreprocessing:
    """A Preprocessing that came as a line of JSON."""

    input_size: int
    crop: str
    channels: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resampling: str


def serve() -> None:
    """Reads wishes from standard input, answers on standard output, until the input ends."""
    # a key pressed or a signal to the whole group is for the process that asked; our input ends with it
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints may stand between answers
    Image.MAX_IMAGE_PIXELS = None  # our own bounds count
    _bound_memory()
    seconds = SECONDS_ALLOWED * _slowness()
    for line in sys.stdin.buffer:
        _bound_time(seconds)
        _answer(json.loads(line), answers)


def _answer(wish: dict[str, Any], answers: BinaryIO) -> None:
    try:
        pixels = _pixels(wish)
    except MemoryError:
        reason = "too large to decode in the memory that one picture may take"
        answer: dict[str, Any] = {"reason": reason, "left": "left untouched", "too_large": True}
    except UnreadablePhotoError as error:
        too_large = isinstance(error, TooLargeToSeeError)
        answer = {"reason": error.reason, "left": error.left, "too_large": too_large}
    except Exception as error:
        reason = f"it cannot be looked at ({type(error).__name__}: {error})"
        answer = {"reason": reason, "left": "left untouched", "too_large": False}
    else:
        data = pixels.tobytes()
        answer = {"shape": pixels.shape, "bytes": len(data)}
        answers.write(json.dumps(answer).encode() + b"\n" + data)
        answers.flush()
        return
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _pixels(wish: dict[str, Any]) -> Pixels:
    fields = wish["preprocessing"]
    preprocessing = ToldPreprocessing(
        **{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])}
    )
    return read_pixels_here(wish["path"], tuple(wish["size"]), preprocessing, wish["previews"])


def _bound_memory() -> None:
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):  # a system that knows no such limit
            status = Path("/proc/self/status").read_text()
            data = int((re.search(r"VmData:\s+(\d+) kB", status) or ["", "0"])[1]) << 10
            resource.setrlimit(resource.RLIMIT_DATA, (data + BYTES_ALLOWED, resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bound_time(seconds: float) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            limit = int(time.process_time() + seconds + 1)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _slowness() -> float:
    """How many times as long as there this machine takes, 1 for a faster one."""
    began = time.process_time()
    for _ in range(_TRIALS):
        zlib.decompress(_TRIAL)
    return max(1.0, (time.process_time() - began) / _TRIALS_S)
