"""From a picture to the numbers of one network input.

Takes an RGB image as stored, the turn it needs and what a model pack says of its input; gives
float32 (3, S, S), or the 8-bit pixels that these are looked up by. Knows nothing of files, nor of packs
but the few values named here.
"""

from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geotagger.photo.decode import Picture
from geotagger.photo.levels import LevelRecipe, levels_of, looked_up

Pixels = NDArray[np.float32]
AnyPixels = NDArray[np.float32 | np.uint8]
UNFILTERED = "bilinear-unfiltered"


class PixelRecipe(LevelRecipe, Protocol):
    """What a pack says of its input: the channels' numbers, in the order of `channels` ("RGB" or "BGR");
    `crop` "centre" or "squash"; `resampling` a key of _FILTERS or UNFILTERED."""

    @property
    def input_size(self) -> int: ...
    @property
    def crop(self) -> str: ...
    @property
    def channels(self) -> str: ...
    @property
    def resampling(self) -> str: ...


_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

DECODE_HEADROOM = 2
"""A scaled decode keeps twice the pixels that the input needs, so that the filter still has
something to average; benchmarks/decode.py shows what less would change."""


def edge_needed(preprocessing: PixelRecipe) -> int | None:
    """How many pixels of either edge a scaled decode must keep; None when none may be lost:
    interpolation between four pixels needs the very four."""
    return edge_if_large(preprocessing) if is_eight_bit(preprocessing) else None


def is_eight_bit(preprocessing: PixelRecipe) -> bool:
    """Whether pixels are whole numbers from 0 to 255 before they are looked up: what a filter of Pillow's
    gives, and interpolation does not."""
    return preprocessing.resampling != UNFILTERED


def edge_if_large(preprocessing: PixelRecipe) -> int:
    """How many pixels of either edge are kept of a picture too large to be decoded at full size, also where
    all were wanted."""
    return max(16, preprocessing.input_size * DECODE_HEADROOM)


def prepare(picture: Picture, size: tuple[int, int], orientation: int, preprocessing: PixelRecipe) -> Pixels:
    """`size`: width and height of the full picture as stored, which the crop is measured in."""
    return finished(cropped(picture, size, orientation, preprocessing), preprocessing)


def finished(pixels: AnyPixels, preprocessing: PixelRecipe) -> Pixels:
    """What `cropped` gave, as the numbers that the network wants."""
    if is_eight_bit(preprocessing):
        return looked_up(pixels, levels_of(preprocessing))
    return cast(Pixels, pixels)


def cropped(
    picture: Picture, size: tuple[int, int], orientation: int, preprocessing: PixelRecipe
) -> AnyPixels:
    """As `prepare`, but uint8 (3, S, S) that is still to be looked up, where the recipe `is_eight_bit`."""
    box = _crop_box(size, orientation, preprocessing.crop)
    edge = preprocessing.input_size
    across, down = picture.image.size
    left, top, right, bottom = (value / picture.scale for value in box)
    right, bottom = min(right, across), min(bottom, down)
    if is_eight_bit(preprocessing):
        resampling = _FILTERS[preprocessing.resampling]
        values = np.asarray(picture.image.resize((edge, edge), resampling, (left, top, right, bottom)))
        return _planes(_upright(values, orientation), preprocessing)
    kept = (int(left), int(top), int(right), int(bottom))
    planes = _planes(_upright(_interpolate(picture.image, kept, edge), orientation), preprocessing)
    mean, std = (np.asarray(values)[:, None, None] for values in (preprocessing.mean, preprocessing.std))
    numbers: Pixels = ((planes * (preprocessing.scale / 255.0) - mean) / std).astype(np.float32)
    return numbers


def _planes(values: NDArray[Any], preprocessing: PixelRecipe) -> NDArray[Any]:
    """(S, S, 3) in RGB → (3, S, S) in the order of the recipe."""
    if preprocessing.channels == "BGR":
        values = values[:, :, ::-1]
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def _crop_box(size: tuple[int, int], orientation: int, crop: str) -> tuple[int, int, int, int]:
    """The crop, in pixels of the stored picture, of the square that is central once it is upright:
    an odd pixel stays right and below, as the notebook's integer division leaves it."""
    width, height = size
    if crop == "squash":
        return 0, 0, width, height
    side = min(size)
    # where the odd pixel goes in stored coordinates depends on which edges the turn exchanges
    odd_left = orientation in (2, 3, 7, 8)
    odd_top = orientation in (3, 4, 6, 7)
    left = (width - side + 1) // 2 if odd_left else (width - side) // 2
    top = (height - side + 1) // 2 if odd_top else (height - side) // 2
    return left, top, left + side, top + side


def _upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(S, S, 3) as EXIF orientation says (EXIF 3.0 §4.6.5.1.6)."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values


def _interpolate(image: Image.Image, box: tuple[int, int, int, int], edge: int) -> NDArray[np.float64]:
    """Bilinear interpolation at pixel centres, without a filter: what `skimage.transform.resize`
    with order 1 did before it learned to anti-alias (0.14). The part in `box` → float64
    (S, S, 3), 0…255; only the rows that are needed are taken out of the picture."""
    left, top, right, bottom = box
    rows, row_weight = _samples(bottom - top, edge)
    columns, column_weight = _samples(right - left, edge)

    def taken(wanted: NDArray[np.intp]) -> NDArray[np.float64]:
        lines = [image.crop((left, y, right, y + 1)) for y in (wanted + top).tolist()]
        return np.stack([np.asarray(line)[0] for line in lines]).astype(np.float64)

    above, below = taken(rows[0]), taken(rows[1])
    across = above + (below - above) * row_weight[:, None, None]
    before, behind = across[:, columns[0]], across[:, columns[1]]
    return before + (behind - before) * column_weight[None, :, None]


def _samples(length: int, edge: int) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]:
    at = np.clip((np.arange(edge) + 0.5) * (length / edge) - 0.5, 0, length - 1)
    low = np.floor(at).astype(np.intp)
    return (low, np.minimum(low + 1, length - 1)), at - low
