"""Conditions of SQL on where photos lie, in statements that join `photos` with `roots`. Takes absolute
paths."""

import os
from collections.abc import Sequence

_PATH = "cast(roots.path || '/' || photos.path as blob)"

Condition = tuple[str, list[bytes | str]]
"""SQL, and the values that it wants."""


def at_or_below(paths: Sequence[str]) -> Condition:
    """Photos at or below any of these paths, one or more, none a pattern: for what cannot be undone."""
    return _any([_literal(path) for path in paths])


def paths_condition(paths: Sequence[str]) -> Condition:
    """The same, and photos that a pattern fits. What is there is no pattern, whatever its name."""
    return _any([_pattern(path) if _is_pattern(path) else _literal(path) for path in paths])


def _is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[") and not os.path.lexists(path)


def _pattern(path: str) -> Condition:
    return "roots.path || '/' || photos.path glob ?", [path.encode(errors="replace").decode()]


def _literal(path: str) -> Condition:
    """Bytes are compared, for a name need not be UTF-8."""
    whole = os.fsencode(path)
    below = whole.rstrip(b"/") + b"/"
    return f"({_PATH} = ? or substr({_PATH}, 1, {len(below)}) = ?)", [whole, below]


def _any(conditions: Sequence[Condition]) -> Condition:
    values = [value for _, of_path in conditions for value in of_path]
    return f"({' or '.join(sql for sql, _ in conditions)})", values
