"""What the owner gave besides photos, for archives that help each other: corrections of clocks, and tracks;
those that this run was given, and those of earlier runs.

A track that is given once is remembered for its archive, as clocks are. A file that is given again with
another content takes the place of what it said before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from geotagger.index import Index
from geotagger.index.learned import CLOCKS
from geotagger.index.tracks import RememberedTrack

if TYPE_CHECKING:
    from geotagger.estimate.moments import Clocks
    from geotagger.estimate.tracks import Tracks
    from geotagger.tracks import Track


@dataclass(frozen=True)
class Recorded:
    """`corrections`: seconds to be added to the clocks of cameras. `given`: the tracks of this run. Arrays
    are loaded when somebody asks for what needs them."""

    index: Index
    root_ids: Sequence[int]
    corrections: Mapping[str, float]
    given: "Sequence[Track]"

    @property
    def digests(self) -> list[str]:
        """The content hashes of all tracks in force."""
        earlier = _not_replaced(_listed(self.index, self.root_ids), self.given)
        return sorted({*(track.digest for track in earlier), *(track.digest for track in self.given)})

    @cached_property
    def tracks(self) -> "Tracks":
        """Those of this run and of earlier ones."""
        return tracks_in_force(self.index, self.root_ids, self.given)

    @property
    def clocks(self) -> "Clocks":
        from geotagger.estimate.moments import Clocks

        return Clocks(self.corrections, self.tracks)


def told_clocks(index: Index, root_ids: Sequence[int]) -> dict[str, float]:
    """The owner's corrections of clocks of earlier runs, those of files of tracks too."""
    from geotagger.estimate.corrections import joined

    in_force: dict[str, float] = {}
    for root_id in root_ids:
        in_force = joined(in_force, index.learned.get(root_id, CLOCKS) or {})
    return in_force


def tracks_in_force(index: Index, root_ids: Sequence[int], given: "Sequence[Track]") -> "Tracks":
    """All of them: whole where this run was given the file, else the points that are kept."""
    from geotagger.estimate.tracks import Tracks

    left = {track.digest for track in _not_replaced(_listed(index, root_ids), given)}
    kept = [track for root_id in root_ids for track in index.tracks.of_root(root_id)]
    earlier = {track.digest: track for track in kept if track.digest in left}
    return Tracks((*given, *earlier.values()))


def _listed(index: Index, root_ids: Sequence[int]) -> list[RememberedTrack]:
    return [track for root_id in root_ids for track in index.tracks.listed(root_id)]


def _not_replaced(listed: Sequence[RememberedTrack], given: "Sequence[Track]") -> list[RememberedTrack]:
    digests, paths = {track.digest for track in given}, {track.path for track in given}
    return [track for track in listed if track.digest not in digests and track.path not in paths]
