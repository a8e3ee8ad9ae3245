"""What is known: all that speaks about the photos of one archive when they are weighed.

`weighing` makes the same of an archive for a run and for `why`, so that both give the same numbers.
"""

import contextlib
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
from geotagger.tag.standing import Standing
from geotagger.tag.survey import Survey


@dataclass(frozen=True)
class ArchiveEvidence:
    """`weighing`: what places are concluded from. `standing`: what the written estimates rest on. `survey`:
    what is new. `min_confidence`: below it nothing is written. `rethink`: the last run had other settings,
    so guesses that were written nowhere are thought over."""

    weighing: Evidence
    standing: Standing
    survey: Survey
    min_confidence: float
    rethink: bool


def weighing(
    index: Index,
    root_id: int,
    fixes: FixSeries,
    options: TagOptions,
    tracks: Tracks,
    table: CellTable | None,
    *,
    keep: bool = True,
) -> Evidence:
    """With `keep` what had to be learned is remembered."""
    calibration = _calibration(index, root_id)
    movement = _movement(index, root_id, fixes, keep)
    if calibration is not None:
        movement = calibration.applied_to(movement)
    least = min_confidence(index, root_id, options)
    asked_for = Options(
        within_km=options.within_km,
        certainty=max(options.certainty, min(least, 0.99)),
        sequence=options.sequence,
    )
    return listening_to(Evidence(fixes, movement, tracks, table, asked_for), options.kinds)


def min_confidence(index: Index, root_id: int, options: TagOptions) -> float:
    """The least certainty at which a place is written."""
    if options.precision is None:
        return options.min_confidence
    return least_confidence(options.precision, _calibration(index, root_id))


def _calibration(index: Index, root_id: int) -> Calibration | None:
    stored = index.learned.get(root_id, CALIBRATION)
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):  # of a damaged row
        return Calibration.from_dict(stored) if stored else None
    return None


def _movement(index: Index, root_id: int, fixes: FixSeries, keep: bool) -> Movement:
    """How the archive moves: learned anew when its fixes have changed, remembered otherwise."""
    taught_by = xxhash.xxh3_64_hexdigest(b"".join(array.tobytes() for array in fixes.teachers))
    kept = index.learned.get(root_id, MOVEMENT) or {}
    if kept.get("taught_by") == [__version__, MODEL, taught_by]:
        # what a damaged row says is learned anew
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            return Movement.from_dict(kept["movement"])
    movement = learned_from(fixes)
    if keep:
        told = {"taught_by": [__version__, MODEL, taught_by], "movement": movement.to_dict()}
        index.learned.put(root_id, MOVEMENT, told)
    return movement
