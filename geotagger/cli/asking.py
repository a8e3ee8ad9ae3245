"""How the commands that ask the index are told what to ask: their common options, and their words
made into a `Query` of the index room. Wrong words raise UsageError.
"""

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.common import say, say_cut_off
from geotagger.cli.places import check_on_earth, coordinates, numbers
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index import Index
    from geotagger.index.search import Box, Near, Query


class Rung(StrEnum):
    """The ladder, spelt out for the help text; a test holds it against estimate.values.RUNGS."""

    visual = "visual"
    neighbours = "neighbours"
    track = "track"
    sidecar = "sidecar"
    camera = "camera"
    manual = "manual"


class Sorting(StrEnum):
    distance = "distance"
    taken = "taken"
    confidence = "confidence"
    path = "path"


NearOption = Annotated[
    str | None,
    typer.Option(
        "--near",
        metavar="LAT,LNG|PLACE",
        help='Around here: "48.8584,2.2945", or a town: "Lyon", "Paris, US".',
    ),
]
RadiusOption = Annotated[
    float | None, typer.Option("--radius", metavar="KM", help="How far around --near. [default: 25]")
]
_USUAL_RADIUS_KM = 25.0
BoxOption = Annotated[
    str | None,
    typer.Option(
        "--bbox",
        metavar="SOUTH,WEST,NORTH,EAST",
        help="Between two corners, each as LAT,LNG; west may be east of east across the date line.",
    ),
]
CellOption = Annotated[
    str | None, typer.Option("--cell", metavar="TOKEN", help="Inside an S2 cell, as in 47e66f.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Taken then or later: 2024, 2024-05, 2024-05-17, or a time."
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Taken then or earlier; the whole day or year counts."),
]
SourceOption = Annotated[
    list[Rung] | None,
    typer.Option(
        "--source",
        metavar="|".join(Rung),
        help="Only positions of this kind of evidence; may be given several times.",
    ),
]
ConfidenceOption = Annotated[
    float,
    typer.Option(
        "--min-confidence", metavar="0–1", min=0.0, max=1.0, help="Only positions at least this certain."
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many photos.")
]
SortOption = Annotated[
    Sorting | None,
    typer.Option("--sort", help="The order; unless told by distance around --near, else by time."),
]


@contextlib.contextmanager
def open_to_ask(index_file: Path | None) -> "Iterator[Index | None]":
    """The index to read; None, with a word, when the user's own does not exist yet."""
    from geotagger.index import index_exists, open_index

    if index_file is None and not index_exists():
        say("nothing has been tagged yet, so there is no index; `geotagger tag PATH` makes one")
        yield None
        return
    with open_index(index_file, mode="read") as index:
        say_cut_off(index)
        yield index


def asked_for(
    near: str | None,
    radius: float | None,
    bbox: str | None,
    cell: str | None,
    since: str | None,
    until: str | None,
    source: list[Rung] | None,
    min_confidence: float,
    limit: int | None,
    sort: Sorting | None,
) -> "Query":
    from geotagger.index.search import Query

    if near is None and radius is not None:
        raise UsageError("--radius goes with --near, which says around where")
    if radius is not None and not radius >= 0:
        raise UsageError(f"--radius {radius}: a distance of 0 km or more is wanted")
    if sort is Sorting.distance and near is None:
        raise UsageError("--sort distance needs --near, the place to measure from")
    return Query(
        near=None if near is None else _near(near, _USUAL_RADIUS_KM if radius is None else radius),
        box=None if bbox is None else _box(bbox),
        cell=cell,
        since=None if since is None else _moment("--since", since)[0],
        until=None if until is None else _moment("--until", until)[1],
        rungs=tuple(rung.value for rung in source or ()),
        min_confidence=min_confidence,
        limit=limit,
        sort=None if sort is None else sort.value,
    )


def _near(text: str, radius: float) -> "Near":
    from geotagger.index.search import Near

    if re.search(r"[^\W\d_]{2}", text) is None:
        return Near(*coordinates("--near", text), radius)
    from geotagger.gazetteer import the_place

    place, others = the_place(text)
    if others:
        more = "" if len(others) == 1 else f" and {len(others) - 1} more"
        say(f"--near {text}: taking {place}, the most populous; there is also {others[0]}{more}")
    return Near(place.latitude, place.longitude, radius)


def _box(text: str) -> "Box":
    from geotagger.index.search import Box

    south, west, north, east = numbers("--bbox", text, 4, "SOUTH,WEST,NORTH,EAST as in 45.5,4.5,46,5.2")
    check_on_earth("--bbox", south, west)
    check_on_earth("--bbox", north, east)
    if south > north:
        raise UsageError(f"--bbox {text}: the first corner is the southern one, but {south:g} > {north:g}")
    return Box(south, west, north, east)


def _moment(option: str, text: str) -> tuple[datetime, datetime]:
    """The beginning and the end of the time that the text names: a year, month, day or moment."""
    parts = re.fullmatch(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?", text.strip())
    try:
        if parts is None:
            moment = datetime.fromisoformat(text.strip())
            return moment, moment + timedelta(microseconds=1)
        year, month, day = (int(part) if part else None for part in parts.groups())
        start = datetime(year or 1, month or 1, day or 1)
        if day:
            return start, start + timedelta(days=1)
        return start, datetime(start.year + (month in (None, 12)), (start.month % 12 + 1) if month else 1, 1)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text}: not a time; wanted is 2024, 2024-05, 2024-05-17 or 2024-05-17T14:30"
        ) from None
