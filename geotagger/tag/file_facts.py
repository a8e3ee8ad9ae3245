"""What one photo and its sidecars say of themselves, as it is read in a thread or in a process of its own.

Reads files, and knows neither the index nor what is concluded: a process that only reads is started the
sooner the less it imports.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from geotagger.archive import FileEntry, fingerprint
from geotagger.errors import PhotoError, UnreadablePhotoError
from geotagger.future import present
from geotagger.metadata import (
    FoundPosition,
    sidecar_names,
    sidecar_positions,
    sidecar_time,
    takeout_record,
    unreadable_sidecar_position,
)
from geotagger.photo.facts import read_facts
from geotagger.photo.formats import VIDEO_FORMATS
from geotagger.photo.values import Facts, NamedPlace


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file, read: `facts` with what only its sidecars tell, the positions that stand `beside` it, or
    `failure`, why it could not be read."""

    entry: FileEntry
    facts: Facts | None = None
    beside: tuple[FoundPosition, ...] = ()
    fingerprint: bytes | None = None
    failure: PhotoError | None = None


def facts_of_file(entry: FileEntry, sidecar_folders: Sequence[str]) -> FileFacts:
    """Never raises: what cannot be read is a value that says why."""
    try:
        facts, beside = read_with_sidecars(entry.path, sidecar_folders)
        return FileFacts(entry, facts, tuple(beside), fingerprint(entry.path))
    except PhotoError as error:
        return FileFacts(entry, failure=error)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        return FileFacts(entry, failure=UnreadablePhotoError(entry.path, reason))
    except Exception as error:
        # a mistake of ours on a file nobody foresaw costs that photo its place, not the run
        reason = f"cannot be read ({type(error).__name__}: {error})"
        return FileFacts(entry, failure=UnreadablePhotoError(entry.path, reason, "left untouched"))


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
    facts = _with_time_of_sidecar(facts, path, sidecar_folders)
    is_unknown = facts.taken is None and facts.gps_utc is None
    if (is_unknown or facts.is_time_undecided) and (taken := takeout_record(path).taken) is not None:
        problems = (*facts.problems, "no capture time that is sure; that of Google Takeout stands for it")
        facts = replace(facts, taken=None, gps_utc=taken, problems=problems)
    return facts, beside


def _with_time_of_sidecar(facts: Facts, path: str, sidecar_folders: Sequence[str]) -> Facts:
    """A photo that does not say when it was taken has the time that its owner's programs noted."""
    is_film_dated = facts.format in VIDEO_FORMATS and facts.gps_utc is not None
    if is_film_dated or (facts.taken is not None and not facts.taken.is_of_change):
        return facts
    taken = sidecar_time(path, sidecar_folders, facts.camera is not None, present())
    if taken is None:
        return facts
    return replace(facts, taken=taken, problems=(*facts.problems, "its sidecar says when it was taken"))
