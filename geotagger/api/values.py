"""What the library takes wherever a path, or several, are wanted, and how they are read."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from geotagger.errors import UsageError
from geotagger.writing import SIDECAR_STYLES, WRITE_MODES, Writing

StrPath = str | os.PathLike[str]
"""A path as Python's own functions take it; `~` is not expanded."""

Paths = StrPath | Iterable[StrPath]
"""One path or several."""


def several(paths: Paths) -> tuple[str, ...]:
    """The paths as text. TypeError for what is none, as Python's own functions raise it."""
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    texts = tuple(os.fspath(path) for path in given)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"a path as text is wanted, not {text!r}")
    return texts


def words(given: str | Iterable[str]) -> tuple[str, ...]:
    """One word or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def index_file(index: StrPath | None) -> Path | None:
    """The file of an index; None for the user's own."""
    return None if index is None else Path(os.fspath(index))


def checked(writing: Writing) -> Writing:
    """The same, its folder whole. UsageError for what is no way to write."""
    if writing.mode not in WRITE_MODES:
        raise UsageError(f"{writing.mode!r} is not a way to write; there are: {', '.join(WRITE_MODES)}")
    if writing.sidecar_style not in SIDECAR_STYLES:
        raise UsageError(f"{writing.sidecar_style!r}: sidecars are named {' or '.join(SIDECAR_STYLES)}")
    if writing.sidecar_folder is None:
        return writing
    return replace(writing, sidecar_folder=Path(os.path.realpath(writing.sidecar_folder)))
