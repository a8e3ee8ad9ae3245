"""The fixes that an outing has at hand and the places that its archive visits, as one table ordered by time.

Takes observations and a movement, gives columns. Knows nothing of what they tell of a photo.
"""

from collections.abc import Sequence

import numpy as np

from geotagger.estimate.movement import FloatArray, IntArray, Movement
from geotagger.estimate.surroundings import VISITS, FixTable
from geotagger.estimate.values import Fix, Observation

_OWN_VISITS = 8
"""Of the photo's own camera, on either side, where others visited more."""


def fix_table(
    at_hand: Sequence[Observation | None],
    photos: Sequence[Observation],
    movement: Movement,
    habits: bool,
) -> tuple[FixTable, dict[int, Fix]]:
    """The fixes at hand and the archive's visits, ordered by time, and which row is which fix. A visit that
    is a fix at hand is one row: its error and what is doubted of it are the fix's."""
    fixed = [(o, o.fix) for o in at_hand if o is not None and o.fix is not None and o.utc is not None]
    rows = [
        ((o.utc or 0.0) - fix.age_s, fix.latitude, fix.longitude, fix.error_km, fix.doubt, fix.astray_km)
        for o, fix in fixed
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    camera = np.array([movement.camera_code(o.camera) for o, _ in fixed], dtype=np.int64)
    is_visit = np.zeros(len(fixed), dtype=np.bool_)
    if habits:
        near = _visits_near(photos, movement)
        visited = np.stack([movement.utc[near], movement.lat[near], movement.lng[near]], axis=1)
        places, visits = _whens(table), _whens(visited)
        both = set(places) & set(visits)
        is_visit = np.array([place in both for place in places], dtype=np.bool_)
        other = np.array([visit not in both for visit in visits], dtype=np.bool_)
        table = np.concatenate([table, np.pad(visited[other], ((0, 0), (0, 3)))])
        camera = np.concatenate([camera, movement.camera[near][other]])
        is_visit = np.concatenate([is_visit, np.ones(len(table) - len(is_visit), dtype=np.bool_)])
    order = np.argsort(table[:, 0], kind="stable")
    utc, lat, lng, error, doubt, astray = np.ascontiguousarray(table[order].T)
    return (
        FixTable(utc, lat, lng, error, camera[order], np.flatnonzero(is_visit[order]), doubt, astray),
        {int(row): fixed[int(n)][1] for row, n in enumerate(order) if n < len(fixed)},
    )


def _whens(rows: FloatArray) -> list[tuple[float, float, float]]:
    """When and where, to the second: a fix's age is added to its time and taken off again."""
    return [(round(utc), lat, lng) for utc, lat, lng in rows[:, :3].tolist()]


def _visits_near(photos: Sequence[Observation], movement: Movement) -> IntArray:
    """The stored visits that can be among the nearest in time to any of the photos, of all cameras or of
    their own."""
    times = [t for o in photos for t in (o.utc, o.other_utc) if t is not None]
    if not times:
        return np.empty(0, dtype=np.int64)
    first, last = np.searchsorted(movement.utc, [min(times), max(times)])
    near = [np.arange(max(0, first - VISITS), min(len(movement.utc), last + VISITS))]
    for code in {movement.camera_code(o.camera) for o in photos} - {-1} if len(movement.cameras) > 1 else ():
        own = np.flatnonzero(movement.camera == code)
        since, until = np.searchsorted(own, [first, last])
        near.append(own[max(0, since - _OWN_VISITS) : until + _OWN_VISITS])
    return np.unique(np.concatenate(near))
