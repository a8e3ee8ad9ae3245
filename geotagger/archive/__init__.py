"""The archive: which files are there, and who may work on them.

`walk` and `folders` list the photos under some paths with their sizes and times, `lock` keeps
two runs apart. Knows file names and `stat`, never what is inside a photo.
"""

from geotagger.archive.listing import FileEntry, Folder, file_entry, fingerprint, folders, walk
from geotagger.archive.locks import lock
from geotagger.archive.mounts import is_on_network

__all__ = ["FileEntry", "Folder", "file_entry", "fingerprint", "folders", "is_on_network", "lock", "walk"]
