"""Rows of an index that are not as we write them: whether an answer can be one, and what to name when a
command comes to grief over a row that nobody foresaw.

Takes values of columns and gives yes or no, without numpy, since `query` must answer at once; or takes the
path of an index, reads all of it, and gives words.
"""

import contextlib
import functools
import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from geotagger.index.store import OPENED, text_or_bytes, uri_of

_KINDS = {
    "INTEGER": ("integer", "null"),
    "REAL": ("real", "integer", "null"),
    "FLOAT": ("real", "integer", "null"),
    "TEXT": ("text", "null"),
    "BLOB": ("blob", "null"),
}
_BYTES_TOO = {"path", "folder", "name", "parent", "edit"}
"""Columns of text that hold bytes where a name is no Unicode."""
_BOUNDS = {
    "latitude": 90,
    "fix_latitude": 90,
    "longitude": 180,
    "fix_longitude": 180,
    "utc": 1e12,
    "other_utc": 1e12,
}
_MOST_NAMED = 3

_FIRST_UTC, _LAST_UTC = -62_135_596_800, 253_402_300_800
"""The years 1 to 9999, which a photo's time can have."""
_DAY_S = 86_400
_MOST = 1e15


def are_texts(values: Iterable[object]) -> bool:
    """Whether all are text or nothing."""
    return all(value is None or type(value) is str for value in values)


def are_numbers(values: Iterable[object], most: float = _MOST) -> bool:
    """Whether all are numbers that can be meant, or nothing."""
    return all(
        value is None or (isinstance(value, int | float) and -most <= value <= most) for value in values
    )


def is_on_earth(latitude: object, longitude: object) -> bool:
    """Whether they are degrees of a point of the Earth."""
    if latitude is None or longitude is None:
        return False
    return are_numbers((latitude,), 90) and are_numbers((longitude,), 180)


def is_share(value: object) -> bool:
    """Whether it is a probability, or another part of one."""
    return isinstance(value, int | float) and 0 <= value <= 1


def is_place(latitude: object, longitude: object, radius_km: object, confidence: object) -> bool:
    """Whether they are a position of an estimate."""
    if not is_on_earth(latitude, longitude):
        return False
    return isinstance(radius_km, int | float) and 0 <= radius_km <= _MOST and is_share(confidence)


_ANSWER = "..." + "nnnn" + "T" + "tttt" + "tnn" + "t" + "." + "ttt" + "n" + "t" + "."
"""Columns of a row of `search`: numbers, texts (a capital: never nothing), what is looked at elsewhere."""
_TYPES: dict[str, tuple[type, ...]] = {
    "n": (float, int, type(None)),
    "t": (str, type(None)),
    "T": (str,),
    ".": (object,),
}


@functools.cache
def _are_of_answer(types: tuple[type, ...]) -> bool:
    return all(issubclass(one, _TYPES[kind]) for one, kind in zip(types, _ANSWER, strict=True))


def is_answer(row: Sequence[Any]) -> bool:
    """Whether a row of `search` is sound; asked of each, so the types of a row are looked at as a whole."""
    if not _are_of_answer(tuple(map(type, row))) or None in row[3:7]:
        return False
    _, _, _, latitude, longitude, radius_km, confidence, *_ = row
    on_earth = -90 <= latitude <= 90 and -180 <= longitude <= 180
    return on_earth and 0 <= radius_km <= _MOST and 0 <= confidence <= 1 and _is_moment(*row[12:15])


def is_time(taken: object, offset_s: object, utc: object) -> bool:
    """Whether they are the time of a photo, as far as it has one: of its clock, its offset, POSIX seconds."""
    return are_texts((taken,)) and are_numbers((offset_s, utc)) and _is_moment(taken, offset_s, utc)


def _is_moment(taken: Any, offset_s: Any, utc: Any) -> bool:
    if taken is not None:
        try:
            datetime.fromisoformat(taken)
        except ValueError:
            return False
    is_offset = offset_s is None or -_DAY_S < offset_s < _DAY_S
    return is_offset and (utc is None or _FIRST_UTC <= utc < _LAST_UTC)


def damaged_rows() -> list[str]:
    """The first few damaged rows of the indexes that this process had open, each as a phrase."""
    damaged: list[str] = []
    for path in sorted(OPENED):
        address = uri_of(Path(path), "ro")
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(address, uri=True)) as database,
        ):
            database.text_factory = text_or_bytes
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
                texts = database.execute(
                    f"select rowid, {column} from {table} where typeof({column}) = 'text'"
                )
                no_unicode = (number for number, text in texts if isinstance(text, bytes))
                damaged += [
                    f"{path}: row {number} of {table} is damaged ({column})"
                    for number in itertools.islice(no_unicode, 0 if "blob" in allowed else _MOST_NAMED)
                ]
    return damaged
