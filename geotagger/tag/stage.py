"""What every step of a run works with: one archive root, in one run, for one owner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

from geotagger.archive.names import is_at_or_below, is_left_out_below
from geotagger.engine.cores import usable_cores
from geotagger.index import Index
from geotagger.index.roots import Root
from geotagger.index.runs import Run
from geotagger.tag.network import Network
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import Outcome, Report, Tally
from geotagger.tag.profile import Profile
from geotagger.tag.recorded import tracks_in_force

if TYPE_CHECKING:
    from geotagger.estimate.tracks import Tracks
    from geotagger.model.pack import ModelPack
    from geotagger.tag.clocks import Clocks
    from geotagger.tracks import Track


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


@dataclass
class Stage:
    """`below` are the places that were asked for, inside `root`; `told` what the owner says is to be
    added to cameras' clocks, `given` the tracks of this run; `pack`, `network` and `model_id` are None
    without a model."""

    index: Index
    run: Run
    root: Root
    below: Sequence[str]
    options: TagOptions
    listener: Listener
    tally: Tally
    told: Mapping[str, float]
    given: "Sequence[Track]"
    pack: "ModelPack | None"
    network: Network | None
    model_id: int | None
    profile: Profile

    @property
    def readers(self) -> int:
        return self.options.readers or usable_cores()

    @cached_property
    def tracks(self) -> "Tracks":
        """Those of this run and of earlier ones."""
        return tracks_in_force(self.index, self.root.id, self.given)

    @property
    def clocks(self) -> "Clocks":
        # imported here: a run with nothing to do has no use for arrays
        from geotagger.tag.clocks import Clocks

        return Clocks(self.told, self.tracks)

    def report(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        self.listener.report(outcome)

    def in_scope(self, path: str) -> bool:
        """Whether this run may do anything about a photo."""
        return is_at_or_below(path, self.below) and not is_left_out_below(
            path, self.below, self.options.exclude
        )
