"""Which kinds of evidence there are: a new one is a file beside this and a line here. Quick to import: what
the kinds work with is imported when they are asked."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.habits import Habits
from geotagger.estimate.kinds.known_places import KnownPlaces
from geotagger.estimate.kinds.names import Names
from geotagger.estimate.kinds.neighbours import Neighbours
from geotagger.estimate.kinds.pictures import Pictures
from geotagger.estimate.kinds.protocol import Kind
from geotagger.estimate.kinds.reference import Reference
from geotagger.estimate.kinds.sequence import SequenceOfPictures
from geotagger.estimate.kinds.text import Text
from geotagger.estimate.kinds.time_zone import TimeZone
from geotagger.estimate.kinds.tracks import RecordedTracks

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence

KINDS: tuple[Kind, ...] = (
    Neighbours(),
    Habits(),
    TimeZone(),
    RecordedTracks(),
    Pictures(),
    KnownPlaces(),
    SequenceOfPictures(),
    Reference(),
    Names(),
    Text(),
)


BY_DEFAULT = tuple(kind.name for kind in KINDS if kind.by_default)


def listening_to(evidence: "Evidence", kinds: Collection[str]) -> "Evidence":
    """The evidence of these kinds alone."""
    silent = tuple(kind for kind in KINDS if kind.name not in kinds)
    for kind in silent:
        evidence = kind.taken_from(evidence)
    return replace(evidence, silent=silent)
