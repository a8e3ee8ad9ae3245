"""`geotagger evaluate`: hide places that are known, predict them, and say how good it was."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.common import (
    IndexOption,
    JsonOption,
    check_training,
    emit,
    ends_cleanly,
    say,
)
from geotagger.cli.kinds import EvidenceOptions, listening
from geotagger.cli.options import EVIDENCE, ModelOption, WithinOption, grouped
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.estimate.evaluation import Hidden

_FEWEST = 4
_LABELS = "A model on a labelled set"


@ends_cleanly
def evaluate(
    *,
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Photos that know where they were taken.")
    ] = None,
    share: Annotated[
        float, typer.Option("--hide", metavar="0–1", min=0.01, max=0.95, help="How much to hide.")
    ] = 0.3,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", metavar="N", help="May be repeated. [default: 0 1 2]")
    ] = None,
    whole_days: Annotated[
        bool | None,
        typer.Option("--whole-days/--single", help="Hide whole days, or single photos. [default: both]"),
    ] = None,
    evidence: EvidenceOptions,
    model: ModelOption = None,
    within: WithinOption = 25.0,
    certainty: Annotated[
        float,
        typer.Option(
            "--certainty",
            metavar="0–1",
            min=0.01,
            max=0.99,
            rich_help_panel=EVIDENCE,
            help="What the radius should hold.",
        ),
    ] = 0.9,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="DIR", help="Draw what was found, as PNG."),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Keep what was learned, for `tag` on this archive.",
        ),
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="CSV",
            rich_help_panel=_LABELS,
            help="Evaluate a model on a labelled set (image, latitude, longitude) instead; --calibrate "
            "then fits the model's temperature.",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="DIR", rich_help_panel=_LABELS, help="Where the labelled images lie."
        ),
    ] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hide the places of photos that have one, predict them, and say how good that was.

    Hides single photos and whole days, and compares with copying the photo nearest in time and
    with PhotoPrism's rule. Nothing is written into photos.

    Example: `geotagger evaluate ~/Photos --hide 0.3 --plots plots`
    """
    if labels is not None:
        _on_labels(labels, images, model, calibrate, plots, as_json)
        return
    if not paths:
        raise UsageError("say which photos to hide (PATH), or which labelled set to use (--labels)")
    from geotagger.cli.evaluation import Report
    from geotagger.estimate.corrections import doubts, parse_clocks
    from geotagger.estimate.evaluation import Setting, evaluate_archive
    from geotagger.estimate.movement import Correction
    from geotagger.estimate.outing import Options
    from geotagger.tag.network import choose_pack
    from geotagger.tag.remembered import remembered
    from geotagger.tag.sightings import read_sightings
    from geotagger.tracks import load_tracks

    clocks = parse_clocks(evidence.clock or [])
    heard = listening(context, evidence, model)
    pack = choose_pack(heard.model, say)
    is_compared = "reference" in heard.kinds
    if is_compared and (pack is None or pack.feature_size is None):
        say("--reference: no model that tells features looks at the pictures, so it is left out")
        is_compared = False
    before = remembered(index, paths, clocks, load_tracks(evidence.track or [], say, clocks))
    sightings = read_sightings(
        paths,
        pack,
        say,
        features=is_compared,
        sidecar_folders=before.sidecar_folders,
        manual=before.manual,
        numbers=before.numbers,
    )
    placed = sum(sighting.can_be_hidden for sighting in sightings)
    if placed < _FEWEST:
        raise UsageError(
            f"{', '.join(paths)}: {placed} of {len(sightings)} photos know where they were taken; "
            f"at least {_FEWEST} are needed to hide some"
        )
    for line in doubts(clocks, (sighting.clocked.camera for sighting in sightings)):
        say(line)
    seeds = seeds or [0, 1, 2]
    options = Options(within, certainty, sequence=not evidence.no_sequence)
    # what is learned now is learned from certainties that nothing has corrected yet
    known = None if calibrate or before.calibration is None else before.calibration.pictured
    ways: list[list[Hidden]] = []
    for days in (False, True) if whole_days is None else (whole_days,):
        setting = Setting(
            share, days, options, before.clocks, is_compared, heard.kinds, known or Correction()
        )
        results = []
        for seed in seeds:
            results += evaluate_archive(
                sightings, setting, seed, tracks=before.tracks, table=None if pack is None else pack.cells
            )
        report = Report(results, "days" if days else "single", _in_words(share, days, seeds, placed))
        if plots is not None:
            report.draw(plots)
        report.emit() if as_json else report.show()
        ways.append(results)
    if calibrate:
        _keep(ways, paths, index)


def _on_labels(
    labels: Path, images: Path | None, model: str | None, calibrate: bool, plots: Path | None, as_json: bool
) -> None:
    check_training()
    from geotagger.tag.network import choose_pack
    from training.pack.evaluate import evaluate_labels
    from training.pack.plots import picture_of_report
    from training.pack.rendering import record_of, show

    pack = choose_pack(model, say)
    if pack is None:
        raise UsageError("a labelled set tries a model: name one with --model")
    report = evaluate_labels(pack, labels, images, fit=calibrate)
    if plots is not None:
        picture_of_report(report, plots)
    if as_json:
        emit(record_of(report))
    else:
        show(report)


def _in_words(share: float, days: bool, seeds: Sequence[int], placed: int) -> str:
    what = "of the days, with all their photos," if days else "of the photos, one by one,"
    drawn = f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"seed {seeds[0]}"
    return f"{share:.0%} {what} hidden ({drawn}), of {placed} photos with a place"


def _keep(ways: "Sequence[Sequence[Hidden]]", paths: Sequence[str], index: Path | None) -> None:
    import os

    from geotagger.archive import lock
    from geotagger.estimate.calibration import calibrate
    from geotagger.index import open_index
    from geotagger.index.learned import CALIBRATION, SETTLED
    from geotagger.tag.corridor import by_root

    calibration = calibrate(ways)
    places = [os.path.realpath(path) for path in paths]
    held = [place if os.path.isdir(place) else os.path.dirname(place) for place in places]
    with lock(list(dict.fromkeys(held)), wait=True, waiting=say), open_index(index) as opened:
        for root, _ in by_root(opened, places):
            opened.learned.put(root.id, CALIBRATION, calibration.to_dict())
            opened.learned.forget(root.id, SETTLED)
    there = ", ".join(paths)
    say(
        f"calibrated on {calibration.photos} hidden photos; `tag --precision` on {there} uses it from now on,"
        " and with --reconsider also on what was written before"
    )


def register(app: typer.Typer) -> None:
    app.command()(grouped(evaluate))
