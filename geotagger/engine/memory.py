"""Whether there is memory for a network, asked before its weights are loaded: a process that takes more is
killed without a word. Takes a file, raises EngineError; gives words for what ran out of memory all the same.
Where the system does not say what is free, nothing is refused.
"""

import re
import sys
from pathlib import Path

from geotagger.engine.cgroups import MOUNTED, OWN, own_groups, text_of
from geotagger.errors import EngineError

_SMALL = 1 << 26
_TIMES_ITS_FILE = 1.7
"""A network runs in 1.6 to 1.9 times its file: GeoCLIP 1.0 GB of 0.52 in INT8, 2.3 of 1.43 in fp32."""
_MEMINFO = Path("/proc/meminfo")
_STATUS = Path("/proc/self/status")
_CACHE = {1: "total_inactive_file", 2: "inactive_file"}
"""What memory.stat calls the part of a group's files in memory that is given up when it is needed."""

_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate|bad_?alloc|allocation failed|ALLOC_FAILED|E_OUTOFMEMORY|MemoryError"
    r"|can(?:no|')t allocate memory|can't start new thread|failed to map segment(?!.*not permitted)",
    re.I,
)
"""How runtimes say it. A thread that does not start is one without room for its stack, a segment that is not
mapped part of a library, where the file system lets it run at all."""


def check_room(name: str, network: Path) -> None:
    """EngineError that says what `name` needs and what there is."""
    size, free = _size(network), free_bytes()
    needed = round(_TIMES_ITS_FILE * size)
    if size > _SMALL and free is not None and needed > free:
        raise EngineError(
            f"{name} needs about {_words(needed)} of memory while it runs, and {_words(free)} are "
            "free; close other programs, or pull the model in a smaller precision (int8)"
        )


def is_of_memory(error: BaseException) -> bool:
    """Whether a runtime, or Python, failed for want of memory."""
    return isinstance(error, MemoryError) or _OF_MEMORY.search(str(error)) is not None


def lack_of(network: Path, is_on_processor: bool = True) -> str:
    """What is to be said when the network's memory was not to be had: what it takes, what is free."""
    size = _size(network)
    takes = (
        f"its file has {_words(size)}, it takes about {_words(round(_TIMES_ITS_FILE * size))} while it runs"
    )
    return f"not enough memory: {takes} and more while it loads" + (
        f"; {free_in_words()}" if is_on_processor else ""
    )


def free_in_words() -> str:
    free = free_bytes()
    return "how much is free is not known" if free is None else f"{_words(free)} are free"


def free_bytes(root: Path = MOUNTED, own: Path = OWN) -> int | None:
    """Of memory and swap, as far as this process may use them by its limits (ulimit) and the control groups
    that it is in; None where the system does not say."""
    sizes = _table(text_of(_MEMINFO), ":")
    if "MemAvailable" not in sizes:
        return None
    swap = 1024 * sizes.get("SwapFree", 0)
    free = 1024 * sizes["MemAvailable"] + swap
    rooms = [free, *_own_rooms()]
    for version, folder in own_groups("memory", root, own):
        if version == 2:
            swap = min(swap, _room_of_swap(folder, swap))
        room = _room(version, folder, swap)
        rooms += [] if room is None else [room]
    return min(rooms)


def _own_rooms() -> list[int]:
    """What the limits of this process on its address space and its data leave."""
    if sys.platform == "win32":
        return []
    import resource  # not on Windows

    used = _table(text_of(_STATUS), ":")
    rooms = []
    for kind, name in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        limit, _ = resource.getrlimit(kind)
        if limit != resource.RLIM_INFINITY and name in used:
            rooms.append(max(limit - 1024 * used[name], 0))
    return rooms


def _size(network: Path) -> int:
    try:
        return network.stat().st_size
    except OSError:
        return 0


def _words(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _room(version: int, folder: Path, swap: int) -> int | None:
    """What a group's limits leave: what it uses less the files it only remembers. Of version 2 what it may
    swap comes on top; of version 1 a second limit stands for memory and swap together."""
    remembered = _table(text_of(folder / "memory.stat"), " ").get(_CACHE[version], 0)
    if version == 2:
        left = _left(folder, "memory.max", "memory.current", remembered)
        swaps = (folder / "memory.swap.max").exists()
        return left if left is None or not swaps else left + swap
    left = _left(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", remembered)
    both = _left(folder, "memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", remembered)
    return left if left is None or both is None else min(left + swap, both)


def _room_of_swap(folder: Path, swap: int) -> int:
    """Of what may be swapped above a group of version 2, what its own limit leaves; the root has none."""
    left = _left(folder, "memory.swap.max", "memory.swap.current", 0)
    return swap if left is None else left


def _left(folder: Path, of_limit: str, of_use: str, remembered: int) -> int | None:
    limit, used = text_of(folder / of_limit).strip(), text_of(folder / of_use).strip()
    if not limit.isdecimal() or not used.isdecimal():
        return None
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
