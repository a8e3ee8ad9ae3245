"""A whole photo upright, as a person sees it, no larger than asked: for the page, for thumbnails, and for
whoever reads what stands in it.

Takes a path, gives an RGB image. Safe to call from many threads; files are never changed. What may take much
memory or time to decode is decoded in a process of its own, as for a network (apart.py).
"""

import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

from geotagger.photo.apart import read_apart
from geotagger.photo.containers import Container
from geotagger.photo.decode import Picture, decode, may_be_decoded_here
from geotagger.photo.facts import container_of
from geotagger.photo.formats import NAMES, NOT_LOOKED_AT
from geotagger.photo.source import PhotoSourceFile

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
class WholePicture:
    """The whole picture as a square of plain pixel values."""

    input_size: int
    crop: str = "squash"
    channels: str = "RGB"
    scale: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resampling: str = "lanczos"


def turned(picture: Picture, image: Image.Image, orientation: int) -> Image.Image:
    """`image`, made of `picture`, upright; `orientation` is that of the file."""
    turn = None if picture.turned else _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def read_upright(path: str | os.PathLike[str], longest: int) -> Image.Image:
    """RGB, of at most `longest` pixels a side. UnreadablePhotoError or TooLargeToSeeError where it cannot be
    decoded whole."""
    with PhotoSourceFile(path) as source:
        container = container_of(source)
        if container.format in NOT_LOOKED_AT:
            raise source.refusal(f"the picture of a {NAMES[container.format]} is not looked at")
        shorter, longer = sorted((max(1, container.width), max(1, container.height)))
        # the shorter edge that a picture of this shape has when its longer one is as asked
        edge = max(16, -(-shorter * longest // longer))
        if not may_be_decoded_here(source, container, edge):
            return _apart(source.path, container, longest)
        picture = decode(source, container, edge)
    size = _within(*picture.image.size, longest)
    image = picture.image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return turned(picture, image, container.orientation)


def _within(width: int, height: int, longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(width, height, 1))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _apart(path: str, container: Container, longest: int) -> Image.Image:
    """As a square from the other process, and then in its own shape."""
    size = (container.format, container.width, container.height)
    width, height = _within(container.width, container.height, longest)
    edge = max(width, height, 16)
    pixels = read_apart(path, size, WholePicture(edge), "faithful")
    square = Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0))
    if container.orientation >= 5:
        width, height = height, width
    return square.resize((width, height), Image.Resampling.BILINEAR)
