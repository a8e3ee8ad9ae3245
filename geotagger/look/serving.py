"""A process that only looks: started by `look/processes.py`, it reads and decodes the photos that it is asked
for and runs the network, a few batches at a time.

Takes pickled messages on standard input and gives pickled answers on standard output, both of our own
making. What libraries print goes to standard error. It ends when its input does, so nothing is left of it
when the run that started it is killed.
"""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import numpy as np

from geotagger.engine.memory import free_in_words, is_of_memory
from geotagger.errors import EngineError, GeotaggerError, PhotoError
from geotagger.look.looker import Looker
from geotagger.look.overlap import BATCHES_AHEAD, Pixels

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Ready:
    """The network is open."""

    batch_size: int
    lanes: int


@dataclass(frozen=True, slots=True)
class Note:
    line: str


@dataclass(frozen=True, slots=True)
class Batch:
    """`number` is the asker's."""

    number: int
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What is to be said of each photo, and the seconds that it took, summed over threads; `error` where the
    device failed, in place of answers."""

    number: int
    answers: Sequence[Any]
    reading_s: float = 0.0
    network_s: float = 0.0
    error: GeotaggerError | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The network cannot be opened here."""

    error: GeotaggerError


def serve() -> None:
    """Answers until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for number in (signal.SIGINT, signal.SIGTERM):  # these reach a whole group; the run says what becomes
        signal.signal(number, signal.SIG_IGN)
    out = _Out(answers)
    requests = sys.stdin.buffer
    open_looker, share, readers = pickle.load(requests)
    try:
        looker = open_looker(share, lambda line: out.send(Note(line)))
        out.send(Ready(looker.batch_size(), looker.lanes()))
    except Exception as error:
        out.send(Failed(_carried(error)))
        return
    _answer_all(looker, requests, out, readers)
    os._exit(0)  # threads of a runtime may be at work still, for nobody


def _answer_all(looker: Looker[Any], requests: BinaryIO, out: "_Out", readers: int) -> None:
    with (
        ThreadPoolExecutor(readers, thread_name_prefix="read") as reading,
        ThreadPoolExecutor(looker.lanes() + BATCHES_AHEAD, thread_name_prefix="batch") as batches,
    ):
        while True:
            try:
                batch: Batch = pickle.load(requests)
            except EOFError:
                os._exit(0)
            batches.submit(lambda batch=batch: out.send(_answered(looker, batch, reading)))  # type: ignore[misc]


def _answered(looker: Looker[Any], batch: Batch, reading: ThreadPoolExecutor) -> Answered:
    try:
        return Answered(batch.number, *answers_of(looker, batch.paths, reading))
    except Exception as error:
        return Answered(batch.number, (), error=_carried(error))


def answers_of(
    looker: Looker[Answer], paths: Sequence[str], reading: ThreadPoolExecutor
) -> tuple[list[Answer | PhotoError], float, float]:
    """What is to be said of each photo; the seconds of reading, summed over threads; those of the network."""
    read = list(reading.map(lambda path: _read(looker, path), paths))
    pixels = [one for one, _ in read if not isinstance(one, PhotoError)]
    begun = time.perf_counter()
    said = iter(looker.say(np.stack(pixels)) if pixels else ())
    network_s = time.perf_counter() - begun
    answers = [one if isinstance(one, PhotoError) else next(said) for one, _ in read]
    return answers, sum(seconds for _, seconds in read), network_s


def _read(looker: Looker[Any], path: str) -> tuple[Pixels | PhotoError, float]:
    begun = time.perf_counter()
    try:
        read: Pixels | PhotoError = looker.read(path)
    except PhotoError as error:
        read = error
    return read, time.perf_counter() - begun


def _carried(error: Exception) -> GeotaggerError:
    if isinstance(error, GeotaggerError):
        return error
    if is_of_memory(error):
        return EngineError(f"not enough memory for a process that looks at pictures; {free_in_words()}")
    return EngineError(f"a process that looks at pictures failed ({type(error).__name__}: {error})")


class _Out:
    def __init__(self, file: BinaryIO) -> None:
        self._file, self._turn = file, threading.Lock()

    def send(self, message: object) -> None:
        data = pickle.dumps(message)
        with self._turn:
            try:
                self._file.write(data)
                self._file.flush()
            except OSError:  # whoever asked is gone
                os._exit(0)
