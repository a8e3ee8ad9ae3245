"""Estimates whose place is none on the Earth: damaged rows, which no question about a region would come upon.

An index of SQLite holds them alone, so that looking for them costs nothing where there are none. An index
that was last written before there was one does without. Takes open connections, knows nothing of queries.
"""

import sqlite3

NAME = "estimates_misplaced"

# text and bytes are more than any number to SQLite
IS_MISPLACED = (
    "(estimates.latitude between -90 and 90 and estimates.longitude between -180 and 180) is not true"
)


def keep_up(connection: sqlite3.Connection) -> None:
    """Makes the index where it is missing."""
    if not is_kept(connection):
        here = IS_MISPLACED.replace("estimates.", "")
        connection.execute(f"create index if not exists {NAME} on estimates (photo_id) where {here}")


def is_kept(connection: sqlite3.Connection) -> bool:
    listed = "select 1 from sqlite_master where type = 'index' and name = ?"
    return connection.execute(listed, (NAME,)).fetchone() is not None
