"""How a command tells what became of photos: JSON lines, a progress bar with a table at the end,
or plain lines where there is no terminal."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

from geotagger.cli.common import emit, photo_record, printable, say, screen, stop_output
from geotagger.cli.tables import position, print_table, radius
from geotagger.tag.outcome import FOLDER, LINK, SPECIAL

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from geotagger.tag.listener import Progress
    from geotagger.tag.outcome import Outcome, Tally
    from geotagger.tag.profile import Profile


_MOST_OUTINGS = 12


class Reporter:
    """Shows outcomes as they come. Failures are always named, on standard error. `is_quiet_of_unchanged`: of
    photos that need no look nothing is to be heard, for the later ones of several runs. `is_waiting`: no run
    goes on."""

    def __init__(
        self, *, as_json: bool, quiet: bool = False, verbose: bool = False, lists_planned: bool = False
    ) -> None:
        self._as_json, self._quiet, self._lists_planned = as_json, quiet, lists_planned
        self._verbose = verbose
        self.is_quiet_of_unchanged = False
        self.is_waiting = False
        self._outings: dict[str | None, _PlacedOuting] = {}
        self._listed: tuple[str | None, str] | None = None
        self._bar: Bar | None = None
        self._heard = True
        self._task: TaskID | None = None
        self._phase = ""
        self.has_lost_output = False

    @contextmanager
    def shown(self) -> Iterator["Reporter"]:
        """While this is open a terminal shows a progress bar."""
        self._outings, self._listed, self._phase = {}, None, ""
        if self._as_json or self._quiet or not sys.stderr.isatty():
            yield self
            return
        from geotagger.cli.bar import progress_bar

        with progress_bar() as self._bar:
            self._task = self._bar.add_task("Starting", total=None, rate="", through="")
            yield self
        self._bar = None

    def outcome(self, outcome: "Outcome") -> None:
        if self._as_json:
            fields = asdict(outcome)
            del fields["group"], fields["is_photo"]
            self._emit(photo_record(**fields, **_names(outcome)))
        elif outcome.status == "failed":
            self._say(_named(outcome))
        elif outcome.status in ("written", "planned") and self._lists_planned and not self._quiet:
            self._place(outcome)
            if self._verbose and outcome.status == "written":
                self._say(_described(outcome))
        elif self._verbose:
            self._say(_described(outcome))

    def _place(self, outcome: "Outcome") -> None:
        """Counts which outings are placed where; in a dry run, each photo is listed."""
        from geotagger.gazetteer.words import in_full

        if outcome.latitude is None or outcome.longitude is None or outcome.radius_km is None:
            return
        names = _names(outcome)
        spot = in_full(**names)
        self._outings.setdefault(outcome.outing, _PlacedOuting()).add(names)
        if outcome.status == "planned":
            spot = spot or position(outcome.latitude, outcome.longitude, outcome.radius_km)
            self._list(outcome, f"{spot}, {outcome.confidence or 0.0:.0%} {radius(outcome.radius_km)}")

    def _list(self, outcome: "Outcome", where: str) -> None:
        """One photo of a dry run, on a terminal below a line for its outing and folder."""
        if not sys.stderr.isatty():
            self._say(f"would write {outcome.path}: {where}, by {outcome.rung}")
            return
        folder, name = os.path.split(outcome.path)
        if self._listed != (outcome.outing, folder):
            self._listed = outcome.outing, folder
            self._print(f"{_outing(outcome.outing)}, {folder}")
        self._print(f"  {name}  {where}, by {outcome.rung}")

    def _emit(self, record: dict[str, Any]) -> None:
        """The reader may go away (`| head`), or its disk be full; the work on the photos goes on to
        its end."""
        if not self._heard:
            return
        try:
            emit(record)
            sys.stdout.flush()
        except OSError as error:
            self._heard = False
            stop_output()
            if not isinstance(error, BrokenPipeError):
                self.has_lost_output = True
                self.note(f"standard output cannot be written ({error.strerror}); the work goes on without")

    def note(self, line: str) -> None:
        """A line for the owner, above the progress bar where there is one; quiet runs do without."""
        if not self._quiet:
            self._say(line)

    def _say(self, line: str) -> None:
        if self._bar is None:
            say(line)
        else:
            self._print(f"geotagger: {line}")

    def _print(self, line: str) -> None:
        if self._bar is None:
            print(printable(line), file=sys.stderr, flush=True)
        else:
            self._bar.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def progress(self, progress: "Progress") -> None:
        """What a run says."""
        if progress.outcome is not None:
            self.outcome(progress.outcome)
        elif progress.note is not None:
            self.note(progress.note)
        elif self._bar is not None and self._task is not None:
            if progress.phase != self._phase:
                self._phase = progress.phase
                self._bar.reset(self._task, description=progress.phase, rate="", through="")
                self._bar.tasks[0].total = None
            self._bar.update(self._task, completed=progress.done, total=progress.total)
            self._show_count(progress)

    @property
    def counts(self) -> bool:
        """Whether it is of use to know how many photos there are."""
        return self._bar is not None

    def _show_count(self, progress: "Progress") -> None:
        assert self._bar is not None
        assert self._task is not None
        speed = self._bar.tasks[0].speed
        through = f"{progress.done:,}" + ("" if progress.total is None else f"/{progress.total:,}")
        rate = f"{speed:,.0f} photos/s" if speed and speed >= 10 else ""
        if speed and not rate:
            rate = f"{speed:.1f} photos/s"
        self._bar.update(self._task, through=through if progress.done else "", rate=rate)

    def stopped(self, tally: "Tally") -> None:
        """What an interrupted run leaves."""
        if self._quiet:
            return
        if tally.statuses["written"] or tally.statuses["indexed"]:
            say("stopped; what was finished is kept; run again to go on")
        else:
            say("stopped before a photo was written; what was read is remembered; run again to go on")

    def summary(self, tally: "Tally", title: str) -> None:
        """What became of all photos: a table on a terminal, plain lines elsewhere."""
        if self._as_json or (self._quiet and not tally.failures):
            return
        rows = _rows(tally)
        seen = "photo" if tally.seen == 1 else "photos"
        if not sys.stdout.isatty():
            print(f"{title}: {tally.seen} {seen}" + "".join(f"; {n} {what}" for what, n in rows))
            for begun, number, where in self._placed_outings():
                print(f"{begun}\t{number}\t{where}")
            return
        from rich.table import Table

        table = Table(title=title, title_justify="left", show_header=False, box=None)
        table.add_column(style="bold", justify="right")
        table.add_column()
        table.add_row(f"{tally.seen:,}", seen)
        for what, photos in rows:
            table.add_row(f"{photos:,}", what)
        screen().print(table)
        if placed := self._placed_outings():
            print()
            print_table(["outing", "photos", "where"], [[printable(cell) for cell in row] for row in placed])

    def _placed_outings(self) -> list[list[str]]:
        """When each outing that was placed began, how many of its photos have a place now, and where most
        of them are."""
        newest = sorted(self._outings.items(), key=lambda item: item[0] or "", reverse=True)
        rows = []
        for begun, outing in newest[:_MOST_OUTINGS]:
            rows.append([_outing(begun), str(outing.photos.total()), outing.where()])
        if left := newest[_MOST_OUTINGS:]:
            photos = sum(outing.photos.total() for _, outing in left)
            rows.append([f"{len(left)} older outing{'s' * (len(left) > 1)}", str(photos), ""])
        return rows


@dataclass(frozen=True, slots=True)
class _PlacedOuting:
    """How many photos of an outing are at each place, and the names of the one of them that is nearest to its
    middle: a place is one, however far from it each photo is."""

    photos: Counter[tuple[str | None, ...]] = field(default_factory=Counter)
    nearest: dict[tuple[str | None, ...], dict[str, Any]] = field(default_factory=dict)

    def add(self, names: dict[str, Any]) -> None:
        place = names["place"], names["region"], names["country"]
        self.photos[place] += 1
        before = self.nearest.setdefault(place, names)
        if (names["place_km"] or 0.0) < (before["place_km"] or 0.0):
            self.nearest[place] = names

    def where(self) -> str:
        """Where most of them are."""
        from geotagger.gazetteer.words import in_full

        (place, _), more = self.photos.most_common(1)[0], len(self.photos) - 1
        elsewhere = f" and {more} more place{'s' * (more > 1)}" if more else ""
        return (in_full(**self.nearest[place]) or "far from any town") + elsewhere


def _described(outcome: "Outcome") -> str:
    """A photo, what became of it, and why."""
    parts: list[str] = [outcome.status]
    if outcome.latitude is not None and outcome.longitude is not None and outcome.radius_km is not None:
        at = position(outcome.latitude, outcome.longitude, outcome.radius_km)
        by = f", {outcome.confidence or 0.0:.0%} {radius(outcome.radius_km)} by {outcome.rung}"
        parts.append(at + (by if outcome.rung else ""))
    if outcome.reason:
        parts.append(outcome.reason)
    return f"{outcome.path}: {'; '.join(parts)}"


def _outing(begun: str | None) -> str:
    return "without a time" if begun is None else begun[:16].replace("T", " ")


def _names(outcome: "Outcome") -> dict[str, Any]:
    """The names of an outcome's place, as every command gives them; null where there is none."""
    if outcome.latitude is None or outcome.longitude is None:
        return dict.fromkeys(("country", "region", "place", "place_km", "near_border"))
    from geotagger.gazetteer.naming import names_of

    return asdict(names_of([outcome.latitude], [outcome.longitude])[0])


def _named(outcome: "Outcome") -> str:
    return f"{outcome.path}: {outcome.reason or 'it could not be handled'}"


_PLACES = {
    LINK: ("link leads nowhere or back; left alone", "links lead nowhere or back; left alone"),
    SPECIAL: ("thing is neither a file nor a folder", "things are neither files nor folders"),
    FOLDER: ("folder could not be read", "folders could not be read"),
}


def _rows(tally: "Tally") -> list[tuple[str, int]]:
    rows = [(f"placed by {rung}", photos) for rung, photos in tally.rungs.most_common()]
    for (status, group), photos in tally.groups.most_common():
        kind = "of these into a sidecar" if status == "written" else status
        rows.append((f"{kind}: {group}" if group else status, photos))
    rows += [(_PLACES[group][number != 1], number) for (_, group), number in tally.places.items()]
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
        if not note_to.is_waiting:
            note_to.note("stopping after the photos in hand; once more to stop at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
