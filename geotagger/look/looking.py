"""Looks at a part of an archive: lists, reads facts, decodes, runs the network, writes rows.

A photo's part follows from the hash of its path, so that parts are about equal whatever the folders are, and
the same on every machine. Finished files are kept, and what they hold is not looked at again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from geotagger.archive import FileEntry, walk
from geotagger.engine.cores import usable_cores
from geotagger.engine.opening import open_engine
from geotagger.errors import ArchiveError, PhotoError, SourceError, StoppedError, UnreadablePhotoError
from geotagger.look.rows import Look, about_file, model_digest, read_rows, sparse, unseen, write_rows
from geotagger.photo.facts import read_facts
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.photo.pixels import read_pixels
from geotagger.photo.values import Facts

if TYPE_CHECKING:
    from geotagger.engine.values import Engine
    from geotagger.model.pack import ModelPack
    from geotagger.photo.prepare import Pixels

ROWS_A_FILE = 4096
_AT_A_TIME = 256


@dataclass(frozen=True, slots=True)
class LookOptions:
    """part of parts, from 1. all: photos that know where they were taken, too. all_images: screenshots,
    scans and graphics, too. readers: photos decoded at a time, None for one a core."""

    part: int = 1
    parts: int = 1
    all: bool = False
    all_images: bool = False
    exclude: tuple[str, ...] = ()
    device: str = "auto"
    variant: str | None = None
    batch_size: int | None = None
    readers: int | None = None


@dataclass
class LookTally:
    """How many photos: listed in this part, kept from earlier, looked at, not to be looked at, unreadable."""

    listed: int = 0
    kept: int = 0
    seen: int = 0
    left_alone: int = 0
    unreadable: int = 0


def look(
    root: str,
    pack: "ModelPack",
    out: Path,
    options: LookOptions,
    *,
    note: Callable[[str], None],
    advance: Callable[[LookTally], None],
    stop: Event,
) -> LookTally:
    """Writes rows for this part of the photos below `root` to files in `out`; asked to stop, it keeps what
    it has.

    Raises ArchiveError for a root that is not there, SourceError for files in `out` of another model."""
    top = os.path.realpath(root)
    if not os.path.isdir(top):
        raise ArchiveError(f"{root}: there is no such folder")
    out.mkdir(parents=True, exist_ok=True)
    tally = LookTally()
    digest = model_digest(pack)
    done = _finished(out, digest, len(pack.cells))
    name = f"part-{options.part}-of-{options.parts}"
    rows: list[Look] = []
    with ExitStack() as opened:
        readers = ThreadPoolExecutor(options.readers or usable_cores(), thread_name_prefix="read")
        opened.enter_context(readers)
        engine: Engine | None = None
        for chunk in _chunks(_listed(top, options, note)):
            tally.listed += len(chunk)
            new = [entry for entry in chunk if _key(top, entry) not in done]
            tally.kept += len(chunk) - len(new)
            try:
                if new and engine is None:
                    engine = open_engine(
                        pack,
                        options.device,
                        options.batch_size,
                        variant=options.variant,
                        stop=stop,
                        note=note,
                    )
                    opened.callback(engine.close)
                if engine is not None:
                    rows += _rows_of(top, new, pack, engine, readers, options, tally)
            except StoppedError as error:
                note(str(error))
                break
            if len(rows) >= ROWS_A_FILE:
                _write(out, name, rows, {"model": digest, "name": pack.name})
                rows = []
            advance(tally)
            if stop.is_set():
                break
        for line in engine.notes if engine else ():
            note(line)
    if rows:
        _write(out, name, rows, {"model": digest, "name": pack.name})
    return tally


def _listed(top: str, options: LookOptions, note: Callable[[str], None]) -> Iterator[FileEntry]:
    listing = walk([top], exclude=options.exclude, problem=lambda passed: note(str(passed)))
    for entry in listing:
        if xxhash.xxh3_64_intdigest(_below(top, entry)) % options.parts == options.part - 1:
            yield entry


def _chunks(entries: Iterator[FileEntry]) -> Iterator[list[FileEntry]]:
    while chunk := list(islice(entries, _AT_A_TIME)):
        yield chunk


def _below(top: str, entry: FileEntry) -> bytes:
    return os.fsencode(os.path.relpath(entry.path, top))


def _key(top: str, entry: FileEntry) -> int:
    """A photo as it is now; 8 bytes each, for there may be millions."""
    return xxhash.xxh3_64_intdigest(b"%s\0%d\0%d" % (_below(top, entry), entry.size, entry.mtime_ns))


def _finished(out: Path, digest: str, classes: int) -> set[int]:
    """The photos that earlier runs have looked at. Those that could not be seen are tried again."""
    done: set[int] = set()
    for path in sorted(file for file in out.glob("*.parquet") if file.is_file()):
        about = about_file(path)
        if about.get("model") != digest:
            raise SourceError(
                f"{path}: was looked at by another model ({about.get('name', 'unknown')}); "
                "choose another --out"
            )
        for row in read_rows(path, classes):
            if row.error is None:
                done.add(xxhash.xxh3_64_intdigest(b"%s\0%d\0%d" % (row.path, row.size, row.mtime_ns)))
    return done


def _rows_of(
    top: str,
    entries: Sequence[FileEntry],
    pack: "ModelPack",
    engine: "Engine",
    readers: ThreadPoolExecutor,
    options: LookOptions,
    tally: LookTally,
) -> list[Look]:
    def pixels_of(entry: FileEntry) -> "Pixels | PhotoError | None":
        try:
            facts = read_facts(entry.path)
            if _is_left_alone(facts, options):
                return None
            return read_pixels(entry.path, pack.preprocessing, facts)
        except PhotoError as error:
            return error
        except Exception as error:
            # a mistake of ours on a file nobody foresaw costs that photo its look, not the run
            why = f"it cannot be looked at ({type(error).__name__}: {error})"
            return UnreadablePhotoError(entry.path, why)

    rows: list[Look] = []
    size = engine.batch_size * engine.lanes
    for start in range(0, len(entries), size):
        some = entries[start : start + size]
        read = list(zip(some, readers.map(pixels_of, some), strict=True))
        seen = [(entry, pixels) for entry, pixels in read if isinstance(pixels, np.ndarray)]
        for entry, pixels in read:
            if isinstance(pixels, PhotoError):
                rows.append(unseen(_below(top, entry), entry.size, entry.mtime_ns, str(pixels)))
                tally.unreadable += 1
        if seen:
            probabilities = engine.run(np.stack([pixels for _, pixels in seen])).probabilities
            for (entry, _), one in zip(seen, probabilities, strict=True):
                rows.append(sparse(_below(top, entry), entry.size, entry.mtime_ns, one))
        tally.seen += len(seen)
        tally.left_alone += sum(pixels is None for _, pixels in read)
    return rows


def _is_left_alone(facts: Facts, options: LookOptions) -> bool:
    """What `tag` would not have looked at: no photograph, or a place that a camera recorded."""
    if facts.format in NOT_LOOKED_AT or (facts.not_a_photo and not options.all_images):
        return True
    is_estimate = facts.fix is not None and facts.fix.mark is not None and facts.fix.mark.is_estimate
    return facts.fix is not None and not is_estimate and not options.all


def _write(out: Path, name: str, rows: Sequence[Look], about: dict[str, str]) -> None:
    number = 0
    while (target := out / f"{name}-{number:06d}.parquet").exists():
        number += 1
    write_rows(target, rows, about)
