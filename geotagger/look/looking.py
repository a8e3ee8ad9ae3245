"""Looks at a part of an archive: lists, reads facts, decodes, runs the network, writes rows.

A photo's part follows from the hash of its path, so that parts are about equal whatever the folders are, and
the same on every machine. Finished files are kept, and what they hold is not looked at again.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import xxhash

from geotagger.archive import FileEntry, PassedOver, walk
from geotagger.engine.cores import usable_cores
from geotagger.errors import (
    ArchiveError,
    PhotoError,
    SourceError,
    StoppedError,
    UsageError,
)
from geotagger.look.overlap import overlapped
from geotagger.look.photos import LeftAloneError, LookOptions, PhotoLooker, looker_of
from geotagger.look.processes import LookProcesses, seen_by_processes
from geotagger.look.rows import (
    Look,
    about_file,
    key_of,
    keys_of,
    model_digest,
    sweep,
    write_rows,
)
from geotagger.look.shares import shares_of

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack

ROWS_A_FILE = 4096
SECONDS_A_FILE = 120.0
"""What a run that is killed loses at most."""


@dataclass
class LookTally:
    """How many photos: listed in this part, kept from earlier, looked at, not to be looked at, unreadable;
    and how many folders could not be read, whose photos nobody counted. `model`: the name of the pack that
    looked."""

    listed: int = 0
    kept: int = 0
    seen: int = 0
    left_alone: int = 0
    unreadable: int = 0
    folders_unread: int = 0
    model: str = ""


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
    # what scores single places needs them too
    options = replace(options, features=options.features or pack.encoder_path is not None)
    if options.features and pack.feature_size is None:
        raise UsageError(f"--features: {pack.name} gives none; import or pull the model again")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be a folder ({error.strerror})") from None
    sweep(out)
    tally = LookTally(model=pack.name)
    about = {"model": model_digest(pack), "name": pack.name, "features": "yes" if options.features else "no"}
    done = _finished(out, about)
    target = _Target(out, f"part-{options.part}-of-{options.parts}", about)

    def new() -> Iterator[FileEntry]:
        for entry in _listed(top, options, tally, note):
            tally.listed += 1
            if key_of(below(top, entry.path), entry.size, entry.mtime_ns) in done:
                tally.kept += 1
                advance(tally)
            else:
                yield entry

    with ExitStack() as stack:
        seen = _seen(new(), pack, options, note, stop, stack)
        while (one := _next(seen, note)) is not None:
            entry, answer = one
            row = row_of(below(top, entry.path), entry.size, entry.mtime_ns, answer)
            _count(tally, row)
            if row is not None:
                target.add(row)
            advance(tally)
            if stop.is_set():
                break
    target.finish()
    return tally


def _next(
    seen: Iterator[tuple[FileEntry, Look | PhotoError | None]], note: Callable[[str], None]
) -> tuple[FileEntry, Look | PhotoError | None] | None:
    """None at the end, also where the owner asked for one and nothing more came."""
    try:
        return next(seen, None)
    except StoppedError as error:
        note(str(error))
        return None


def _seen(
    entries: Iterator[FileEntry],
    pack: "ModelPack",
    options: LookOptions,
    note: Callable[[str], None],
    stop: Event,
    stack: ExitStack,
) -> Iterator[tuple[FileEntry, Look | PhotoError | None]]:
    if options.on_ray:
        from geotagger.look.on_ray import seen_on_ray

        return seen_on_ray(entries, pack, options, stop)
    shares = shares_of(options.device, options.look_processes)
    looker = PhotoLooker(pack, options, note, stop)
    stack.callback(looker.close)
    if shares:
        processes: LookProcesses[Look] = LookProcesses(
            partial(looker_of, str(pack.folder), options),
            shares,
            looker,
            note,
            lambda *_: None,
            stop,
            readers=options.readers,
            goes_without=options.device == "auto",
        )
        stack.callback(processes.close)
        return seen_by_processes(entries, lambda _: True, lambda entry: entry.path, processes)
    return overlapped(
        entries,
        lambda _: True,
        lambda entry: looker.read(entry.path),
        looker.say,
        batch_size=looker.batch_size,
        lanes=looker.lanes,
        readers=options.readers or usable_cores(),
        let_go=looker.leave,
    )


def row_of(path: bytes, size: int, mtime_ns: int, answer: Look | PhotoError | None) -> Look | None:
    """None for a photo that is left alone. path: below the root."""
    if answer is None or isinstance(answer, LeftAloneError):
        return None
    if isinstance(answer, PhotoError):
        return Look.unseen(path, size, mtime_ns, str(answer))
    return answer.of(path, size, mtime_ns)


def _count(tally: LookTally, row: Look | None) -> None:
    if row is None:
        tally.left_alone += 1
    elif row.error is None:
        tally.seen += 1
    else:
        tally.unreadable += 1


class _Target:
    """Rows in files, each after so many rows or seconds."""

    def __init__(self, out: Path, name: str, about: dict[str, str]) -> None:
        self._out, self._name, self._about = out, name, about
        self._rows: list[Look] = []
        self._written = time.monotonic()

    def add(self, row: Look) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROWS_A_FILE or time.monotonic() - self._written > SECONDS_A_FILE:
            self.finish()

    def finish(self) -> None:
        if self._rows:
            try:
                write_rows(self._out, self._name, self._rows, self._about)
            except OSError as error:
                raise UsageError(f"--out {self._out}: cannot be written ({error.strerror})") from None
        self._rows, self._written = [], time.monotonic()


def _listed(
    top: str, options: LookOptions, tally: LookTally, note: Callable[[str], None]
) -> Iterator[FileEntry]:
    def problem(passed: PassedOver) -> None:
        note(str(passed))
        tally.folders_unread += passed.kind in ("unreadable", "away")

    for entry in walk([top], exclude=options.exclude, problem=problem):
        if is_in_part(below(top, entry.path), options.part, options.parts):
            yield entry


def is_in_part(path: bytes, part: int, parts: int) -> bool:
    return xxhash.xxh3_64_intdigest(path) % parts == part - 1


def below(top: str, path: str) -> bytes:
    return os.fsencode(os.path.relpath(path, top))


def _finished(out: Path, about: dict[str, str]) -> set[int]:
    """The photos that earlier runs have looked at. Those that could not be seen are tried again, and those
    whose features were not kept where these are wanted."""
    done: set[int] = set()
    for path in sorted(file for file in out.glob("*.parquet") if os.path.isfile(file)):
        file = about_file(path)
        if file.get("model") != about["model"]:
            raise SourceError(
                f"{path}: was looked at by another model ({file.get('name', 'unknown')}); "
                "choose another --out"
            )
        if about["features"] == "no" or file.get("features") == "yes":
            done.update(keys_of(path))
    return done
