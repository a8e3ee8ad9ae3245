"""Photos by time, in equal stretches: what a timeline draws. Takes a summary's months, gives values."""

from collections.abc import Mapping
from dataclasses import dataclass

from geotagger.index.summary import PlacedShare

_STEPS = ((1, "month"), (3, "quarter"), (12, "year"), (60, "five years"), (120, "ten years"))


@dataclass(frozen=True, slots=True)
class Column:
    """A stretch of time, beginning with the month `begins` (2024-05)."""

    begins: str
    share: PlacedShare


def columns(months: Mapping[str, PlacedShare], most: int) -> tuple[list[Column], str]:
    """The time from the first to the last month in equal stretches, at most `most`, and what one of them is
    called; photos without a time are left out."""
    numbers = {number: share for month, share in months.items() if (number := _number(month)) is not None}
    if not numbers:
        return [], ""
    step, name = next(
        (one for one in _STEPS if max(numbers) // one[0] - min(numbers) // one[0] < most), _STEPS[-1]
    )
    first = min(numbers) // step
    photos = [0] * min(max(numbers) // step - first + 1, most)
    placed = list(photos)
    for number, share in numbers.items():
        column = min(number // step - first, len(photos) - 1)
        photos[column] += share.photos
        placed[column] += share.placed
    shares = map(PlacedShare, photos, placed)
    return [Column(_month((first + n) * step), share) for n, share in enumerate(shares)], name


def _number(month: str) -> int | None:
    year, _, rest = month.partition("-")
    if not (year.isdecimal() and rest.isdecimal() and len(year) == 4 and 1 <= int(rest) <= 12):
        return None
    return 12 * int(year) + int(rest) - 1


def _month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
