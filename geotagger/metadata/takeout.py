"""What the JSON file of a Google Takeout says of its photo: where, and when.

`geoData` is the place that Google Photos shows, `geoDataExif` the one that the file had. Where both are the
same it is the camera's; where `geoData` stands alone or differs, the owner or Google itself put it there, and
nothing tells which. 0,0 stands for none. Takes a path, gives values; any other JSON says nothing.
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from geotagger.coordinates import is_believable
from geotagger.metadata.values import FoundPosition
from geotagger.small_files import beginning_of

LARGEST_TAKEOUT_BYTES = 1 << 20

ESTIMATED_ERROR_KM = 1.0
"""Of a place that may be Google's own estimate (by its location history, by landmarks in the picture).
Assumed: nothing to measure it with was at hand."""

_SAME_DEG = 1e-5
_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = datetime(1826, 1, 1), datetime(2200, 1, 1)


@dataclass(frozen=True, slots=True)
class TakeoutRecord:
    """`taken`: when the photo was taken as Google has it, naive UTC."""

    position: FoundPosition | None = None
    taken: datetime | None = None


def read_takeout(path: str) -> TakeoutRecord:
    """What stands in the file; nothing when it is none of Takeout's, or cannot be read."""
    try:
        data = beginning_of(path, LARGEST_TAKEOUT_BYTES + 1)
        record = json.loads(data) if len(data) <= LARGEST_TAKEOUT_BYTES else None
    except (OSError, ValueError, RecursionError):
        return TakeoutRecord()
    if not isinstance(record, dict) or not {"photoTakenTime", "geoData"} & record.keys():
        return TakeoutRecord()
    return TakeoutRecord(_position(record), _moment(record.get("photoTakenTime")))


def _position(record: dict[str, Any]) -> FoundPosition | None:
    shown, own = _place(record.get("geoData")), _place(record.get("geoDataExif"))
    if shown is None:
        return None if own is None else FoundPosition(*own)
    is_cameras = own is not None and all(
        math.isclose(one, other, rel_tol=0, abs_tol=_SAME_DEG) for one, other in zip(shown, own, strict=True)
    )
    return FoundPosition(*shown, error_km=None if is_cameras else ESTIMATED_ERROR_KM)


def _place(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, dict):
        return None
    latitude, longitude = _number(value.get("latitude")), _number(value.get("longitude"))
    if latitude is None or longitude is None or not is_believable(latitude, longitude):
        return None
    return latitude, longitude


def _moment(value: Any) -> datetime | None:
    seconds = _number(value.get("timestamp")) if isinstance(value, dict) else None
    if not seconds:  # 0 is a time that was never set
        return None
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None
    return moment if _FIRST <= moment < _LAST else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
