"""Whether the creation times of a camera's films are UTC, as the standard has it, or its own clock's.

A camera does the same with all of its films, and its photos of the same half hour show what. Takes what
photos and films say of their time, gives what is certain of cameras. Knows nothing of files.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from geotagger.estimate.clock import Clocked, Reading, posix

_SAME_OUTING_S = 1800.0


def conventions(
    films: Mapping[str, Sequence[datetime]],
    rows: Callable[[], Iterable[Clocked]],
    read: Callable[[Clocked], Reading],
) -> Mapping[str, bool]:
    """By camera, whether its films tell UTC; of those only of which photos show one and not the other.
    `films`: the creation times that may be either. `rows`: all photos and films."""
    if not films:
        return {}
    models = {_model(camera) for camera in films}
    by_clock: dict[str, array[float]] = defaultdict(lambda: array("d"))
    by_utc: dict[str, array[float]] = defaultdict(lambda: array("d"))
    for row in rows():
        model = _model(row.camera or "")
        if model in models and row.local is not None and not row.either:
            by_clock[model].append(posix(row.local))
            by_utc[model].append(read(row).utc)
    is_standard = {}
    for camera, of_camera in films.items():
        clock, utc = sorted(by_clock[_model(camera)]), sorted(by_utc[_model(camera)])
        near = [(_is_near(clock, posix(film)), _is_near(utc, posix(film))) for film in of_camera]
        own, standard = sum(a and not b for a, b in near), sum(b and not a for a, b in near)
        if (own > 0) != (standard > 0):
            is_standard[camera] = standard > 0
    return is_standard


def _model(camera: str) -> str:
    """Films do not tell the serial number that photos tell."""
    return camera.partition(" #")[0]


def _is_near(times: Sequence[float], moment: float) -> bool:
    at = bisect_left(times, moment)
    return any(abs(times[n] - moment) <= _SAME_OUTING_S for n in (at - 1, at) if 0 <= n < len(times))
