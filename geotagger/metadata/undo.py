"""Undoing an edit: the exact bytes, or, where another program changed the file since, only ours.

Takes edits from the journal. `settle` tells what became of one that a crash interrupted.
"""

import os
from dataclasses import dataclass
from typing import Literal

from geotagger.errors import WriteError
from geotagger.metadata import replace
from geotagger.metadata.edit import Edit, State, is_old, state_of
from geotagger.metadata.forget import holds_nothing_else, prepare_removal
from geotagger.metadata.proof import check_undo, check_unlink
from geotagger.metadata.source import ByteSource
from geotagger.metadata.splice import ordered


@dataclass(frozen=True, slots=True)
class Restoration:
    """What `restore` did. `restored`: the old bytes are back (or the sidecar that we made is
    gone). `unchanged`: they were there already. `removed`: the file was changed since, only what
    was written was taken out. `kept`: left alone, for the `reason`. `folder` is to be synced."""

    status: Literal["restored", "unchanged", "removed", "kept"]
    reason: str | None = None
    folder: str | None = None


def settle(edit: Edit, target: str | None = None, photo: str | None = None) -> State:
    """Whether the file is the edit's old version, its new one, another one, or gone; `target` and
    `photo` tell where file and photo are now, if they were moved. A sidecar that was to be created
    and is not beside its photo counts as old. WriteError when it cannot be read."""
    path = target or edit.target
    with replace.as_write_error(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return "old" if edit.created and os.path.lexists(photo or edit.photo) else "missing"
        try:
            return state_of(edit, descriptor)
        finally:
            os.close(descriptor)


def restore(
    edit: Edit, target: str | None = None, *, photo: str | None = None, durable: bool = True
) -> Restoration:
    """Puts back what `edit` changed; `target` and `photo` as for `settle`.

    Raises WriteError when the file cannot be read or replaced; it is then as it was.
    """
    path = target or edit.target
    state = settle(edit, path, photo)
    folder = os.path.dirname(path)
    if state == "missing":
        return Restoration("kept", "it is no longer there")
    if state == "old":
        return Restoration("unchanged")
    if state == "other":
        return _take_ours_out(edit, path, durable)
    if edit.created:
        with replace.as_write_error(path):
            check_unlink(path)
            os.unlink(path)
        return Restoration("restored", folder=folder)
    path = os.path.realpath(path)
    with replace.opened(path) as source:
        replace.check_replaceable(path, source)

        def check(written: ByteSource) -> None:
            if not is_old(edit, written.descriptor):
                raise WriteError(path, "the old bytes could not be put back", "the file is as it was")
            check_undo(path, source, written, is_removal=edit.is_removal, are_names=edit.names is not None)

        temporary = replace.write_changed(path, source, ordered(edit.undoing()), check, durable)
    replace.take_place(temporary)
    return Restoration("restored", folder=folder)


def _take_ours_out(edit: Edit, path: str, durable: bool) -> Restoration:
    """The file was changed by somebody else since: only the position that this edit wrote goes."""
    prepared = prepare_removal(path, only=edit, durable=durable)
    if prepared is not None:
        replace.take_place(prepared.temporary)
        what = "the position was" if edit.names is None else "the names were"
        return Restoration("removed", f"it was changed since; only {what} taken out", prepared.folder)
    if edit.kind == "sidecar" and holds_nothing_else(path, edit):
        check_unlink(path)
        with replace.as_write_error(path):
            os.unlink(path)
        why = "it was changed since, but held nothing besides what was written"
        return Restoration("removed", f"{why}; it is gone", os.path.dirname(path))
    return Restoration("kept", "it was changed since and no longer holds what was written")
