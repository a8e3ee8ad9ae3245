"""Decoding in a process of its own, for pictures that could take much memory or time, or whose headers
cannot be trusted to say how much: what one file can cause there is bounded by the operating system.

Takes a path and a Preprocessing, gives pixels or an error like `read_pixels`; or gives a whole picture as a
JPEG. The processes are kept for the next picture; they end with this one. Where the system knows no such
bounds (Windows; macOS bounds the time only), what the headers say is all that is looked at.
"""

import json
import os
from typing import Any

import numpy as np

from geotagger.bounded import BoundedProcesses, took_too_long
from geotagger.errors import TooLargeToSeeError, UnreadablePhotoError
from geotagger.photo.prepare import AnyPixels, PixelRecipe

_FIELDS = ("input_size", "crop", "channels", "scale", "mean", "std", "resampling")

_PROCESSES = BoundedProcesses("geotagger.photo.decoding")


def read_apart(path: str, size: tuple[str, int, int], preprocessing: PixelRecipe, previews: str) -> AnyPixels:
    """`size`: format, width and height that the file had a moment ago. TooLargeToSeeError where a bound was
    met, UnreadablePhotoError for what is no whole picture, and where its decoder crashed."""
    fields = {name: getattr(preprocessing, name) for name in _FIELDS}
    answer, data = _answer(path, {"size": size, "previews": previews, "preprocessing": fields})
    return np.frombuffer(data, answer["type"]).reshape(answer["shape"]).copy()


def jpeg_apart(path: str, edge: int, quality: int) -> bytes:
    """A JPEG of the photo upright, at most `edge` pixels wide and high. Errors as of `read_apart`."""
    return _answer(path, {"edge": edge, "quality": quality})[1]


def _answer(path: str, wish: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    line = json.dumps({"path": os.path.abspath(path), **wish}) + "\n"
    process = _PROCESSES.take()
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
        _PROCESSES.end(process)
        raise
    if "bytes" in answer and len(data) == answer["bytes"]:
        _PROCESSES.keep(process)
        return answer, data
    if "reason" in answer:
        _PROCESSES.keep(process)
        kind = TooLargeToSeeError if answer["too_large"] else UnreadablePhotoError
        raise kind(path, answer["reason"], answer["left"])
    raise _death(path, _PROCESSES.end(process))


def _death(path: str, exit_code: int) -> UnreadablePhotoError:
    """Why a process gave no answer."""
    if took_too_long(exit_code):
        what = "it takes longer to decode than one picture may"
        return TooLargeToSeeError(path, what, "left untouched")
    return UnreadablePhotoError(path, f"its decoder crashed (status {exit_code})", "left untouched")
