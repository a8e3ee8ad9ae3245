"""What became of one photo, and of all of them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["written", "planned", "restored", "indexed", "kept", "skipped", "failed"]
"""`written`: the position stands in the photo or its sidecar now. `planned`: a dry run would change the
photo. `restored`: a position of ours was taken out of it again. `indexed`: only the index has it. `kept`:
what was there stays. `skipped`: left alone. `failed`: something went wrong with it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` is one line for the owner, without the path; `group` is the same without the particulars of
    the photo, for the summary. Positions are degrees, None where unknown. `outing`: when the outing that the
    photo was weighed with began, by the camera's clock, ISO 8601. `is_photo` is False of a folder or a link
    that something is to be said of."""

    path: str
    status: Status
    reason: str | None = None
    group: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    radius_km: float | None = None
    confidence: float | None = None
    rung: str | None = None
    cell: str | None = None
    model: str | None = None
    outing: str | None = None
    is_photo: bool = True


Report = Callable[[Outcome], None]


@dataclass
class Tally:
    """Counts outcomes as they pass. `rungs` counts the positions written and planned by what placed them,
    `groups` the others by why, and those written that had to have a sidecar by why, too; `places` folders
    and links, which are no photos."""

    statuses: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)

    places: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        if not outcome.is_photo:
            self.places[outcome.status, outcome.group or outcome.reason or ""] += 1
            return
        self.statuses[outcome.status] += 1
        is_placed = outcome.status in ("written", "planned") and outcome.rung is not None
        if is_placed:
            self.rungs[outcome.rung or ""] += 1
        if not is_placed or (outcome.group and outcome.status == "written"):
            self.groups[outcome.status, outcome.group or outcome.reason or ""] += 1

    def unchanged(self, photos: int) -> None:
        """Photos that needed no look, counted without an outcome for each."""
        if photos:
            self.statuses["kept"] += photos
            self.groups["kept", UNCHANGED] += photos

    @property
    def failures(self) -> int:
        """What went wrong, with photos and with folders."""
        return self.statuses["failed"] + sum(
            n for (status, _), n in self.places.items() if status == "failed"
        )

    @property
    def seen(self) -> int:
        return self.statuses.total()


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did. `run`: its number, for `undo`; None of a dry run, and where there was nothing to begin.
    `is_complete`: False where it was asked to stop before its end."""

    run: int | None
    tally: Tally
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What an undo did. `run`: the number of the run that was undone, None where none was agreed to. `tally`:
    what became of its photos. `repaired`: what became of photos that runs which were cut off had in hand.
    `forgotten`: how many of its photos had lost their estimates to `forget` before."""

    run: int | None
    tally: Tally
    repaired: Tally
    forgotten: int


LINK, FOLDER, SPECIAL = "link", "folder", "special"
"""Groups of outcomes that are about no photo."""

UNCHANGED = "unchanged since the last run"
VANISHED = "the archive vanished; what was finished is kept, run again when it is back"
COULD_NOT_WRITE = "could not be written"
MAY_NOT_WRITE = "in a folder that may not be written"
GONE = "gone: deleted or moved while the run went on"
NOT_CARRIED_OVER = "of another owner, or with rights that a new file may not have"
PLACE_TAKEN = "has a position of its own"
CONFIRMED = "its circle was confirmed by you"
REJECTED = "you rejected its place; `geotagger review` takes that back"
UNREADABLE_POSITION = "names a place that cannot be read"
