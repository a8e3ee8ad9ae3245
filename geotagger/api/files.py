"""Single files: a position into a photo without harm, and the exact bytes back. No index, no lock."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from geotagger import metadata
from geotagger.api.values import StrPath, check_radius, checked, path_of
from geotagger.errors import UsageError, WriteError
from geotagger.estimate.values import RUNGS
from geotagger.marks import Mark
from geotagger.metadata import Edit, Position, Restoration
from geotagger.writing import Writing

if TYPE_CHECKING:
    from geotagger.metadata import PreparedWrite

Edits = tuple[Edit, ...]


def write_position(
    path: StrPath,
    latitude: float,
    longitude: float,
    *,
    mark: Mark = Mark("manual"),
    writing: Writing = Writing(),
    journal: Callable[[Edits], None] | None = None,
) -> Edits:
    """Writes a position into one photo, or into its sidecar, and harms nothing else.

    `latitude`, `longitude`: WGS-84 degrees. `mark`: what the position says of itself; unless told, that the
    owner gave it. `writing`: where it goes, and whether a position that somebody else wrote may be replaced.
    `journal` is given the edits when the finished files lie beside the old ones and before they take their
    names: what it keeps (`Edit.to_json`) undoes the change even if the machine stops in between.

    Returns an edit for each file that was changed, for `restore`: the photo's or the sidecar's, and where the
    other one held a position of geotagger, one for that too. When this returns, the change is on the disk.

    Raises PlaceTakenError where a position stands that may not be replaced, WriteRefusedError where it cannot
    be done without harm, WriteError, UsageError for what is no place on the Earth. Then all is as it was.
    Takes no lock: keep it away from photos that a `tag` is at work on. Several threads may call it for
    different photos.
    """
    writing = checked(writing)
    if writing.mode == "none":
        raise UsageError('Writing(mode="none") writes nothing')
    _check(mark)
    try:
        position = Position(latitude, longitude, mark)
    except ValueError as error:
        raise UsageError(str(error)) from None
    files = _prepared(os.path.abspath(path_of(path)), position, writing)
    edits = tuple(file.edit for file in files)
    waiting = list(files)
    try:
        if journal is not None:
            journal(edits)
        while waiting:
            metadata.commit(waiting[0])
            del waiting[0]
    except BaseException:
        for file in waiting:
            metadata.abandon(file)
        restore(edits[: len(files) - len(waiting)])
        raise
    metadata.sync_folders([file.folder for file in files])
    return edits


def _check(mark: Mark) -> None:
    if not isinstance(mark, Mark):
        raise TypeError(f"a Mark is wanted, not {mark!r}")
    if mark.rung not in RUNGS:
        raise UsageError(f"{mark.rung!r} is not a rung of the ladder; there are: {', '.join(RUNGS)}")
    if mark.confidence is not None and not 0 <= mark.confidence <= 1:
        raise UsageError(f"a confidence is a probability, not {mark.confidence}")
    if mark.radius_km is not None:
        check_radius("radius_km", mark.radius_km)


def _prepared(path: str, position: Position, writing: Writing) -> "list[PreparedWrite]":
    """The finished files, the one that was chosen last, as a run takes them."""
    chosen = metadata.prepare(path, position, writing)
    try:
        companion = metadata.prepare_companion(chosen, position, writing)
    except WriteError:
        metadata.abandon(chosen)
        raise
    return [chosen] if companion is None else [companion, chosen]


def restore(edits: Edit | Iterable[Edit], *, durable: bool = True) -> tuple[Restoration, ...]:
    """Puts back the exact bytes that `write_position` changed, the last edit first.

    Where another program has changed a file since, only the position goes; where it no longer holds that
    position, it is left alone, with the reason. Edits that were kept as JSON come from `Edit.from_json`,
    which raises ValueError for what is none.

    Raises WriteError when a file cannot be read or replaced; it is then as it was.
    """
    newest_first = [edits] if isinstance(edits, Edit) else list(edits)[::-1]
    if wrong := [edit for edit in newest_first if not isinstance(edit, Edit)]:
        raise TypeError(f"an Edit is wanted, not {wrong[0]!r}")
    done = tuple(metadata.restore(edit, durable=durable) for edit in newest_first)
    if durable:
        metadata.sync_folders([one.folder for one in done if one.folder is not None])
    return done
