"""The file that an export makes: whole or not at all, and never in place of a photo or an index."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from geotagger.errors import SourceError
from geotagger.photo.formats import sniff


def in_bytes(piece: str | bytes) -> bytes:
    return piece.encode() if isinstance(piece, str) else piece


def write(pieces: Iterable[str | bytes], target: Path) -> None:
    """Writes the file whole or not at all: an older one stays until the new one is complete. A pipe or a
    device is written into. Raises SourceError when the folder is missing or full, and for a photo or an
    index, which no export replaces."""
    if target.exists() and not target.is_file():
        _write_into(pieces, target)
        return
    _check_no_treasure(target)
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


def _check_no_treasure(target: Path) -> None:
    try:
        with target.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return
    if sniff(head) is not None or head.startswith(b"SQLite format 3"):
        what = "a database" if head.startswith(b"SQLite") else "a photo"
        raise SourceError(f"{target}: {what} is there, which an export does not replace; name another file")


_HEAD_BYTES = 4096
