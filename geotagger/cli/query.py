"""`geotagger query`, `export` and `runs`: asking the index. Nothing here writes to it."""

import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.cli.common import (
    IndexOption,
    JsonOption,
    emit,
    ends_cleanly,
    photo_record,
    printable,
    say,
    screen,
)
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index import Index
    from geotagger.index.search import Box, Found, Near, Query


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


class QueryFormat(StrEnum):
    table = "table"
    json = "json"
    geojson = "geojson"


class ExportFormat(StrEnum):
    geojson = "geojson"
    kml = "kml"
    gpx = "gpx"
    csv = "csv"


NearOption = Annotated[
    str | None,
    typer.Option(
        "--near",
        metavar="LAT,LNG|PLACE",
        help='Around here: "48.8584,2.2945", or a town: "Lyon", "Paris, US".',
    ),
]
RadiusOption = Annotated[float, typer.Option("--radius", metavar="KM", help="How far around --near.")]
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
    typer.Option("--source", help="Only positions of this kind of evidence; may be given several times."),
]
ConfidenceOption = Annotated[
    float, typer.Option("--min-confidence", min=0.0, max=1.0, help="Only positions at least this certain.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many photos.")
]
SortOption = Annotated[
    Sorting | None,
    typer.Option("--sort", help="The order; unless told by distance around --near, else by time."),
]


def register(app: typer.Typer) -> None:
    app.command("query")(query)
    app.command("export")(export)
    app.command("runs")(runs)


@ends_cleanly
def query(
    near: NearOption = None,
    radius: RadiusOption = 25.0,
    bbox: BoxOption = None,
    cell: CellOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    source: SourceOption = None,
    min_confidence: ConfidenceOption = 0.0,
    limit: LimitOption = None,
    sort: SortOption = None,
    output: Annotated[
        QueryFormat | None, typer.Option("--format", help="How to answer; a table unless told.")
    ] = None,
    json_lines: JsonOption = False,
    geojson: Annotated[
        bool, typer.Option("--geojson", help="One GeoJSON FeatureCollection; the same as --format geojson.")
    ] = False,
    index_file: IndexOption = None,
) -> None:
    """Asks what photos the index has near a place, in a region, or of a time.

    Example: geotagger query --near "Lyon" --radius 30 --since 2023

    Nothing is read but the index, so the answer is as of the last `tag`; photos that were missing then
    are left out.
    """
    asked = _query(near, radius, bbox, cell, since, until, source, min_confidence, limit, sort)
    chosen = {
        *([output] if output else []),
        *([QueryFormat.json] if json_lines else []),
        *([QueryFormat.geojson] if geojson else []),
    }
    if len(chosen) > 1:
        raise UsageError("--json, --geojson and --format ask for different answers; give one of them")
    form = chosen.pop() if chosen else QueryFormat.table
    opened = _open(index_file)
    found = _search(opened, asked)
    if form is QueryFormat.json:
        for photo in found:
            emit(_record(photo))
        sys.stdout.flush()
    elif form is QueryFormat.geojson:
        from geotagger.export import geojson as as_geojson

        for piece in as_geojson(found):
            sys.stdout.write(piece)
        sys.stdout.flush()
    else:
        _show(found, asked, opened is not None)


@ends_cleanly
def export(
    form: Annotated[
        ExportFormat, typer.Option("--format", help="The kind of file to make.")
    ] = ExportFormat.geojson,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output unless told.")
    ] = None,
    near: NearOption = None,
    radius: RadiusOption = 25.0,
    bbox: BoxOption = None,
    cell: CellOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    source: SourceOption = None,
    min_confidence: ConfidenceOption = 0.0,
    limit: LimitOption = None,
    sort: SortOption = None,
    json_lines: JsonOption = False,
    index_file: IndexOption = None,
) -> None:
    """Gives the positions of the index to other programs: GeoJSON, KML, GPX or CSV.

    Example: geotagger export --format kml --out holidays.kml --since 2024-07 --until 2024-08
    """
    from geotagger import export as formats

    asked = _query(near, radius, bbox, cell, since, until, source, min_confidence, limit, sort)
    if json_lines and out is None:
        raise UsageError("--json reports about the file made, so it needs --out FILE")
    counted = _Counted(_search(_open(index_file), asked))
    pieces = formats.FORMATS[form.value](counted)
    if out is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
        return
    formats.write(pieces, out)
    if json_lines:
        emit({"file": str(out), "format": form.value, "photos": counted.count})
    else:
        say(f"{out}: {counted.count} photo{'' if counted.count == 1 else 's'}")


@ends_cleanly
def runs(
    limit: LimitOption = None,
    json_lines: JsonOption = False,
    index_file: IndexOption = None,
) -> None:
    """Lists what was done: when, by which command and model, and what can be undone.

    Example: geotagger runs --limit 5
    """
    opened = _open(index_file)
    listed = [] if opened is None else opened.runs.latest(limit)
    if json_lines:
        for run in listed:
            emit(
                {
                    "run": run.id,
                    "name": run.name,
                    "command": run.command,
                    "arguments": run.arguments,
                    "model": run.model,
                    "started": run.started,
                    "ended": run.ended,
                    "status": run.status,
                    "counts": run.counts,
                    "undoable": run.written,
                }
            )
        return
    _print_table(
        ["run", "name", "started", "command", "model", "status", "undoable", "counts"],
        (
            [
                str(run.id),
                run.name,
                _local(run.started),
                run.command,
                run.model or "",
                run.status,
                str(run.written),
                ", ".join(f"{number} {name}" for name, number in run.counts.items()),
            ]
            for run in listed
        ),
    )


