"""The command `tag`."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.common import JsonOption, ends_cleanly, say
from geotagger.cli.kinds import EvidenceOptions, listening
from geotagger.cli.options import (
    CHOICE,
    EVIDENCE,
    RUN,
    WRITING,
    ChoiceOptions,
    EngineOptions,
    ModelOption,
    RunOptions,
    WithinOption,
    WritingOptions,
    grouped,
    precision_asked,
)
from geotagger.defaults import MIN_CONFIDENCE
from geotagger.errors import INTERRUPTED_EXIT_CODE, UsageError

if TYPE_CHECKING:
    from geotagger.tag.listener import Progress
    from geotagger.tag.outcome import Tally


@ends_cleanly
def tag(
    *,
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Folders of photos, or photos.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, write nothing.")
    ] = False,
    writing: WritingOptions,
    min_confidence: Annotated[
        float,
        typer.Option("--min-confidence", metavar="0–1", min=0, max=1, help="Least certainty to write."),
    ] = MIN_CONFIDENCE,
    precision: Annotated[
        float | None,
        typer.Option(
            "--precision",
            metavar="0–1",
            min=0,
            max=1,
            rich_help_panel=WRITING,
            help="Instead of --min-confidence: write so that this share lies inside its radius; see "
            "evaluate --calibrate.",
        ),
    ] = None,
    evidence: EvidenceOptions,
    model: ModelOption = None,
    within: WithinOption = 25.0,
    looked: Annotated[
        list[Path] | None,
        typer.Option(
            "--looked",
            metavar="DIR",
            rich_help_panel=EVIDENCE,
            help="What `geotagger look` saw, to be taken in; repeatable.",
        ),
    ] = None,
    photos: ChoiceOptions,
    with_root: Annotated[
        list[str] | None,
        typer.Option(
            "--with-root",
            metavar="DIR",
            rich_help_panel=EVIDENCE,
            help="Another archive whose photos help from now on, and are left alone; repeatable. "
            "See `geotagger roots`.",
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            rich_help_panel=CHOICE,
            help="Look again at photos that were placed before, with the model of now.",
        ),
    ] = False,
    reconsider: Annotated[
        bool,
        typer.Option(
            "--reconsider",
            rich_help_panel=CHOICE,
            help="Weigh what is written anew, too: move it, or take it out where no place is certain enough.",
        ),
    ] = False,
    network: EngineOptions,
    settings: RunOptions,
    profile: Annotated[
        bool,
        typer.Option("--profile", rich_help_panel=RUN, help="Say at the end where the time went."),
    ] = False,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time",
            metavar="TIME",
            rich_help_panel=RUN,
            help="End after the photos in hand when so much time is over: 2h, 90m, 1h30m.",
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            rich_help_panel=RUN,
            help="Then wait for photos that come or change, and tag them, until it is stopped.",
        ),
    ] = False,
    summary: Annotated[
        Path | None,
        typer.Option(
            "--summary",
            metavar="FILE",
            rich_help_panel=RUN,
            help="Write what each run did into this file, as one JSON object.",
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", rich_help_panel=RUN, help="Say of each photo what became of it, and why."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Speak only of failures, for cron.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate where photos were taken, and write it into them.

    Photos that have a position of their own are never changed. Estimates are marked as such, with their
    error radius. What is not certain enough stays in the index only. What is written is moved, or
    taken out again, where evidence that is there contradicts it. Asking for more certainty later takes
    nothing back, unless you say `--reconsider`.

    Example: `geotagger tag ~/Photos --min-confidence 0.8`
    """
    precision = precision_asked(context, precision)
    from geotagger.api.runs import tag as run
    from geotagger.cli.report import Reporter, show_profile, stop_on_signal
    from geotagger.cli.summary import RunSummary
    from geotagger.cli.watching import Watched
    from geotagger.engine.cores import usable_cores
    from geotagger.tag.outcome import MAY_NOT_WRITE, NOT_CARRIED_OVER
    from geotagger.tag.profile import Profile

    if verbose and quiet:
        raise UsageError("--verbose says more and --quiet says less; give one of them")
    if watch and dry_run:
        raise UsageError("--watch writes what comes; a dry run looks once")
    heard = listening(context, evidence, model)
    time_s = None if max_time is None else _seconds(max_time)
    reporter = Reporter(as_json=as_json, quiet=quiet, verbose=verbose, lists_planned=True)
    notes: set[str] = set()
    run_summary = RunSummary(summary, paths, dry_run=dry_run)

    def hear(progress: "Progress") -> None:
        if progress.outcome is not None:
            run_summary.outcome(progress.outcome)
        if progress.note is not None:
            if progress.note in notes:
                return  # every run of --watch would say the same
            notes.add(progress.note)
        reporter.progress(progress)

    def once() -> None:
        spent = Profile()
        with reporter.shown():
            result = run(
                paths,
                dry_run=dry_run,
                writing=writing.writing,
                min_confidence=min_confidence,
                precision=precision,
                within_km=within,
                tracks=evidence.track or (),
                clocks=evidence.clock or (),
                kinds=heard.kinds,
                reference_by_pack=heard.reference_by_pack,
                model=heard.model,
                looked=looked or (),
                again=again,
                reconsider=reconsider,
                all_images=photos.all_images,
                exclude=photos.exclude or (),
                with_roots=with_root or (),
                engine=network.engine,
                device=network.device,
                variant=network.variant,
                batch_size=network.batch_size,
                readers=network.readers,
                processes=network.readers or usable_cores(),
                look_processes=network.look_processes,
                index=settings.index,
                wait=settings.wait or watch,
                progress=hear,
                stop=stop,
                every=(as_json or verbose) and not reporter.is_quiet_of_unchanged,
                count=reporter.counts,
                profile=spent,
            )
        run_summary.result(result)
        tally = result.tally
        if stop.is_set() and not is_time_over.is_set():
            reporter.stopped(tally)
        if (tally.seen or not stop.is_set()) and not (reporter.is_quiet_of_unchanged and _is_idle(tally)):
            reporter.summary(tally, "Dry run, nothing was written" if dry_run else "geotagger tag")
            if not as_json and not quiet:
                if tally.statuses["written"] or tally.statuses["restored"]:
                    say(_WHAT_NEXT)
                _say_what_is_lacking(paths, settings.index, tally, dry_run)
        if writing.sidecar_folder is None and any(
            tally.groups["failed", why] for why in (MAY_NOT_WRITE, NOT_CARRIED_OVER)
        ):
            say("photos that may not be written can have sidecars elsewhere: --sidecar-folder FOLDER")
        if profile:
            show_profile(spent)
        if is_time_over.is_set():
            say(f"the time of --max-time {max_time} is over; the next run goes on from here")
        elif stop.is_set():
            raise typer.Exit(INTERRUPTED_EXIT_CODE)
        run_summary.exit_code = 1 if tally.failures or reporter.has_lost_output else 0

    with stop_on_signal(reporter) as stop, _stopped_after(time_s, stop) as is_time_over:
        watched = Watched(paths, [] if summary is None else [summary], stop) if watch else None
        with run_summary.written():
            once()
        while watched is not None and not stop.is_set():
            if not reporter.is_quiet_of_unchanged:
                reporter.note("waiting for photos that come or change; Ctrl-C ends it")
            reporter.is_quiet_of_unchanged = True
            reporter.is_waiting = True
            has_news = watched.wait()
            reporter.is_waiting = False
            if has_news:
                with run_summary.written():
                    once()
    raise typer.Exit(run_summary.exit_code)


