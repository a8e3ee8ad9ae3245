"""A whole photo upright, as a person sees it, no larger than asked: for whoever reads what stands in it.

Takes a path, gives an RGB image. Safe to call from many threads; files are never changed.
"""

import os

from PIL import Image

from geotagger.photo.decode import decode
from geotagger.photo.facts import container_of
from geotagger.photo.formats import NAMES, NOT_LOOKED_AT, RAW_FORMATS
from geotagger.photo.previews import raw_preview
from geotagger.photo.source import ByteSource

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_upright(path: str | os.PathLike[str], longest: int) -> Image.Image:
    """RGB, of at most `longest` pixels a side. UnreadablePhotoError or TooLargeToSeeError where it cannot be
    decoded whole."""
    with ByteSource(path) as source:
        container = container_of(source)
        if container.format in NOT_LOOKED_AT:
            raise source.refusal(f"the picture of a {NAMES[container.format]} is not looked at")
        shorter, longer = sorted((max(1, container.width), max(1, container.height)))
        # the shorter edge that a picture of this shape has when its longer one is as asked
        edge = max(16, -(-shorter * longest // longer))
        if container.format in RAW_FORMATS:
            picture = raw_preview(source, container, edge, edge)
        else:
            picture = decode(source, container, edge)
        orientation = 1 if picture.turned else container.orientation
    image = picture.image
    if max(image.size) > longest:
        scale = longest / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
