"""Who is told what while a run goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from geotagger.tag.outcome import Report


@dataclass(frozen=True)
class Listener:
    """Who is told what: `report` of every photo that had to be looked at (with `every`, of all),
    `note` of a line for the owner, `phase` of what begins and how many photos it is about,
    `advance` of photos that are through it, `expect` of how many there are, once that is known. When
    `stop` is set the run ends soon."""

    report: Report
    note: Callable[[str], None]
    phase: Callable[[str, int], None]
    advance: Callable[[int], None]
    stop: Event
    every: bool = False
    expect: Callable[[int], None] | None = None
