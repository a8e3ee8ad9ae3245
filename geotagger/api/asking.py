"""The index asked for photos."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from geotagger.api.values import StrPath, index_file
from geotagger.index import Index, open_index
from geotagger.index.search import PhotoPlace, Query, search


def query(asked: Query = Query(), *, index: StrPath | Index | None = None) -> Iterator[PhotoPlace]:
    """The photos of the index that answer a query, with their places, as the last `tag` left them.

    `index`: the file of an index, or one that is open; unless told, the user's own. Photos come as they are
    found, so an answer may be as long as the archive; the index stays open until the last was taken or the
    iterator is let go of, and is to be used from one thread. Nothing is changed.

    Raises IndexUnusableError, also where there is no index yet; UsageError for a cell that is none.
    """
    answer = _answer(asked, index)
    next(answer)  # what is wrong with index or query is said now
    return answer


def _answer(asked: Query, index: StrPath | Index | None) -> Iterator[Any]:
    """The photos, after a first step that opens the index and finds the first."""
    with (
        nullcontext(index)
        if isinstance(index, Index)
        else open_index(index_file(index), mode="read") as opened
    ):
        photos = search(opened.store, asked)
        first = next(photos, None)
        yield None
        if first is not None:
            yield first
            yield from photos
