"""The versions of the index, and how an older one becomes a newer one.

`docs/index.md` describes every table and column for people who open the file with Datasette; a
test holds it against what is made here. Takes an open database, knows nothing of files.

To add a column: a step of its own, and a line in docs/index.md. It is null in what older versions wrote.
A step changes nothing that is there: no name of a table or a column, and no value, so that what older
runs wrote keeps its meaning. All steps together are one transaction; a process that dies on the way
leaves the index as it was.
"""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from geotagger.index import version1, version2, version3

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x47454F54
"""`GEOT`: PRAGMA application_id of every index, by which `file` and we tell it from other databases."""

MIGRATIONS: "tuple[Callable[[Database], None], ...]" = (version1.create, version2.extend, version3.extend)
"""Step i brings an index of version i to version i + 1."""

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Brings an index of `version` (0: an empty file) to VERSION, in the transaction that is open."""
    from geotagger.index.looking import database

    db = database(connection)
    for step in MIGRATIONS[version:]:
        step(db)
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute(f"pragma user_version = {VERSION}")
