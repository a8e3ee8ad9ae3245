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
    from geotagger.api.looking import look
    from geotagger.api.remembered import (
        Archive,
        ClockCorrection,
        TrackInIndex,
        clocks,
        forget_clock,
        forget_track,
        part_root,
        roots,
        status,
        tracks,
        why,
    )
    from geotagger.api.runs import forget, place, tag, undo
    from geotagger.api.trying import evaluate
    from geotagger.errors import (
        ArchiveBusyError,
        ArchiveError,
        DamagedIndexWarning,
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
    from geotagger.estimate.explain import Explanation
    from geotagger.estimate.values import Estimate
    from geotagger.evaluate.archive import Evaluation
    from geotagger.index.search import Box, Near, PhotoPlace, Query
    from geotagger.index.summary import ArchiveSummary, PlacedShare
    from geotagger.look.looking import LookTally
    from geotagger.marks import Mark
    from geotagger.metadata import Edit, Restoration
    from geotagger.photo.facts import read_facts
    from geotagger.photo.values import CaptureTime, Facts, GpsFix, NamedPlace
    from geotagger.tag.listener import Progress
    from geotagger.tag.outcome import Outcome, RunResult, Tally, UndoResult
    from geotagger.tag.why import Why
    from geotagger.writing import Writing

__all__ = [
    "Archive",
    "ArchiveBusyError",
    "ArchiveError",
    "ArchiveSummary",
    "Box",
    "CaptureTime",
    "ClockCorrection",
    "DamagedIndexWarning",
    "Edit",
    "Estimate",
    "Evaluation",
    "Explanation",
    "Facts",
    "GeotaggerError",
    "GpsFix",
    "IndexUnusableError",
    "LookTally",
    "Mark",
    "ModelError",
    "NamedPlace",
    "Near",
    "Outcome",
    "PhotoError",
    "PhotoPlace",
    "PlaceTakenError",
    "PlacedShare",
    "Progress",
    "Query",
    "Restoration",
    "RunResult",
    "SourceError",
    "Tally",
    "TrackInIndex",
    "UndoResult",
    "UnreadablePhotoError",
    "UsageError",
    "Why",
    "WriteError",
    "WriteRefusedError",
    "Writing",
    "clocks",
    "evaluate",
    "forget",
    "forget_clock",
    "forget_track",
    "look",
    "part_root",
    "place",
    "query",
    "read_facts",
    "restore",
    "roots",
    "status",
    "tag",
    "tracks",
    "undo",
    "why",
    "write_position",
]

_ERRORS = "geotagger.errors"
_ROOMS = {
    "Archive": "geotagger.api.remembered",
    "Box": "geotagger.index.search",
    "CaptureTime": "geotagger.photo.values",
    "ClockCorrection": "geotagger.api.remembered",
    "Edit": "geotagger.metadata",
    "Estimate": "geotagger.estimate.values",
    "Evaluation": "geotagger.evaluate.archive",
    "Explanation": "geotagger.estimate.explain",
    "Facts": "geotagger.photo.values",
    "GpsFix": "geotagger.photo.values",
    "LookTally": "geotagger.look.looking",
    "Mark": "geotagger.marks",
    "NamedPlace": "geotagger.photo.values",
    "Near": "geotagger.index.search",
    "Outcome": "geotagger.tag.outcome",
    "PhotoPlace": "geotagger.index.search",
    "Progress": "geotagger.tag.listener",
    "Query": "geotagger.index.search",
    "Restoration": "geotagger.metadata",
    "RunResult": "geotagger.tag.outcome",
    "PlacedShare": "geotagger.index.summary",
    "ArchiveSummary": "geotagger.index.summary",
    "Tally": "geotagger.tag.outcome",
    "TrackInIndex": "geotagger.api.remembered",
    "UndoResult": "geotagger.tag.outcome",
    "Why": "geotagger.tag.why",
    "Writing": "geotagger.writing",
    "clocks": "geotagger.api.remembered",
    "evaluate": "geotagger.api.trying",
    "forget": "geotagger.api.runs",
    "forget_clock": "geotagger.api.remembered",
    "forget_track": "geotagger.api.remembered",
    "look": "geotagger.api.looking",
    "part_root": "geotagger.api.remembered",
    "place": "geotagger.api.runs",
    "query": "geotagger.api.asking",
    "read_facts": "geotagger.photo.facts",
    "restore": "geotagger.api.files",
    "roots": "geotagger.api.remembered",
    "status": "geotagger.api.remembered",
    "tag": "geotagger.api.runs",
    "tracks": "geotagger.api.remembered",
    "undo": "geotagger.api.runs",
    "why": "geotagger.api.remembered",
    "write_position": "geotagger.api.files",
}
"""Where each name of the library is defined, but for the errors."""

# Rooms that are called as a function of the library is: Python binds the name of a room in this module when
# the room is first imported, so that is done here, before the name is free for the function.
for _room in ("evaluate", "look", "tag", "tracks"):
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
