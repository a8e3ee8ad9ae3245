"""A photo and its sidecar must not disagree: where one was written, the other is brought up to date.

Of the two only one is chosen, but an earlier run may have chosen the other, and programs differ in
which they believe. So a position of ours in the other one is replaced as well, by an edit of its own.
"""

import contextlib
import os

from geotagger.metadata import replace, sidecar
from geotagger.metadata.containers import layout_of
from geotagger.metadata.layout import RefusedError
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.values import Position
from geotagger.metadata.verify import positions_in
from geotagger.metadata.write import PreparedWrite, prepare_merge, prepare_photo
from geotagger.writing import Writing


def prepare_companion(
    prepared: PreparedWrite, position: Position, writing: Writing = Writing()
) -> PreparedWrite | None:
    """Makes the sidecar of a photo that was prepared, or the photo of a sidecar, say the same
    `position`. None when that is not due: a sidecar without a position stays so, and so does a photo
    without one of ours, since whoever chooses sidecars wants his photos left alone.

    Raises WriteError when it is due and cannot be done.
    """
    photo = prepared.edit.photo
    if prepared.edit.kind == "sidecar":
        return prepare_photo(photo, position, writing) if _holds_ours(photo) else None
    beside = Sidecars.of(writing).existing(photo)
    if beside is None:
        return None
    if sidecar.position_in(beside) is None and sidecar.unreadable_position_in(beside) is None:
        return None
    return prepare_merge(photo, os.path.realpath(beside), position, writing, None)


def _holds_ours(photo: str) -> bool:
    """Whether a photo holds a position, and none but ours."""
    with contextlib.suppress(RefusedError), replace.opened(photo) as source:
        marks = [position.mark for position in positions_in(layout_of(source, photo))]
        return bool(marks) and None not in marks
    return False
