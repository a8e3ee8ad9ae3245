"""The control groups that this process is in: folders in which Linux keeps the limits of containers.

A limit of any group above a process binds it. Takes where the hierarchy is mounted and the list of this
process's groups (cgroups(7)), gives folders. Knows nothing of what is limited.
"""

from collections.abc import Iterator
from pathlib import Path

MOUNTED = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def own_groups(controller: str, root: Path = MOUNTED, own: Path = OWN) -> Iterator[tuple[int, Path]]:
    """The version (1 or 2) and the folder of each group, from the root down. Within a container the list
    may name what only the host sees; then the root is the container's own."""
    for line in text_of(own).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            version, folder = 2, root
        elif controller in controllers.split(","):
            version, folder = 1, root / controller
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            yield version, folder.joinpath(*parts[:depth])


def text_of(path: Path) -> str:
    """ "" where there is no such file, or none that may be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
