"""The file that an export makes: whole or not at all, never in place of a photo or an index, and in place of
something else only if that is an export of the same format, or its owner insists."""

import contextlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from geotagger.archive.names import is_photo_name
from geotagger.errors import SourceError
from geotagger.photo.formats import sniff

MAKER = "geotagger"
"""What a file says that made it, where its format has a place for that."""

_END_BYTES = 1 << 20
_BESIDE_DATABASES = ("-wal", "-shm", "-journal")


def in_bytes(piece: str | bytes) -> bytes:
    return piece.encode() if isinstance(piece, str) else piece


def write(pieces: Iterable[str | bytes], target: Path, form: str, *, force: bool = False) -> None:
    """Writes the file whole or not at all: an older one stays until the new one is complete. What is no
    regular file, a pipe or a device, is written into. Raises SourceError when the folder is missing or full;
    for a regular file that is no export of the format `form`, unless `force`; and in any case for a photo and
    an index, which no export replaces."""
    if (os.path.exists(target) and not os.path.isfile(target)) or target.parent in (
        Path("/dev"),
        Path("/dev/fd"),
    ):
        _write_into(pieces, target)
        return
    if os.path.islink(target) and os.path.isfile(target):
        target = target.resolve()
    _check_may_go(target, form, force)
    unfinished = target.with_name(f".geotagger-{os.getpid()}-{target.name}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(map(in_bytes, pieces))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise SourceError(
            f"{target}: could not be written ({error.strerror or error}); what was there before is as it was"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def _write_into(pieces: Iterable[str | bytes], target: Path) -> None:
    try:
        with target.open("wb") as stream:
            stream.writelines(map(in_bytes, pieces))
    except OSError as error:
        raise SourceError(f"{target}: could not be written ({error.strerror or error})") from error


def _check_may_go(target: Path, form: str, force: bool) -> None:
    try:
        with target.open("rb") as file:
            head = file.read(_END_BYTES)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END_BYTES))
            tail = file.read(_END_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(f"{target}: cannot be read ({error.strerror}), and is not replaced") from error
    treasure = _treasure(target, head)
    if treasure is not None:
        raise SourceError(
            f"{target}: {treasure} is there, which an export does not replace; name another file"
        )
    if not force and not _OURS[form](head, tail):
        raise SourceError(
            f"{target}: what is there is no {form} that geotagger made, and stays; --force replaces it"
        )


def _treasure(target: Path, head: bytes) -> str | None:
    """What stands there that must stay, whoever insists."""
    if head.startswith(b"SQLite format 3"):
        return "a database"
    if any(
        target.name.endswith(ending) and os.path.exists(target.with_name(target.name.removesuffix(ending)))
        for ending in _BESIDE_DATABASES
    ):
        return "a part of a database"
    if _OURS["png"](head, b""):
        return None
    return "a photo" if sniff(head) is not None or is_photo_name(target.name) else None


def _starts(pattern: bytes) -> Callable[[bytes, bytes], bool]:
    return lambda head, _: re.match(pattern, head, re.DOTALL) is not None


def _ends_with(pattern: bytes) -> Callable[[bytes, bytes], bool]:
    return lambda _, tail: re.search(pattern, tail, re.DOTALL) is not None


_MADE_BY = MAKER.encode()
_OURS: dict[str, Callable[[bytes, bytes], bool]] = {
    "datasette": lambda head, _: b'"title": "Photos and where they were taken"' in head,
    "geojson": _starts(
        rb'\{"type": "FeatureCollection", "features": \[\n(\]\}|\{"type": "Feature", "geometry": '
        rb'\{"type": "Point", "coordinates": \[[^]]*\]\}, "properties": \{"path": )'
    ),
    "kml": _starts(rb"<\?xml[^>]*>\s*<kml[^>]*>\s*<Document>\s*<!-- " + _MADE_BY),
    "gpx": _starts(rb'<\?xml[^>]*>\s*<gpx version="1.1" creator="' + _MADE_BY),
    "csv": _starts(rb"path,latitude,longitude,radius_km,confidence,rung,status,"),
    "summary": _starts(rb'\{"geotagger": "summary of a run"'),
    "png": _starts(rb"\x89PNG\r\n\x1a\n.{25}.{4}tEXtSoftware\0" + _MADE_BY),
    "html": _starts(rb'<!DOCTYPE html>.{0,200}<meta name="generator" content="' + _MADE_BY),
    "kmz": _ends_with(_MADE_BY + rb"\Z"),
    "geoparquet": _ends_with(b"maker.{1,8}" + _MADE_BY),
}
"""How an export of ours is told from another file of its format, by its first and last bytes."""
