"""Processes that look at pictures for this one: one a share of the machine, each fed a few batches ahead.

A process that is killed is started again, a few times; its photos go to another meanwhile, and where none
is left, or a batch has ended two of them, this process looks itself. Takes what makes a Looker, gives its
answers in the order asked for. Knows nothing of models or places.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from geotagger.engine.memory import free_in_words
from geotagger.engine.waiting import AFTER_STOP_S
from geotagger.errors import PhotoError, StoppedError
from geotagger.look.looker import Looker, OpenLooker
from geotagger.look.overlap import BATCHES_AHEAD, PHOTOS_AHEAD, batches_of
from geotagger.look.serving import Answered, Batch, Failed, Note, Ready, answers_of
from geotagger.look.shares import Share

Photo = TypeVar("Photo")
Answer = TypeVar("Answer")
Awaited = TypeVar("Awaited")

MOST_STARTS = 3
"""A process that has ended so often is not started again."""

MOST_ATTEMPTS = 2
"""A batch that was in so many processes when they ended goes to no other."""

_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from geotagger.look.serving import serve; serve()"
)


@dataclass(eq=False)
class _Request(Generic[Answer]):
    paths: Sequence[str]
    answers: "Future[Sequence[Answer | PhotoError]]" = field(default_factory=Future)
    attempts: int = 0


class LookProcesses(Generic[Answer]):
    """`here`: what looks in this process, where it must. `goes_without`: a device that cannot be opened is
    left out with a note, as `--device auto` does; else it ends the run. `add_seconds` is told the seconds
    of reading and of the network. The processes start when something is first to be looked at."""

    def __init__(
        self,
        open_looker: OpenLooker[Answer],
        shares: Sequence[Share],
        here: Looker[Answer],
        note: Callable[[str], None],
        add_seconds: Callable[[float, float], None],
        stop: threading.Event,
        *,
        readers: int | None = None,
        goes_without: bool = False,
    ) -> None:
        self._open_looker, self._shares, self._here, self._note, self._add_seconds = (
            open_looker,
            shares,
            here,
            note,
            add_seconds,
        )
        self._readers, self._goes_without, self._stop = readers, goes_without, stop
        self._turn = threading.RLock()
        self._at_work: list[_Process[Answer]] = []
        self._is_closed = False
        self._in_this_one = ThreadPoolExecutor(1, thread_name_prefix="look")
        self._decoding = ThreadPoolExecutor(max(share.cores for share in shares), thread_name_prefix="read")

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """How many photos a batch holds, and how many batches keep all at work. EngineError where no device
        can be used."""
        with self._turn:
            first = [self._start(share, 1) for share in self._shares]
        opened = [ready for process in first if (ready := self.awaited(process.ready)) is not None]
        if not opened:
            return self._here.batch_size(), self._here.lanes()
        return max(one.batch_size for one in opened), sum(one.lanes + BATCHES_AHEAD for one in opened)

    def look_at(self, paths: Sequence[str]) -> "Future[Sequence[Answer | PhotoError]]":
        request: _Request[Answer] = _Request(paths)
        self._hand_out(request)
        return request.answers

    def awaited(self, future: "Future[Awaited]", idle: Callable[[], None] = lambda: None) -> "Awaited":
        """Its result; `idle` is called every second meanwhile. StoppedError where the owner asked for an end
        and nothing comes."""
        stopping = 0
        while not wait([future], 1.0).done:
            idle()
            stopping += self._stop.is_set()
            if stopping >= AFTER_STOP_S:
                raise StoppedError("the processes that look are not waited for; what was finished is kept")
        return future.result()

    def close(self) -> None:
        with self._turn:
            self._is_closed = True
            processes = list(self._at_work)
        for process in processes:
            process.end()
        self._in_this_one.shutdown(cancel_futures=True)
        self._decoding.shutdown(cancel_futures=True)

    def _start(self, share: Share, starts: int) -> "_Process[Answer]":
        readers = max(1, self._readers // len(self._shares)) if self._readers else share.cores
        process = _Process(pickle.dumps((self._open_looker, share, readers)), share, starts, self)
        self._at_work.append(process)
        return process

    def note(self, line: str) -> None:
        self._note(line)

    def add_seconds(self, reading_s: float, network_s: float) -> None:
        self._add_seconds(reading_s, network_s)

    def leaves_out(self, process: "_Process[Answer]", error: Exception) -> bool:
        """Whether a device that cannot be opened is gone without."""
        with self._turn:
            self._at_work.remove(process)
            if self._goes_without:
                self._note(f"{process.share.device} is left out: {error}")
        return self._goes_without

    def take_back(self, process: "_Process[Answer]", reason: str, left: "Sequence[_Request[Answer]]") -> None:
        """A process ended by itself, or was killed, with these batches in it."""
        with self._turn:
            if process in self._at_work and not self._is_closed:
                self._at_work.remove(process)
                what = f"the process that looks on {process.share.device} {reason}"
                if process.starts < MOST_STARTS:
                    self._note(f"{what}; it is started again")
                    self._start(process.share, process.starts + 1)
                elif self._at_work:
                    self._note(f"{what}, as before; the others go on without it")
                else:
                    self._note(f"{what}, as before; this process goes on alone")
        for request in left:
            request.attempts += 1
            self._hand_out(request)

    def _hand_out(self, request: "_Request[Answer]") -> None:
        with self._turn:
            if self._is_closed:
                request.answers.cancel()
                return
            if request.attempts < MOST_ATTEMPTS:
                for process in sorted(self._at_work, key=lambda one: len(one.requests)):
                    if process.ask(request):
                        return
            self._in_this_one.submit(self._look_here, request)

    def _look_here(self, request: "_Request[Answer]") -> None:
        try:
            answers, reading_s, network_s = answers_of(self._here, request.paths, self._decoding)
            self._add_seconds(reading_s, network_s)
            request.answers.set_result(answers)
        except BaseException as error:
            request.answers.set_exception(error)


class _Process(Generic[Answer]):
    """One of them. `ready` gives None for one that never was; `requests`: the batches in it, by number."""

    def __init__(self, start: bytes, share: Share, starts: int, owner: LookProcesses[Answer]) -> None:
        self.share, self.starts, self._owner = share, starts, owner
        self.ready: Future[Ready | None] = Future()
        self.requests: dict[int, _Request[Answer]] = {}
        self._number = 0
        self._turn = threading.Lock()
        self._is_over = False
        self._failure: Exception | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        self._to_send: SimpleQueue[bytes | None] = SimpleQueue()
        self._to_send.put(start)
        threading.Thread(target=self._send_all, name=f"to {share.device}", daemon=True).start()
        threading.Thread(target=self._listen, name=f"look {share.device}", daemon=True).start()

    def ask(self, request: _Request[Answer]) -> bool:
        """False where this process is over."""
        with self._turn:
            if self._is_over:
                return False
            self._number += 1
            self.requests[self._number] = request
            self._to_send.put(pickle.dumps(Batch(self._number, request.paths)))
            return True

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _send_all(self) -> None:
        """On a thread of its own: a process that is held up reads nothing, and its pipe is soon full; whoever
        asks, and can be asked to stop, must not wait for that."""
        assert self._process.stdin is not None
        try:
            while (data := self._to_send.get()) is not None:
                self._process.stdin.write(data)
                self._process.stdin.flush()
        except (OSError, ValueError):
            pass  # it is over, and its pipe closed: whoever listens to it is told

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                self._hear(pickle.load(self._process.stdout))
        except Exception:  # cut off in the midst of an answer, any may come
            self._process.kill()
            self._over()

    def _hear(self, message: Any) -> None:
        if isinstance(message, Ready):
            self.ready.set_result(message)
        elif isinstance(message, Note):
            self._owner.note(message.line)
        elif isinstance(message, Failed):
            self._failure = message.error
        elif isinstance(message, Answered):
            with self._turn:
                request = self.requests.pop(message.number)
            self._owner.add_seconds(message.reading_s, message.network_s)
            if message.error is None:
                request.answers.set_result(message.answers)
            else:
                request.answers.set_exception(message.error)

    def _over(self) -> None:
        code = self._process.wait()
        with self._turn:
            self._is_over = True
            left = list(self.requests.values())
            self.requests.clear()
        self._to_send.put(None)
        reason = _reason(code, self._last_complaint())
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass  # what was not sent yet has nobody to read it
        if self._failure is not None and not self._owner.leaves_out(self, self._failure):
            self.ready.set_exception(self._failure)
            for request in left:
                request.answers.set_exception(self._failure)
            return
        self._owner.take_back(self, reason, left)
        if not self.ready.done():
            self.ready.set_result(None)

    def _last_complaint(self) -> str:
        try:
            self._complaints.seek(0)
            lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:200] if lines else ""


def _reason(code: int, complaint: str) -> str:
    if -code == getattr(signal, "SIGKILL", None):
        return f"was ended by SIGKILL, as where memory runs out ({free_in_words()})"
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with status {code}" + (f" ({complaint})" if complaint else "")


def seen_by_processes(
    photos: Iterable[Photo],
    wanted: Callable[[Photo], bool],
    path_of: Callable[[Photo], str],
    processes: LookProcesses[Answer],
    idle: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Photo, Answer | PhotoError | None]]:
    """As `overlapped`: every photo, in the order given, with what is said of it, or None where it was not
    wanted. Memory holds PHOTOS_AHEAD photos, or as many as keep all processes at work."""
    under_way: deque[tuple[list[tuple[Photo, bool]], Future[Sequence[Answer | PhotoError]] | None]] = deque()
    batches = batches_of(photos, wanted, lambda: processes.sizes[0])
    taken, most = 0, PHOTOS_AHEAD
    while True:
        while taken < most and (batch := next(batches, None)):
            paths = [path_of(photo) for photo, is_wanted in batch if is_wanted]
            if paths:
                most = max(PHOTOS_AHEAD, processes.sizes[0] * processes.sizes[1])
            under_way.append((batch, processes.look_at(paths) if paths else None))
            taken += len(batch)
        if not under_way:
            return
        batch, future = under_way.popleft()
        answers: Sequence[Answer | PhotoError] = processes.awaited(future, idle) if future else ()
        said = iter(answers)
        for photo, is_wanted in batch:
            yield photo, next(said) if is_wanted else None
        taken -= len(batch)
