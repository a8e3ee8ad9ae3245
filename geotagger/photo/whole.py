"""Whole JPEGs only: decodes one, and refuses it when its scan data ended early.

Where the file simply stops, Pillow notices. Where an end marker or another picture follows the gap
(a card that lost blocks, a broken download that something "repaired"), libjpeg paints the rest
grey and only warns. The proof is what the decoder does with more data: a whole picture has no use
for bytes put behind its scan, one that is not takes them for picture.
"""

import io
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

_END = b"\xff\xd9"
_FILLING = bytes((37 * i + 11) % 251 for i in range(4096))
"""Any bytes without 0xFF that no encoder would have written."""

_PIXELS_COMPARED = 1 << 24
"""Larger pictures are compared at an eighth of their size, which takes no second one of them."""

_BLANK = 64
"""A file whose last bytes are all alike was preallocated and never filled."""


def load_jpeg(file: BinaryIO, scale: int) -> ImageFile.ImageFile:
    """A JPEG decoded at 1/scale (1, 2, 4 or 8). Raises what Pillow raises."""
    image = JpegImagePlugin.JpegImageFile(file)
    if scale > 1:
        image.draft(image.mode, (image.width // scale, image.height // scale))
    image.load()
    return image


def load_whole_jpeg(data: bytes, scan_offset: int, scale: int) -> Image.Image:
    """The JPEG that `data` starts with, decoded at 1/scale; OSError when it is not whole.
    `scan_offset` is where its first scan begins. A missing end marker alone is forgiven."""
    end = data.find(_END, scan_offset)
    if end < 0:
        if data[-_BLANK:] == data[-1:] * _BLANK:
            raise OSError("image file is truncated: it ends in blank bytes")
        end = len(data)
        image = load_jpeg(io.BytesIO(data + _END), scale)
    else:
        image = load_jpeg(io.BytesIO(data), scale)
        if not _has_grey_foot(image):
            return image
    shown = image
    if image.width * image.height > _PIXELS_COMPARED:
        scale = 8
        shown = load_jpeg(io.BytesIO(data[:end] + _END), scale)
    longer = load_jpeg(io.BytesIO(data[:end] + _FILLING + _END), scale)
    if not np.array_equal(np.asarray(shown), np.asarray(longer)):
        raise OSError("image file is truncated: its scan ends before the picture does")
    return image


def _has_grey_foot(image: Image.Image) -> bool:
    """Whether the last row is all of the grey that libjpeg paints."""
    foot = image.crop((0, image.height - 1, image.width, image.height))
    return image.mode in ("L", "RGB") and all(band.getextrema() == (128, 128) for band in foot.split())
