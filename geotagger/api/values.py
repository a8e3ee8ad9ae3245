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

FARTHEST_KM = 20_040.0
"""No two places on the Earth are further apart."""


def several(paths: Paths) -> tuple[str, ...]:
    """The paths as text. TypeError for what is none, as Python's own functions raise it."""
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    return tuple(map(path_of, given))


def path_of(path: StrPath) -> str:
    """One path as text. TypeError for what is none, UsageError for what no file can be called."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path as text is wanted, not {text!r}")
    if "\0" in text:
        raise UsageError(f"{text!r}: no path holds a zero byte")
    return text


def words(given: str | Iterable[str]) -> tuple[str, ...]:
    """One word or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def index_file(index: StrPath | None) -> Path | None:
    """The file of an index; None for the user's own."""
    return None if index is None else Path(path_of(index))


def checked(writing: Writing) -> Writing:
    """The same, its folder whole. TypeError and UsageError for what is no way to write."""
    if not isinstance(writing, Writing):
        raise TypeError(f"a Writing is wanted, not {writing!r}")
    if writing.mode not in WRITE_MODES:
        raise UsageError(f"{writing.mode!r} is not a way to write; there are: {', '.join(WRITE_MODES)}")
    if writing.sidecar_style not in SIDECAR_STYLES:
        raise UsageError(f"{writing.sidecar_style!r}: sidecars are named {' or '.join(SIDECAR_STYLES)}")
    if writing.sidecar_folder is None:
        return writing
    return replace(writing, sidecar_folder=Path(os.path.realpath(path_of(writing.sidecar_folder))))


def check_counts(**counts: int | None) -> None:
    """Raises UsageError where one that is given is below 1."""
    for name, number in counts.items():
        if number is not None and number < 1:
            raise UsageError(f"{name} is {number}; 1 or more is wanted")


def check_radius(name: str, radius_km: float) -> None:
    """UsageError for what is no radius on the Earth."""
    if not 0 < radius_km <= FARTHEST_KM:
        raise UsageError(
            f"{name} is {radius_km}; a distance above 0 is wanted, and at most {FARTHEST_KM:g} km"
        )
