"""Which names in a directory are photos, sidecars, or nothing of ours.

A file is a photo by its extension, whatever its case. Content is the photo room's affair: a
`.jpg` that is not a JPEG is opened and judged there, while a file without one of these
extensions is not opened at all, since looking into every file would cost more than the whole
rescan of an unchanged archive. A file that the user names on the command line is taken whatever
it is called.
"""

PHOTO_EXTENSIONS = frozenset(
    [
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "heic", "heif", "hif", "avif"),
        *("dng", "cr2", "cr3", "nef", "nrw", "arw", "sr2", "raf", "orf", "rw2", "pef"),
    ]
)

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


def is_left_out(folder_name: str) -> bool:
    """True for hidden, trash, system and other programs' folders."""
    name = folder_name.casefold()
    return name.startswith(".") or name in SYSTEM_FOLDERS or name.endswith(MANAGED_SUFFIXES)
