"""Archive roots: the folders that were given to `tag`, and how they keep their records.

Paths of photos are kept relative to a root, so an archive that is mounted elsewhere needs one
changed row. How sure that it is the same archive: the old root must be gone (or be an empty
mount point), and of up to 64 recorded photos spread over it at least nine in ten must stand
under the new root at the same relative path with the same size and, to the second (file systems
round differently), the same time. Asked for is then the root itself, a folder inside it, or one
above it in which its folder has the name it had. Anything less is a new root.

A root may lie inside another only where a single file made its folder a root: nobody asked for
the archives beside it to become one.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geotagger.archive import is_at_or_below
from geotagger.index.learned import LearnedValues
from geotagger.index.store import Store, now, path_column, path_of
from geotagger.index.tracks import RememberedTracks

_SAMPLE = 64
_SURE = 0.9


@dataclass(frozen=True, slots=True)
class Root:
    id: int
    path: str


class Roots:
    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Root]:
        rows = self._store.rows("select id, path from roots order by id")
        return [Root(root_id, path_of(path)) for root_id, path in rows]

    def join(self, one: Root, other: Root) -> None:
        """From now on their photos help each other."""
        if one.id != other.id:
            pair = min(one.id, other.id), max(one.id, other.id)
            self._store.execute(
                "insert or ignore into joined_roots (root_id, with_root_id) values (?, ?)", pair
            )

    def part(self, root: Root) -> int:
        """Its photos help no other archive's any more; with how many it was joined."""
        cursor = self._store.execute(
            "delete from joined_roots where root_id = ? or with_root_id = ?", (root.id, root.id)
        )
        return cursor.rowcount

    def company_of(self, root_ids: Sequence[int]) -> tuple[int, ...]:
        """These roots, and after them those that they are joined with, directly or through others."""
        existing = {root.id for root in self.all()}
        pairs = self._store.rows("select root_id, with_root_id from joined_roots order by 1, 2")
        company = list(dict.fromkeys(root_ids))
        for root_id in company:
            for pair in pairs:
                if root_id in pair:
                    company += [other for other in pair if other not in company and other in existing]
        return tuple(company)

    def state_of(self, root_id: int) -> list[float]:
        """Numbers that differ when the places or times that a root's photos know have changed."""
        rows = self._store.rows(
            "select count(*), total(utc), total(fix_latitude), total(fix_longitude), total(e.latitude)"
            " from photos left join estimates as e on e.photo_id = photos.id and e.current = 1"
            " and e.rung in ('sidecar', 'manual') where root_id = ?",
            (root_id,),
        )
        return list(rows[0])

    def root_for(self, path: str) -> Root:
        """The root that holds a folder or file (a file's folder when there is none yet): a known
        one, the same archive known from another mount, or a new one. A folder takes over the records
        of known roots below it, a file never does."""
        place = os.path.realpath(path)
        is_folder = os.path.isdir(place)
        if not is_folder:
            place = os.path.realpath(os.path.dirname(os.path.abspath(path)))
        with self._store.batch():
            root = self._known_here(place)
            if root is None and (moved := self._known_elsewhere(place)) is not None:
                self._store.execute(
                    "update roots set path = ? where id = ?", (path_column(moved.path), moved.id)
                )
                root = self._known_here(place)
            if root is None:
                cursor = self._store.execute(
                    "insert into roots (path, added) values (?, ?)", (path_column(place), now())
                )
                root = Root(cursor.lastrowid or 0, place)
            if is_folder:
                below = [one for one in self.all() if one != root and is_at_or_below(one.path, [place])]
                self._absorb(root, below)
            return root

    def _known_here(self, place: str) -> Root | None:
        """The innermost known root that holds this folder."""
        holding = [root for root in self.all() if is_at_or_below(place, [root.path])]
        return max(holding, key=lambda root: len(root.path), default=None)

    def _known_elsewhere(self, place: str) -> Root | None:
        best, best_share = None, _SURE
        for root in self.all():
            sample = self._sample(root.id) if _is_empty(root.path) else []
            for candidate in _candidates(place, root.path) if sample else ():
                there = sum(
                    _looks_like(os.path.join(candidate, path), size, mtime) for path, size, mtime in sample
                )
                if there / len(sample) >= best_share:
                    best, best_share = Root(root.id, candidate), there / len(sample)
        return best

    def _sample(self, root_id: int) -> list[tuple[str, int, int]]:
        present = "from photos where root_id = ? and missing_since is null"
        ids = [row[0] for row in self._store.rows(f"select id {present} order by id", (root_id,))]
        step = max(1, len(ids) // _SAMPLE)
        chosen = ids[::step][:_SAMPLE]
        marks = ",".join("?" * len(chosen))
        rows = self._store.rows(f"select path, size, mtime_ns from photos where id in ({marks})", chosen)
        return [(path_of(path), size, mtime_ns) for path, size, mtime_ns in rows]

    def _absorb(self, root: Root, children: list[Root]) -> None:
        if not children:
            return
        largest_first = sorted(children, key=self._photos_in, reverse=True)
        ids = [child.id for child in largest_first]
        LearnedValues(self._store).inherit(root.id, ids)
        RememberedTracks(self._store).inherit(root.id, ids)
        self._inherit_joined(root.id, ids)
        for child in children:
            prefix = path_column(os.path.relpath(child.path, root.path) + "/")
            for table in ("folders", "photos"):
                # || gives text whatever its operands are, and keeps the bytes: cast them back to a blob
                self._store.execute(
                    f"update {table} set root_id = ?, path ="
                    " case when typeof(path) = 'blob' or typeof(?) = 'blob' then cast(? || path as blob)"
                    " else ? || path end where root_id = ?",
                    (root.id, prefix, prefix, prefix, child.id),
                )
            # the folder that was the child's root was "" and now ends in a slash
            self._store.execute(
                "update folders set path = ? where root_id = ? and path = ?",
                (path_column(os.path.relpath(child.path, root.path)), root.id, prefix),
            )
            self._store.execute("delete from roots where id = ?", (child.id,))

    def _inherit_joined(self, root_id: int, children: list[int]) -> None:
        """Archives that were joined with what a root took over are joined with the root."""
        for child in children:
            for mine, other in (("root_id", "with_root_id"), ("with_root_id", "root_id")):
                self._store.execute(
                    f"insert or ignore into joined_roots ({mine}, {other})"
                    f" select ?, {other} from joined_roots where {mine} = ? and {other} <> ?",
                    (root_id, child, root_id),
                )
                self._store.execute(f"delete from joined_roots where {mine} = ?", (child,))

    def _photos_in(self, root: Root) -> int:
        count: int = self._store.row("select count(*) from photos where root_id = ?", (root.id,))[0]
        return count


def _candidates(place: str, old: str) -> Iterator[str]:
    """Where a root that was at `old` may be now, when somebody asks for `place`: there, in a folder
    below that is named as before, or above."""
    yield place
    above = place
    while os.path.dirname(above) != above:
        above = os.path.dirname(above)
        yield above
    parts = old.strip(os.sep).split(os.sep)
    for depth in range(1, len(parts) + 1):
        if os.path.isdir(below := os.path.join(place, *parts[-depth:])):
            yield below


def _is_empty(path: str) -> bool:
    """True when nothing is there: no such folder, or a mount point without its disk."""
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _looks_like(path: str, size: int, mtime_ns: int) -> bool:
    try:
        there = os.stat(path)
    except OSError:
        return False
    return there.st_size == size and there.st_mtime_ns // 1_000_000_000 == mtime_ns // 1_000_000_000
