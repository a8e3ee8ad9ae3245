"""Where the time of a run went, stage by stage, for `tag --profile`."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeShare:
    """`seconds` that the stage worked, summed over its `threads`; `busy` is how much of the run each
    of these was at work, 0…1."""

    stage: str
    seconds: float
    threads: int
    busy: float


class Profile:
    """Adds up the seconds of named stages; stages of several threads may overlap."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self._threads: dict[str, int] = {}
        self._turn = threading.Lock()

    @contextmanager
    def timed(self, stage: str, threads: int = 1) -> Iterator[None]:
        """Counts the time of the block for `stage`, which works on so many threads at once."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began, threads)

    def add(self, stage: str, seconds: float, threads: int) -> None:
        """Counts seconds that were measured elsewhere, as in another process."""
        with self._turn:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds
            self._threads[stage] = threads

    def shares(self) -> list[TimeShare]:
        """The stages in the order in which they first ended."""
        wall = max(time.perf_counter() - self._began, 1e-9)
        return [
            TimeShare(stage, seconds, self._threads[stage], seconds / self._threads[stage] / wall)
            for stage, seconds in self._seconds.items()
        ]

    def limit(self) -> TimeShare | None:
        """The stage that was busiest: making it faster makes the run faster."""
        return max(self.shares(), key=lambda share: share.busy, default=None)
