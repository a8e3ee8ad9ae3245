"""Where file, index and the evidence of today disagree about one photo, in words.

Reads the photo, writes nothing.
"""

import os

from geotagger.errors import PhotoError
from geotagger.estimate.holding import HALF
from geotagger.index import Index
from geotagger.index.photos import IndexedPhoto
from geotagger.tag.reading import position_in

_SAME_DEG = 1e-5


def disagreements(index: Index, photo: IndexedPhoto, inside: float | None) -> tuple[str, ...]:
    """`inside`: how certain it is today that the photo was taken in the circle that is written; None where no
    estimate is, or evidence of today is left out."""
    lines = [_of_the_file(index, photo)]
    if inside is not None and photo.confidence is not None and inside < HALF * photo.confidence:
        lines.append(
            f"what is known today gives the place that is written {inside:.2g}, and not"
            f" {photo.confidence:.2g}; `geotagger tag` corrects it, or `tag --reconsider` where evidence"
            " is lacking"
        )
    return tuple(line for line in lines if line is not None)


def _of_the_file(index: Index, photo: IndexedPhoto) -> str | None:
    if photo.error is not None or not os.path.isfile(photo.path):
        return None
    try:
        there = position_in(photo.path, index.learned.sidecar_folders(photo.path))
    except (PhotoError, OSError) as error:
        return str(error)
    in_index = None if photo.written is None else (photo.latitude or 0.0, photo.longitude or 0.0)
    in_file = None if there is None else (there[0].latitude, there[0].longitude)
    if in_file is None:
        return (
            None if in_index is None else f"the file has no position, the index has {_words(in_index)}{_NEXT}"
        )
    if in_index is None:
        return f"the file says {_words(in_file)}, which the index does not know{_NEXT}"
    if any(abs(one - other) > _SAME_DEG for one, other in zip(in_file, in_index, strict=True)):
        return f"the file says {_words(in_file)}, the index {_words(in_index)}{_NEXT}"
    return None


_NEXT = "; the next `geotagger tag` reads it"


def _words(place: tuple[float, float]) -> str:
    return f"{place[0]:.5f}, {place[1]:.5f}"
