"""A large TIFF that is not compressed, read a band of rows at a time and reduced as it is read: a gigabyte of
pixels never stands in memory.

Takes a TIFF that Pillow has opened, and its file; gives an RGB picture, not turned, or None where the
pixels do not stand row by row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, TiffImagePlugin

_BAND_BYTES = 1 << 24
_BITS = {
    **dict.fromkeys(("1", "1;I"), 1),
    **dict.fromkeys(("L", "L;I"), 8),
    **dict.fromkeys(("I;16", "I;16B", "LA"), 16),
    "RGB": 24,
    **dict.fromkeys(("RGBA", "RGBX", "CMYK"), 32),
    **dict.fromkeys(("RGB;16L", "RGB;16B"), 48),
    **dict.fromkeys(("RGBA;16L", "RGBA;16B", "RGBX;16L", "RGBX;16B", "CMYK;16L", "CMYK;16B"), 64),
}
"""Of a pixel, by what Pillow calls the layout of a row; the rest is decoded whole."""


@dataclass(frozen=True, slots=True)
class _Strip:
    """Rows from `top` to `below` that stand at `offset`, each of `row_bytes`."""

    top: int
    below: int
    offset: int
    layout: str
    row_bytes: int


def read_by_strips(
    image: TiffImagePlugin.TiffImageFile,
    file: BinaryIO,
    scale: int,
    to_rgb: Callable[[Image.Image], Image.Image],
) -> Image.Image | None:
    """The picture at 1/scale. OSError when the file ends before it does."""
    width, height = image.size
    strips = list(_strips(image))
    if [s.top for s in strips] != [0, *(s.below for s in strips[:-1])] or strips[-1].below != height:
        return None
    whole = Image.new("RGB", (-(-width // scale), -(-height // scale)))
    rows = scale * max(1, _BAND_BYTES // (8 * width * scale))
    band, filled, top = Image.new(image.mode, (width, rows)), 0, 0
    for part in _parts(image, file, strips, rows):
        taken = 0
        while taken < part.height:
            some = min(part.height - taken, rows - filled)
            band.paste(part.crop((0, taken, width, taken + some)), (0, filled))
            taken, filled = taken + some, filled + some
            if filled == rows or top + filled == height:
                done = to_rgb(band.crop((0, 0, width, filled)))
                whole.paste(done.reduce(scale), (0, top // scale))
                top, filled = top + filled, 0
    return whole


def _strips(image: TiffImagePlugin.TiffImageFile) -> Iterator[_Strip]:
    """Those before the first that is compressed, not as wide as the picture, or of a layout unknown here."""
    width = image.width
    for tile in image.tile:
        if tile.codec_name != "raw" or not isinstance(tile.args, tuple) or tile.extents is None:
            return
        (left, top, right, below), (layout, row_bytes, _) = tile.extents, tile.args
        if (left, right) != (0, width) or layout not in _BITS:
            return
        yield _Strip(top, below, tile.offset, layout, row_bytes or (width * _BITS[layout] + 7) // 8)


def _parts(
    image: TiffImagePlugin.TiffImageFile, file: BinaryIO, strips: list[_Strip], most_rows: int
) -> Iterator[Image.Image]:
    """The rows in their order, some at a time."""
    for strip in strips:
        for at in range(strip.top, strip.below, most_rows):
            rows = min(most_rows, strip.below - at)
            file.seek(strip.offset + strip.row_bytes * (at - strip.top))
            data = file.read(strip.row_bytes * rows)
            if len(data) < strip.row_bytes * rows:
                raise OSError("image file is truncated")
            size = (image.width, rows)
            yield Image.frombytes(image.mode, size, data, "raw", strip.layout, strip.row_bytes)
