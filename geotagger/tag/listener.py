"""Who is told what while a run goes on: one callback, which is given one value."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from geotagger.tag.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. `done` photos of `total` are through its `phase`, such as "Reading" or "Placing";
    `total` is None while it is not known. `outcome`: what has just become of a photo, `note`: a line for the
    owner; a value that holds neither says that a phase begins or goes on."""

    phase: str = ""
    done: int = 0
    total: int | None = None
    outcome: Outcome | None = None
    note: str | None = None


class Listener:
    """What the steps of a run say, made into one callback in the thread that made the listener: what other
    threads say waits until that one speaks, or for `finish`.

    `every`: of all photos something is to be said, also of those that need no look. `counts`: whether the
    photos are to be counted ahead. When `stop` is set the run ends soon."""

    def __init__(
        self,
        tell: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        *,
        every: bool = False,
        counts: bool = False,
    ) -> None:
        self._tell = tell
        self.stop = Event() if stop is None else stop
        self.every, self.counts = every, counts
        self._thread = threading.get_ident()
        self._waiting: deque[str] = deque()
        self._phase = ""
        self._done = 0
        self._total: int | None = None

    def report(self, outcome: Outcome) -> None:
        """Of a photo that had to be looked at; with `every`, of each."""
        self._say(outcome=outcome)

    def note(self, line: str) -> None:
        """A line for the owner."""
        if threading.get_ident() == self._thread:
            self._say(note=line)
        else:
            self._waiting.append(line)

    def phase(self, name: str, photos: int) -> None:
        """What begins, and how many photos it is about; 0 where that is not known."""
        self._phase, self._done, self._total = name, 0, photos or None
        self._say()

    def advance(self, photos: int) -> None:
        """So many more photos are through."""
        self._done += photos
        self._say()

    @property
    def done(self) -> int:
        """How many photos are through the phase in hand."""
        return self._done

    def expect(self, photos: int) -> None:
        """How many photos the phase in hand is about, once that is known."""
        self._total = photos

    def finish(self) -> None:
        """Says what still waits."""
        while self._waiting:
            self._say(note=self._waiting.popleft())

    def _say(self, *, outcome: Outcome | None = None, note: str | None = None) -> None:
        if self._tell is None:
            return
        while self._waiting:
            self._tell(self._now(note=self._waiting.popleft()))
        self._tell(self._now(outcome, note))

    def _now(self, outcome: Outcome | None = None, note: str | None = None) -> Progress:
        total = None if self._total is None else max(self._total, self._done)
        return Progress(self._phase, self._done, total, outcome, note)
