"""A timeline in letters, 72 wide: how many photos there are, and how many of them have a place."""

from collections.abc import Mapping

from geotagger.index.summary import PlacedShare
from geotagger.index.timeline import columns

_COLUMNS = 64
_HEIGHTS = " ▁▂▃▄▅▆▇█"


def drawn(months: Mapping[str, PlacedShare]) -> list[str]:
    """Two rows of bars of one scale, and the time below; none where no photo has a time."""
    line, name = columns(months, _COLUMNS)
    if not line:
        return []
    most = max(column.share.photos for column in line)
    first, last = line[0].begins, line[-1].begins
    ends = first if len(line) == 1 else f"{first}{last:>{max(len(line) - len(first), len(last) + 1)}}"
    return [
        f"Timeline, a column a {name}; the highest are {most:,} photo{'s' * (most != 1)}",
        "photos  " + "".join(_bar(column.share.photos, most) for column in line).rstrip(),
        "placed  " + "".join(_bar(column.share.placed, most) for column in line).rstrip(),
        "        " + ends,
    ]


def _bar(photos: int, most: int) -> str:
    steps = len(_HEIGHTS) - 1
    return _HEIGHTS[min(steps, max(1, round(steps * photos / most))) if photos else 0]
