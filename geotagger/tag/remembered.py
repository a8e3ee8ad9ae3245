"""What the index remembers that bears on an evaluation, so that it weighs as `tag` on these photos would."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geotagger.estimate.calibration import Calibration
from geotagger.estimate.corrections import joined
from geotagger.estimate.tracks import Tracks
from geotagger.index import index_exists, open_index
from geotagger.index.learned import CALIBRATION, CLOCKS
from geotagger.tag.corridor import by_root
from geotagger.tag.recorded import tracks_in_force
from geotagger.tracks import Track


@dataclass(frozen=True)
class Remembered:
    """`clocks`: the owner's corrections, seconds to add by camera. `tracks`: those given now and those of
    before. `calibration`: what an earlier `evaluate --calibrate` found, None where none did."""

    clocks: Mapping[str, float]
    tracks: Tracks
    sidecar_folders: Sequence[str]
    calibration: Calibration | None


def remembered(
    index_path: Path | None, paths: Sequence[str], clocks: Mapping[str, float], tracks: Sequence[Track]
) -> Remembered:
    """Of the roots that hold the paths, with what is said now. The index is as it was."""
    if not index_exists(index_path):
        return Remembered(clocks, Tracks(tuple(tracks)), (), None)
    folders: list[str] = []
    earlier: dict[str, float] = {}
    in_force, calibration = Tracks(tuple(tracks)), None
    with open_index(index_path, mode="snapshot") as index:
        for root, _ in by_root(index, [os.path.realpath(path) for path in paths]):
            earlier = joined(earlier, index.learned.get(root.id, CLOCKS) or {})
            folders += index.learned.sidecar_folders(root.path)
            in_force = tracks_in_force(index, root.id, in_force.tracks)
            if stored := index.learned.get(root.id, CALIBRATION):
                calibration = Calibration.from_dict(stored)
    return Remembered(joined(earlier, clocks), in_force, tuple(dict.fromkeys(folders)), calibration)
