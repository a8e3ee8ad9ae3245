"""Reads recorded tracks from files and folders.

Takes paths, gives tracks; which of the formats (formats.py) a file has is told by its content. A file that
is cut or damaged gives the points before the damage, and is reported. Raises UsageError for a
path that is not there, SourceError for a file that was named and cannot be read or holds no point of use; in
a folder such a file is reported and passed over. Knows nothing of what a track says of a photo.
"""

import codecs
import gzip
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import xxhash

from geotagger.archive import is_photo_name
from geotagger.archive.names import check_is_there, folder_by_folder
from geotagger.errors import SourceError
from geotagger.tracks.bounds import Bounded
from geotagger.tracks.formats import FORMATS, HEAD_BYTES, TrackFormat, format_of, utf16_of
from geotagger.tracks.google import OtherJsonError
from geotagger.tracks.nmea import UndatedError
from geotagger.tracks.pieces import Pieces
from geotagger.tracks.values import Track

_TRACK_EXTENSIONS = frozenset((".gpx", ".kml", ".kmz", ".nmea", ".nma", ".fit", ".tcx", ".igc"))
"""Of a file with such a name in a folder it is said when it cannot be read; any other may be anything."""
_FITDECODES = (struct.error, AssertionError)
"""What it raises beside its own errors, on records that contradict themselves."""
_DAMAGE = (
    *(ValueError, LookupError, TypeError, AttributeError, RecursionError, EOFError, ArithmeticError),
    *_FITDECODES,
)
_DAMAGED_ARCHIVE = (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, RuntimeError)
_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_GZIP = b"\x1f\x8b"
_PART_BYTES = 1 << 20

Note = Callable[[str], None]


def load_tracks(
    paths: Sequence[Path], on_problem: Note = lambda _: None, clocks: Mapping[str, float] | None = None
) -> tuple[Track, ...]:
    """All tracks of the files and, recursively, the folders; of copies of one file the first. `clocks`:
    seconds to add to the times of the files of these names."""
    corrections = {name.casefold(): shift_s for name, shift_s in (clocks or {}).items()}
    tracks: dict[str, Track] = {}
    for path in paths:
        check_is_there(path)
    for path in paths:
        reader = _of_folder if os.path.isdir(path) else _of_file
        for track in reader(path, on_problem, corrections):
            tracks.setdefault(track.digest, track)
    return tuple(tracks.values())


class _OtherFileError(SourceError):
    """A file of a kind that holds no track."""


def _of_folder(folder: Path, on_problem: Note, corrections: Mapping[str, float]) -> list[Track]:
    tracks = []

    def problem(left: str, error: OSError) -> None:
        on_problem(f"{left}: {error.strerror or error}; no place was taken from what lies in it")

    names = (
        os.path.join(place, name)
        for place, _, names in folder_by_folder(os.fspath(folder), problem)
        for name in names
        if not is_photo_name(name)
    )
    for file in sorted(path for path in map(Path, names) if os.path.isfile(path)):
        try:
            tracks += _of_file(file, on_problem, corrections)
        except _OtherFileError as error:
            if file.suffix.lower() in _TRACK_EXTENSIONS:
                on_problem(str(error))
        except SourceError as error:
            on_problem(str(error))
    if not tracks:
        on_problem(f"{folder}: no track could be read in this folder; no place was taken from it")
    return tracks


def _of_file(path: Path, on_problem: Note, corrections: Mapping[str, float]) -> list[Track]:
    try:
        with open(path, "rb", opener=_opened) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{path}: not a file but a device or a pipe; no place was taken from it")
            digest = _digest(file)
            with _unpacked(path, file) as content:
                pieces = _pieces_in(path, content, on_problem)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}; no place was taken from it") from error
    if shift_s := corrections.get(path.name.casefold(), 0.0):
        pieces.shift(shift_s)
        digest += f"{shift_s:+g}s"
    unset = pieces.drop_unset()
    tracks = pieces.tracks(path.name)
    if unset and not tracks:
        raise SourceError(f"{path}: all its points are of {unset}; no place was taken from it")
    if unset:
        on_problem(f"{path}: points are left out that are of {unset}")
    if not tracks:
        raise SourceError(f"{path}: not one point in it has a place and a time; no place was taken from it")
    parts = [digest, *(f"{digest}-{n}" for n in range(2, len(tracks) + 1))]
    where = os.path.abspath(path)
    return [replace(track, digest=part, path=where) for part, track in zip(parts, tracks, strict=True)]


def _opened(path: str, _: int) -> int:
    """Opening a pipe must not wait for somebody who writes into it."""
    return os.open(path, _READ_ONLY)


def _digest(file: IO[bytes]) -> str:
    digest = xxhash.xxh3_128()
    while part := file.read(_PART_BYTES):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()


@contextmanager
def _unpacked(path: Path, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file, or what gzip has packed into it, as sports sites export it."""
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if not packed:
        with _in_utf8(file) as text:
            yield text
        return
    with tempfile.TemporaryFile() as content:
        try:
            inner = Bounded(gzip.GzipFile(fileobj=file), Bounded.budget(os.fstat(file.fileno()).st_size))
            while part := inner.read(_PART_BYTES):
                content.write(part)
        except (*_DAMAGE, *_DAMAGED_ARCHIVE) as error:
            raise SourceError(f"{path}: gzip, but damaged ({error}); no place was taken from it") from error
        content.seek(0)
        with _in_utf8(content) as text:
            yield text


@contextmanager
def _in_utf8(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file; one in UTF-16, as Windows saves what is copied into an editor, in UTF-8."""
    head = file.read(HEAD_BYTES)
    encoding = utf16_of(head)
    file.seek(0)
    if encoding is None or format_of(head.decode(encoding, "replace").encode("utf-8", "replace")) is None:
        yield file
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    with tempfile.TemporaryFile() as content:
        while part := file.read(_PART_BYTES):
            content.write(decoder.decode(part).encode("utf-8", "replace"))
        content.seek(0)
        yield content


def _pieces_in(path: Path, file: IO[bytes], on_problem: Note) -> Pieces:
    form = _format_of(path, file)
    pieces = Pieces()
    try:
        pieces.extend(form.pieces(file, path.name))
    except OtherJsonError as error:
        raise _OtherFileError(f"{path}: {error}; no place was taken from it") from error
    except UndatedError as error:
        raise SourceError(f"{path}: {form.name}, but {error}; no place was taken from it") from error
    except (*_DAMAGE, *_DAMAGED_ARCHIVE) as error:
        if not len(pieces):
            raise SourceError(
                f"{path}: {form.name}, but damaged ({_words(error)}); no place was taken from it"
            ) from error
        on_problem(f"{path}: cut or damaged ({_words(error)}); the {len(pieces)} points before that are used")
    return pieces


def _words(error: Exception) -> str:
    return str(error) or "it contradicts itself"


def _format_of(path: Path, file: IO[bytes]) -> TrackFormat:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    form = format_of(head)
    if form is None:
        names = ", ".join(one.name for one in FORMATS)
        raise _OtherFileError(f"{path}: no track that we can read ({names}); no place was taken from it")
    return form
