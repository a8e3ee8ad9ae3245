"""Files of a model must be files: a pipe is waited for without end, and a device may have none.

Takes a path, raises PackError. What is not there, or may not be looked at, is its reader's to tell.
"""

import stat
from pathlib import Path

from geotagger.errors import PackError


def check_plain(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise PackError(path, "not a file but a pipe or a device; give the right file")
