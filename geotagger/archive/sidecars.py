"""Where the XMP sidecars of photos lie: beside them, and in sidecar folders, for archives that may not be
written. Names and times only; what a sidecar says is the metadata room's affair.

A sidecar folder mirrors absolute paths, so that photos of two archives never meet in it and a
folder above that is tagged later finds what was written for one below.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence

from geotagger.archive.names import TEMPORARY_PREFIX, folder_by_folder, is_left_out, is_sidecar_name
from geotagger.archive.stamps import mtime_ns
from geotagger.archive.takeout import takeout_files

_TAKEOUT_AGE_S = 2.0
"""Asked after each write of ours, which changes the folder: it is not listed anew for each."""


def mirrored(sidecar_folder: str, path: str) -> str:
    """Where a sidecar folder keeps what belongs to the file or folder at `path`."""
    drive, below = os.path.splitdrive(os.path.abspath(path))
    return os.path.join(sidecar_folder, drive.rstrip(":"), below.lstrip(os.sep))


def newest_sidecar_ns(photo: str, sidecar_folders: Sequence[str] = ()) -> int:
    """When the latest changed of a photo's sidecars was changed, nanoseconds; 0 when it has none. Takeout's
    JSON is one."""
    latest = 0
    for path in (photo, *(mirrored(folder, photo) for folder in sidecar_folders)):
        for stem in (path, os.path.splitext(path)[0]):
            for extension in (".xmp", ".XMP"):
                try:
                    latest = max(latest, mtime_ns(os.stat(stem + extension)))
                except OSError:
                    continue
    for takeout in takeout_files(photo, _TAKEOUT_AGE_S):
        with contextlib.suppress(OSError):
            latest = max(latest, mtime_ns(os.stat(takeout)))
    return latest


def sidecars_in(folder: str) -> tuple[dict[str, int], bool]:
    """The sidecars directly inside a folder, which need not be there: their names without extension, case
    folded, with their mtime_ns; and whether temporary files of ours are there."""
    mtimes: dict[str, int] = {}
    has_leftovers = False
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(TEMPORARY_PREFIX):
                    has_leftovers = True
                elif is_sidecar_name(entry.name):
                    mtimes[os.path.splitext(entry.name)[0].casefold()] = mtime_ns(entry.stat())
    except OSError:
        pass
    return mtimes, has_leftovers


def sidecar_files(places: Sequence[str]) -> Iterator[str]:
    """Every XMP file at or below these places, also those whose photos are gone; what cannot be read is
    passed over."""
    for place in places:
        if is_sidecar_name(place) and os.path.isfile(place):
            yield place
        for folder, below, names in folder_by_folder(place):
            below[:] = [name for name in below if not is_left_out(name)]
            for name in names:
                if name[0] != "." and is_sidecar_name(name):
                    yield os.path.join(folder, name)
