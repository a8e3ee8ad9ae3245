"""The tracks that tell of one archive: those that this run was given, and those of earlier runs.

A track that is given once is remembered for its archive, as clocks are. A file that is given again with
another content takes the place of what it said before.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geotagger.index import Index
from geotagger.index.tracks import RememberedTrack

if TYPE_CHECKING:
    from geotagger.estimate.tracks import Tracks
    from geotagger.tracks import Track


def digests_in_force(index: Index, root_id: int, given: "Sequence[Track]") -> list[str]:
    """The content hashes of all of them; needs no arrays."""
    earlier = [track.digest for track in _not_replaced(index.tracks.listed(root_id), given)]
    return sorted({*earlier, *(track.digest for track in given)})


def tracks_in_force(index: Index, root_id: int, given: "Sequence[Track]") -> "Tracks":
    """All of them: whole where this run was given the file, else the points that are kept."""
    from geotagger.estimate.tracks import Tracks

    left = {track.digest for track in _not_replaced(index.tracks.listed(root_id), given)}
    earlier = [track for track in index.tracks.of_root(root_id) if track.digest in left]
    return Tracks((*given, *earlier))


def _not_replaced(listed: Sequence[RememberedTrack], given: "Sequence[Track]") -> list[RememberedTrack]:
    digests, paths = {track.digest for track in given}, {track.path for track in given}
    return [track for track in listed if track.digest not in digests and track.path not in paths]
