"""`geotagger query`, `export` and `runs`: asking the index. Nothing here writes to it."""

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.cli.asking import (
    BoxOption,
    CellOption,
    ConfidenceOption,
    LimitOption,
    NearOption,
    RadiusOption,
    SinceOption,
    SortOption,
    SourceOption,
    UntilOption,
    asked_for,
    open_to_ask,
)
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
    from geotagger.index.search import Found, Query


class QueryFormat(StrEnum):
    table = "table"
    json = "json"
    geojson = "geojson"
    paths = "paths"
    paths0 = "paths0"


_ENDINGS = {QueryFormat.paths: b"\n", QueryFormat.paths0: b"\0"}


class ExportFormat(StrEnum):
    geojson = "geojson"
    kml = "kml"
    gpx = "gpx"
    csv = "csv"


def register(app: typer.Typer) -> None:
    app.command("query")(query)
    app.command("export")(export)
    app.command("runs")(runs)


@ends_cleanly
def query(
    near: NearOption = None,
    radius: RadiusOption = None,
    bbox: BoxOption = None,
    cell: CellOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    source: SourceOption = None,
    min_confidence: ConfidenceOption = 0.0,
    limit: LimitOption = None,
    sort: SortOption = None,
    output: Annotated[
        QueryFormat | None,
        typer.Option(
            "--format",
            help="How to answer; a table unless told. paths: one a line, paths0: with a zero byte behind "
            "each, for `xargs -0`.",
        ),
    ] = None,
    json_lines: JsonOption = False,
    geojson: Annotated[
        bool, typer.Option("--geojson", help="One GeoJSON FeatureCollection; the same as --format geojson.")
    ] = False,
    index_file: IndexOption = None,
) -> None:
    """Asks what photos the index has near a place, in a region, or of a time.

    Example: `geotagger query --near "Lyon" --radius 30 --since 2023`

    Nothing is read but the index, so the answer is as of the last `tag`; photos that were missing then
    are left out.
    """
    asked = asked_for(near, radius, bbox, cell, since, until, source, min_confidence, limit, sort)
    chosen = {
        *([output] if output else []),
        *([QueryFormat.json] if json_lines else []),
        *([QueryFormat.geojson] if geojson else []),
    }
    if len(chosen) > 1:
        raise UsageError("--json, --geojson and --format ask for different answers; give one of them")
    form = chosen.pop() if chosen else QueryFormat.table
    with open_to_ask(index_file) as opened:
        found = _search(opened, asked)
        if form is QueryFormat.json:
            for photo in found:
                emit(_record(photo))
        elif form is QueryFormat.geojson:
            from geotagger.export import geojson as as_geojson

            sys.stdout.writelines(as_geojson(found))
        elif form in _ENDINGS:
            sys.stdout.buffer.writelines(os.fsencode(photo.path) + _ENDINGS[form] for photo in found)
        else:
            _show(found, asked, opened is not None)
        sys.stdout.flush()


@ends_cleanly
def export(
    form: Annotated[
        ExportFormat, typer.Option("--format", help="The kind of file to make.")
    ] = ExportFormat.geojson,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output unless told.")
    ] = None,
    near: NearOption = None,
    radius: RadiusOption = None,
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

    asked = asked_for(near, radius, bbox, cell, since, until, source, min_confidence, limit, sort)
    if json_lines and out is None:
        raise UsageError("--json reports about the file made, so it needs --out FILE")
    with open_to_ask(index_file) as opened:
        counted = _Counted(_search(opened, asked))
        pieces = formats.FORMATS[form.value](counted)
        if out is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
            sys.stdout.writelines(pieces)
            sys.stdout.flush()
            return
        formats.write(pieces, out)
    if json_lines:
        emit({"file": str(out), "format": form.value, "photos": counted.count})
    else:
        say(f"{out}: {counted.count} photo{'' if counted.count == 1 else 's'}")


@ends_cleanly
def runs(
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many runs.")
    ] = None,
    json_lines: JsonOption = False,
    index_file: IndexOption = None,
) -> None:
    """Lists what was done: when, by which command and model, and what can be undone.

    Example: `geotagger runs --limit 5`
    """
    with open_to_ask(index_file) as opened:
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
                    "unsettled": run.unsettled,
                }
            )
        return
    rows = [
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
    ]
    if not sys.stdout.isatty():
        _print_lines(iter(rows))
        return
    columns = ["run", "name", "started", "command", "model", "status", "undoable", "counts"]
    shown = [n for n, column in enumerate(columns) if column != "model" or any(row[n] for row in rows)]
    _print_table([columns[n] for n in shown], [[row[n] for n in shown] for row in rows])


def _search(opened: "Index | None", asked: "Query") -> "Iterator[Found]":
    from geotagger.index.search import search

    return iter(()) if opened is None else search(opened.store, asked)


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
        country=photo.country,
        region=photo.region,
        place=photo.place,
        place_km=photo.place_km,
        near_border=photo.near_border,
    )


def _show(found: "Iterator[Found]", asked: "Query", asked_of_an_index: bool) -> None:
    counted = _Counted(found)
    if not sys.stdout.isatty():
        _print_lines(_cells(photo, asked) for photo in counted)
    elif (wide := screen()).width >= _TABLE_WIDTH:
        columns = ["distance", "taken", "position", "near", "radius", "certain", "source", "photo"]
        _print_table(columns[0 if asked.near else 1 :], [_cells(photo, asked) for photo in counted])
    else:
        from rich.padding import Padding
        from rich.text import Text

        for photo in counted:
            *when, position, near, radius, certain, source, path = _cells(photo, asked)
            told = (*when, f"{position} {near}".rstrip(), f"{radius} {certain}", source)
            wide.print(Text(path, style="bold"), soft_wrap=True)
            wide.print(Padding(Text(" · ".join(filter(None, told))), (0, 0, 0, 4), expand=False))
    if counted.count == 0 and asked_of_an_index:
        say("no photo of the index answers")


_TABLE_WIDTH = 150
"""On a narrower terminal a photo takes two lines: a path that is cut off is of no use."""


def _cells(photo: "Found", asked: "Query") -> list[str]:
    from geotagger.gazetteer.words import in_words

    cells = [
        "" if photo.distance_km is None else f"{photo.distance_km:.1f} km",
        (photo.taken or "")[:16].replace("T", " "),
        f"{photo.latitude:.5f},{photo.longitude:.5f}",
        in_words(photo.place, photo.place_km, photo.region, photo.country),
        _radius(photo.radius_km),
        f"{photo.confidence:.0%}",
        photo.rung,
        printable(photo.path),
    ]
    return cells if asked.near else cells[1:]


def _print_lines(rows: "Iterator[list[str]]") -> None:
    """Lines with tabs, as they come."""
    for row in rows:
        sys.stdout.write("\t".join(row) + "\n")
    sys.stdout.flush()


def _print_table(columns: list[str], rows: "list[list[str]]") -> None:
    """A table on a terminal, the last column folded where it is too long."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*map(Text, row))
    if rows:
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
