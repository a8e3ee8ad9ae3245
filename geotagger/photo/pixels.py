"""The pixels of a photo as a network wants them: `read_pixels`, and `read_photo` for facts and
pixels in one read of the file.

Takes a path and a pack's Preprocessing, gives float32 (3, S, S), or the 8-bit pixels that a table turns into
these (`levels.py`). Safe to call from many threads.
A file that cannot be decoded whole is an UnreadablePhotoError; it is never changed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from geotagger.errors import PhotoError, UnreadablePhotoError
from geotagger.photo.apart import read_apart
from geotagger.photo.containers import Container
from geotagger.photo.decode import Picture, decode, may_be_decoded_here
from geotagger.photo.facts import container_of, facts_of
from geotagger.photo.formats import NAMES, NOT_LOOKED_AT, RAW_FORMATS
from geotagger.photo.prepare import (
    AnyPixels,
    PixelRecipe,
    Pixels,
    cropped,
    edge_if_large,
    edge_needed,
    finished,
)
from geotagger.photo.previews import Previews, find_preview, raw_preview
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.values import Facts


@contextmanager
def unforeseen_faults_of(path: str) -> Iterator[None]:
    """A mistake of ours on a file that nobody foresaw costs that photo its pixels, not the run."""
    try:
        yield
    except PhotoError:
        raise
    except Exception as error:
        why = f"it cannot be looked at ({type(error).__name__}: {error})"
        raise UnreadablePhotoError(path, why, "left untouched") from error


def read_photo(
    path: str | os.PathLike[str], preprocessing: PixelRecipe, *, previews: Previews = "faithful"
) -> tuple[Facts, Pixels]:
    """Facts and pixels; the file is opened once and hardly a byte of it read twice. `previews`:
    see `read_pixels`."""
    with PhotoSourceFile(path) as source:
        container = container_of(source)
        facts = facts_of(container)
        pixels = _pixels_somewhere(source, container, preprocessing, previews)
        return facts, finished(pixels, preprocessing)


def read_pixels(
    path: str | os.PathLike[str],
    preprocessing: PixelRecipe,
    facts: Facts | None = None,
    *,
    previews: Previews = "faithful",
) -> Pixels:
    """The pixels alone. `facts`, where given, must still describe the file. `previews` says which
    smaller pictures of the same scene may stand for the main one; a RAW file is only ever seen
    through its preview."""
    return finished(read_unscaled(path, preprocessing, facts, previews=previews), preprocessing)


def read_unscaled(
    path: str | os.PathLike[str],
    preprocessing: PixelRecipe,
    facts: Facts | None = None,
    *,
    previews: Previews = "faithful",
) -> AnyPixels:
    """As `read_pixels`, but uint8 that is still to be looked up, where the recipe `is_eight_bit`."""
    with PhotoSourceFile(path) as source:
        container = container_of(source)
        if facts is not None and (facts.format, facts.width, facts.height) != (
            container.format,
            container.width,
            container.height,
        ):
            raise source.refusal("the file changed while it was being read")
        return _pixels_somewhere(source, container, preprocessing, previews)


def read_pixels_here(
    path: str, size: tuple[str, int, int], preprocessing: PixelRecipe, previews: Previews
) -> AnyPixels:
    """As `read_unscaled`, decoded in this very process, whatever it takes."""
    with PhotoSourceFile(path) as source:
        container = container_of(source)
        if size != (container.format, container.width, container.height):
            raise source.refusal("the file changed while it was being read")
        return _pixels(source, container, preprocessing, previews)


def _pixels_somewhere(
    source: PhotoSourceFile, container: Container, preprocessing: PixelRecipe, previews: Previews
) -> AnyPixels:
    if may_be_decoded_here(source, container, edge_needed(preprocessing)):
        return _pixels(source, container, preprocessing, previews)
    size = (container.format, container.width, container.height)
    return read_apart(source.path, size, preprocessing, previews)


def _pixels(
    source: PhotoSourceFile, container: Container, preprocessing: PixelRecipe, previews: Previews
) -> AnyPixels:
    if container.format in NOT_LOOKED_AT:
        raise source.refusal(f"the picture of a {NAMES[container.format]} is not looked at")
    if container.format in RAW_FORMATS:
        preview: Picture | None = raw_preview(source, container, preprocessing)
    else:
        preview = find_preview(source, container, preprocessing, previews)
    if preview is not None:
        orientation = 1 if preview.turned else container.orientation
        # measured in its own pixels: a preview's crop is its own centre
        size = preview.image.size
        return cropped(Picture(preview.image), size, orientation, preprocessing)
    picture = decode(source, container, edge_needed(preprocessing), edge_if_large(preprocessing))
    width, height = picture.image.size
    turned = (width * picture.scale, height * picture.scale)
    size = turned if picture.turned else (container.width, container.height)
    return cropped(picture, size, 1 if picture.turned else container.orientation, preprocessing)
