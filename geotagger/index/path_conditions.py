"""Conditions of SQL on where photos lie, in statements that join `photos` with `roots`. Takes absolute
paths."""

import os
from collections.abc import Sequence

_PATH = "cast(roots.path || '/' || photos.path as blob)"


def path_condition(path: str) -> tuple[str, list[bytes | str]]:
    """Bytes are compared, for a name need not be UTF-8. What is there is no pattern, whatever its name."""
    if any(sign in path for sign in "*?[") and not os.path.lexists(path):
        return "roots.path || '/' || photos.path glob ?", [path.encode(errors="replace").decode()]
    whole = os.fsencode(path)
    below = whole.rstrip(b"/") + b"/"
    return f"({_PATH} = ? or substr({_PATH}, 1, {len(below)}) = ?)", [whole, below]


def paths_condition(paths: Sequence[str]) -> tuple[str, list[bytes | str]]:
    """The same for one or more paths: at or below any of them."""
    conditions = [path_condition(path) for path in paths]
    values = [value for _, of_path in conditions for value in of_path]
    return f"({' or '.join(sql for sql, _ in conditions)})", values
