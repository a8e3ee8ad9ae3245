"""The command `place`: where photos were taken, by the owner's word."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from geotagger.cli.asking import FilterOptions, NarrowingOptions, Spot, chosen_photos, spot_of, typed_filters
from geotagger.cli.common import JsonOption, ends_cleanly, say
from geotagger.cli.options import RunOptions, WritingOptions, grouped
from geotagger.errors import PhotoError, UsageError


@ends_cleanly
def place(
    context: typer.Context,
    *,
    where: Annotated[
        str | None,
        typer.Argument(metavar="LAT,LNG|PLACE", help="The place, e.g. 48.8584,2.2945, a town, or home."),
    ] = None,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE|FOLDER", help="The photos taken there.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option("--like", metavar="PHOTO", help="Instead of a place: where this photo was taken."),
    ] = None,
    which: NarrowingOptions,
    writing: WritingOptions,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a position that a camera or another program wrote.")
    ] = False,
    settings: RunOptions,
    as_json: JsonOption = False,
) -> None:
    """Give photos a place that you know.

    It stands above every estimate. A town means somewhere in it: the error written is its radius. The photos
    are files, all photos of folders, or those of the index that answer to the words of `query`; given both,
    those there that answer.

    Example: `geotagger place Sitges ~/Photos/2024 --since 2024-05-17 --until 2024-05-18`
    """
    from geotagger.api.runs import place as run
    from geotagger.cli.report import Reporter
    from geotagger.estimate.words import length

    if like is not None and where is not None:
        files = [where, *(files or ())]
    if like is None and where is None:
        raise UsageError("place where? Give LAT,LNG, a town, or --like PHOTO")
    spot = _like(like, settings.index) if like is not None else spot_of("LAT,LNG", where or "")
    photos = _photos(files or (), typed_filters(context, which), settings.index)
    if spot.radius_km is not None:
        say(f"{where if like is None else like}: taken as {spot}, ± {length(spot.radius_km)}")
    reporter = Reporter(as_json=as_json)
    tally = run(
        photos,
        spot.latitude,
        spot.longitude,
        radius_km=spot.radius_km,
        writing=replace(writing.writing, overwrite=overwrite),
        index=settings.index,
        wait=settings.wait,
        progress=reporter.progress,
    ).tally
    reporter.summary(tally, "geotagger place")
    raise typer.Exit(1 if tally.failures else 0)


def _photos(files: Sequence[str], which: FilterOptions | None, index_file: Path | None) -> list[str]:
    """UsageError where none were named."""
    if which is None:
        if not files:
            raise UsageError(
                "place which photos? Name files or folders, or choose some: --since, --camera, --path"
            )
        return [path for file in files for path in _in_folder(file)]
    from geotagger.index import index_exists, open_index

    if not index_exists(index_file):
        raise UsageError(
            "nothing has been tagged yet, so there is no index to choose photos from; name files"
        )
    with open_index(index_file, mode="read") as index:
        photos = chosen_photos(index, which, files)
    if not photos:
        raise UsageError("no photo of the index answers; nothing was placed")
    say(f"{len(photos)} photo{'s' * (len(photos) != 1)} of the index answer{'s' * (len(photos) == 1)}")
    return photos


def _in_folder(file: str) -> Iterator[str]:
    if not os.path.isdir(file):
        yield file
        return
    from geotagger.archive import walk

    photos = [entry.path for entry in walk([os.path.realpath(file)], problem=lambda left: say(str(left)))]
    if not photos:
        raise UsageError(f"{file}: there is no photo in this folder")
    yield from photos


def _like(photo: Path, index_file: Path | None) -> Spot:
    """Where another photo was taken: as the index has it, else as the file says."""
    from geotagger.index import index_exists, open_index
    from geotagger.photo.facts import read_facts
    from geotagger.tag.place import MANUAL_ERROR_KM

    path = os.path.realpath(photo)
    if index_exists(index_file):
        with open_index(index_file, mode="read") as index:
            like = index.photos.find(path)
            kept = None if like is None else index.estimates.current(like.id)
        if kept is not None:
            estimate = kept.estimate
            error_km = max(MANUAL_ERROR_KM, estimate.radius_km)
            return Spot(estimate.latitude, estimate.longitude, f"where {photo} was", error_km)
    try:
        fix = read_facts(path).fix
    except PhotoError as error:
        raise UsageError(f"--like {error}") from None
    if fix is None:
        raise UsageError(f"--like {photo}: nothing says where this photo was taken")
    return Spot(fix.latitude, fix.longitude, f"where {photo} was", MANUAL_ERROR_KM)


def register(app: typer.Typer) -> None:
    app.command("place")(grouped(place))
