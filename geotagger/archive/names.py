"""Which names in a directory are photos, sidecars, or nothing of ours; which paths lie below others.

A file is a photo by its extension, whatever its case. Content is the photo room's affair: a
`.jpg` that is not a JPEG is opened and judged there, while a file without one of these
extensions is not opened at all, since looking into every file would cost more than the whole
rescan of an unchanged archive. A file that the user names on the command line is taken whatever
it is called.
"""

import fnmatch
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence

from geotagger.errors import UsageError

PHOTO_EXTENSIONS = frozenset(
    [
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "heic", "heif", "hif", "avif"),
        *("dng", "cr2", "cr3", "nef", "nrw", "arw", "sr2", "raf", "orf", "rw2", "pef"),
        *("jxl", "jp2", "j2k", "jpf", "psd", "gif", "bmp"),
        *("mp4", "mov", "m4v", "3gp", "3g2", "mts", "m2ts"),
        *("mpo", "insp", "insv"),  # two pictures in a JPEG; JPEG and MP4 of Insta360
    ]
)

FILM_EXTENSIONS = frozenset(["360", "mp", *(f"mp~{copy}" for copy in range(1, 10))])
"""Films of motion photos, as Google calls them (`PXL_20240615_100000000.MP`, of copies `.MP~2`), and of
GoPro's round cameras (`GS010123.360`). Other programs name other things so: only a name with a date or a
number of the camera in it is a film's."""
_NUMBERED = re.compile(r"\d{6}")

SIDECAR_EXTENSION = "xmp"

TEMPORARY_PREFIX = ".geotagger-"
"""The metadata room's temporary files; like every name with a leading dot they are not listed."""

SYSTEM_FOLDERS = frozenset(
    name.casefold()
    for name in (
        "@eaDir",  # Synology: thumbnails beside every folder
        "#recycle",  # Synology
        "#snapshot",
        "@Recycle",  # QNAP
        "@Recently-Snapshot",
        "$RECYCLE.BIN",
        "RECYCLER",
        "System Volume Information",
        "lost+found",
        "__MACOSX",
        "Trash",
        "Thumbs.db",
    )
)

MANAGED_SUFFIXES = (".lrdata", ".photoslibrary", ".aplibrary", ".photolibrary", ".migratedphotolibrary")
"""Folders that another program owns as one document (previews of Lightroom, libraries of Apple):
what lies inside is found only when the folder is named on the command line."""


def is_photo_name(name: str) -> bool:
    stem, dot, extension = name.rpartition(".")
    if not (stem and dot) or name[0] == ".":
        return False
    extension = extension.lower()
    is_film = extension in FILM_EXTENSIONS and _NUMBERED.search(stem) is not None
    return extension in PHOTO_EXTENSIONS or is_film


def is_sidecar_name(name: str) -> bool:
    return name.lower().endswith(f".{SIDECAR_EXTENSION}")


def is_left_out(folder_name: str) -> bool:
    """True for hidden, trash, system and other programs' folders."""
    name = folder_name.casefold()
    return name.startswith(".") or name in SYSTEM_FOLDERS or name.endswith(MANAGED_SUFFIXES)


def is_excluded(name: str, below: str, patterns: Sequence[str]) -> bool:
    """Whether a shell pattern matches the name of a file or folder, or its path below the walked place."""
    return any(fnmatch.fnmatch(name, p) or fnmatch.fnmatch(below, p) for p in patterns)


def is_left_out_below(path: str, places: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether a walk of the places would pass over this file because a pattern matches it or a folder
    above it. A file that is itself one of the places was named, and is never left out."""
    place = next(
        (place for place in places if patterns and path != place and is_at_or_below(path, [place])), ""
    )
    parts = os.path.relpath(path, place).split(os.sep) if place else []
    return any(is_excluded(part, os.sep.join(parts[: n + 1]), patterns) for n, part in enumerate(parts))


def is_along(path: str, places: Sequence[str]) -> bool:
    """True when an absolute path is one of the places, lies inside one or holds one."""
    return is_at_or_below(path, places) or any(is_at_or_below(place, [path]) for place in places)


def check_is_there(path: str | os.PathLike[str]) -> None:
    """UsageError where nothing is called so; a link that leads nowhere is there."""
    if not os.path.lexists(path):
        raise UsageError(f"{path}: there is no such file or folder")


def folder_by_folder(
    place: str, problem: Callable[[str, OSError], None] = lambda *_: None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk from above, links to folders passed over and names sorted, however deep folders lie in one
    another; of Python before 3.12 os.walk and Path.rglob end in an error a thousand deep. `problem` hears of
    folders that cannot be read."""
    waiting = [place]
    while waiting:
        folder = waiting.pop()
        below: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.name)
                    elif not (entry.is_symlink() and os.path.isdir(entry.path)):
                        names.append(entry.name)
        except OSError as error:
            problem(folder, error)
            continue
        below.sort()
        yield folder, below, sorted(names)
        waiting += [os.path.join(folder, name) for name in reversed(below)]


def common_folder(paths: Collection[str]) -> str:
    """The deepest folder that holds all of some absolute paths; "" where none does, as with a path that a
    damaged index tells."""
    return os.path.commonpath(paths) if paths and all(map(os.path.isabs, paths)) else ""


def is_at_or_below(path: str, places: Sequence[str]) -> bool:
    """True when an absolute path is one of the places or lies inside one."""
    return any(path == place or path.startswith(place.rstrip(os.sep) + os.sep) for place in places)
