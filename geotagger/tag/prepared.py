"""What estimating an archive's photos starts from: how it moves, how true its certainties were, and
what was asked. A run and `why` prepare alike, so that both give the same numbers."""

from dataclasses import dataclass

import xxhash

from geotagger import __version__
from geotagger.cells import CellTable
from geotagger.estimate.calibration import Calibration, least_confidence
from geotagger.estimate.kinds.table import listening_to
from geotagger.estimate.movement import MODEL, Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.timeline import Evidence, learned_from
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import FixSeries
from geotagger.index import Index
from geotagger.index.learned import CALIBRATION, MOVEMENT
from geotagger.tag.options import TagOptions


@dataclass(frozen=True, slots=True)
class Prepared:
    """`min_confidence`: below it nothing is written."""

    evidence: Evidence
    min_confidence: float


def prepare(
    index: Index,
    root_id: int,
    fixes: FixSeries,
    options: TagOptions,
    tracks: Tracks,
    table: CellTable | None,
    *,
    keep: bool = True,
) -> Prepared:
    """With `keep` what had to be learned is remembered."""
    stored = index.learned.get(root_id, CALIBRATION)
    calibration = Calibration.from_dict(stored) if stored else None
    movement = _movement(index, root_id, fixes, keep)
    min_confidence = options.min_confidence
    if options.precision is not None:
        min_confidence = least_confidence(options.precision, calibration)
    if calibration is not None:
        movement = calibration.applied_to(movement)
    evidence = Evidence(fixes, movement, tracks, table, estimating(options, min_confidence))
    return Prepared(listening_to(evidence, options.kinds), min_confidence)


def estimating(options: TagOptions, min_confidence: float) -> Options:
    """What the estimate room is asked for."""
    return Options(
        within_km=options.within_km,
        certainty=max(options.certainty, min(min_confidence, 0.99)),
        sequence=options.sequence,
    )


def _movement(index: Index, root_id: int, fixes: FixSeries, keep: bool) -> Movement:
    """How the archive moves: learned anew when its fixes have changed, remembered otherwise."""
    taught_by = xxhash.xxh3_64_hexdigest(b"".join(array.tobytes() for array in fixes.teachers))
    kept = index.learned.get(root_id, MOVEMENT) or {}
    if kept.get("taught_by") == [__version__, MODEL, taught_by]:
        return Movement.from_dict(kept["movement"])
    movement = learned_from(fixes)
    if keep:
        told = {"taught_by": [__version__, MODEL, taught_by], "movement": movement.to_dict()}
        index.learned.put(root_id, MOVEMENT, told)
    return movement
