"""What estimating an archive's photos starts from: how it moves, how true its certainties were, and
what was asked. A run and `why` prepare alike, so that both give the same numbers."""

from dataclasses import dataclass

import xxhash

from geotagger import __version__
from geotagger.estimate.calibration import Calibration, least_confidence
from geotagger.estimate.movement import Movement, learn_movement
from geotagger.estimate.outing import Options
from geotagger.index import Index
from geotagger.index.learned import CALIBRATION, MOVEMENT
from geotagger.index.photos import Fixes
from geotagger.tag.options import TagOptions


@dataclass(frozen=True, slots=True)
class Prepared:
    """`min_confidence`: below it nothing is written."""

    movement: Movement
    estimating: Options
    min_confidence: float


def prepare(index: Index, root_id: int, fixes: Fixes, options: TagOptions, *, keep: bool = True) -> Prepared:
    """With `keep` what had to be learned is remembered."""
    stored = index.learned.get(root_id, CALIBRATION)
    calibration = Calibration.from_dict(stored) if stored else None
    movement = _movement(index, root_id, fixes, keep)
    min_confidence = options.min_confidence
    if options.precision is not None:
        min_confidence = least_confidence(options.precision, calibration)
    estimating = Options(
        within_km=options.within_km,
        certainty=max(options.certainty, min(min_confidence, 0.99)),
        habits=options.habits,
        time_zone=options.time_zone,
        sequence=options.sequence,
    )
    return Prepared(
        movement if calibration is None else calibration.applied_to(movement), estimating, min_confidence
    )


def _movement(index: Index, root_id: int, fixes: Fixes, keep: bool) -> Movement:
    """How the archive moves: learned anew when its fixes have changed, remembered otherwise."""
    columns = (fixes.utc, fixes.latitude, fixes.longitude, fixes.camera, fixes.utc_offset_s)
    teachers = tuple(column[fixes.teaches] for column in columns)
    taught_by = xxhash.xxh3_64_hexdigest(b"".join(array.tobytes() for array in teachers))
    kept = index.learned.get(root_id, MOVEMENT) or {}
    if kept.get("taught_by") == [__version__, taught_by]:
        return Movement.from_dict(kept["movement"])
    utc, latitude, longitude, camera, utc_offset_s = teachers
    names = [fixes.cameras[int(n)] or None for n in camera]
    movement = learn_movement(utc, latitude, longitude, names, utc_offset_s)
    if keep:
        told = {"taught_by": [__version__, taught_by], "movement": movement.to_dict()}
        index.learned.put(root_id, MOVEMENT, told)
    return movement
