"""Compares what lies on the disk with what the index remembers: what is new, changed, moved, gone?

A rescan of an unchanged archive is the common case, so folders are compared whole: each has a
digest of the names, sizes and times of its photos, and only a folder whose digest differs is
looked at file by file. Memory stays at one folder's files and one entry a folder.

A photo counts as moved, not new, when a recorded one of the same size and time (to the
nanosecond) is no longer where it was and has the same inode, the same name, or the same
fingerprint. A recorded photo counts as gone only when the disk says that it does not exist: what
was not listed because a folder could not be read or was excluded stays as it was.
"""

import marshal
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from geotagger.archive.listing import FileEntry, Folder, Listed, fingerprint
from geotagger.archive.passed import PassedOver, Problem
from geotagger.index.roots import Root
from geotagger.index.store import Store, now, path_column, path_of, signed

if TYPE_CHECKING:
    from geotagger.index.photos import Photos


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that needs a look. `sidecar`: only the sidecar beside it changed. A `moved` photo has
    its record already at its new path and needs nothing. `photo_id` is None for a new one."""

    kind: Literal["new", "changed", "sidecar", "moved"]
    entry: FileEntry
    photo_id: int | None


class _Recorded(NamedTuple):
    id: int
    stat: tuple[int, int, int]
    missing: bool


class Comparison:
    """Iterate it once for the changes; the counts are right when that is done.

    `unchanged` counts files as recorded, `moved` those found elsewhere, `gone` records whose
    files vanished since the last time, `returned` those that were gone and are back. `away`: the
    archive seems not to be there, so nothing was called gone.
    """

    def __init__(
        self,
        store: Store,
        root: Root,
        listing: Iterable[Folder],
        *,
        below: Sequence[str] = (),
        problem: Problem | None = None,
        anew: bool = False,
    ) -> None:
        """`listing` as `archive.folders` gives it; `below`: the folders that were walked, when not
        the whole root. `problem` is told of an archive that seems to be away. `anew`: unchanged files
        count as if their sidecars had changed."""
        self.unchanged = self.moved = self.gone = self.returned = 0
        self._store, self._root, self._listing = store, root, listing
        self.away = False
        self._below = [self._relative(os.path.realpath(path)) for path in below] or [""]
        self._problem = problem
        self._anew = anew
        self._seen = 0
        self._met: set[int] = set()
        self._gone_now: set[int] = set()
        self._unreadable: list[str] = []
        self._sealed: list[tuple[int, int]] = []

    @cached_property
    def _photos(self) -> "Photos":
        # numpy comes with it, which an archive without changes need not wait for
        from geotagger.index.photos import Photos

        return Photos(self._store)

    def __iter__(self) -> Iterator[FileChange]:
        digests: dict[str | bytes, tuple[int, int | None]] = {
            path: (folder_id, digest)
            for path, folder_id, digest in self._store.rows(
                "select path, id, digest from folders where root_id = ?", (self._root.id,)
            )
        }
        for folder in self._listing:
            below = self._relative(folder.path)
            if folder.unreadable:
                self._unreadable.append(below)
                continue
            self._seen += len(folder.files)
            folder_id, digest = digests.get(path_column(below), (None, None))
            if folder_id is not None and folder.whole:
                self._met.add(folder_id)
            if not folder.files and folder_id is None:
                continue
            now_digest = digest_of(folder.files) if folder.whole else None
            if digest is not None and digest == now_digest and not self._anew:
                self.unchanged += len(folder.files)
                continue
            yield from self._by_file(folder, below, folder_id, now_digest)
        self._finish()

    def _by_file(
        self, folder: Folder, below: str, folder_id: int | None, digest: int | None
    ) -> list[FileChange]:
        prefix = below + "/" if below else ""
        recorded = {} if folder_id is None else self._recorded(folder_id)
        changes: list[FileChange] = []
        returned: list[int] = []
        differs = False
        for listed in folder.files:
            record = recorded.pop(prefix + listed[0], None)
            if record is not None and record.missing:
                returned.append(record.id)
            if record is not None and record.stat == listed[1:] and not self._anew:
                self.unchanged += 1
                continue
            differs = True
            try:
                entry = folder.entry(listed)
            except OSError:
                continue  # gone since it was listed; the next run settles it
            if record is not None:
                same_file = record.stat[:2] == listed[1:3]
                changes.append(FileChange("sidecar" if same_file else "changed", entry, record.id))
            elif (moved := self._moved(entry, changes)) is not None:
                changes.append(FileChange("moved", entry, moved))
            else:
                changes.append(FileChange("new", entry, None))
        left = (
            [(record.id, path) for path, record in recorded.items() if not record.missing]
            if folder.whole
            else []
        )
        if self._seen == 0:
            left = []  # perhaps only a mount point without its disk: `_finish` decides
            self._met.discard(folder_id or 0)
        if returned or left or any(change.kind == "moved" for change in changes):
            with self._store.batch():
                self._return(returned)
                self._missing(left)
                for change in changes:
                    if change.kind == "moved":
                        self._move(change, below, prefix)
        elif folder_id is not None and digest is not None and not differs:
            self._sealed.append((digest, folder_id))
        return changes

    def _recorded(self, folder_id: int) -> dict[str, "_Recorded"]:
        rows = self._store.rows(
            "select path, id, size, mtime_ns, sidecar_mtime_ns, missing_since from photos"
            " where folder_id = ?",
            (folder_id,),
        )
        return {path_of(row[0]): _Recorded(row[1], row[2:5], row[5] is not None) for row in rows}

    def _moved(self, entry: FileEntry, changes: list[FileChange]) -> int | None:
        """The record of a photo that was elsewhere and is not there any more."""
        rows = self._store.rows(
            "select photos.id, roots.path, photos.path, device, inode, fingerprint from photos"
            " join roots on roots.id = photos.root_id where mtime_ns = ? and size = ?",
            (entry.mtime_ns, entry.size),
        )
        name, print_of_entry = os.path.basename(entry.path), None
        for photo_id, root, path, device, inode, print_of_record in rows:
            old = os.path.join(path_of(root), path_of(path))
            if os.path.lexists(old) or not os.path.isdir(path_of(root)):
                continue
            if any(change.photo_id == photo_id for change in changes):
                continue
            same_inode = (device, inode) == (signed(entry.device), signed(entry.inode))
            if same_inode or os.path.basename(old) == name:
                return int(photo_id)
            if print_of_record is not None:
                print_of_entry = print_of_entry or _fingerprint(entry.path)
                if print_of_entry == print_of_record:
                    return int(photo_id)
        return None

    def _move(self, change: FileChange, below: str, prefix: str) -> None:
        self.moved += 1
        if change.photo_id in self._gone_now:
            self.gone -= 1  # its old folder was compared before its new one
        entry = change.entry
        self._store.execute(
            "update photos set root_id = ?, folder_id = ?, path = ?, sidecar_mtime_ns = ?, device = ?,"
            " inode = ?, missing_since = null where id = ?",
            (
                self._root.id,
                self._photos.folder_id(self._root, below),
                path_column(prefix + os.path.basename(entry.path)),
                entry.sidecar_mtime_ns,
                signed(entry.device),
                signed(entry.inode),
                change.photo_id,
            ),
        )

    def _return(self, photo_ids: list[int]) -> None:
        self.returned += len(photo_ids)
        self._store.execute_many(
            "update photos set missing_since = null where id = ?", [(photo_id,) for photo_id in photo_ids]
        )

    def _missing(self, photos: list[tuple[int, str]]) -> None:
        """Marks those photos (id, path below the root) that the disk says do not exist."""
        gone = [i for i, path in photos if not os.path.lexists(os.path.join(self._root.path, path))]
        if gone:
            self._photos.mark_missing(gone)
        self.gone += len(gone)
        self._gone_now.update(gone)

    def _finish(self) -> None:
        """Folders that the walk did not meet, and the digests of those found unchanged."""
        root = self._root
        if not os.path.isdir(root.path):
            self._tell_away("the archive vanished while it was read; its records were kept")
            return
        if (
            self._seen == 0
            and self._below == [""]
            and self._store.row(
                "select 1 from photos where root_id = ? and missing_since is null limit 1", (root.id,)
            )
        ):
            self._tell_away(
                "no photo is there although the index knows some; is the disk mounted? They were kept"
            )
            return
        with self._store.batch():
            for folder_id, column in self._store.rows(
                "select id, path from folders where root_id = ?", (root.id,)
            ):
                path = path_of(column)
                if folder_id in self._met or not self._was_walked(path):
                    continue
                rows = self._store.rows(
                    "select id, path from photos where folder_id = ? and missing_since is null", (folder_id,)
                )
                self._missing([(photo_id, path_of(column)) for photo_id, column in rows])
            self._store.execute_many("update folders set digest = ? where id = ?", self._sealed)
            self._store.execute("update roots set walked = ? where id = ?", (now(), root.id))

    def _was_walked(self, path: str) -> bool:
        def at_or_below(places: Iterable[str]) -> bool:
            return any(not place or path == place or path.startswith(place + "/") for place in places)

        return at_or_below(self._below) and not at_or_below(self._unreadable)

    def _relative(self, path: str) -> str:
        if path == self._root.path:
            return ""
        return path[len(self._root.path.rstrip(os.sep)) + 1 :]

    def _tell_away(self, message: str) -> None:
        self.away = True
        if self._problem is not None:
            self._problem(PassedOver(self._root.path, message, "away"))


def seal(store: Store, root: Root) -> None:
    """At the end of a run: remembers each changed folder's digest, so that the next rescan need not
    look at its files. A folder with photos that were never recorded gets a digest too; it
    differs from what the disk says and costs that folder one look."""
    with store.batch():
        for folder_id, path in store.rows(
            "select id, path from folders where root_id = ? and digest is null", (root.id,)
        ):
            start = len(path_of(path)) + 1 if path else 0
            rows = store.rows(
                "select path, size, mtime_ns, sidecar_mtime_ns from photos"
                " where folder_id = ? and missing_since is null",
                (folder_id,),
            )
            files = sorted((path_of(row[0])[start:], *row[1:]) for row in rows)
            store.execute("update folders set digest = ? where id = ?", (digest_of(files), folder_id))


def digest_of(files: Sequence[Listed]) -> int:
    """64 bits that stand for the names, sizes and times of a folder's photos, ordered by name."""
    import xxhash

    # version 0 of marshal: the same bytes for equal values, whichever way the strings are held
    return signed(xxhash.xxh3_64_intdigest(marshal.dumps(list(files), 0)))


def _fingerprint(path: str) -> bytes | None:
    try:
        return fingerprint(path)
    except OSError:
        return None
