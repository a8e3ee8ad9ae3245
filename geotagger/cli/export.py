"""The command `export`: positions for other programs, and photos to be published."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.archive.names import common_folder
from geotagger.cli.asking import FilterOptions, Filters, open_to_ask, read_filters
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, photo_record, say, write_whole
from geotagger.cli.distances import distance_reader
from geotagger.cli.options import grouped
from geotagger.cli.tables import Counted
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index import Index
    from geotagger.index.search import PhotoPlace


class ExportFormat(StrEnum):
    """The keys of export.FORMATS, spelt out for the help text; a test holds them against each other."""

    geojson = "geojson"
    kml = "kml"
    kmz = "kmz"
    gpx = "gpx"
    csv = "csv"
    geoparquet = "geoparquet"
    html = "html"


@ends_cleanly
def export(
    *,
    which: FilterOptions,
    form: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format", help="The kind of file to make. [default: by the name of --out, else geojson]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output unless told.")
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            metavar="FOLDER",
            help="Instead, copies of the photos for publishing, with coarser places; see --coarsen.",
        ),
    ] = None,
    coarsen: Annotated[
        float | None,
        typer.Option(
            "--coarsen",
            metavar="KM",
            parser=distance_reader(),
            help="The side of the squares that copies are placed in: 5km, 500m.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace a file that is no earlier export; photos and the index never."),
    ] = False,
    json_lines: JsonOption = False,
    index_file: IndexOption = None,
) -> None:
    """Gives the positions of the index to other programs, or photos to others with coarser places.

    Formats: GeoJSON, KML, KMZ with thumbnails, GPX, CSV, GeoParquet (needs pyarrow, the extra `parquet`), and
    one HTML page with a map. With `--photos` each copy holds the picture, its time and the middle of a square
    of the size of `--coarsen`, and nothing else of the photo's metadata. Originals are not touched.

    Example: `geotagger export --out holidays.kml --since 2024-07 --until 2024-08`
    """
    filters = read_filters(which)
    if (photos is None) != (coarsen is None):
        raise UsageError("--photos FOLDER and --coarsen KM go together")
    if photos is not None and coarsen is not None:
        if form is not None or out is not None:
            raise UsageError("--photos makes copies of photos, --out and --format a file; give one of them")
        _check_side(coarsen)
        _copy_photos(filters, photos, coarsen, index_file, json_lines=json_lines)
        return
    if json_lines and out is None:
        raise UsageError("--json reports about the file made, so it needs --out FILE")
    _export(filters, form or _by_name(out), out, index_file, force=force, json_lines=json_lines)


def _export(
    filters: Filters,
    form: ExportFormat,
    out: Path | None,
    index_file: Path | None,
    *,
    force: bool,
    json_lines: bool,
) -> None:
    from geotagger.export import BINARY, FORMATS
    from geotagger.export.writing import write

    if out is None and form in BINARY and sys.stdout.isatty():
        raise UsageError(f"--format {form}: these are no words for a terminal; give --out FILE")
    with open_to_ask(index_file) as opened:
        if opened is None and out is not None:
            return  # an export of before stays
        counted = Counted(_answer(opened, filters))
        pieces = FORMATS[form.value](counted)
        if out is None:
            write_whole(pieces)
            return
        write(pieces, out, form.value, force=force)
    if json_lines:
        emit({"file": str(out), "format": form.value, "photos": counted.count})
    else:
        say(f"{out}: {counted.count} photo{'' if counted.count == 1 else 's'}")


def _by_name(out: Path | None) -> ExportFormat:
    ending = "" if out is None else out.suffix.lower().removeprefix(".")
    ending = {"json": "geojson", "parquet": "geoparquet", "htm": "html", "": "geojson"}.get(ending, ending)
    if ending not in list(ExportFormat):
        raise UsageError(
            f"--out {out}: no kind of file is known by .{ending}; name one with --format: "
            f"{', '.join(ExportFormat)}"
        )
    return ExportFormat(ending)


def _answer(opened: "Index | None", filters: Filters) -> "list[PhotoPlace] | Counted":
    from geotagger.api.asking import query as photos_of

    return [] if opened is None else Counted(photos_of(filters.of(opened), index=opened))


def _check_side(side_km: float) -> None:
    if not 0.1 <= side_km <= 5000:
        raise UsageError(f"--coarsen {side_km:g}km: wanted is a length from 100m to 5000km, as in 5km")


def _copy_photos(
    filters: Filters, folder: Path, side_km: float, index_file: Path | None, *, json_lines: bool
) -> None:
    from geotagger.archive import is_at_or_below
    from geotagger.errors import PhotoError
    from geotagger.export.copies import copy, place_for_copy

    done = failed = 0
    with open_to_ask(index_file) as opened:
        roots = [] if opened is None else [root.path for root in opened.roots.all()]
        if is_at_or_below(os.path.realpath(folder), roots):
            raise UsageError(
                f"--photos {folder}: this lies in an archive; copies would be taken for photos of it"
            )
        base = common_folder(roots)
        for photo in _answer(opened, filters):
            target = place_for_copy(folder, photo.path, base)
            try:
                area = copy(photo, target, side_km)
            except (PhotoError, OSError) as error:
                failed += 1
                reason = str(error) if isinstance(error, PhotoError) else f"{photo.path}: {error.strerror}"
                if json_lines:
                    emit(photo_record(photo.path, "failed", reason, copy=None))
                else:
                    say(reason)
                continue
            done += 1
            if json_lines:
                record = photo_record(
                    photo.path,
                    "written",
                    latitude=area.latitude,
                    longitude=area.longitude,
                    radius_km=area.radius_km,
                    copy=str(target),
                )
                emit(record)
    if not json_lines:
        say(f"{folder}: {done} cop{'y' if done == 1 else 'ies'}, each placed in a square of {side_km:g} km")
    if failed:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    app.command("export")(grouped(export))
