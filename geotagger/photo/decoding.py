"""The process in which `apart` has pictures decoded: `serve` answers one line of JSON after the other.

It may take 1 GiB of memory and some seconds of processor time for each picture, by the limits of the
operating system; a decoder that wants more fails, or the process ends, and whoever asked says so.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image

from geotagger.bounded import begin_to_serve, bound_time, slowness
from geotagger.errors import TooLargeToSeeError, UnreadablePhotoError
from geotagger.photo.pixels import read_pixels_here
from geotagger.photo.prepare import Pixels

SECONDS_ALLOWED = 10.0
"""Of processor time for one picture, on a machine as fast as that of benchmarks/RESULTS.md."""


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
    answers = begin_to_serve()
    Image.MAX_IMAGE_PIXELS = None  # our own bounds count
    seconds = SECONDS_ALLOWED * slowness()
    for line in sys.stdin.buffer:
        bound_time(seconds)
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
