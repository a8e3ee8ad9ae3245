"""`geotagger evaluate`: hide places that are known, predict them, and say how good it was."""

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
    screen,
)
from geotagger.cli.kinds import EvidenceOptions, listening
from geotagger.cli.options import EVIDENCE, ModelOption, WithinOption, grouped, precision_asked
from geotagger.defaults import CERTAINTY, MIN_CONFIDENCE
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.evaluate.archive import Way

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
    timeless: Annotated[
        bool,
        typer.Option("--timeless", help="Also hide single photos with their times: as photos without one."),
    ] = False,
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
    ] = CERTAINTY,
    min_confidence: Annotated[
        float,
        typer.Option(
            "--min-confidence",
            metavar="0–1",
            min=0,
            max=1,
            rich_help_panel=EVIDENCE,
            help="As of `tag`: what it would write is told for this certainty.",
        ),
    ] = MIN_CONFIDENCE,
    precision: Annotated[
        float | None,
        typer.Option(
            "--precision",
            metavar="0–1",
            min=0,
            max=1,
            rich_help_panel=EVIDENCE,
            help="As of `tag`, instead of --min-confidence.",
        ),
    ] = None,
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
    precision = precision_asked(context, precision)
    if plots is not None:
        _make(plots)
    if labels is not None:
        _on_labels(labels, images, model, calibrate, plots, as_json)
        return
    if not paths:
        raise UsageError("say which photos to hide (PATH), or which labelled set to use (--labels)")
    from geotagger.api.trying import evaluate as evaluated
    from geotagger.cli.evaluation import EvaluationReport
    from geotagger.cli.report import Reporter

    heard = listening(context, evidence, model)
    for evaluation in evaluated(
        paths,
        share=share,
        seeds=seeds or (0, 1, 2),
        ways=_ways(whole_days, timeless),
        within_km=within,
        certainty=certainty,
        min_confidence=min_confidence,
        precision=precision,
        tracks=evidence.track or (),
        clocks=evidence.clock or (),
        kinds=heard.kinds,
        reference_by_pack=heard.reference_by_pack,
        model=heard.model,
        calibrate=calibrate,
        index=index,
        progress=Reporter(as_json=as_json).progress,
    ):
        report = EvaluationReport(evaluation)
        if plots is not None:
            report.draw(plots)
        report.emit() if as_json else report.show()


def _make(plots: Path) -> None:
    """The folder for pictures, before the work of which they tell is done."""
    try:
        plots.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--plots {plots}: cannot be a folder ({error.strerror})") from None


def _ways(whole_days: bool | None, timeless: bool) -> "tuple[Way, ...]":
    usual: dict[bool | None, tuple[Way, ...]] = {
        None: ("single", "days"),
        True: ("days",),
        False: ("single",),
    }
    return (*usual[whole_days], "timeless") if timeless else usual[whole_days]


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
        show(report, screen())


def register(app: typer.Typer) -> None:
    app.command()(grouped(evaluate))
