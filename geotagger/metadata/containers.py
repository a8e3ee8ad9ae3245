"""Which container a file is, by its bytes and not by its name, opened for surgery."""

from geotagger.metadata.heif import BRANDS, Heif
from geotagger.metadata.jpeg import Jpeg
from geotagger.metadata.layout import Layout, RefusedError
from geotagger.metadata.png import SIGNATURE, Png
from geotagger.metadata.source import Window
from geotagger.metadata.tiff_file import TiffFile
from geotagger.metadata.webp import Webp


def layout_of(window: Window, name: str) -> Layout:
    """The layout of a file; `name` tells a plain TIFF from a camera's raw file.

    RefusedError, with the reason, for what cannot be changed in place without harm.
    """
    head = window.read(0, 16)
    if not head:
        raise RefusedError("the file is empty")
    if head[:2] == b"\xff\xd8":
        return Jpeg(window)
    if head[:8] == SIGNATURE:
        return Png(window)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Webp(window)
    if head[4:8] == b"ftyp" and head[8:12] in BRANDS:
        return Heif(window)
    if head[:4] in (b"II*\0", b"MM\0*"):
        return TiffFile(window, name)
    raise RefusedError("positions are not written into files of this format")
