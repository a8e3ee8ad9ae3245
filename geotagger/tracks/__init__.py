"""Recorded tracks: the files that say where a device was.

`load_tracks` reads files and folders, one reader a format, chosen by content. Knows nothing of photos,
nor of what a track says of one. `import geotagger` imports this, so each name is imported when it is first
used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geotagger.tracks.columns import Degrees
    from geotagger.tracks.pieces import dates_in_words
    from geotagger.tracks.reading import load_tracks
    from geotagger.tracks.values import FASTEST_KM_S, RECEIVER_ERROR_KM, Track, clean_track

__all__ = [
    "FASTEST_KM_S",
    "RECEIVER_ERROR_KM",
    "Degrees",
    "Track",
    "clean_track",
    "dates_in_words",
    "load_tracks",
]

_FILES = {"Degrees": "columns", "dates_in_words": "pieces", "load_tracks": "reading"}


def __getattr__(name: str) -> object:
    """PEP 562."""
    if name not in __all__:
        raise AttributeError(f"module 'geotagger.tracks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"geotagger.tracks.{_FILES.get(name, 'values')}"), name)
