"""The index asked for photos."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, get_args

from geotagger.api.values import StrPath, index_file
from geotagger.errors import UsageError
from geotagger.index import Index, open_index
from geotagger.index.search import Box, Near, PhotoPlace, Query, Sort, search


def query(filters: Query = Query(), *, index: StrPath | Index | None = None) -> Iterator[PhotoPlace]:
    """The photos of the index that answer a query, with their places, as the last `tag` left them.

    `index`: the file of an index, or one that is open; unless told, the user's own. Photos come as they are
    found, so an answer may be as long as the archive; the index stays open until the last was taken or the
    iterator is let go of, and is to be used from one thread. Nothing is changed.

    Raises IndexUnusableError, also where there is no index yet; UsageError for a cell that is none.
    """
    _check(filters)
    answer = _answer(filters, index)
    next(answer)  # what is wrong with index or query is said now
    return answer


@contextmanager
def open_for_reading(index: StrPath | Index | None) -> Iterator[Index]:
    """An index that is open already, or that of a file, or the user's own. IndexUnusableError where there is
    none."""
    if isinstance(index, Index):
        try:
            yield index
        finally:
            index.store.damage.tell()
        return
    with open_index(index_file(index), mode="read") as opened:
        yield opened


_NUMBERS = 2**63 - 1
"""The largest number that an index counts to."""


def _check(filters: Query) -> None:
    """TypeError and UsageError for what no index can answer."""
    _check_kind(filters, Query)
    for value, kind in ((filters.near, Near), (filters.box, Box)):
        if value is not None:
            _check_kind(value, kind)
    for moment in (filters.since, filters.until):
        if moment is not None:
            _check_kind(moment, datetime)
    if filters.near is not None:
        if not (abs(filters.near.latitude) <= 90 and abs(filters.near.longitude) <= 180):
            raise UsageError(f"{filters.near.latitude}, {filters.near.longitude} is not a place on the Earth")
        if not filters.near.radius_km >= 0:
            raise UsageError(f"radius_km is {filters.near.radius_km}; a distance of 0 km or more is wanted")
    for name, number in (("nearest", filters.nearest), ("limit", filters.limit)):
        if number is not None and not 1 <= number <= _NUMBERS:
            raise UsageError(f"{name} is {number}; a number of photos is wanted")
    if filters.sort is not None and filters.sort not in get_args(Sort):
        raise UsageError(f"{filters.sort!r} is no order; there are: {', '.join(get_args(Sort))}")


def _check_kind(value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} is wanted, not {value!r}")


def _answer(filters: Query, index: StrPath | Index | None) -> Iterator[Any]:
    """The photos, after a first step that opens the index and finds the first."""
    with open_for_reading(index) as opened:
        photos = search(opened.store, filters)
        first = next(photos, None)
        yield None
        if first is not None:
            yield first
            yield from photos
