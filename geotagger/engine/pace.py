"""How many photos a second an engine looks at while it is at work.

Takes batches as they begin and end, in several lanes at once, and a clock, gives a rate. Time in which no
lane works does not count: it is somebody else's. Knows nothing of networks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FEWEST = 32
"""Photos below which a rate says more of the first batch than of the engine."""


class Pace:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._at_work, self._since = 0, 0.0
        self._photos, self._seconds = 0, 0.0

    @contextmanager
    def timed(self, photos: int) -> Iterator[None]:
        """Around the work on so many photos; what fails is not counted."""
        with self._lock:
            if not self._at_work:
                self._since = self._clock()
            self._at_work += 1
        done = 0
        try:
            yield
            done = photos
        finally:
            with self._lock:
                self._at_work -= 1
                self._photos += done
                if not self._at_work:
                    self._seconds += self._clock() - self._since

    @property
    def rate(self) -> float | None:
        """Photos a second; None where there were too few to tell."""
        if self._photos < _FEWEST or self._seconds <= 0:
            return None
        return self._photos / self._seconds
