"""The times of an archive's photos in the index, brought up to date.

Reads what photos say of their time from the index, and records what the estimate room makes of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from geotagger.estimate.clock import Clocked
from geotagger.estimate.moments import Clocks, read_clocks
from geotagger.index import Index
from geotagger.index.roots import Root

__all__ = ["Clocks", "set_times"]

_SAME_S = 1e-3
"""Times that differ by less are the same time, rounded."""


def set_times(
    index: Index, roots: Sequence[Root], company: Sequence[int], clocks: Clocks, note: Callable[[str], None]
) -> Iterator[list[int]]:
    """Resolves the time of every photo of these roots anew: one new neighbour with a place, in any root of
    the `company`, may tell the time zone of many. Gives the numbers of those whose time changed, a chunk at
    a time."""

    def rows() -> Iterable[Clocked]:
        # photos of a folder that is not mounted still tell the zone: without them times would jump
        chunks = index.company(company).clocked(gone=True)
        return (timed.clocked for chunk in chunks for timed in chunk)

    read = read_clocks(rows, clocks, note)
    for chunk in index.company([root.id for root in roots]).clocked():
        changed = []
        for timed in chunk:
            reading = read(timed.clocked)
            utc = reading.utc if reading.utc == reading.utc else None
            if not (_is_same(utc, timed.utc) and _is_same(reading.other_utc, timed.other_utc)):
                error_s = 0.0 if utc is None else reading.error_s
                changed.append((timed.id, utc, error_s, reading.other_utc))
        if changed:
            index.photos.set_utc(changed)
            yield [photo_id for photo_id, *_ in changed]


def _is_same(one: float | None, other: float | None) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _SAME_S
    return one is None and other is None  # what a damaged row has is written anew
