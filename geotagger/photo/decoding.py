"""The process in which `apart` has pictures decoded: `serve` answers one line of JSON after the other.

It may take 1 GiB of memory and some seconds of processor time for each picture, by the limits of the
operating system; a decoder that wants more fails, or the process ends, and whoever asked says so.
"""

import io
import json
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image

from geotagger.bounded import begin_to_serve, bound_time, slowness
from geotagger.errors import TooLargeToSeeError, UnreadablePhotoError
from geotagger.photo.pixels import read_pixels_here
from geotagger.photo.prepare import AnyPixels
from geotagger.photo.shown import shown

SECONDS_ALLOWED = 10.0
"""Of processor time for one picture, on a machine as fast as that of benchmarks/RESULTS.md."""


@dataclass(frozen=True, slots=True)
class JsonPreprocessing:
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
        answer, data = _made(wish)
    except MemoryError:
        answer, data = _refusal("too large to decode in the memory that one picture may take", True), b""
    except UnreadablePhotoError as error:
        answer, data = _refusal(error.reason, isinstance(error, TooLargeToSeeError), error.left), b""
    except Exception as error:
        answer, data = _refusal(f"it cannot be looked at ({type(error).__name__}: {error})", False), b""
    answers.write(json.dumps(answer).encode() + b"\n" + data)
    answers.flush()


def _refusal(reason: str, too_large: bool, left: str = "left untouched") -> dict[str, Any]:
    return {"reason": reason, "left": left, "too_large": too_large}


def _made(wish: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    if "edge" in wish:
        made = io.BytesIO()
        shown(wish["path"], wish["edge"]).save(made, "JPEG", quality=wish["quality"])
        return {"bytes": made.tell()}, made.getvalue()
    pixels = _pixels(wish)
    return {"shape": pixels.shape, "type": pixels.dtype.name, "bytes": pixels.nbytes}, pixels.tobytes()


def _pixels(wish: dict[str, Any]) -> AnyPixels:
    fields = wish["preprocessing"]
    preprocessing = JsonPreprocessing(
        **{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])}
    )
    return read_pixels_here(wish["path"], tuple(wish["size"]), preprocessing, wish["previews"])
