"""Small pictures of photos for the page.

A photo is asked for by its number in the index, never by a path; a row of the index that leads out of its
archive is refused, and so is a link that does. Takes the index, gives JPEG."""

import io
import os
import threading
from collections import OrderedDict

from geotagger.archive import is_at_or_below
from geotagger.errors import PhotoError, UnreadablePhotoError
from geotagger.index import Index
from geotagger.index.mapping import ListedPhoto, by_ids
from geotagger.photo.upright import read_upright

THUMBNAIL, PICTURE = 256, 1280
"""Edges in pixels."""

_KEPT_BYTES = 48 << 20
_AT_ONCE = 2


class OutsideError(PhotoError):
    """A photo that the index places outside its own archive."""


class Thumbnails:
    """Remembers the thumbnails that were asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoding = threading.Semaphore(_AT_ONCE)
        self._kept: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._bytes = 0

    def of(self, index: Index, photo_id: int, edge: int) -> bytes:
        """The JPEG of a photo, upright, at most `edge` pixels wide and high. Raises PhotoError."""
        rows = by_ids(index.store, [photo_id])
        if not rows:
            raise UnreadablePhotoError(f"photo {photo_id}", "the index does not know it, or it is gone")
        path = inside(rows[0])
        try:
            key = path, os.stat(path).st_mtime_ns, edge
        except OSError as error:
            raise UnreadablePhotoError(rows[0].path, f"cannot be read ({error.strerror})") from None
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._decoding:
            data = _jpeg(path, edge)
        with self._lock:
            if edge == THUMBNAIL and key not in self._kept:
                self._kept[key] = data
                self._bytes += len(data)
                while self._bytes > _KEPT_BYTES:
                    self._bytes -= len(self._kept.popitem(last=False)[1])
        return data


def inside(photo: ListedPhoto) -> str:
    """The real path of a photo, which lies in its archive. Raises OutsideError where it does not."""
    if "\0" in photo.path:
        raise OutsideError(photo.path.replace("\0", "?"), "is no path")
    real = os.path.realpath(photo.path)
    if not is_at_or_below(real, [os.path.realpath(photo.root)]):
        raise OutsideError(photo.path, "lies outside its archive; it is not shown")
    return real


def _jpeg(path: str, edge: int) -> bytes:
    file = io.BytesIO()
    # nothing of the photo's own metadata goes along
    read_upright(path, edge).save(file, "JPEG", quality=82)
    return file.getvalue()
