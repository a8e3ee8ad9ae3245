"""An engine that is opened by the first photo that needs it, and whose notes are told as they come.

Takes how to open it; gives its batches, its lanes and what it says. Knows nothing of photos: `tag` and
`look` read their pixels and make of the outputs what they need.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geotagger.engine.values import Engine


class DeferredEngine:
    def __init__(self, opened: "Callable[[], Engine]", note: Callable[[str], None]) -> None:
        self._opened, self._note = opened, note
        self._notes_told = 0

    @cached_property
    def engine(self) -> "Engine":
        engine = self._opened()
        self._tell(engine)
        return engine

    @property
    def is_open(self) -> bool:
        return "engine" in self.__dict__

    def _tell(self, engine: "Engine") -> None:
        """The engine's notes that were not told yet: some come while it runs."""
        for line in engine.notes[self._notes_told :]:
            self._note(line)
        self._notes_told = len(engine.notes)

    def leave(self) -> None:
        """Nobody wants to hear more of it."""
        if self.is_open:
            self.engine.leave()

    def close(self) -> None:
        if self.is_open:
            self._tell(self.engine)
            self.engine.close()
