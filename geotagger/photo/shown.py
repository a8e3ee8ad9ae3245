"""A picture of a photo for a copy of it: upright, in all its size, whatever its format; decoded in the
process that asks, whatever it takes: `apart.jpeg_apart` asks in a bounded one. Small ones are for `upright`.

Takes a path, gives an RGB image. A RAW is seen through its preview, a HEIC through its thumbnail where that
is large enough. A file that cannot be shown is an UnreadablePhotoError.
"""

import os

from PIL import Image

from geotagger.photo.decode import Picture, decode
from geotagger.photo.facts import container_of
from geotagger.photo.formats import NAMES, NOT_LOOKED_AT, RAW_FORMATS
from geotagger.photo.previews import find_preview, raw_preview
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.upright import WholePicture, turned


def shown(path: str | os.PathLike[str], edge: int) -> Image.Image:
    """At most `edge` pixels wide and high. Raises UnreadablePhotoError."""
    with PhotoSourceFile(path) as source:
        container = container_of(source)
        if container.format in NOT_LOOKED_AT:
            raise source.refusal(f"the picture of a {NAMES[container.format]} is not looked at")
        wanted = WholePicture(edge // 2)  # decoders and previews keep twice that
        if container.format in RAW_FORMATS:
            picture: Picture | None = raw_preview(source, container, wanted)
        else:
            picture = find_preview(source, container, wanted, "faithful")
        if picture is None:
            picture = decode(source, container, edge)
        image = picture.image
        image.thumbnail((edge, edge), Image.Resampling.BOX, reducing_gap=2.0)
        return turned(picture, image, container.orientation)
