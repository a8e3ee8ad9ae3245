"""Where it goes: one run at work on an archive root, or on several that help each other.

What is known of the archive is in `tag/evidence.py`; no step of a run takes more than these two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from geotagger.archive.names import is_at_or_below, is_left_out_below
from geotagger.engine.cores import usable_cores
from geotagger.index import Index
from geotagger.index.roots import Root
from geotagger.index.runs import Run
from geotagger.tag.listener import Listener
from geotagger.tag.network import Network
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import Outcome, Tally
from geotagger.tag.profile import Profile

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack
    from geotagger.tag.kept_features import KeptFeatures


@dataclass(frozen=True)
class Onlooker:
    """The model that looks at the pictures of a run, as the index numbers it. `kept`: what its last layer saw
    of photos, where that is compared with anything."""

    pack: "ModelPack"
    network: Network
    id: int
    open_kept: "Callable[[], KeptFeatures | None]" = lambda: None

    @cached_property
    def kept(self) -> "KeptFeatures | None":
        return self.open_kept()


@dataclass(frozen=True)
class RootRun:
    """`roots`: those that are worked on. `places`: what was asked for inside them; nothing else is written.
    `company`: the numbers of all roots whose photos speak: these, and those that the owner joined with them.
    `onlooker`: None where no pictures are looked at. `outing`: when the outing in hand began, for what is
    reported of its photos."""

    index: Index
    run: Run
    roots: Sequence[Root]
    places: Sequence[str]
    company: Sequence[int]
    options: TagOptions
    listener: Listener
    tally: Tally
    profile: Profile
    onlooker: Onlooker | None
    outing: str | None = None

    @property
    def root(self) -> Root:
        """The one that is worked on, the first of several."""
        return self.roots[0]

    @property
    def root_ids(self) -> list[int]:
        return [root.id for root in self.roots]

    @property
    def readers(self) -> int:
        return self.options.readers or usable_cores()

    @property
    def pack(self) -> "ModelPack | None":
        return None if self.onlooker is None else self.onlooker.pack

    @property
    def model_id(self) -> int | None:
        return None if self.onlooker is None else self.onlooker.id

    @property
    def model(self) -> str | None:
        """The name that goes into outcomes and marks."""
        return None if self.onlooker is None else self.onlooker.pack.name

    @property
    def is_stopped(self) -> bool:
        return self.listener.stop.is_set()

    def report(self, outcome: Outcome) -> None:
        if self.outing is not None:
            outcome = replace(outcome, outing=self.outing)
        self.tally.add(outcome)
        self.listener.report(outcome)

    def in_scope(self, path: str) -> bool:
        """Whether this run may do anything about a photo."""
        return is_at_or_below(path, self.places) and not is_left_out_below(
            path, self.places, self.options.exclude
        )
