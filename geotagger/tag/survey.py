"""The first half of a run: which photos are there, and what does each say of itself?

Compares the archive with the index, has the facts of what is new or changed read, and the times of
all resolved. Of an unchanged archive nothing is read, and nothing imported that would read it.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
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
from geotagger.index.learned import READER
from geotagger.photo import READING
from geotagger.tag.chunks import chunks
from geotagger.tag.outcome import FOLDER, LINK, SPECIAL, Outcome
from geotagger.tag.rootrun import RootRun

if TYPE_CHECKING:
    from geotagger.tag.reading import Reader

CHUNK = 256
"""Photos whose facts are read, and recorded in one transaction, at a time."""


@dataclass
class Survey:
    """What a survey found. `touched` marks by photo id those whose record is new: a byte a photo.
    `photos`: how many there are at the places of the run. `away`: the archive seems not to be there, its
    records were kept."""

    touched: bytearray = field(default_factory=bytearray)
    unchanged: int = 0
    photos: int = 0
    away: bool = False

    def add(self, other: "Survey") -> None:
        """That of another root, which is worked on together with this one."""
        self.touch(other.touched_ids)
        self.unchanged += other.unchanged
        self.photos += other.photos

    def touches(self, photo_id: int) -> bool:
        return photo_id < len(self.touched) and bool(self.touched[photo_id])

    def touch(self, photo_ids: Sequence[int]) -> None:
        if photo_ids and (lacking := max(photo_ids) + 1 - len(self.touched)) > 0:
            self.touched.extend(bytes(lacking))
        for photo_id in photo_ids:
            self.touched[photo_id] = 1

    @property
    def touched_ids(self) -> list[int]:
        return [photo_id for photo_id, is_touched in enumerate(self.touched) if is_touched]

    @property
    def changed(self) -> int:
        return self.touched.count(1)


def survey(run: RootRun, sidecar_folders: Sequence[str]) -> Survey:
    """Brings the index up to date with the files at the places of the run, but for their times. Sidecars are
    looked for beside photos and in `sidecar_folders`. Temporary files that a killed run left are removed on
    the way, unless it is a dry run."""

    def problem(left: PassedOver) -> None:
        if left.kind == "link":
            run.report(Outcome(left.path, "skipped", left.reason, LINK, is_photo=False))
        elif left.kind == "special":
            run.report(Outcome(left.path, "skipped", left.reason, SPECIAL, is_photo=False))
        elif is_photo_name(os.path.basename(left.path)):
            run.report(Outcome(left.path, "failed", left.reason, "could not be read"))
        else:
            run.report(Outcome(left.path, "failed", left.reason, FOLDER, is_photo=False))

    exclude = run.options.exclude
    listing = folders(run.places, exclude=exclude, sidecar_folders=sidecar_folders, problem=problem)
    comparison = run.index.compare(
        run.root,
        listing if run.options.dry_run else _swept(listing, sidecar_folders),
        below=[path for path in run.places if os.path.isdir(path)],
        problem=problem,
        anew=_was_read_otherwise(run),
    )
    result = Survey()
    with ExitStack() as stack:
        reader: Reader | None = None
        changed = through = 0
        for changes in chunks(comparison, CHUNK):
            result.touch([c.photo_id for c in changes if c.kind == "moved" and c.photo_id is not None])
            if new := [c for c in changes if c.kind != "moved"]:
                if reader is None:
                    reader = stack.enter_context(_reader(run, sidecar_folders))
                    stack.enter_context(_counted(run))
                result.touch(reader.take_in(new))
            changed += len(changes)
            run.listener.advance(comparison.unchanged + changed - through)
            through = comparison.unchanged + changed
            if run.is_stopped:
                break
        if reader is not None:
            result.touch(reader.rest())
    result.unchanged, result.away = comparison.unchanged, comparison.away
    result.photos = result.unchanged + result.changed
    if not result.away and not run.is_stopped:
        _remember_reading(run)
    return result


def _was_read_otherwise(run: RootRun) -> bool:
    """Whether what is recorded of these places was read by a version that reads other facts of a photo."""
    current = [place for place, reading in _readings(run).items() if reading == READING]
    return not all(is_at_or_below(path, current) for path in run.places)


def _remember_reading(run: RootRun) -> None:
    if _was_read_otherwise(run):
        elsewhere = {
            place: reading
            for place, reading in _readings(run).items()
            if not is_at_or_below(place, run.places)
        }
        run.index.learned.put(run.root.id, READER, elsewhere | dict.fromkeys(run.places, READING))


def _readings(run: RootRun) -> dict[str, int]:
    readings = run.index.learned.get(run.root.id, READER)
    return readings if isinstance(readings, dict) else {}


def _reader(run: RootRun, sidecar_folders: Sequence[str]) -> "Reader":
    from geotagger.tag.reading import Reader

    processes = run.options.processes
    return Reader(run.index, run.root, sidecar_folders, run.readers, run.report, processes=processes)


@contextmanager
def _counted(run: RootRun) -> Iterator[None]:
    """Counts on the side, while photos are read, how many there are."""
    ended = threading.Event()
    of_other_roots = run.listener.done

    def count() -> None:
        photos = count_photos(run.places, ended.is_set, run.options.exclude)
        if not ended.is_set():
            run.listener.expect(of_other_roots + photos)

    counting = threading.Thread(target=count, name="count")
    if run.listener.counts:
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
