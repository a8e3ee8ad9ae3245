"""The command `status`: what has a place, by which evidence, what is left and why."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.archive.names import common_folder
from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, printable, say

if TYPE_CHECKING:
    from geotagger.index.summary import ArchiveSummary, PlacedShare

_MOST_LINES = 12


@ends_cleanly
def status(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Only these folders or photos; everything unless told."),
    ] = None,
    as_map: Annotated[bool, typer.Option("--map/--no-map", help="With a small map of the places.")] = True,
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="FILE", help="Draw map and timeline into this picture, too."),
    ] = None,
    json_lines: JsonOption = False,
    index_file: IndexOption = None,
) -> None:
    """Says how many photos have a place, from what, and what the others lack.

    A guess that is less certain than 0.8 and stands in no photo is not counted as a place.

    Example: `geotagger status ~/Photos/2019`
    """
    from geotagger.api import remembered
    from geotagger.index.summary import spots

    with open_to_ask(index_file) as opened:
        if opened is None:
            return
        summary = remembered.status(paths or (), index=opened)
        below = [os.path.realpath(path) for path in paths or ()]
        if png is not None and summary.photos:
            from geotagger.export.picture import picture
            from geotagger.export.writing import write

            write([picture(summary, spots(opened.store, below, step_deg=_FINE_DEG))], png, "png")
        if json_lines:
            emit(_record(summary))
            return
        if not summary.photos:
            say("no photo is in the index there; `geotagger tag PATH` looks at some")
            return
        for line in [*lines(summary), *_timeline(summary)]:
            print(printable(line) if line else "")
        if as_map and summary.placed:
            from geotagger.cli.worldmap import drawn

            print()
            print("\n".join(drawn(spots(opened.store, below))))
        if png is not None:
            say(f"{png}: the same as a picture")


def lines(summary: "ArchiveSummary") -> list[str]:
    """All but timeline and map, no wider than 80 columns but for names of folders."""
    total = summary.photos
    page = [f"{summary.placed:,} of {total:,} photo{' has' if total == 1 else 's have'} a place"]
    page += [f"{photos:>9,}  from {_FROM_WHOM[kind]}" for kind, photos in summary.own.most_common()]
    page += [f"{photos:>9,}  estimated by {rung}" for rung, photos in summary.estimates.most_common()]
    if summary.estimates:
        page += ["", f"Certainty of the estimates ({summary.written:,} written into photos or sidecars)"]
        page += [
            f"{photos:>9,}  {band}" for band, photos in sorted(summary.certainties.items(), reverse=True)
        ]
    if summary.left:
        page += ["", f"{summary.left.total():,} without a place"]
        page += [f"{photos:>9,}  {why}" for why, photos in summary.left.most_common()]
    page += ["", *_bars("Year", summary.years)]
    if len(summary.cameras) > 1:
        page += ["", *_bars("Camera", _largest(summary.cameras))]
    if len(summary.folders) > 1:
        page += ["", *_bars("Folder", _below_common(_largest(summary.folders)))]
    if summary.countries:
        from geotagger.gazetteer.words import country_name

        named = [f"{country_name(code)} {photos:,}" for code, photos in summary.countries.items()]
        more = f" and {len(named) - _MOST_LINES} more" if len(named) > _MOST_LINES else ""
        page += ["", "Countries: " + ", ".join(named[:_MOST_LINES]) + more]
    return page


def _timeline(summary: "ArchiveSummary") -> list[str]:
    from geotagger.cli.timeline import drawn

    line = drawn(summary.months)
    return ["", *line] if line else []


def _record(summary: "ArchiveSummary") -> dict[str, Any]:
    shares = ("years", "months", "cameras", "folders")
    plain = ("photos", "placed", "own", "estimates", "certainties", "written", "left", "countries")
    return {name: getattr(summary, name) for name in plain} | {
        name: {key: asdict(share) for key, share in getattr(summary, name).items()} for name in shares
    }


_FINE_DEG = 0.05
"""How finely the picture gathers photos: some five kilometres."""

_FROM_WHOM = {"camera": "cameras", "sidecar": "sidecars", "you": "you"}
_BAR = 30


def _bars(title: str, shares: "dict[str, PlacedShare]") -> list[str]:
    """A line each: the dark part of the bar has a place, the light part has none."""
    most = max(share.photos for share in shares.values())
    width = min(30, max(len(title), *(len(name) for name in shares)))
    page = [f"{title:{width}}  placed of photos"]
    for name, share in shares.items():
        whole = max(1, round(_BAR * share.photos / most))
        dark = round(whole * share.placed / share.photos)
        dark = min(max(dark, 1 if share.placed else 0), whole - (1 if share.placed < share.photos else 0))
        bar = "█" * max(dark, 0) + "░" * (whole - max(dark, 0))
        page.append(f"{name:{width}}  {share.placed:>7,} of {share.photos:>7,}  {bar}")
    return page


def _largest(shares: "dict[str, PlacedShare]") -> "dict[str, PlacedShare]":
    ordered = sorted(shares.items(), key=lambda item: -item[1].photos)
    return dict(ordered[:_MOST_LINES])


def _below_common(shares: "dict[str, PlacedShare]") -> "dict[str, PlacedShare]":
    base = common_folder(shares)
    return {os.path.relpath(name, base) if base else name: share for name, share in shares.items()}


def register(app: typer.Typer) -> None:
    app.command()(status)
