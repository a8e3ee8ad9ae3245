"""Finds out where photos were taken, writes it into them without harm, remembers it.

    import geotagger

    result = geotagger.tag("Photos", dry_run=True)

The names in `__all__` are the library, as docs/library.md describes them; a name is imported when it is first
used. What lies in the rooms below may change from version to version.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from geotagger.api.asking import query
    from geotagger.api.files import restore, write_position
    from geotagger.api.runs import forget, place, tag, undo
    from geotagger.api.trying import evaluate
    from geotagger.errors import (
        ArchiveBusyError,
        ArchiveError,
        GeotaggerError,
        IndexUnusableError,
        ModelError,
        PhotoError,
        PlaceTakenError,
        SourceError,
        UnreadablePhotoError,
        UsageError,
        WriteError,
        WriteRefusedError,
    )
    from geotagger.evaluate.archive import Evaluation
    from geotagger.index.search import Box, Near, PhotoPlace, Query
    from geotagger.marks import Mark
    from geotagger.metadata import Edit, Restoration
    from geotagger.photo.facts import read_facts
    from geotagger.photo.values import CaptureTime, Facts, GpsFix, NamedPlace
    from geotagger.tag.listener import Progress
    from geotagger.tag.outcome import Outcome, RunResult, Tally, UndoResult
    from geotagger.writing import Writing

__all__ = [
    "ArchiveBusyError",
    "ArchiveError",
    "Box",
    "CaptureTime",
    "Edit",
    "Evaluation",
    "Facts",
    "GeotaggerError",
    "GpsFix",
    "IndexUnusableError",
    "Mark",
    "ModelError",
    "NamedPlace",
    "Near",
    "Outcome",
    "PhotoError",
    "PhotoPlace",
    "PlaceTakenError",
    "Progress",
    "Query",
    "Restoration",
    "RunResult",
    "SourceError",
    "Tally",
    "UndoResult",
    "UnreadablePhotoError",
    "UsageError",
    "WriteError",
    "WriteRefusedError",
    "Writing",
    "evaluate",
    "forget",
    "place",
    "query",
    "read_facts",
    "restore",
    "tag",
    "undo",
    "write_position",
]

_ERRORS = "geotagger.errors"
_ROOMS = {
    "Box": "geotagger.index.search",
    "CaptureTime": "geotagger.photo.values",
    "Edit": "geotagger.metadata",
    "Evaluation": "geotagger.evaluate.archive",
    "Facts": "geotagger.photo.values",
    "GpsFix": "geotagger.photo.values",
    "Mark": "geotagger.marks",
    "NamedPlace": "geotagger.photo.values",
    "Near": "geotagger.index.search",
    "Outcome": "geotagger.tag.outcome",
    "PhotoPlace": "geotagger.index.search",
    "Progress": "geotagger.tag.listener",
    "Query": "geotagger.index.search",
    "Restoration": "geotagger.metadata",
    "RunResult": "geotagger.tag.outcome",
    "Tally": "geotagger.tag.outcome",
    "UndoResult": "geotagger.tag.outcome",
    "Writing": "geotagger.writing",
    "evaluate": "geotagger.api.trying",
    "forget": "geotagger.api.runs",
    "place": "geotagger.api.runs",
    "query": "geotagger.api.asking",
    "read_facts": "geotagger.photo.facts",
    "restore": "geotagger.api.files",
    "tag": "geotagger.api.runs",
    "undo": "geotagger.api.runs",
    "write_position": "geotagger.api.files",
}
"""Where each name of the library is defined, but for the errors."""

# Rooms that are called as a function of the library is: Python binds the name of a room in this module when
# the room is first imported, so that is done here, before the name is free for the function.
for _room in ("tag", "evaluate"):
    importlib.import_module(f"geotagger.{_room}")
    del globals()[_room]


def __getattr__(name: str) -> object:
    """PEP 562: what is asked for first is imported then."""
    if name not in __all__:
        raise AttributeError(f"module 'geotagger' has no attribute {name!r}")
    value = getattr(importlib.import_module(_ROOMS.get(name, _ERRORS)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
