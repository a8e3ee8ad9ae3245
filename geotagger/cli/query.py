"""`geotagger query` and `runs`: asking the index. Nothing here writes to it."""

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.cli.asking import MOST, FilterOptions, Filters, asks_where, open_to_ask, read_filters
from geotagger.cli.common import (
    IndexOption,
    JsonOption,
    emit,
    ends_cleanly,
    photo_record,
    write_whole,
)
from geotagger.cli.options import grouped
from geotagger.cli.tables import print_lines, print_table, show_photos, show_unplaced
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index import Index
    from geotagger.index.runs import Run
    from geotagger.index.search import PhotoPlace


class QueryFormat(StrEnum):
    table = "table"
    json = "json"
    geojson = "geojson"
    csv = "csv"
    paths = "paths"
    paths0 = "paths0"


_ENDINGS = {QueryFormat.paths: b"\n", QueryFormat.paths0: b"\0"}


def register(app: typer.Typer) -> None:
    app.command("query")(grouped(query))
    app.command("runs")(runs)


@ends_cleanly
def query(
    *,
    which: FilterOptions,
    without_place: Annotated[
        bool,
        typer.Option(
            "--without-place", help="Instead, the photos that have no place, or only an uncertain guess."
        ),
    ] = False,
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
    as_csv: Annotated[bool, typer.Option("--csv", help="The same as --format csv.")] = False,
    paths0: Annotated[bool, typer.Option("--paths0", help="The same as --format paths0.")] = False,
    index_file: IndexOption = None,
) -> None:
    """Asks what photos the index has near a place, in a region, or of a time.

    Example: `geotagger query --near "Lyon" --radius 30 --since 2023`

    Nothing is read but the index, so the answer is as of the last `tag`; photos that were missing then
    are left out. Guesses that are less certain than 0.8 and stand in no photo answer only with --all.
    """
    filters = read_filters(which)
    shorthands = {
        QueryFormat.json: json_lines,
        QueryFormat.geojson: geojson,
        QueryFormat.csv: as_csv,
        QueryFormat.paths0: paths0,
    }
    chosen = {*([output] if output else []), *(form for form, is_given in shorthands.items() if is_given)}
    if len(chosen) > 1:
        raise UsageError(
            "--json, --geojson, --csv, --paths0 and --format ask for different answers; give one of them"
        )
    form = chosen.pop() if chosen else QueryFormat.table
    if without_place:
        _query_unplaced(filters, form, index_file)
        return
    with open_to_ask(index_file) as opened:
        answer = _search(opened, filters)
        if form is QueryFormat.json:
            for photo in answer:
                emit(_record(photo))
        elif form in (QueryFormat.geojson, QueryFormat.csv):
            from geotagger.export import FORMATS

            write_whole(FORMATS[form.value](answer))
        elif form in _ENDINGS:
            write_whole(os.fsencode(photo.path) + _ENDINGS[form] for photo in answer)
        else:
            show_photos(answer, filters, opened)
        sys.stdout.flush()


def _query_unplaced(filters: Filters, form: QueryFormat, index_file: Path | None) -> None:
    from geotagger.index.search import unplaced

    if asks_where(filters.query) or filters.query.rungs:
        raise UsageError("--without-place goes with times, cameras and paths, not with places")
    if form in (QueryFormat.geojson, QueryFormat.csv):
        raise UsageError("photos without a place can be listed, or given as --json, paths or paths0")
    with open_to_ask(index_file) as opened:
        photos = iter(()) if opened is None else unplaced(opened.store, filters.of(opened))
        if form is QueryFormat.json:
            for photo in photos:
                emit(
                    photo_record(photo.path, "indexed", photo.reason, taken=photo.taken, camera=photo.camera)
                )
        elif form in _ENDINGS:
            write_whole(os.fsencode(photo.path) + _ENDINGS[form] for photo in photos)
        else:
            show_unplaced(photos, opened is not None)
        sys.stdout.flush()


@ends_cleanly
def runs(
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, max=MOST, metavar="N", help="At most so many runs.")
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
                    "undone": run.undone,
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
            _state(run),
            str(run.written),
            ", ".join(f"{number} {name}" for name, number in run.counts.items()),
        ]
        for run in listed
    ]
    if not sys.stdout.isatty():
        print_lines(iter(rows))
        return
    columns = ["run", "name", "started", "command", "model", "status", "undoable", "counts"]
    shown = [n for n, column in enumerate(columns) if column != "model" or any(row[n] for row in rows)]
    print_table([columns[n] for n in shown], [[row[n] for n in shown] for row in rows])


def _search(opened: "Index | None", filters: Filters) -> "Iterator[PhotoPlace]":
    from geotagger.api.asking import query as photos_of

    return iter(()) if opened is None else photos_of(filters.of(opened), index=opened)


def _record(photo: "PhotoPlace") -> dict[str, Any]:
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


def _state(run: "Run") -> str:
    if not run.undone:
        return run.status
    return f"{run.undone} undone" if run.written else "undone"


def _local(moment: str) -> str:
    try:
        return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return moment  # a damaged row of the index
