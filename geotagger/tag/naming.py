"""Names of places into photos: what `--write-names` adds to those whose place stands in them or beside them.

A step of its own after the positions are written, in groups with a journal as these are, so that `undo` takes
names back byte for byte. Knows which photos; how a file takes names is the metadata room's.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

from geotagger.errors import PhotoError, WriteError, WriteRefusedError
from geotagger.gazetteer.naming import sure_names_of
from geotagger.index import Index
from geotagger.index.journal import Intent
from geotagger.index.named import Nameless
from geotagger.marks import NamesMark
from geotagger.metadata import PreparedWrite, abandon, prepare_names, sync_folders
from geotagger.photo.facts import read_facts
from geotagger.photo.values import NamedPlace
from geotagger.tag.chunks import chunks
from geotagger.tag.listener import Listener
from geotagger.tag.outcome import Report
from geotagger.tag.reading import failure_of
from geotagger.tag.writing import GROUP, WRITERS, keep_as_unchanged, kind_of_failure, take_places
from geotagger.writing import Writing


@dataclass
class NamesTally:
    """How many photos were named, and how many take no names, where `--write exif` allows no sidecar."""

    written: int = 0
    refused: int = 0


def write_names(
    index: Index,
    run_id: int,
    photos: Iterable[Nameless],
    writing: Writing,
    listener: Listener,
    report: Report,
) -> NamesTally:
    """Names the places of these photos; what went wrong with one is reported."""
    tally = NamesTally()
    for group in chunks(iter(photos), GROUP):
        if listener.stop.is_set():
            break
        _write_group(index, run_id, group, writing, report, tally)
        listener.advance(len(group))
    return tally


def name_what_was_placed(
    index: Index,
    run_id: int,
    root_id: int,
    photo_ids: Sequence[int],
    writing: Writing,
    listener: Listener,
    report: Report,
) -> None:
    """Photos of a root whose owner has just placed them: names if asked for, and those of ours that are no
    longer true are replaced, wherever they stand."""
    if writing.mode == "none" or not (writing.names or index.named.any()):
        return
    nameless = index.named.nameless_of(root_id, photo_ids, only_renewed=not writing.names)
    say_what_was_named(write_names(index, run_id, nameless, writing, listener, report), listener)


def say_what_was_named(tally: NamesTally, listener: Listener) -> None:
    if tally.written:
        photos = f"{tally.written} photo{'s' * (tally.written != 1)}"
        listener.note(f"names of places were written into {photos}; `geotagger undo` takes them out, too")
    if tally.refused:
        photos = f"{tally.refused} photo{'s' * (tally.refused != 1)}"
        listener.note(f"{photos} cannot take names without harm, and --write exif allows no sidecar")


def _write_group(
    index: Index,
    run_id: int,
    photos: Sequence[Nameless],
    writing: Writing,
    report: Report,
    tally: NamesTally,
) -> None:
    with ThreadPoolExecutor(min(WRITERS, len(photos)), thread_name_prefix="name") as pool:
        tried = list(zip(photos, pool.map(_prepared, photos, _marks(photos), repeat(writing)), strict=True))
        ready = [(photo, file) for photo, file in tried if isinstance(file, PreparedWrite)]
        intents = [Intent(photo.photo_id, photo.path, file.edit.to_json().encode()) for photo, file in ready]
        try:
            entries = index.journal.intend(run_id, intents)
        except BaseException:
            for _, file in ready:
                abandon(file)
            raise
        errors = take_places([file for _, file in ready], pool)
    failed = {photo: error for photo, error in tried if isinstance(error, WriteError)}
    failed |= {photo: error for (photo, _), error in zip(ready, errors, strict=True) if error is not None}
    done = {entry: ready[n] for n, entry in enumerate(entries) if errors[n] is None}
    try:
        sync_folders(list({file.folder for _, file in done.values()}))
    except WriteError as error:
        failed |= {photo: error for photo, _ in done.values()}
    refused = [photo for photo, error in failed.items() if isinstance(error, WriteRefusedError)]
    settled = [photo.photo_id for photo in photos if photo not in failed or photo in refused]
    with index.batch():
        index.journal.settle(done, "done")
        index.journal.settle([entry for entry in entries if entry not in done], "abandoned")
        index.named.remember(run_id, settled)
        for photo, _ in done.values():
            keep_as_unchanged(index, photo.photo_id, photo.path)
    tally.written += len(done)
    tally.refused += len(refused)
    for photo, failure in failed.items():
        if photo not in refused:
            why = f"its place could not be named: {failure}"
            report(failure_of(photo.path, why, kind_of_failure(failure)))


def _marks(photos: Sequence[Nameless]) -> list[NamesMark]:
    lat, lng, radius_km = zip(*((one.latitude, one.longitude, one.radius_km) for one in photos), strict=True)
    names = sure_names_of(lat, lng, radius_km)
    return [NamesMark(one.rung, *called) for one, called in zip(photos, names, strict=True)]


def _prepared(photo: Nameless, mark: NamesMark, writing: Writing) -> PreparedWrite | WriteError | None:
    """The finished file; None where there is nothing to write."""
    if not mark.country:
        return None
    try:
        return prepare_names(photo.path, mark, writing, _named_by_others(photo.path))
    except WriteError as error:
        return error


def _named_by_others(path: str) -> NamedPlace:
    """What the photo itself calls its place, in IPTC for instance."""
    try:
        return read_facts(path).named
    except PhotoError:
        return NamedPlace()
