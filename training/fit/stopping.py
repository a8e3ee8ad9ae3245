"""A request to stop, as a cluster sends it before it takes a machine away (SIGTERM), or Ctrl-C.

The first is remembered, so that the step in hand is finished and saved; a second ends at once.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_requests() -> Iterator[Event]:
    """Set once the program was asked to stop. Off the main thread nothing is listened to."""
    wanted = Event()
    if threading.current_thread() is not threading.main_thread():
        yield wanted
        return

    def remember(number: int, _: FrameType | None) -> None:
        wanted.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, remember) for number in _SIGNALS}
    try:
        yield wanted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
