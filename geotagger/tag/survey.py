"""The first half of a run: which photos are there, and what does each say of itself?

Compares the archive with the index, has the facts of what is new or changed read, and the times of
all resolved. Of an unchanged archive nothing is read, and nothing imported that would read it.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from geotagger.archive import (
    Folder,
    PassedOver,
    count_photos,
    folders,
    is_at_or_below,
    is_photo_name,
    mirrored,
)
from geotagger.index import Index
from geotagger.index.learned import READER
from geotagger.index.roots import Root
from geotagger.photo import READING
from geotagger.tag.chunks import chunks
from geotagger.tag.outcome import FOLDER, LINK, SPECIAL, Outcome, Report

if TYPE_CHECKING:
    from geotagger.tag.clocks import Clocks
    from geotagger.tag.reading import Reader

CHUNK = 256
"""Photos whose facts are read, and recorded in one transaction, at a time."""


@dataclass
class Survey:
    """What a survey found. `touched` marks by photo id those whose record is new: a byte a photo.
    `away`: the archive seems not to be there, its records were kept."""

    touched: bytearray = field(default_factory=bytearray)
    unchanged: int = 0
    away: bool = False

    def touches(self, photo_id: int) -> bool:
        return photo_id < len(self.touched) and bool(self.touched[photo_id])

    def touch(self, photo_ids: Sequence[int]) -> None:
        if photo_ids and (lacking := max(photo_ids) + 1 - len(self.touched)) > 0:
            self.touched.extend(bytes(lacking))
        for photo_id in photo_ids:
            self.touched[photo_id] = 1

    @property
    def changed(self) -> int:
        return self.touched.count(1)


@dataclass(frozen=True)
class Watcher:
    """Who is told what while a survey goes on: `expect` how many photos there are (None where nobody
    wants to know; it is counted on the side), `advance` how many more are through."""

    report: Report
    note: Callable[[str], None]
    advance: Callable[[int], None]
    expect: Callable[[int], None] | None
    stopped: Callable[[], bool]


def survey(
    index: Index,
    root: Root,
    paths: Sequence[str],
    *,
    exclude: Sequence[str],
    sidecar_folders: Sequence[str],
    clocks: "Callable[[], Clocks]",
    readers: int,
    read_only: bool,
    resolve_all: bool,
    watcher: Watcher,
) -> Survey:
    """Brings the index up to date with the files at `paths`, which lie in `root`. Sidecars are
    looked for beside photos and in `sidecar_folders`. Temporary files that a killed run left are
    removed on the way, unless `read_only`. Times are resolved when anything
    is new, and with `resolve_all`: the last run may have been cut off before it did."""

    def problem(left: PassedOver) -> None:
        if left.kind == "link":
            watcher.report(Outcome(left.path, "skipped", left.reason, LINK, is_photo=False))
        elif left.kind == "special":
            watcher.report(Outcome(left.path, "skipped", left.reason, SPECIAL, is_photo=False))
        elif is_photo_name(os.path.basename(left.path)):
            watcher.report(Outcome(left.path, "failed", left.reason, "could not be read"))
        else:
            watcher.report(Outcome(left.path, "failed", left.reason, FOLDER, is_photo=False))

    anew = _was_read_otherwise(index, root, paths)
    listing = folders(paths, exclude=exclude, sidecar_folders=sidecar_folders, problem=problem)
    comparison = index.compare(
        root,
        listing if read_only else _swept(listing, sidecar_folders),
        below=[path for path in paths if os.path.isdir(path)],
        problem=problem,
        anew=anew,
    )
    found = Survey()
    with ExitStack() as stack:
        reader: Reader | None = None
        changed = through = 0
        for changes in chunks(comparison, CHUNK):
            found.touch([c.photo_id for c in changes if c.kind == "moved" and c.photo_id is not None])
            if new := [c for c in changes if c.kind != "moved"]:
                if reader is None:
                    reader = stack.enter_context(_reader(index, root, sidecar_folders, readers, watcher))
                    stack.enter_context(_counted(paths, watcher))
                found.touch(reader.take_in(new))
            changed += len(changes)
            watcher.advance(comparison.unchanged + changed - through)
            through = comparison.unchanged + changed
            if watcher.stopped():
                break
    found.unchanged, found.away = comparison.unchanged, comparison.away
    if found.away:
        return found
    if not watcher.stopped():
        _remember_reading(index, root, paths)
    if not watcher.stopped() and (resolve_all or any(found.touched)):
        from geotagger.tag import clocks as clock_room

        for photo_ids in clock_room.set_times(index, root, clocks(), watcher.note):
            found.touch(photo_ids)
    return found


def _was_read_otherwise(index: Index, root: Root, paths: Sequence[str]) -> bool:
    """Whether what is recorded of these places was read by a version that reads other facts of a photo."""
    current = [place for place, reading in _readings(index, root).items() if reading == READING]
    return not all(is_at_or_below(path, current) for path in paths)


def _remember_reading(index: Index, root: Root, paths: Sequence[str]) -> None:
    if _was_read_otherwise(index, root, paths):
        above = {p: reading for p, reading in _readings(index, root).items() if not is_at_or_below(p, paths)}
        index.learned.put(root.id, READER, above | dict.fromkeys(paths, READING))


def _readings(index: Index, root: Root) -> dict[str, int]:
    readings = index.learned.get(root.id, READER)
    return readings if isinstance(readings, dict) else {}


def _reader(
    index: Index, root: Root, sidecar_folders: Sequence[str], threads: int, watcher: Watcher
) -> "Reader":
    from geotagger.tag.reading import Reader

    return Reader(index, root, sidecar_folders, threads, watcher.report)


@contextmanager
def _counted(paths: Sequence[str], watcher: Watcher) -> Iterator[None]:
    """Counts on the side, while photos are read, how many there are."""
    ended = threading.Event()

    def count() -> None:
        photos = count_photos(paths, ended.is_set)
        if watcher.expect is not None and not ended.is_set():
            watcher.expect(photos)

    counting = threading.Thread(target=count, name="count")
    if watcher.expect is not None:
        counting.start()
    try:
        yield
    finally:
        ended.set()
        if counting.is_alive():
            counting.join()


def _swept(listing: Iterable[Folder], sidecar_folders: Sequence[str]) -> Iterator[Folder]:
    for folder in listing:
        if folder.has_leftovers:
            from geotagger.metadata import sweep_temporaries

            for place in (folder.path, *(mirrored(one, folder.path) for one in sidecar_folders)):
                sweep_temporaries(place)
        yield folder