def _open(index_file: Path | None) -> "Index | None":
    """The index to read; None, with a word, when the user's own does not exist yet."""
    from geotagger.index import default_index_path, open_index

    if index_file is None and not default_index_path().exists():
        say("nothing has been tagged yet, so there is no index; `geotagger tag PATH` makes one")
        return None
    return open_index(index_file, mode="read")


def _search(opened: "Index | None", asked: "Query") -> "Iterator[Found]":
    from geotagger.index.search import search

    return iter(()) if opened is None else search(opened.store, asked)


def _query(
    near: str | None,
    radius: float,
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

    if not radius >= 0:
        raise UsageError(f"--radius {radius}: a distance of 0 km or more is wanted")
    if sort is Sorting.distance and near is None:
        raise UsageError("--sort distance needs --near, the place to measure from")
    return Query(
        near=None if near is None else _near(near, radius),
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
        latitude, longitude = _numbers("--near", text, 2, "LAT,LNG as in 48.8584,2.2945, or a town's name")
        _check_place("--near", latitude, longitude)
        return Near(latitude, longitude, radius)
    from geotagger.gazetteer import the_place

    place, others = the_place(text)
    if others:
        more = "" if len(others) == 1 else f" and {len(others) - 1} more"
        say(f"--near {text}: taking {place}, the most populous; there is also {others[0]}{more}")
    return Near(place.latitude, place.longitude, radius)


def _box(text: str) -> "Box":
    from geotagger.index.search import Box

    south, west, north, east = _numbers("--bbox", text, 4, "SOUTH,WEST,NORTH,EAST as in 45.5,4.5,46,5.2")
    _check_place("--bbox", south, west)
    _check_place("--bbox", north, east)
    if south > north:
        raise UsageError(f"--bbox {text}: the first corner is the southern one, but {south:g} > {north:g}")
    return Box(south, west, north, east)


def _numbers(option: str, text: str, count: int, wanted: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise UsageError(f"{option} {text}: cannot be read; wanted is {wanted}")
    return numbers


def _check_place(option: str, latitude: float, longitude: float) -> None:
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise UsageError(
            f"{option}: {latitude:g},{longitude:g} is not on the Earth; "
            "latitudes are −90 to 90, longitudes −180 to 180"
        )


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


def _record(photo: "Found") -> dict[str, Any]:
    return photo_record(
        photo.path,
        photo.status,
        latitude=photo.latitude,
        longitude=photo.longitude,
        radius_km=photo.radius_km,
        confidence=photo.confidence,
        rung=photo.rung,
        cell=photo.cell,
        model=photo.model,
        run=photo.run,
        taken=photo.taken,
        distance_km=photo.distance_km,
    )


def _show(found: "Iterator[Found]", asked: "Query", asked_of_an_index: bool) -> None:
    from geotagger.gazetteer import nearest

    def cells(photo: "Found") -> list[str]:
        town = nearest(photo.latitude, photo.longitude)
        return [
            "" if photo.distance_km is None else f"{photo.distance_km:.1f} km",
            (photo.taken or "")[:16].replace("T", " "),
            f"{photo.latitude:.5f},{photo.longitude:.5f}",
            str(town) if town else "",
            _radius(photo.radius_km),
            f"{photo.confidence:.0%}",
            photo.rung,
            printable(photo.path),
        ]

    counted = _Counted(found)
    columns = ["distance", "taken", "position", "near", "radius", "certain", "source", "photo"]
    start = 0 if asked.near is not None else 1
    _print_table(columns[start:], (cells(photo)[start:] for photo in counted))
    if counted.count == 0 and asked_of_an_index:
        say("no photo of the index answers")


def _print_table(columns: list[str], rows: "Iterator[list[str]]") -> None:
    """A table on a terminal; lines with tabs, as they come, anywhere else."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(row) + "\n")
        sys.stdout.flush()
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in columns:
        last = column == columns[-1]
        table.add_column(column, overflow="fold" if last else "ellipsis", no_wrap=not last)
    any_row = False
    for row in rows:
        any_row = True
        table.add_row(*map(Text, row))
    if any_row:
        screen().print(table)


def _radius(km: float) -> str:
    return f"± {km:.0f} km" if km >= 10 else f"± {km:.1f} km" if km >= 1 else f"± {1000 * km:.0f} m"


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


class _Counted:
    """Passes photos on and counts them."""

    def __init__(self, found: "Iterator[Found]") -> None:
        self._found = found
        self.count = 0

    def __iter__(self) -> "Iterator[Found]":
        for photo in self._found:
            self.count += 1
            yield photo
