"""How a command tells what became of photos: JSON lines, a progress bar with a table at the end,
or plain lines where there is no terminal."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event
from typing import TYPE_CHECKING, Any

from geotagger.cli.common import emit, photo_record, printable, say, screen

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from geotagger.tag.outcome import Outcome, Tally
    from geotagger.tag.profile import Profile


class Reporter:
    """Shows outcomes as they come. Failures are always named, on standard error."""

    def __init__(self, *, as_json: bool, quiet: bool = False) -> None:
        self._as_json, self._quiet = as_json, quiet
        self._progress: Progress | None = None
        self._heard = True
        self._task: TaskID | None = None

    @contextmanager
    def shown(self) -> Iterator["Reporter"]:
        """While this is open a terminal shows a progress bar."""
        if self._as_json or self._quiet or not sys.stderr.isatty():
            yield self
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as self._progress:
            self._task = self._progress.add_task("", total=None, rate="")
            yield self
        self._progress = None

    def outcome(self, outcome: "Outcome") -> None:
        if self._as_json:
            fields = asdict(outcome)
            fields.pop("group")
            self._emit(photo_record(**fields))
        elif outcome.status == "failed":
            self.note(_named(outcome))

    def _emit(self, record: dict[str, Any]) -> None:
        """The reader may go away (`| head`); the work on the photos goes on to its end."""
        if not self._heard:
            return
        try:
            emit(record)
            sys.stdout.flush()
        except BrokenPipeError:
            self._heard = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def note(self, line: str) -> None:
        """A line for the owner, above the progress bar where there is one."""
        if self._progress is None:
            say(line)
        else:
            self._progress.console.print(f"geotagger: {printable(line)}", markup=False, highlight=False)

    def phase(self, name: str, photos: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.reset(self._task, description=name, total=photos or None, rate="")

    def advance(self, photos: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, photos)
            speed = self._progress.tasks[0].speed
            self._progress.update(self._task, rate=f"{speed:.1f} photos/s" if speed else "")

    def summary(self, tally: "Tally", title: str) -> None:
        """What became of all photos: a table on a terminal, plain lines elsewhere."""
        if self._as_json or (self._quiet and not tally.statuses["failed"]):
            return
        rows = _rows(tally)
        if not sys.stdout.isatty():
            print(f"{title}: {tally.seen} photos" + "".join(f"; {n} {what}" for what, n in rows))
            return
        from rich.table import Table

        table = Table(title=title, title_justify="left", show_header=False, box=None)
        table.add_column(style="bold", justify="right")
        table.add_column()
        table.add_row(f"{tally.seen:,}", "photos seen")
        for what, photos in rows:
            table.add_row(f"{photos:,}", what)
        screen().print(table)


def _named(outcome: "Outcome") -> str:
    reason = outcome.reason or "it could not be handled"
    return reason if outcome.path in reason else f"{outcome.path}: {reason}"


def _rows(tally: "Tally") -> list[tuple[str, int]]:
    rows = [(f"placed by {rung}", photos) for rung, photos in tally.rungs.most_common()]
    if other := tally.statuses["written"] - tally.rungs.total():
        rows.append(("written", other))
    for (status, group), photos in tally.groups.most_common():
        rows.append((f"{status}: {group}" if group else status, photos))
    return rows


def show_profile(profile: "Profile") -> None:
    """Where the time went, on standard error, so that JSON stays alone on standard output."""
    for share in profile.shares():
        threads = f" on {share.threads} threads" if share.threads > 1 else ""
        say(f"{share.stage:26} {share.seconds:8.2f} s{threads}, busy {share.busy:.0%} of the run")
    if (limit := profile.limit()) is not None:
        say(f"the limit: {limit.stage}")


@contextmanager
def stop_on_signal(note_to: Reporter) -> Iterator[Event]:
    """An event that Ctrl-C or a polite kill sets, so that a run can end between two photos. A second
    Ctrl-C interrupts at once."""
    stop = Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()
        note_to.note("stopping after the photos in hand; once more to stop at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
