"""Photos as people read them: a table that fits the terminal, or lines with tabs where there is none."""

import math
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from geotagger.archive.names import common_folder
from geotagger.cli.common import printable, say, screen
from geotagger.defaults import MIN_CONFIDENCE

if TYPE_CHECKING:
    from geotagger.cli.asking import Filters
    from geotagger.index import Index
    from geotagger.index.search import PhotoPlace, Unplaced


_MOST_OF_THEM = 0.9
_LONGEST_CELL = 16_384
"""Characters: a path of 4,096 bytes, each shown as an escape. To fold a megabyte takes minutes."""


class Counted:
    """Passes photos on and counts them."""

    def __init__(self, photos: "Iterable[PhotoPlace]") -> None:
        self._photos = photos
        self.count = 0

    def __iter__(self) -> "Iterator[PhotoPlace]":
        for photo in self._photos:
            self.count += 1
            yield photo


def show_photos(photos: "Iterable[PhotoPlace]", filters: "Filters", opened: "Index | None") -> None:
    counted = Counted(photos)
    is_near = filters.query.near is not None
    if not sys.stdout.isatty():
        print_lines(_cells(photo, photo.path)[0 if is_near else 1 :] for photo in counted)
    else:
        base = _common_folder(opened)
        columns = [
            "distance",
            "taken",
            "position",
            "where",
            "in",
            "radius",
            "certain",
            "source",
            "photo",
        ]
        rows = [_cells(photo, _relative(photo.path, base)) for photo in counted]
        for row in rows:
            row[3] = row[3] or row[2]
        # what a narrow terminal has no room for, the least telling first
        left_out = [] if is_near else [0]
        for column in (2, 7, 1, 6):
            if _width(columns, rows, left_out) > screen().width:
                left_out.append(column)
        shown = [n for n in range(len(columns)) if n not in left_out]
        if rows and base:
            screen().print(f"below {printable(base)}", style="dim", markup=False, soft_wrap=True)
        print_table([columns[n] for n in shown], [[row[n] for n in shown] for row in rows])
        if border := next((row[4] for row in rows if "/" in row[4]), None):
            inside, _, other = border.partition("/")
            line = f"in {border}: in {inside}, less than 20 km from the border with {other}"
            screen().print(line, style="dim", markup=False, soft_wrap=True)
    if counted.count == 0 and opened is not None:
        say(f"no photo of the index answers{filters.spot or ''}{_hint(filters)}")


def show_unplaced(photos: "Iterable[Unplaced]", is_index_there: bool) -> None:
    rows = [
        [(photo.taken or "no time")[:16].replace("T", " "), photo.reason or "", printable(photo.path)]
        for photo in photos
    ]
    if not sys.stdout.isatty():
        print_lines(rows)
    else:
        print_table(["taken", "not a photo", "photo"], rows)
    if not rows and is_index_there:
        say("every photo that was asked for has a place")


def _hint(filters: "Filters") -> str:
    return f"; guesses below {MIN_CONFIDENCE} were left out (--all)" if filters.query.is_sure else ""


def _common_folder(opened: "Index | None") -> str:
    roots = [] if opened is None else [root.path for root in opened.roots.all()]
    return common_folder(roots)


def _relative(path: str, base: str) -> str:
    return os.path.relpath(path, base) if base else path


def _width(columns: list[str], rows: list[list[str]], left_out: list[int]) -> int:
    from rich.cells import cell_len

    widths = [max([cell_len(name), *(cell_len(row[n]) for row in rows)]) for n, name in enumerate(columns)]
    # a few long names are folded, which costs the others nothing
    paths = sorted(cell_len(row[-1]) for row in rows)
    widths[-1] = max([cell_len(columns[-1]), *paths[: math.ceil(len(paths) * _MOST_OF_THEM)]])
    return sum(width + 1 for n, width in enumerate(widths) if n not in left_out) - 1


def _cells(photo: "PhotoPlace", path: str) -> list[str]:
    from geotagger.gazetteer.words import in_words

    return [
        "" if photo.distance_km is None else f"{photo.distance_km:.1f} km",
        (photo.taken or "")[:16].replace("T", " "),
        position(photo.latitude, photo.longitude, photo.radius_km),
        in_words(photo.place, photo.place_km, photo.region, photo.country),
        "/".join(filter(None, (photo.country, photo.near_border))),
        radius(photo.radius_km),
        f"{photo.confidence:.0%}",
        photo.rung,
        printable(path),
    ]


def position(latitude: float, longitude: float, radius_km: float) -> str:
    """As many digits as the radius is worth: the fifth is a metre."""
    digits = 5 if radius_km < 0.1 else 4 if radius_km < 1 else 3 if radius_km < 10 else 2
    return f"{latitude:.{digits}f},{longitude:.{digits}f}"


def radius(km: float) -> str:
    return f"± {km:.0f} km" if km >= 10 else f"± {km:.1f} km" if km >= 1 else f"± {1000 * km:.0f} m"


def print_lines(rows: Iterable[list[str]]) -> None:
    """Lines with tabs, as they come."""
    for row in rows:
        sys.stdout.write("\t".join(map(printable, row)) + "\n")
    sys.stdout.flush()


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """A table on a terminal, the last column folded where it is too long."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in (columns[-1], "where"))
    for row in rows:
        table.add_row(*(Text(printable(cell[:_LONGEST_CELL])) for cell in row))
    if rows:
        screen().print(table)
