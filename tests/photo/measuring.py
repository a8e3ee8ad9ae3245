"""Reads, looks at or writes one file in a process of its own, and says what that took.

    python -m tests.photo.measuring facts|pixels|published|write|copy PATH

Prints one line of JSON: `bytes` (the most memory beyond what was there when it began, of this process or of
one that it started), `seconds` (of processor time, of both) and `said` ("done", or the error).
"""

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy  # noqa: F401  (not what a file takes)

from geotagger.errors import PhotoError
from geotagger.export.copies import copy
from geotagger.index.search import PhotoPlace
from geotagger.marks import Mark
from geotagger.metadata import Position, abandon, prepare
from geotagger.photo import apart
from geotagger.photo.pixels import read_pixels
from geotagger.tag.file_facts import read_with_sidecars
from geotagger.writing import Writing
from tests.photo.pictures import Recipe

_WORKER_BYTES = 60 << 20
"""What a process that decodes has when it begins, at the least."""

POSITION = Position(1.0, 2.0, Mark("visual", 0.5, 3.0, "m", "1", "6b12ae"))


def _write(path: str) -> None:
    abandon(prepare(path, POSITION, Writing(durable=False)))


def _copy(path: str) -> None:
    """As `export --photos` makes it."""
    place = (1.0, 2.0, 3.0, 0.9, "camera", None, None, None, "camera", None, None, None, None)
    copy(PhotoPlace(1, path, *place), Path(f"{path}.copy/copy.jpg"), 5.0)


STEPS: dict[str, Callable[[str], object]] = {
    "facts": lambda path: read_with_sidecars(path, []),
    "pixels": lambda path: read_pixels(path, Recipe(input_size=224)),
    "published": lambda path: read_pixels(path, Recipe(input_size=224, resampling="bilinear-unfiltered")),
    "write": _write,
    "copy": _copy,
}


def _memory(field: str) -> int:
    return int(re.findall(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[0]) << 10


def main(step: str, path: str) -> None:
    before, began = _memory("VmRSS"), time.process_time()
    said = "done"
    try:
        STEPS[step](path)
    except PhotoError as error:
        said = f"{type(error).__name__}: {error}"
    own = _memory("VmHWM") - before
    apart._PROCESSES.end_all()
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - began + theirs.ru_utime + theirs.ru_stime
    most = max(own, (theirs.ru_maxrss << 10) - _WORKER_BYTES)
    print(json.dumps({"bytes": most, "seconds": round(seconds, 2), "said": said}))


if __name__ == "__main__":
    main(*sys.argv[1:])
