"""The commands `undo` and `forget`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from geotagger.cli.common import JsonOption, ends_cleanly, say, say_cut_off
from geotagger.cli.options import RunOptions, grouped
from geotagger.errors import UsageError

_COMES_BACK = "the next `geotagger tag` of these photos would place them again"


@ends_cleanly
def undo(
    *,
    run: Annotated[
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
    settings: RunOptions,
    as_json: JsonOption = False,
) -> None:
    """Put back the exact bytes that a run changed.

    A photo that another program changed since loses only the position that the run wrote, or is left
    alone with the reason. What `forget` has taken out is not left to undo.

    Example: `geotagger undo 12 --only ~/Photos/2019`
    """
    from geotagger.cli.report import Reporter
    from geotagger.index import index_exists, open_index
    from geotagger.tag.outcome import Outcome, Tally
    from geotagger.tag.undo import foresee_undo, run_to_undo, settle_cut_off
    from geotagger.tag.undo import undo as take_back

    if not index_exists(settings.index):
        raise UsageError(
            "there is nothing to undo: nothing has been tagged yet, or --index names another file"
        )
    with open_index(settings.index, mode="read" if dry_run else "write") as opened:
        reporter, unsettled = Reporter(as_json=as_json), Tally()

        def noticing(outcome: Outcome) -> None:
            unsettled.add(outcome)
            reporter.outcome(outcome)

        if dry_run:
            say_cut_off(opened)
        else:
            for line in settle_cut_off(opened, noticing, wait=settings.wait):
                say(line)
        chosen = run_to_undo(opened, run)
        if chosen.written and not yes and not dry_run:
            _ask(f"Undo run {chosen.id} of {chosen.started} ({chosen.command}, {chosen.written} photos)?")
        with reporter.shown():
            if dry_run:
                tally = foresee_undo(opened, chosen, only or (), reporter.outcome)
            else:
                tally = take_back(opened, chosen, only or (), reporter.outcome, wait=settings.wait)
        forgotten = opened.journal.forgotten_of(chosen.id, only or ())
    if not tally.seen:
        say(f"nothing of run {chosen.id} is left to undo{' there' if only else ''}")
    if forgotten:
        say(f"`geotagger forget` has taken its estimates out of {forgotten} of its photos already")
    if tally.statuses["restored"]:
        say(_COMES_BACK)
    done = "dry run" if dry_run else "undone" if tally.statuses["restored"] else "nothing undone"
    reporter.summary(tally, f"Run {chosen.id}, {done}")
    raise typer.Exit(1 if tally.failures or unsettled.failures else 0)


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is here to answer; --yes does it without asking")
    if not typer.confirm(question):
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
    from geotagger.cli.report import Reporter
    from geotagger.tag.undo import forget_estimates

    if not estimates:
        raise UsageError("forget what? `geotagger forget --estimates PATH` takes out all estimates")
    if not yes and not dry_run:
        _ask("Take the estimates out of all photos there?")
    reporter = Reporter(as_json=as_json)
    with reporter.shown():
        tally = forget_estimates(
            paths,
            settings.index,
            reporter.outcome,
            sidecar_folder=sidecar_folder,
            wait=settings.wait,
            dry_run=dry_run,
        )
    if tally.statuses["restored"]:
        say(_COMES_BACK)
    reporter.summary(tally, "geotagger forget, dry run" if dry_run else "geotagger forget")
    raise typer.Exit(1 if tally.failures else 0)


def register(app: typer.Typer) -> None:
    app.command()(grouped(undo))
    app.command()(grouped(forget))