_WHAT_NEXT = (
    "`geotagger why PHOTO` says why a place was chosen, `geotagger review` shows all on a map; "
    "`geotagger undo` takes all back"
)


def _is_idle(tally: "Tally") -> bool:
    """Whether nothing was done, and nothing went wrong."""
    return not any(tally.statuses[status] for status in ("written", "restored", "indexed", "failed"))


def _seconds(text: str) -> float:
    match = re.fullmatch(r"\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+(?:\.\d+)?)s)?\s*", text.lower())
    seconds = (
        0.0
        if match is None
        else sum(
            float(number or 0) * unit for number, unit in zip(match.groups(), (3600, 60, 1), strict=True)
        )
    )
    if not 0 < seconds <= _LONGEST_S:
        raise UsageError(f"--max-time {text}: wanted is a time up to 1000h, as in 2h, 90m or 1h30m")
    return seconds


_LONGEST_S = 3_600_000


@contextmanager
def _stopped_after(seconds: float | None, stop: Event) -> Iterator[Event]:
    """Sets `stop` when the time is over, and says by the event that it gives that this was why."""
    is_over = Event()

    def end() -> None:
        if not stop.is_set():
            is_over.set()
            stop.set()

    timer = None if seconds is None else Timer(seconds, end)
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield is_over
    finally:
        if timer is not None:
            timer.cancel()


_FEW = 0.1
"""Below this share of placed photos it is worth saying what would place more."""


def _say_what_is_lacking(paths: list[str], index_file: Path | None, tally: "Tally", dry_run: bool) -> None:
    """While nothing, or little, has a place: how little, and what would give one."""
    from geotagger.model.catalogue import recommended
    from geotagger.model.pack import installed_packs

    if dry_run:
        total, placed = tally.seen, tally.statuses["planned"] + tally.statuses["kept"]
    else:
        from geotagger.index import open_index
        from geotagger.index.summary import share_of

        with open_index(index_file, mode="read") as opened:
            share = share_of(opened.store, [os.path.realpath(path) for path in paths])
        total, placed = share.photos, share.placed
    if total and placed < _FEW * total:
        have = "photo has" if total == 1 else "photos have"
        say(f"{placed} of {total} {have} a place. What would give more of them one:")
        say("  photos with GPS of the same days, from a telephone for instance, in the same archive")
        say("  a recorded track, or the location history of Google Takeout: --track FILE")
        say("  a place that you know: geotagger place Köln IMG_1.jpg; photos near it in time follow")
        if not installed_packs() and (best := recommended()):
            size = best.download_bytes(None) / 1e6
            say(f"  a model that looks at the pictures: geotagger models pull {best.name} ({size:.0f} MB)")


def register(app: typer.Typer) -> None:
    app.command()(grouped(tag))
