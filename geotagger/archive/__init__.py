"""The archive: which files are there, and who may work on them.

`walk` and `folders` list the photos under some paths with their sizes and times, `lock` keeps
two runs apart. Knows file names and `stat`, never what is inside a photo.
"""

from geotagger.archive.listing import (
    FileEntry,
    Folder,
    count_photos,
    file_entry,
    fingerprint,
    folders,
    walk,
)
from geotagger.archive.locks import lock
from geotagger.archive.mounts import is_on_network
from geotagger.archive.names import is_along, is_at_or_below, is_photo_name, is_sidecar_name
from geotagger.archive.passed import PassedOver
from geotagger.archive.sidecars import mirrored, sidecar_files
from geotagger.archive.takeout import takeout_files

__all__ = [
    "FileEntry",
    "Folder",
    "PassedOver",
    "count_photos",
    "file_entry",
    "fingerprint",
    "folders",
    "is_along",
    "is_at_or_below",
    "is_on_network",
    "is_photo_name",
    "is_sidecar_name",
    "lock",
    "mirrored",
    "sidecar_files",
    "takeout_files",
    "walk",
]
