"""The pixels of a photo as a network wants them: `read_pixels`, and `read_photo` for facts and
pixels in one read of the file.

Takes a path and a pack's Preprocessing, gives float32 (3, S, S). Safe to call from many threads.
A file that cannot be decoded whole is an UnreadablePhotoError; it is never changed.
"""

import os

from geotagger.photo.containers import Container
from geotagger.photo.decode import decode
from geotagger.photo.facts import container_of, facts_of
from geotagger.photo.formats import RAW_FORMATS
from geotagger.photo.prepare import Pixels, Preprocessing, edge_needed, prepare
from geotagger.photo.previews import find_preview
from geotagger.photo.source import ByteSource
from geotagger.photo.values import Facts


def read_photo(path: str | os.PathLike[str], preprocessing: Preprocessing) -> tuple[Facts, Pixels]:
    """Facts and pixels; the file is opened once and no byte of it read twice but the head."""
    with ByteSource(path) as source:
        container = container_of(source)
        return facts_of(container), _pixels(source, container, preprocessing)


def read_pixels(
    path: str | os.PathLike[str], preprocessing: Preprocessing, facts: Facts | None = None
) -> Pixels:
    """The pixels alone. `facts`, where known, spares nothing but is checked: the file must still
    be what they describe."""
    with ByteSource(path) as source:
        container = container_of(source)
        if facts is not None and (facts.format, facts.width, facts.height) != (
            container.format,
            container.width,
            container.height,
        ):
            raise source.refusal("the file changed while it was being read")
        return _pixels(source, container, preprocessing)


def _pixels(source: ByteSource, container: Container, preprocessing: Preprocessing) -> Pixels:
    edge = edge_needed(preprocessing)
    preview = find_preview(source, container, preprocessing)
    if preview is not None:
        orientation = 1 if preview.turned else container.orientation
        return prepare(preview, preview.image.size, orientation, preprocessing)
    if container.format in RAW_FORMATS:
        raise source.refusal(f"no preview found in this {container.format.upper()}")
    picture = decode(source, container, edge)
    size = picture.image.size if picture.turned else (container.width, container.height)
    return prepare(picture, size, 1 if picture.turned else container.orientation, preprocessing)
