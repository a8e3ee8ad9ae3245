"""Waiting for a runtime that may never answer, so that a person, or a polite kill, can always end it.

Takes a call into a runtime and makes it in a thread of its own, for nothing in Python interrupts one that is
inside a runtime. Gives what it gives, or an EngineError in one line that names the model. Knows no runtime.
"""

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

from geotagger.errors import EngineError, GeotaggerError, StoppedError

Answer = TypeVar("Answer")

LONGEST_FIRST_S = 3600
"""For what a runtime may have to compile first: opening, and the first answer."""

SAID_AFTER_S = 60
"""So long it takes before the owner is told what is waited for."""

AFTER_STOP_S = 10
"""What is under way when the owner asks for an end is mostly over sooner, and is then kept. A service manager
kills after 90 s."""

TO_STOP_S = 10
_THREAD = "watched"


@runtime_checkable
class Stoppable(Protocol):
    """A Runner whose runtime can be told to give up what it computes."""

    def stop(self) -> None: ...


class Waiting:
    """Waits on behalf of one model; any thread may ask. `stop`: set when the owner asks for an end. `note`:
    takes a line for the owner. `tick`: waits a second for an event; time that the whole program stands still
    for, as a laptop asleep, is not counted."""

    def __init__(
        self,
        model: str,
        stop: threading.Event | None = None,
        note: Callable[[str], None] = lambda _: None,
        tick: Callable[[threading.Event], bool] = lambda event: event.wait(1),
    ) -> None:
        self._model, self._note, self._tick = model, note, tick
        self._stop = threading.Event() if stop is None else stop
        self._is_left = False
        self._given_up: dict[int, GeotaggerError] = {}
        """Why a runner was told to stop, by its identity: what else it is at ends by that, and says so."""

    def leave(self) -> None:
        """Nobody wants an answer any more: what is under way is given up."""
        self._is_left = True

    def answer(
        self, call: Callable[[], Answer], lacking: str, patience_s: float | None = None, runner: object = None
    ) -> tuple[Answer, int]:
        """What the call gives, and how many seconds it took. `lacking`: what is said when nothing comes, as
        "it has not opened". patience_s: None for what may have to be compiled first. `runner` is told to stop
        when it is given up, where it can. Raises EngineError, StoppedError, and what the call raises."""
        answered = threading.Event()
        outcome: list[Answer] = []
        failure: list[BaseException] = []

        def ask() -> None:
            try:
                outcome.append(call())
            except BaseException as error:
                failure.append(error)
            answered.set()

        # a daemon does not keep the program from ending
        threading.Thread(target=ask, name=_THREAD, daemon=True).start()
        try:
            seconds = self._wait(answered, lacking, patience_s)
        except BaseException as error:
            if isinstance(runner, Stoppable):
                if isinstance(error, GeotaggerError):
                    self._given_up.setdefault(id(runner), error)
                runner.stop()
                answered.wait(TO_STOP_S)
            raise
        if failure:
            raise self._given_up.get(id(runner), failure[0])
        return outcome[0], seconds

    def _wait(self, answered: threading.Event, lacking: str, patience_s: float | None) -> int:
        seconds = stopping = 0
        longest = LONGEST_FIRST_S if patience_s is None else patience_s
        while not self._tick(answered):
            seconds += 1
            stopping += self._stop.is_set()
            if self._is_left or stopping >= AFTER_STOP_S:
                raise StoppedError(
                    f"model {self._model}: {lacking}, and is not waited for; what was finished is kept"
                )
            if seconds >= longest:
                raise EngineError(f"model {self._model}: {lacking} for {seconds} s")
            if patience_s is None and seconds == SAID_AFTER_S:
                self._note(
                    f"model {self._model}: {lacking} for {seconds} s; some runtimes compile first, so it is "
                    f"waited for up to {longest // 60} minutes; Ctrl-C ends it"
                )
        return seconds


def is_waited_for() -> bool:
    """Whether a runtime is still at work on what was given up. A program that ends in the ordinary way then
    may crash in the runtime."""
    return any(thread.name == _THREAD for thread in threading.enumerate())
