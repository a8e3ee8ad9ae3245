"""What the index remembers that bears on an evaluation, so that it weighs as `tag` on these photos would."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geotagger.estimate.calibration import Calibration
from geotagger.estimate.corrections import joined
from geotagger.estimate.sampled import SampleCorrection
from geotagger.estimate.timeline import stated_error_km
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Fix
from geotagger.evaluate.sightings import companion
from geotagger.evaluate.trial import Sighting
from geotagger.index import index_exists, open_index
from geotagger.index.photos import IndexedPhoto
from geotagger.tag.corridor import by_root
from geotagger.tag.evidence import calibration_of
from geotagger.tag.recorded import told_clocks, tracks_in_force
from geotagger.tag.sampling import correction_of
from geotagger.tracks import Track


@dataclass(frozen=True)
class Remembered:
    """`clocks`: the owner's corrections, seconds to add by camera. `tracks`: those given now and those of
    before. `manual`: the places that the owner gave, by photo, as exactly as they were given, and the
    circles that they confirmed, with the rung of the estimate. `numbers`:
    those that photos have in the index, which order what is of one second. `calibration`: what an earlier
    `evaluate --calibrate` found, None where none did; `sampled`: what the owner's verdicts on a random sample
    taught. `companions`: the photos of the archives that the
    owner joined with these."""

    clocks: Mapping[str, float]
    tracks: Tracks
    sidecar_folders: Sequence[str]
    manual: Mapping[str, Fix]
    numbers: Mapping[str, int]
    calibration: Calibration | None
    sampled: SampleCorrection | None = None
    companions: Sequence[Sighting] = ()


def remembered(
    index_path: Path | None,
    paths: Sequence[str],
    clocks: Mapping[str, float],
    load: Callable[[Mapping[str, float]], Sequence[Track]],
) -> Remembered:
    """Of the roots that hold the paths, with what is said now. `load` gives the tracks of this time, their
    clocks set right by these corrections. The index is as it was."""
    if not index_exists(index_path):
        return Remembered(clocks, Tracks(tuple(load(clocks))), (), {}, {}, None)
    folders: list[str] = []
    manual: dict[str, Fix] = {}
    numbers: dict[str, int] = {}
    with open_index(index_path, mode="snapshot") as index:
        sampled = correction_of(index)
        named = [root for root, _ in by_root(index, [os.path.realpath(path) for path in paths])]
        named_ids = [root.id for root in named]
        calibration = calibration_of(index, named_ids)
        company = index.roots.company_of(named_ids)
        companions = [
            sighting
            for root_id in company[len(named) :]
            for photo in index.photos.in_time(root_id)
            if (sighting := companion(photo)) is not None
        ]
        all_clocks = joined(told_clocks(index, company), clocks)
        in_force = Tracks(tuple(load(all_clocks)))
        for root in (one for one in index.roots.all() if one.id in company):
            folders += index.learned.sidecar_folders(root.path)
            in_force = tracks_in_force(index, [root.id], in_force.tracks)
            for photo in index.photos.in_time(root.id):
                numbers[photo.path] = photo.id
                if (place := _given(photo)) is not None:
                    manual[photo.path] = place
    return Remembered(
        all_clocks,
        in_force,
        tuple(dict.fromkeys(folders)),
        manual,
        numbers,
        calibration,
        sampled,
        companions,
    )


def _given(photo: IndexedPhoto) -> Fix | None:
    is_given = photo.rung == "manual" or photo.is_confirmed
    if not is_given or photo.rung is None or photo.latitude is None or photo.longitude is None:
        return None
    return Fix(photo.latitude, photo.longitude, stated_error_km(photo.radius_km), photo.rung)
