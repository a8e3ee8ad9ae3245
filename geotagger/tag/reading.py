"""Reads the facts of new and changed photos, several at a time, and records them with the positions
that stand in the files. Reads photos, writes the index, looks at no pixels.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

from geotagger.archive import FileEntry, fingerprint
from geotagger.cells import leaf_ids, tokens
from geotagger.errors import ArchiveError, PhotoError, UnreadablePhotoError
from geotagger.estimate.timeline import own_place
from geotagger.estimate.values import GPS_ERROR_KM, Estimate
from geotagger.index import Index
from geotagger.index.compare import Change
from geotagger.index.estimates import Placed, Written
from geotagger.index.photos import Record
from geotagger.index.roots import Root
from geotagger.marks import Mark
from geotagger.metadata import (
    FoundPosition,
    sidecar_names,
    sidecar_positions,
    takeout_record,
    unreadable_sidecar_position,
)
from geotagger.photo.facts import read_facts
from geotagger.photo.values import Facts, GpsFix, NamedPlace
from geotagger.tag.outcome import VANISHED, Outcome, Report


@dataclass(frozen=True, slots=True)
class _Look:
    """One changed file, read. `fix` is the position that stands in its metadata, with its rung; `failure` why
    it could not be read."""

    record: Record
    fix: tuple[Estimate, Written] | None
    failure: PhotoError | None = None


class Reader:
    """Takes photos of one root in, on as many threads as told, while it is open as a context."""

    def __init__(
        self, index: Index, root: Root, sidecar_folders: Sequence[str], threads: int, report: Report
    ) -> None:
        self._index, self._root, self._report = index, root, report
        self._sidecar_folders = sidecar_folders
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="facts")

    def take_in(self, changes: Sequence[Change]) -> list[int]:
        """Reads and records these; the numbers of the photos whose record is new. ArchiveError when
        the archive is gone."""
        looks = list(self._pool.map(lambda change: _look(change, self._sidecar_folders), changes))
        _report_unreadable(self._root, looks, self._report)
        return _record(self._index, self._root, looks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _look(change: Change, sidecar_folders: Sequence[str]) -> tuple[Change, _Look]:
    """Never raises: what cannot be read becomes a record of why."""
    entry = change.entry
    try:
        facts, beside = read_with_sidecars(entry.path, sidecar_folders)
        record = Record(entry, facts, fingerprint=fingerprint(entry.path))
        fix = position_of(facts, beside)
    except PhotoError as error:
        return change, _failed(entry, error)
    except OSError as error:
        return change, _failed(entry, UnreadablePhotoError(entry.path, f"cannot be read ({error.strerror})"))
    except Exception as error:
        # a mistake of ours on a file nobody foresaw costs that photo its place, not the run
        why = f"cannot be read ({type(error).__name__}: {error})"
        return change, _failed(entry, UnreadablePhotoError(entry.path, why, "left untouched"))
    return change, _Look(record, fix)


def _failed(entry: FileEntry, failure: PhotoError) -> _Look:
    return _Look(Record(entry, error=str(failure)), None, failure)


def read_with_sidecars(path: str, sidecar_folders: Sequence[str]) -> tuple[Facts, list[FoundPosition]]:
    """The facts of a photo, with what only its sidecars tell, and the positions that they hold. Raises
    PhotoError."""
    facts = read_facts(path)
    beside = sidecar_positions(path, sidecar_folders)
    if facts.fix is None and facts.unreadable_position is None and not beside:
        unreadable = unreadable_sidecar_position(path, sidecar_folders)
        facts = replace(facts, unreadable_position=unreadable)
    if any(place.mark is not None for place in (facts.fix, *beside) if place is not None):
        facts = replace(facts, named=NamedPlace())  # they may be what we called our own estimate
    elif not facts.named:
        facts = replace(facts, named=sidecar_names(path, sidecar_folders))
    if facts.taken is None and facts.gps_utc is None and (taken := takeout_record(path).taken) is not None:
        problems = (*facts.problems, "no capture time; that of Google Takeout stands for it")
        facts = replace(facts, gps_utc=taken, problems=problems)
    return facts, beside


def position_in(path: str, sidecar_folders: Sequence[str]) -> tuple[Estimate, Written] | None:
    """The position that stands in a photo or its sidecars. Raises PhotoError."""
    return position_of(read_facts(path), sidecar_positions(path, sidecar_folders))


def is_lasting(path: str) -> bool:
    """Whether a failure to read this file will last until the file changes: the disk gives its
    bytes, so it is they that are wrong. Without permission or disk the next run tries again."""
    try:
        with open(path, "rb", buffering=0) as photo:
            photo.read(1)
    except OSError:
        return False
    return True


def take_in(index: Index, root: Root, change: Change, sidecar_folders: Sequence[str]) -> int:
    """Reads one file and records it; its number. PhotoError when it cannot be read."""
    look = _look(change, sidecar_folders)
    if look[1].failure is not None:
        raise look[1].failure
    return _record(index, root, [look])[0]


def _record(index: Index, root: Root, looks: Sequence[tuple[Change, _Look]]) -> list[int]:
    """Records what was read, and what cannot be read for good; the numbers of these photos."""
    ids: list[int] = []
    kept = [one for one in looks if one[1].record.error is None or is_lasting(one[0].entry.path)]
    with index.batch():
        for same_pixels in (False, True):
            part = [look for change, look in kept if (change.kind == "sidecar") is same_pixels]
            part_ids = index.photos.record(root, [look.record for look in part], same_pixels=same_pixels)
            for photo_id, look in zip(part_ids, part, strict=True):
                _record_fix(index, photo_id, look.fix)
            ids += part_ids
    return ids


def _record_fix(index: Index, photo_id: int, fix: tuple[Estimate, Written] | None) -> None:
    """What stands in a changed file, against what the index believes stands in it."""
    held = index.estimates.current(photo_id)
    ours = held is not None and held.written in ("exif", "sidecar")
    if (
        fix is not None
        and fix[1] != "camera"
        and held is not None
        and ours
        and _is_same(held.estimate, fix[0])
    ):
        return  # our own position, which another change of the file left alone
    if ours:
        # another program took our position out, or put another in its place
        index.estimates.drop([photo_id])
    if fix is not None:
        index.estimates.put(None, [Placed(photo_id, fix[0], written=fix[1])])


def _is_same(one: Estimate, other: Estimate) -> bool:
    near = abs(one.latitude - other.latitude) < 1e-5 and abs(one.longitude - other.longitude) < 1e-5
    return near and one.rung == other.rung


def _report_unreadable(root: Root, looks: Sequence[tuple[Change, _Look]], report: Report) -> None:
    if any(look.record.error is not None for _, look in looks) and not os.path.isdir(root.path):
        raise ArchiveError(f"{root.path}: {VANISHED}")
    for _, look in looks:
        if look.record.error is not None:
            report(Outcome(look.record.entry.path, "failed", look.record.error, "could not be read"))


def position_of(facts: Facts, beside: Sequence[FoundPosition]) -> tuple[Estimate, Written] | None:
    """The best position that the file and its sidecars hold: a camera's before a sidecar's before
    an estimate of ours, and the owner's word before all."""
    held: list[tuple[Estimate, Written]] = []
    if facts.fix is not None:
        held.append(_from_exif(facts.fix))
    held += [_from_sidecar(found) for found in beside]
    return own_place(held, lambda one: one[0].rung)


