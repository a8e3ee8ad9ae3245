"""The connection as sqlite-utils gives it, for looking around and for making tables."""

import sqlite3
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def database(connection: sqlite3.Connection) -> "Database":
    """sqlite-utils loads pandas where it is installed, for one method that nobody here calls: 90 MB, and most
    of a second of every first run. It takes one that is not there as well."""
    unloaded = "sqlite_utils" not in sys.modules and "pandas" not in sys.modules
    if unloaded:
        sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        from sqlite_utils import Database
    finally:
        if unloaded:
            del sys.modules["pandas"]
    return Database(connection, execute_plugins=False)
