"""Which container a file is, by its bytes and not by its name, opened for surgery."""

from geotagger.metadata.jpeg import Jpeg
from geotagger.metadata.layout import Layout, RefusedError
from geotagger.metadata.source import Window


def layout_of(window: Window, name: str) -> Layout:
    """The layout of a file; `name` tells a plain TIFF from a camera's raw file.

    RefusedError, with the reason, for what cannot be changed in place without harm.
    """
    head = window.read(0, 16)
    if not head:
        raise RefusedError("the file is empty")
    if head[:2] == b"\xff\xd8":
        return Jpeg(window)
    raise RefusedError("positions are not written into files of this format")