def _from_exif(fix: GpsFix) -> tuple[Estimate, Written]:
    if fix.mark is not None:
        return _from_mark(fix.latitude, fix.longitude, fix.mark), "exif"
    radius_km = GPS_ERROR_KM if fix.error_m is None else fix.error_m / 1000
    return known_place(fix.latitude, fix.longitude, "camera", radius_km), "camera"


def _from_sidecar(found: FoundPosition) -> tuple[Estimate, Written]:
    if found.mark is not None:
        return _from_mark(found.latitude, found.longitude, found.mark), "sidecar"
    radius_km = GPS_ERROR_KM if found.error_km is None else found.error_km
    return known_place(found.latitude, found.longitude, "sidecar", radius_km), "camera"


def _from_mark(latitude: float, longitude: float, mark: Mark) -> Estimate:
    place = known_place(latitude, longitude, mark.rung, mark.radius_km or GPS_ERROR_KM)
    return Estimate(
        latitude,
        longitude,
        place.radius_km,
        1.0 if mark.confidence is None else mark.confidence,
        mark.rung,
        (mark.rung,),
        mark.cell or place.cell,
        evidence=("found in the file, written by an earlier run",),
    )


def known_place(latitude: float, longitude: float, rung: str, radius_km: float) -> Estimate:
    """A place that somebody knows, as an estimate that is certain of it."""
    cell = tokens(leaf_ids([latitude], [longitude]))[0]
    return Estimate(latitude, longitude, radius_km, 1.0, rung, (rung,), cell)
