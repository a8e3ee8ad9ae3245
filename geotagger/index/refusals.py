"""What SQLite refuses, in the words of the index's owner. Takes errors of SQLite, gives ours."""

import sqlite3

from geotagger.errors import IndexUnusableError


def refusal_of(path: str, error: sqlite3.Error) -> IndexUnusableError:
    text = str(error)
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary == sqlite3.SQLITE_FULL:
        return IndexUnusableError(
            f"{path}: the disk that holds the index is full; what was finished before is kept; "
            "make room and run again"
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return IndexUnusableError(
            f"{path}: another program is writing to the index and does not let go; try again when it is done"
        )
    if primary in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_AUTH,
    ):
        return IndexUnusableError(
            f"{path}: the index cannot be opened or written ({text}); look at the rights of the file and its "
            "folder, or use another index"
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return IndexUnusableError(
            f"{path}: the index is damaged ({text}); it was left as it is; move it away to start anew, or "
            "choose another file for the index"
        )
    if primary in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE):
        # a statement of ours that its tables do not fit: whoever throws the index away loses the undo journal
        return IndexUnusableError(
            f"{path}: geotagger asked the index something wrong ({text}); this is a fault of geotagger, not "
            "of the index, which was left as it is; keep it, and report this with the command that you gave"
        )
    return IndexUnusableError(f"{path}: the index cannot be used ({text}); what was finished before is kept")
