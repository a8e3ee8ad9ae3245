"""The index: what was found out about every photo, in one SQLite file that anything can read.

`open_index` gives an `Index`; its parts hold the tables: `roots`, `photos`, `estimates`, `decisions`,
`samples`, `runs`, `journal`, `learned`, `tracks`. Queries by place and time are in
`geotagger.index.search`, comparing a walk with what is recorded in `geotagger.index.compare`. Takes and
gives the values of the rooms to its left; writes no photo and reads none."""

import contextlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from geotagger.index.store import Mode, Store, is_there, open_store

if TYPE_CHECKING:
    from sqlite_utils import Database

    from geotagger.archive.listing import Folder
    from geotagger.archive.passed import Problem
    from geotagger.index.company import Company
    from geotagger.index.compare import Comparison
    from geotagger.index.decisions import Decisions
    from geotagger.index.estimates import Estimates
    from geotagger.index.handoffs import Handoffs
    from geotagger.index.journal import Journal
    from geotagger.index.learned import LearnedValues
    from geotagger.index.named import Named
    from geotagger.index.photos import Photos
    from geotagger.index.roots import Root, Roots
    from geotagger.index.runs import Runs
    from geotagger.index.samples import Samples
    from geotagger.index.texts import Texts
    from geotagger.index.tracks import RememberedTracks


def default_index_path() -> Path:
    from platformdirs import user_data_path

    return user_data_path("geotagger", appauthor=False) / "index.db"


def index_exists(path: Path | None = None) -> bool:
    """Whether there is an index, the user's own unless told; True also where one may not look."""
    return is_there(path or default_index_path())


def open_index(path: Path | None = None, *, mode: Mode = "write") -> "Index":
    """Opens an index, the user's own unless told.

    "write" makes the file and its folder when they are missing and brings an older index up to
    date. "read" changes nothing and wants an index that is there. "snapshot" gives a private
    copy (an empty index when there is none) that takes writes and forgets them: for dry runs.

    Raises IndexUnusableError: made by a newer geotagger, damaged, another program's, or not to
    be opened; the file is then as it was.
    """
    return Index(open_store(path or default_index_path(), mode))


class Index:
    """An open index. Writes outside `batch` are each on the disk when the call returns; inside,
    they are all there when the block ends, or none is. Use it from one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = Path(store.path)

    @property
    def store(self) -> Store:
        return self._store

    @property
    def features_folder(self) -> Path:
        """Where network features of photos are kept, beside the index."""
        return self.path.with_name(self.path.stem + "-features")

    def batch(self) -> contextlib.AbstractContextManager[None]:
        """One transaction around many writes; kept whole, on the disk, or not at all."""
        return self._store.batch()

    # the parts are imported when first used: `query` needs none of what the others load

    @cached_property
    def database(self) -> "Database":
        """The same connection as sqlite-utils gives it, for looking around."""
        from geotagger.index.looking import database

        return database(self._store.connection)

    @cached_property
    def roots(self) -> "Roots":
        from geotagger.index.roots import Roots

        return Roots(self._store)

    @cached_property
    def photos(self) -> "Photos":
        from geotagger.index.photos import Photos

        return Photos(self._store)

    @cached_property
    def estimates(self) -> "Estimates":
        from geotagger.index.estimates import Estimates

        return Estimates(self._store)

    @cached_property
    def decisions(self) -> "Decisions":
        from geotagger.index.decisions import Decisions

        return Decisions(self._store)

    @cached_property
    def handoffs(self) -> "Handoffs":
        from geotagger.index.handoffs import Handoffs

        return Handoffs(self._store)

    @cached_property
    def named(self) -> "Named":
        from geotagger.index.named import Named

        return Named(self._store)

    @cached_property
    def samples(self) -> "Samples":
        from geotagger.index.samples import Samples

        return Samples(self._store)

    @cached_property
    def runs(self) -> "Runs":
        from geotagger.index.runs import Runs

        return Runs(self._store)

    @cached_property
    def journal(self) -> "Journal":
        from geotagger.index.journal import Journal

        return Journal(self._store)

    @cached_property
    def learned(self) -> "LearnedValues":
        from geotagger.index.learned import LearnedValues

        return LearnedValues(self._store)

    @cached_property
    def texts(self) -> "Texts":
        from geotagger.index.texts import Texts

        return Texts(self._store)

    @cached_property
    def tracks(self) -> "RememberedTracks":
        from geotagger.index.tracks import RememberedTracks

        return RememberedTracks(self._store)

    def company(self, root_ids: Sequence[int]) -> "Company":
        """The photos of archives that help each other; see `geotagger.index.company`."""
        from geotagger.index.company import Company

        return Company(self.photos, root_ids)

    def compare(
        self,
        root: "Root",
        listing: Iterable["Folder"],
        *,
        below: Sequence[str] = (),
        problem: "Problem | None" = None,
        anew: bool = False,
    ) -> "Comparison":
        """What `archive.folders` found against what is recorded; see `geotagger.index.compare`."""
        from geotagger.index.compare import Comparison

        return Comparison(self._store, root, listing, below=below, problem=problem, anew=anew)

    def seal(self, root: "Root") -> None:
        """At the end of a run: makes the next rescan of this root fast."""
        from geotagger.index.compare import seal

        seal(self._store, root)

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
