"""Small files that somebody names, or that lie where one is looked for: read within bounds, never waited for.

Takes a path, gives bytes or a table. Whoever reads says what a mistake means; here it is an OSError, or a
ValueError that says why.
"""

import errno
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

LARGEST_TOML = 1 << 20
_DEEPEST = 20
"""Parts of a key. A parser takes time and memory by their square: 200 KB of `a.a.a…` took 12 GB."""

_STRINGS_AND_COMMENTS = re.compile(
    r'''"""(?:\\[\s\S]|[^\\])*?(?:"{3,5}|\Z)|'{3}[\s\S]*?(?:'{3,5}|\Z)'''
    r"""|"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?|\#[^\n]*"""
)
"""Closed or not: what never matches but from its start to the end of the file is tried only once."""


def read_small(path: Path, most_bytes: int) -> bytes:
    """The whole content. A pipe that somebody writes into, as a shell's `<(…)`, is read to its end; one that
    nobody writes into is empty."""
    with open(path, "rb", opener=_at_once) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            os.set_blocking(file.fileno(), True)
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"larger than {most_bytes:,} bytes, too large to be read")
    return content


def beginning_of(path: str, most_bytes: int) -> bytes:
    """Up to so many bytes of what lies where a file is looked for. OSError where it is none: nobody may ever
    write into a pipe, and a device may have no end."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is no file", path)
        return file.read(most_bytes)


def _at_once(path: str, _: int) -> int:
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))


def toml_of(content: bytes) -> dict[str, Any]:
    """The table of a TOML file, refused where it would take more than its size warrants."""
    text = content.decode("utf-8")
    if deepest_key(text) > _DEEPEST:
        raise ValueError(f"a key of more than {_DEEPEST} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("lists or tables nested too deep") from None


def deepest_key(text: str) -> int:
    """At most so many parts has any key of a TOML file."""
    bare = _STRINGS_AND_COMMENTS.sub("", text)
    return 1 + max((piece.count(".") for piece in re.split(r"[\n=\[\]{},]", bare)), default=0)
