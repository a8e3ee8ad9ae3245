"""An engine that is opened by the first photo that needs it, and whose notes are told as they come.

Takes a pack and how it is to run; gives the engine. Knows nothing of photos: `tag` and `look` read
their pixels and make of the outputs what they need.
"""

from collections.abc import Callable
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geotagger.engine.values import Engine
    from geotagger.model.pack import ModelPack


class DeferredEngine:
    """All is as of `open_engine`, for pixels of 8 bits where the pack has such; `note` is told its notes,
    also those of the opening."""

    def __init__(
        self,
        pack: "ModelPack",
        device: str,
        batch_size: int | None,
        *,
        engine: str = "auto",
        variant: str | None,
        threads: int | None,
        stop: Event | None,
        note: Callable[[str], None],
    ) -> None:
        self._pack, self._device, self._batch_size, self._engine = pack, device, batch_size, engine
        self._variant, self._threads, self._stop, self._note = variant, threads, stop, note
        self._notes_told = 0

    @cached_property
    def engine(self) -> "Engine":
        from geotagger.engine.opening import open_engine

        engine = open_engine(
            self._pack,
            self._device,
            self._batch_size,
            engine=self._engine,
            variant=self._variant,
            threads=self._threads,
            eight_bit=True,
            stop=self._stop,
            note=self._note,
        )
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
