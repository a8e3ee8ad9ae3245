"""The commands `undo` and `forget`."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.asking import FilterOptions, NarrowingOptions, chosen_photos, typed_filters
from geotagger.cli.common import JsonOption, ends_cleanly, printable, say
from geotagger.cli.options import RunOptions, grouped
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index.runs import Run

_COMES_BACK = "the next `geotagger tag` of these photos would place them again"


@ends_cleanly
def undo(
    context: typer.Context,
    *,
    which_run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="The run's number or name; the newest that wrote, unless told."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PATH", help="Only this photo, or the photos below this folder."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each photo; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    which: NarrowingOptions,
    settings: RunOptions,
    as_json: JsonOption = False,
) -> None:
    """Put back the exact bytes that a run changed.

    A photo that another program changed since loses only the position that the run wrote, or is left
    alone with the reason. What `forget` has taken out is not left to undo. With the words of `query` only
    the photos that answer lose what the run wrote.

    Example: `geotagger undo 12 --only ~/Photos/2019`
    """
    from geotagger.api.runs import undo as take_back
    from geotagger.cli.report import Reporter

    filters = typed_filters(context, which)
    some: Sequence[str] | frozenset[str] = only or ()
    if filters is not None:
        some = _chosen(filters, only or (), settings.index)
    reporter = Reporter(as_json=as_json, verbose=dry_run)  # a dry run names every file
    with ExitStack() as while_undoing:

        def agree(chosen: "Run") -> bool:
            if chosen.written and not yes and not dry_run:
                _ask(f"Undo run {chosen.id} of {chosen.started} ({chosen.command}, {chosen.written} photos)?")
            while_undoing.enter_context(reporter.shown())
            return True

        result = take_back(
            which_run,
            only=some,
            dry_run=dry_run,
            agree=agree,
            index=settings.index,
            wait=settings.wait,
            progress=reporter.progress,
        )
    tally = result.tally
    if not tally.seen:
        say(f"nothing of run {result.run} is left to undo{' there' if only or filters else ''}")
    if result.forgotten:
        say(f"`geotagger forget` has taken its estimates out of {result.forgotten} of its photos already")
    if tally.statuses["restored"]:
        say(_COMES_BACK)
    done = "dry run" if dry_run else "undone" if tally.statuses["restored"] else "nothing undone"
    reporter.summary(tally, f"Run {result.run}, {done}")
    raise typer.Exit(1 if tally.failures or result.repaired.failures else 0)


def _chosen(filters: FilterOptions, below: Sequence[str], index_file: Path | None) -> frozenset[str]:
    from geotagger.index import index_exists, open_index

    if filters.run is not None:
        raise UsageError("the run to undo is named without --run: geotagger undo RUN")
    if not index_exists(index_file):
        return frozenset()
    with open_index(index_file, mode="read") as index:
        return frozenset(chosen_photos(index, filters, below))


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is here to answer; --yes does it without asking")
    if not typer.confirm(printable(question)):
        raise typer.Exit(0)


@ends_cleanly
def forget(
    *,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Folders of photos, or photos.")],
    estimates: Annotated[
        bool, typer.Option("--estimates", help="Take out the estimates; the only thing there is to forget.")
    ] = False,
    sidecar_folder: Annotated[
        Path | None,
        typer.Option(
            "--sidecar-folder",
            metavar="FOLDER",
            resolve_path=True,
            help="Look for sidecars there, too; where the index knows of such a folder it need not be said.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which photos hold estimates; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    settings: RunOptions,
    as_json: JsonOption = False,
) -> None:
    """Take every estimate that geotagger ever wrote out of photos and sidecars.

    It goes by the marks in the files, so it works on another machine, without the index. Where the index
    has the bytes from before and nobody changed the file since, those are put back, as `undo` does. It
    cannot be undone, and `undo` passes over what it took out. Positions of cameras, of other programs, and
    those that you gave with `place` stay. The tracks that the index remembers of an archive (see `tracks`)
    go when PATH holds all of it.

    Example: `geotagger forget --estimates ~/Photos/to-publish`
    """
    from geotagger.api.runs import forget as run
    from geotagger.cli.report import Reporter

    if not estimates:
        raise UsageError("forget what? `geotagger forget --estimates PATH` takes out all estimates")
    if not yes and not dry_run:
        _ask("Take the estimates out of all photos there?")
    reporter = Reporter(as_json=as_json, verbose=dry_run)  # a dry run names every file
    with reporter.shown():
        tally = run(
            paths,
            sidecar_folder=sidecar_folder,
            dry_run=dry_run,
            index=settings.index,
            wait=settings.wait,
            progress=reporter.progress,
        ).tally
    if tally.statuses["restored"]:
        say(_COMES_BACK)
    reporter.summary(tally, "geotagger forget, dry run" if dry_run else "geotagger forget")
    raise typer.Exit(1 if tally.failures else 0)


def register(app: typer.Typer) -> None:
    app.command()(grouped(undo))
    app.command()(grouped(forget))
