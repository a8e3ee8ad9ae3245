"""What version 3 of the index adds: the software that wrote a photo; null until it is read anew."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def extend(db: "Database") -> None:
    """Brings an index of version 2 to version 3, in the transaction that is open."""
    db.execute("alter table photos add column software text")
