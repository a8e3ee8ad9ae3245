"""Photo out: positions into EXIF and XMP sidecars, safe replacement, exact undo.

    prepared = prepare(path, Position(48.8584, 2.2945, Mark("manual")), Writing())   the photo is untouched
    ...journal prepared.edit (Edit.to_json), durably...
    commit(prepared)                                                      one atomic step
    ...the same with prepare_companion(prepared, position, Writing()): photo and sidecar shall agree...
    ...or with prepare_names(path, mark): what the place is called, into XMP alone...
    sync_folders([prepared.folder])                                       batched, before "done"

    restore(edit)          the exact old bytes
    settle(edit)           after a crash: did the step happen?
    forget(path)           takes estimates out by their marks, without an index
    would_forget(path)     the files that this would change
    prepare_withdrawal(path) the same in two steps, to be journalled and undone
    sidecar_positions(path) what sidecars or embedded XMP say
    sidecar_names(path)    the place that they name in words
    sidecar_time(path, ..) when they say that the photo was taken
    takeout_record(path)   what Google Takeout's JSON says
    unreadable_sidecar_position(path) why what a sidecar says of the place cannot be read

Takes paths and values; knows nothing of the index, of models, or of how a place was found.
Every function may be called from several threads at once, for different files.
"""

from geotagger.metadata.companion import prepare_companion
from geotagger.metadata.edit import Edit
from geotagger.metadata.forget import forget, prepare_removal, would_forget
from geotagger.metadata.naming import prepare_names
from geotagger.metadata.read import (
    sidecar_names,
    sidecar_positions,
    sidecar_time,
    takeout_record,
    unreadable_sidecar_position,
)
from geotagger.metadata.replace import sweep_temporaries, sync_folders
from geotagger.metadata.undo import Restoration, restore, settle
from geotagger.metadata.values import (
    TEMPORARY_PATTERN,
    TEMPORARY_PREFIX,
    FoundPosition,
    Position,
)
from geotagger.metadata.withdraw import prepare_withdrawal
from geotagger.metadata.write import PreparedWrite, abandon, commit, prepare
from geotagger.writing import SidecarStyle, WriteMode, Writing

__all__ = [
    "TEMPORARY_PATTERN",
    "TEMPORARY_PREFIX",
    "Edit",
    "FoundPosition",
    "Position",
    "PreparedWrite",
    "Restoration",
    "SidecarStyle",
    "WriteMode",
    "Writing",
    "abandon",
    "commit",
    "forget",
    "prepare",
    "prepare_companion",
    "prepare_names",
    "prepare_removal",
    "prepare_withdrawal",
    "restore",
    "settle",
    "sidecar_names",
    "sidecar_positions",
    "sidecar_time",
    "sweep_temporaries",
    "sync_folders",
    "takeout_record",
    "unreadable_sidecar_position",
    "would_forget",
]
