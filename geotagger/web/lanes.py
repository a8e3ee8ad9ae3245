"""The day's timeline: what was recorded while an outing went on, and what is known just before and after it.

Takes the photos of an outing and the index, gives points in time and degrees for the page to draw, and to
slide photos along when a clock is set."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from geotagger.index import Index
from geotagger.index.learned import CLOCKS
from geotagger.index.mapping import ListedPhoto
from geotagger.tag.recorded import tracks_in_force

AROUND_S = 14 * 3600.0
"""A clock may be off by a time zone: so much of a track on either side comes along."""

MOST_POINTS = 4000


def lanes_of(index: Index, root_id: int, photos: Sequence[ListedPhoto]) -> dict[str, Any]:
    times = [photo.utc for photo in photos if photo.utc is not None]
    shifts = index.learned.get(root_id, CLOCKS) or {}
    if not times:
        return {"tracks": [], "fixes": [], "clocks": shifts}
    first, last = min(times), max(times)
    return {
        "tracks": _tracks(index, root_id, first - AROUND_S, last + AROUND_S),
        "fixes": _fixes(index, root_id, first, last),
        "clocks": shifts,
    }


def _tracks(index: Index, root_id: int, since: float, until: float) -> list[dict[str, Any]]:
    """Every track that has points in the span, thinned evenly where it has very many."""
    lanes = []
    for track in tracks_in_force(index, index.roots.company_of([root_id]), ()).tracks:
        at = np.flatnonzero((track.utc >= since) & (track.utc <= until))
        if not len(at):
            continue
        at = at[:: max(1, -(-len(at) // MOST_POINTS))]
        points = np.stack([track.utc[at], track.lat[at], track.lng[at]], axis=1)
        lanes.append({"name": track.name, "points": np.round(points, 6).tolist()})
    return lanes


def _fixes(index: Index, root_id: int, first: float, last: float) -> list[dict[str, Any]]:
    """The nearest known places before and after the outing."""
    fixes = index.company(index.roots.company_of([root_id])).fixes()
    before = int(np.searchsorted(fixes.utc, first)) - 1
    after = int(np.searchsorted(fixes.utc, last, side="right"))
    return [
        {
            "photo_id": int(fixes.keys[n]),
            "utc": float(fixes.utc[n]),
            "latitude": float(fixes.latitude[n]),
            "longitude": float(fixes.longitude[n]),
            "side": side,
        }
        for n, side in ((before, "before"), (after, "after"))
        if 0 <= n < len(fixes)
    ]
