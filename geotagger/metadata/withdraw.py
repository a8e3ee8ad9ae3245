"""Withdrawing an estimate: out of a photo and its sidecars again, so that it can be undone.

As `forget`, by the marks in the files, but in two steps with an `Edit` of each file for the journal
between them, as a write has. A sidecar that holds nothing else stays, with nothing in it, so that undoing
finds it. Takes paths; does not know why an estimate no longer holds.
"""

import os
from collections.abc import Sequence
from dataclasses import replace as changed_copy

from geotagger.archive import is_sidecar_name
from geotagger.errors import WriteError
from geotagger.metadata import replace, xmp
from geotagger.metadata.forget import holds_nothing_else, prepare_removal, targets_of
from geotagger.metadata.sidecar import LARGEST_SIDECAR_BYTES
from geotagger.metadata.write import PreparedWrite, abandon, difference, edit_of


def prepare_withdrawal(
    path: str, sidecar_folders: Sequence[str] = (), *, durable: bool = True
) -> list[PreparedWrite]:
    """Makes the photo, and the sidecars that it has beside it and in these folders, without the estimates in
    them; none where there is none. Places that the owner gave stay. Raises WriteError, WriteRefusedError;
    then nothing is left of what was made."""
    made: list[PreparedWrite] = []
    try:
        for target in targets_of(path, sidecar_folders):
            prepared = prepare_removal(target, durable=durable)
            if prepared is None and is_sidecar_name(target) and holds_nothing_else(target):
                prepared = _emptied(target, durable)
            if prepared is not None:
                made.append(changed_copy(prepared, edit=changed_copy(prepared.edit, photo=path)))
    except WriteError:
        for prepared in made:
            abandon(prepared)
        raise
    return made


def _emptied(path: str, durable: bool) -> PreparedWrite:
    target = os.path.realpath(path)
    with replace.opened(target) as source:
        replace.check_replaceable(path, source)
        splices = difference(source.read(0, LARGEST_SIDECAR_BYTES + 1), xmp.empty_packet())
        removed = [source.read(s.offset, s.length) for s in splices]
        temporary = replace.write_changed(target, source, splices, lambda _: None, durable)
        return PreparedWrite(edit_of(path, source, splices, removed, temporary, None, "sidecar"), temporary)
