"""Whether there is memory for a network, asked before its weights are loaded: a process that takes more is
killed without a word. Takes a file, raises EngineError. Where the system does not say what is free, nothing
is refused.
"""

from pathlib import Path

from geotagger.errors import EngineError

_SMALL = 1 << 26
_TIMES_ITS_FILE = 1.7
"""A network runs in 1.6 to 1.9 times its file: GeoCLIP 1.0 GB of 0.52 in INT8, 2.3 of 1.43 in fp32."""
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


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


def free_bytes() -> int | None:
    """Of memory and swap, as far as this process may use them; None where the system does not say."""
    sizes = {}
    for line in _text(_MEMINFO).splitlines():
        key, _, rest = line.partition(":")
        if (number := rest.split(" kB")[0].strip()).isdigit():
            sizes[key] = 1024 * int(number)
    if "MemAvailable" not in sizes:
        return None
    free = sizes["MemAvailable"] + sizes.get("SwapFree", 0)
    limit, used = _text(_CGROUP / "memory.max").strip(), _text(_CGROUP / "memory.current").strip()
    return min(free, max(int(limit) - int(used), 0)) if limit.isdigit() and used.isdigit() else free


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
