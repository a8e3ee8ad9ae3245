"""A picture of a photo for people: upright, small, whatever its format.

Takes a path, gives an RGB image. As for a network, a RAW is seen through its preview and a HEIC through its
thumbnail where that is large enough. A file that cannot be shown is an UnreadablePhotoError.
"""

import os
from dataclasses import dataclass

from PIL import Image

from geotagger.photo.decode import Picture, decode
from geotagger.photo.facts import container_of
from geotagger.photo.formats import NAMES, NOT_LOOKED_AT, RAW_FORMATS
from geotagger.photo.previews import find_preview, raw_preview
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
"""By EXIF orientation (EXIF 3.0 §4.6.5.1.6)."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a network of half the edge would want, so that decoders and previews keep the edge."""

    input_size: int
    crop: str = "squash"
    channels: str = "RGB"
    scale: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resampling: str = "box"


def shown(path: str | os.PathLike[str], edge: int) -> Image.Image:
    """At most `edge` pixels wide and high. Raises UnreadablePhotoError."""
    with ByteSource(path) as source:
        container = container_of(source)
        if container.format in NOT_LOOKED_AT:
            raise source.refusal(f"the picture of a {NAMES[container.format]} is not looked at")
        wanted = _Wanted(edge // 2)
        if container.format in RAW_FORMATS:
            picture: Picture | None = raw_preview(source, container, wanted)
        else:
            picture = find_preview(source, container, wanted, "faithful")
        if picture is None:
            picture = decode(source, container, edge)
        image = picture.image.copy()
        image.thumbnail((edge, edge), Image.Resampling.BOX, reducing_gap=2.0)
        turn = None if picture.turned else _TURNS.get(container.orientation)
        return image if turn is None else image.transpose(turn)
