"""What an owner says of cameras' clocks: seconds to add to the times of a camera, by its name.

A part of the name is enough, in any case. Reads such words, joins those of several runs, says them again.
Knows nothing of photos, and is quick to import.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from geotagger.errors import UsageError

_LARGEST_SHIFT_S = 100 * 365.25 * 86400
_SHOWN = 5


def parse_clocks(texts: Sequence[str]) -> dict[str, float]:
    """`CAMERA=+1h03m` → seconds to add to that camera's times. Units d, h, m, s; a bare number is
    seconds. UsageError for anything else."""
    parsed: dict[str, float] = {}
    for text in texts:
        camera, _, amount = text.rpartition("=")
        match = re.fullmatch(
            r"([+-]?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", amount.strip()
        )
        if not camera.strip() or match is None or not any(match.groups()[1:]):
            raise UsageError(
                f"--clock {text}: not a correction; say for example --clock 'Canon EOS 5D=+1h03m'"
            )
        sign, *parts = match.groups()
        d, h, m, s = (float(part or 0) for part in parts)
        shift = ((d * 24 + h) * 60 + m) * 60 + s
        if shift > _LARGEST_SHIFT_S:
            raise UsageError(f"--clock {text}: no clock is off by more than a century")
        parsed = joined(parsed, {camera.strip(): -shift if sign == "-" else shift})
    return parsed


def joined(earlier: Mapping[str, float], later: Mapping[str, float]) -> dict[str, float]:
    """Both; the later word counts for a camera that both name, in whatever case."""
    anew = {camera.casefold() for camera in later}
    return {**{camera: s for camera, s in earlier.items() if camera.casefold() not in anew}, **later}


def doubts(clocks: Iterable[str], cameras: Iterable[str | None]) -> list[str]:
    """A line on each name of a correction that is part of no camera's name."""
    there = sorted({camera for camera in cameras if camera})
    some = ", ".join(there[:_SHOWN]) + (", …" if len(there) > _SHOWN else "") or "none"
    return [
        f"--clock {name}: no camera there is called so; nothing was set right by it; there are: {some}"
        for name in clocks
        if not any(name.casefold() in camera.casefold() for camera in there)
    ]


def shift_in_words(shift_s: float) -> str:
    """As `parse_clocks` reads it: +1h03m for 3780."""
    seconds = round(abs(shift_s), 3)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(int(minutes), 60)
    days, h = divmod(hours, 24)
    words = (f"{days}d" if days else "") + (f"{h}h" if h else "")
    if m:
        words += f"{m:02}m" if h else f"{m}m"
    if s or not words:
        words += f"{s:g}s"
    return ("-" if shift_s < 0 else "+") + words


def clock_shift(camera: str | None, clocks: Mapping[str, float] | None) -> float | None:
    """The correction for a camera: the entry whose name is part of the camera's, the longest first."""
    if not clocks or camera is None:
        return None
    named = [name for name in clocks if name.casefold() in camera.casefold()]
    return clocks[max(named, key=len)] if named else None
