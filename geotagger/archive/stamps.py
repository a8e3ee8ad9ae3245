"""Times of files as the index can keep them.

A file system may hold a time behind the year 2262 (a dead clock battery, `touch -d 2300-01-01`), which
is more nanoseconds than 64 bits with a sign hold. Such a time stands at the end of what they hold.
"""

import os

_LAST_NS = (1 << 63) - 1


def mtime_ns(status: os.stat_result) -> int:
    """When the file last changed, in nanoseconds since 1970, within 64 bits."""
    return max(-_LAST_NS, min(status.st_mtime_ns, _LAST_NS))
