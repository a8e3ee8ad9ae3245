"""Whether there is memory for a network, asked before its weights are loaded: a process that takes more is
killed without a word. Takes a file, raises EngineError. Where the system does not say what is free, nothing
is refused.
"""

from pathlib import Path

from geotagger.engine.cgroups import MOUNTED, OWN, own_groups, text_of
from geotagger.errors import EngineError

_SMALL = 1 << 26
_TIMES_ITS_FILE = 1.7
"""A network runs in 1.6 to 1.9 times its file: GeoCLIP 1.0 GB of 0.52 in INT8, 2.3 of 1.43 in fp32."""
_MEMINFO = Path("/proc/meminfo")
_CACHE = {1: "total_inactive_file", 2: "inactive_file"}
"""What memory.stat calls the part of a group's files in memory that is given up when it is needed."""


def check_room(name: str, network: Path) -> None:
    """EngineError that says what `name` needs and what there is."""
    try:
        size = network.stat().st_size
    except OSError:
        return
    needed, free = round(_TIMES_ITS_FILE * size), free_bytes()
    if size > _SMALL and free is not None and needed > free:
        raise EngineError(
            f"{name} needs about {needed / 1e9:.1f} GB of memory while it runs, and {free / 1e9:.1f} GB are "
            "free; close other programs, or pull the model in a smaller precision (int8)"
        )


def free_bytes(root: Path = MOUNTED, own: Path = OWN) -> int | None:
    """Of memory and swap, as far as this process and the control groups that it is in may use them; None
    where the system does not say."""
    sizes = _table(text_of(_MEMINFO), ":")
    if "MemAvailable" not in sizes:
        return None
    free = 1024 * (sizes["MemAvailable"] + sizes.get("SwapFree", 0))
    rooms = (_room(version, folder) for version, folder in own_groups("memory", root, own))
    return min([free, *(room for room in rooms if room is not None)])


def _room(version: int, folder: Path) -> int | None:
    """What a group's limit leaves: what it uses less the files it only remembers."""
    names = ("memory.max", "memory.current")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    limit, used = (text_of(folder / name).strip() for name in names)
    if not limit.isdecimal() or not used.isdecimal():
        return None
    remembered = _table(text_of(folder / "memory.stat"), " ").get(_CACHE[version], 0)
    return max(int(limit) - max(int(used) - remembered, 0), 0)


def _table(text: str, separator: str) -> dict[str, int]:
    """Names and whole numbers, a line each; units are left away."""
    numbers = {}
    for line in text.splitlines():
        name, _, rest = line.partition(separator)
        number = rest.strip().partition(" ")[0]
        if number.isdecimal():
            numbers[name] = int(number)
    return numbers
