"""What is known: all that speaks about the photos of one archive when they are weighed.

`weighing` makes the same of an archive for a run and for `why`, so that both give the same numbers.
"""

import contextlib
import json
from collections.abc import Sequence, Set
from dataclasses import dataclass

import xxhash

from geotagger import __version__
from geotagger.cells import CellTable
from geotagger.estimate.calibration import Calibration, least_confidence, stated_certainty
from geotagger.estimate.kinds.table import listening_to
from geotagger.estimate.movement import MODEL, Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.timeline import Evidence, learned_from
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import FixSeries
from geotagger.index import Index
from geotagger.index.learned import CALIBRATION, MOVEMENT
from geotagger.tag.options import TagOptions
from geotagger.tag.sampling import correction_of
from geotagger.tag.standing import Standing
from geotagger.tag.survey import Survey
from geotagger.tag.texts import text_exponent

_DAMAGED = (ValueError, TypeError, KeyError, AttributeError)
"""What a damaged row raises when it is read."""


@dataclass(frozen=True)
class ArchiveEvidence:
    """`weighing`: what places are concluded from. `standing`: what the written estimates rest on. `survey`:
    what is new. `min_confidence`: below it nothing is written. `rethink`: the last run had other settings,
    so guesses that were written nowhere are thought over. `read_now`: photos whose text was read in this
    run and says something."""

    weighing: Evidence
    standing: Standing
    survey: Survey
    min_confidence: float
    rethink: bool
    read_now: Set[int] = frozenset()


def weighing(
    index: Index,
    root_ids: Sequence[int],
    fixes: FixSeries,
    options: TagOptions,
    tracks: Tracks,
    table: CellTable | None,
    *,
    model: str | None = None,
    keep: bool = True,
) -> Evidence:
    """`root_ids`: the archives that are worked on; `fixes` and `tracks` may be others' too. `model`: the
    digest of the one that looked at pictures. With `keep` what had to be learned is remembered."""
    calibration = calibration_of(index, root_ids)
    movement = _movement(index, root_ids, fixes, keep)
    if calibration is not None:
        movement = calibration.applied_to(movement, model)
    if (sampled := correction_of(index)) is not None:
        movement = sampled.applied_to(movement)
    least = min_confidence(index, root_ids, options, model)
    asked_for = Options(
        within_km=options.within_km,
        certainty=stated_certainty(options.certainty, least),
        text_exponent=text_exponent(index, fixes, options),
    )
    return listening_to(Evidence(fixes, movement, tracks, table, asked_for), options.kinds)


def min_confidence(
    index: Index, root_ids: Sequence[int], options: TagOptions, model: str | None = None
) -> float:
    """The least certainty at which a place is written. model: the digest of the one that looks."""
    if options.precision is None:
        return options.min_confidence
    return least_confidence(options.precision, calibration_of(index, root_ids), model)


def calibration_of(index: Index, root_ids: Sequence[int]) -> Calibration | None:
    """The first that there is."""
    stored = next(filter(None, (index.learned.get(root_id, CALIBRATION) for root_id in root_ids)), None)
    with contextlib.suppress(*_DAMAGED):
        return Calibration.from_dict(stored) if stored else None
    return None


def _movement(index: Index, root_ids: Sequence[int], fixes: FixSeries, keep: bool) -> Movement:
    """How the archives move: learned anew when the fixes have changed, remembered otherwise."""
    # the cameras' names, too: those that are told apart by their folders get new ones where an archive moves
    columns = [array.tobytes() for array in fixes.teachers]
    taught_by = xxhash.xxh3_64_hexdigest(b"".join([*columns, repr(fixes.cameras).encode()]))
    origin = [__version__, MODEL, taught_by]
    for root_id in root_ids:
        with contextlib.suppress(*_DAMAGED):  # what such a row says is learned anew
            kept = index.learned.get(root_id, MOVEMENT)
            if kept and kept["taught_by"] == origin and kept["digest"] == _digest(kept["movement"]):
                return Movement.from_dict(kept["movement"])
    movement = learned_from(fixes)
    stored = movement.to_dict()
    for root_id in root_ids if keep else ():
        row = {"taught_by": origin, "movement": stored, "digest": _digest(stored)}
        index.learned.put(root_id, MOVEMENT, row)
    return movement


def _digest(movement: object) -> str:
    """Of one as it is stored: numbers that nobody learned would be noticed by no name and no type."""
    return xxhash.xxh3_64_hexdigest(json.dumps(movement).encode())
