"""Recorded tracks: the files that say where a device was.

`load_tracks` reads files and folders, one reader a format, chosen by content. Knows nothing of photos,
nor of what a track says of one.
"""

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
