"""Tracks that were given and help no photo, each in a line with its dates.

A track of another year is an owner's mistake more often than not: another folder, a receiver whose clock was
never set, or whose count of weeks has rolled over. Takes tracks and the times of photos, gives lines.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.corrections import shift_in_words
from geotagger.estimate.tracks import ENDS_REACH_S
from geotagger.index.tracks import WHOLE_REACH_S
from geotagger.tracks import Track, dates_in_words

ROLLOVER_S = 1024 * 7 * 86400.0
"""GPS counts weeks in ten bits (IS-GPS-200, 20.3.3.5.2.4); an old receiver is off by one rollover or two."""
_ROLLOVERS = (1, 2, -1, -2)
_MOST_LINES = 5


def lines_on_unmet(tracks: Sequence[Track], photos: NDArray[np.float64]) -> Iterator[str]:
    """`photos`: POSIX seconds (n,), ascending, of all photos that have a time."""
    by_file: dict[str, list[Track]] = {}
    for track in tracks:
        by_file.setdefault(track.path or track.name, []).append(track)
    unmet = {path: parts for path, parts in by_file.items() if not any(_meets(p, photos) for p in parts)}
    for path in list(unmet)[:_MOST_LINES]:
        dates = dates_in_words(
            min(float(part.utc[0]) for part in unmet[path]), max(float(part.utc[-1]) for part in unmet[path])
        )
        yield f"{path}: helps no photo: it is of {dates}{_beside(photos)}{_rolled_over(unmet[path], photos)}"
    if len(unmet) > _MOST_LINES:
        rest = [part for path in list(unmet)[_MOST_LINES:] for part in unmet[path]]
        dates = dates_in_words(
            min(float(part.utc[0]) for part in rest), max(float(part.utc[-1]) for part in rest)
        )
        yield f"{len(unmet) - _MOST_LINES} tracks more help no photo: they are of {dates}"


def _beside(photos: NDArray[np.float64]) -> str:
    if not len(photos):
        return ", and no photo there has a time"
    return f", the photos of {dates_in_words(float(photos[0]), float(photos[-1]))}"


def _rolled_over(parts: Sequence[Track], photos: NDArray[np.float64]) -> str:
    for count in _ROLLOVERS:
        shift = count * ROLLOVER_S
        if any(_meets(part, photos - shift) for part in parts):
            correction = f"{parts[0].name}={shift_in_words(shift)}"
            when = f"{abs(count) * 1024:,} weeks {'later' if count > 0 else 'earlier'}"
            return (
                f"; {when} it would meet them, as after a rollover of GPS's week count: "
                f"--clock '{correction}' sets it right"
            )
    return ""


def _meets(track: Track, photos: NDArray[np.float64]) -> bool:
    """Whether a photo is within a day of a point (of a mark: within minutes), or inside a stay."""
    if not len(photos):
        return False
    after = np.searchsorted(track.utc, photos)
    before = np.maximum(after - 1, 0)
    stayed = track.stays[before] & (after > 0)
    after = np.minimum(after, len(track.utc) - 1)
    away = np.minimum(np.abs(track.utc[before] - photos), np.abs(track.utc[after] - photos))
    return bool((stayed | (away <= (ENDS_REACH_S if track.momentary else WHOLE_REACH_S))).any())
