"""Reads recorded tracks from files and folders.

Takes paths, gives tracks; which of the formats (formats.py) a file has is told by its content. A file that
is cut or damaged gives the points before the damage, and is reported. Raises SourceError for a file that was
named and cannot be read or holds no point of use; in a folder such a file is reported and passed over. Knows
nothing of what a track says of a photo.
"""

import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import ParseError

import xxhash

from geotagger.archive import is_photo_name
from geotagger.errors import SourceError
from geotagger.tracks.formats import FORMATS, HEAD_BYTES, TrackFormat, format_of
from geotagger.tracks.google import OtherJsonError
from geotagger.tracks.values import LARGEST_BYTES, Point, Track, as_arrays, clean_track

_TRACK_EXTENSIONS = frozenset((".gpx", ".kml", ".kmz", ".nmea", ".nma", ".fit"))
"""Of a file with such a name in a folder it is said when it cannot be read; any other may be anything."""
_DAMAGE = (ParseError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, RecursionError)
_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def load_tracks(
    paths: Sequence[Path], on_problem: Callable[[str], None] = lambda _: None
) -> tuple[Track, ...]:
    """All tracks of the files and, recursively, the folders."""
    tracks: list[Track] = []
    for path in paths:
        tracks += _of_folder(path, on_problem) if path.is_dir() else [_of_file(path, on_problem)]
    return tuple(tracks)


class _OtherFileError(SourceError):
    """A file of a kind that holds no track."""


def _of_folder(folder: Path, on_problem: Callable[[str], None]) -> list[Track]:
    tracks = []
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and not is_photo_name(p.name)):
        try:
            tracks.append(_of_file(file, on_problem))
        except _OtherFileError as error:
            if file.suffix.lower() in _TRACK_EXTENSIONS:
                on_problem(str(error))
        except SourceError as error:
            on_problem(str(error))
    return tracks


def _of_file(path: Path, on_problem: Callable[[str], None]) -> Track:
    try:
        with open(path, "rb", opener=_opened) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{path}: not a file but a device or a pipe; no place was taken from it")
            return _track_in(path, file, on_problem)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}; no place was taken from it") from error


def _opened(path: str, _: int) -> int:
    """Opening a pipe must not wait for somebody who writes into it."""
    return os.open(path, _READ_ONLY)


def _track_in(path: Path, file: IO[bytes], on_problem: Callable[[str], None]) -> Track:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    form = format_of(head)
    if form is None:
        names = ", ".join(one.name for one in FORMATS)
        raise _OtherFileError(f"{path}: no track that we can read ({names}); no place was taken from it")
    if os.fstat(file.fileno()).st_size > LARGEST_BYTES:
        raise SourceError(f"{path}: larger than 2 GiB; split the export by year and give the parts")
    points = _points_in(path, file, form, on_problem)
    track = clean_track(path.name, *as_arrays(points))
    if track is None:
        raise SourceError(f"{path}: not one point in it has a place and a time; no place was taken from it")
    return replace(track, digest=_digest(file), path=os.path.abspath(path))


def _points_in(
    path: Path, file: IO[bytes], form: TrackFormat, on_problem: Callable[[str], None]
) -> list[Point]:
    points: list[Point] = []
    try:
        points.extend(form.read(file))
    except OtherJsonError as error:
        raise _OtherFileError(f"{path}: {error}; no place was taken from it") from error
    except _DAMAGE as error:
        if not points:
            raise SourceError(
                f"{path}: {form.name}, but damaged ({error}); no place was taken from it"
            ) from error
        on_problem(f"{path}: cut or damaged ({error}); the {len(points)} points before that are used")
    return points


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    digest = xxhash.xxh3_128()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()
