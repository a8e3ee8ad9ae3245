"""What `train` says while it works: plain lines, and on a terminal a bar below them while something is
counted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from geotagger.cli.common import printable, say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class TrainingVoice:
    """Called with a line, it says it. `count`: None where there is no terminal to show a bar on."""

    def __init__(self, has_bar: bool) -> None:
        self.count: Callable[[str, int, int, str], None] | None = self._show if has_bar else None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""

    def __call__(self, line: str) -> None:
        if self._bar is None:
            say(line)
        else:
            text = printable(f"geotagger: {line}")
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _show(self, what: str, done: int, total: int, rate: str) -> None:
        if self._bar is None:
            from geotagger.cli.bar import progress_bar

            self._bar = progress_bar()
            self._bar.start()
        if self._task is None or what != self._what:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._what, self._task = what, self._bar.add_task(what, total=total, rate="", through="")
        self._bar.update(self._task, completed=done, total=total, rate=rate, through=f"{done:,}/{total:,}")
        if done >= total:
            self.end()

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None


@contextmanager
def training_voice() -> Iterator[TrainingVoice]:
    """The bar is gone after it, however it ends."""
    voice = TrainingVoice(sys.stderr.isatty())
    try:
        yield voice
    finally:
        voice.end()
