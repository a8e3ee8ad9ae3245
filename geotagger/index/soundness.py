"""Rows of an index that are not as we write them: what to name when a command comes to grief over one.

Takes the path of an index, reads all of it, and gives words. Not for every day: it is asked only after
something went wrong that nobody foresaw.
"""

import contextlib
import sqlite3
from urllib.parse import quote

from geotagger.index.store import OPENED

_KINDS = {
    "INTEGER": ("integer", "null"),
    "REAL": ("real", "integer", "null"),
    "TEXT": ("text", "null"),
    "BLOB": ("blob", "null"),
}
_BYTES_TOO = {"path", "folder", "name", "parent", "edit"}
"""Columns of text that hold bytes where a name is no Unicode."""
_BOUNDS = {"latitude": 90, "fix_latitude": 90, "longitude": 180, "fix_longitude": 180, "utc": 1e12}
_MOST_NAMED = 3


def damaged_rows() -> list[str]:
    """The first few damaged rows of the indexes that this process had open, each as a phrase."""
    damaged: list[str] = []
    for path in sorted(OPENED):
        with contextlib.suppress(sqlite3.Error):
            address = f"file:{quote(path)}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
                damaged += _damaged_in(database, path)
    return damaged[:_MOST_NAMED]


def _damaged_in(database: sqlite3.Connection, path: str) -> list[str]:
    tables = database.execute(
        "select name from sqlite_master where type = 'table' and sql like 'create table%' and name not like"
        " 'sqlite_%' and name not like 'estimates_rectangles%'"
    ).fetchall()
    damaged = []
    for (table,) in tables:
        for _, column, kind, *_ in database.execute(f"pragma table_info({table})").fetchall():
            allowed = [*_KINDS.get(kind.upper(), ()), *(["blob"] if column in _BYTES_TOO else [])]
            if kind.upper() not in _KINDS:
                continue
            marks = ", ".join(f"'{one}'" for one in allowed)
            bound = _BOUNDS.get(column)
            outside = "" if bound is None else f" or abs({column}) > {bound}"
            with contextlib.suppress(sqlite3.Error):  # a table without row numbers
                damaged += [
                    f"{path}: row {number} of {table} is damaged ({column})"
                    for (number,) in database.execute(
                        f"select rowid from {table} where typeof({column}) not in ({marks}){outside}"
                        f" limit {_MOST_NAMED}"
                    )
                ]
    return damaged
