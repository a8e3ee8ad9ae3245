"""The text in one photo: both networks, within bounds.

Takes an upright RGB image, gives lines. A picture without text costs the detector's pass alone. Memory is
bounded by the size that pictures are scaled to and by one line at a time; time by the number of lines, and
by a limit after which the rest of a picture is left unread.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort  # type: ignore[import-untyped]
from PIL import Image

from geotagger.engine.memory import free_in_words, is_of_memory, lack_of
from geotagger.errors import EngineError
from geotagger.text import detecting, recognising
from geotagger.text.networks import TextNetworks
from geotagger.text.recognising import decoded, is_readable, letters_of
from geotagger.text.values import Line

LEAST_PIXELS = 300
"""A picture whose longer edge has fewer is skipped: nothing in it can be read."""
MOST_LINES = 40
"""The highest are read: a page of a book says in its first lines what language it is in."""
LONGEST_S = 20.0
"""Of the processor's time, so that what is read does not depend on what else the machine does."""
LEAST_CONFIDENCE = 0.6
_SILENT = 4


def is_worth_reading(width: int, height: int) -> bool:
    return max(width, height) >= LEAST_PIXELS


class TextReader:
    """Reads with so many threads of the processor; any thread may ask, at once with others. `stop` ends what
    is under way, for good."""

    def __init__(self, networks: TextNetworks, threads: int = 1) -> None:
        self._detector = _session(str(networks.detector), threads)
        self._recogniser = _session(str(networks.recogniser), threads)
        listed = self._recogniser.get_modelmeta().custom_metadata_map.get("character", "")
        self._letters = letters_of(listed)
        self._options = ort.RunOptions()
        self._is_stopped = False

    def read(self, image: Image.Image, now: Callable[[], float] = time.thread_time) -> tuple[Line, ...]:
        """What stands in it, from above to below; EngineError when a network fails."""
        if not is_worth_reading(*image.size):
            return ()
        until = now() + LONGEST_S
        size = detecting.network_size(*image.size)
        answer = self._run(self._detector, detecting.network_input(image, size))
        boxes = [box for box in detecting.boxes_of(answer[0, 0], image.size) if is_readable(box)]
        if len(boxes) > MOST_LINES:
            least = sorted((box.height for box in boxes), reverse=True)[MOST_LINES - 1]
            boxes = [box for box in boxes if box.height >= least][:MOST_LINES]
        lines = []
        for box in boxes:
            if self._is_stopped or now() > until:
                break
            answer = self._run(self._recogniser, recognising.network_input(image, box))
            line = decoded(answer[0], self._letters)
            if line.text and line.confidence >= LEAST_CONFIDENCE:
                lines.append(line)
        return tuple(lines)

    def stop(self) -> None:
        """After the operator that each thread is at."""
        self._is_stopped = True
        self._options.terminate = True

    def _run(self, session: Any, values: Any) -> Any:
        try:
            (answer,) = session.run(None, {session.get_inputs()[0].name: values}, self._options)
        except Exception as error:  # ONNX Runtime's exceptions share no public base
            if is_of_memory(error):
                raise EngineError(f"--with text: not enough memory to read it; {free_in_words()}") from None
            said = " ".join(str(error).split())[:200]
            raise EngineError(f"--with text: ONNX Runtime failed: {said}") from None
        return answer


def _session(path: str, threads: int) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # pictures are of all sizes: what one needed is given back, not kept for the next
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if is_of_memory(error):
            raise EngineError(f"{path}: {lack_of(Path(path))}") from None
        said = " ".join(str(error).split())[:200]
        raise EngineError(f"{path}: ONNX Runtime cannot run it: {said}") from None
