"""`geotagger why`: the evidence behind one photo's place."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.cli.common import (
    IndexOption,
    JsonOption,
    emit,
    ends_cleanly,
    photo_record,
    printable,
    say_cut_off,
    say_notes,
    screen,
)
from geotagger.cli.distances import distance_reader
from geotagger.cli.kinds import ListeningOptions, listening
from geotagger.cli.options import grouped
from geotagger.estimate.kinds.table import KINDS

if TYPE_CHECKING:
    from geotagger.estimate.explain import EvidenceSource
    from geotagger.estimate.values import Candidate, Estimate
    from geotagger.tag.why import Why

_SOURCES = 8
_ANYWHERE = "anywhere else on Earth where people are"
_NOT_TAGGED = "`tag` leaves it alone. What would be said of it all the same:"

Spot = tuple[float, float]


@ends_cleanly
def why(
    *,
    context: typer.Context,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="A photo that the index knows.")],
    evidence: ListeningOptions,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Whose view of pictures counts; none: nobody's. [default: the run's]",
        ),
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(
            "--within",
            metavar="KM",
            parser=distance_reader(0.001),
            help="The largest radius. [default: the run's]",
        ),
    ] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain where a photo was placed: what each kind of evidence said, and how it was weighed.

    Works from the index, with the options and tracks of the run that placed the photo, so tag the
    archive first. Nothing is written.

    Example: `geotagger why IMG_0042.jpg`
    """
    from geotagger.api import remembered
    from geotagger.index import open_index

    def kinds(of_run: Sequence[str]) -> tuple[str, ...]:
        return listening(context, evidence, model, start=of_run).kinds

    listening(context, evidence, model)  # what is said wrong is said before all else
    with open_index(index, mode="read") as opened:
        say_cut_off(opened)
        answer = remembered.why(
            photo,
            kinds=kinds,
            model=model,
            within_km=within,
            tracks=evidence.track or (),
            index=opened,
            progress=say_notes,
        )
    if as_json:
        emit(_record(answer))
        return
    _print(answer)


def _record(answer: "Why") -> dict[str, Any]:
    from geotagger.tag.why_record import record_of_why

    is_placed = answer.explanation.estimate is not None
    reason = _unreadable(answer) or (None if is_placed else "nothing tells where")
    return photo_record(
        answer.photo.path, "indexed" if is_placed else "skipped", reason, **record_of_why(answer)
    )


def _text_lines(answer: "Why") -> list[str]:
    """What stands in the picture and what it says, a line each; kept nowhere."""
    from geotagger.tag.why_record import factors_of_text

    if not answer.lines:
        return [] if answer.lines is None else ["In the picture stands nothing that can be read."]
    words = [f"In the picture stands: {' / '.join(answer.lines)}"]
    if answer.text is None:
        return [*words, "  it tells nothing of the place"]
    told = ", ".join(f"{where} ×{times:.2g}" for where, times in factors_of_text(answer.text))
    return [*words, f"  as probable as without it: {told}"]


def _unreadable(answer: "Why") -> str | None:
    return None if answer.photo.error is None else f"could not be read: {answer.photo.error}"


def _print(answer: "Why") -> None:
    from rich.markup import escape
    from rich.table import Table

    from geotagger.estimate.words import length
    from geotagger.gazetteer.words import country_name
    from geotagger.tag.why_record import lines_on_fixes, names_in, place_of, unreadable_position

    photo, explanation = answer.photo, answer.explanation
    console = screen()
    console.print(escape(printable(photo.path)))
    if answer.run is not None:
        tracks = f", {n} track{'s' if n > 1 else ''}" if (n := len(answer.tracks)) else ""
        by = f"As run {answer.run.name} weighed it (model {answer.run.model or 'none'}{tracks}):"
        console.print(escape(by))
    silent = [kind.name for kind in KINDS if kind.name not in answer.kinds]
    left_out = f"; left out: {', '.join(silent)}" if silent else ""
    console.print(escape(f"Kinds of evidence listened to: {', '.join(answer.kinds)}{left_out}"))
    if photo.rung in ("camera", "manual", "sidecar"):
        console.print(f"Its own place stands ({escape(photo.rung)}). What would be said without it:")
    for line in answer.disagreements:
        console.print(escape(f"Disagreement: {printable(line)}"))
    if unreadable := _unreadable(answer):
        console.print(
            escape(
                f"It {printable(unreadable)}; `tag` places it nowhere. What would be said of it all the same:"
            )
        )
    if cannot := unreadable_position(answer):
        console.print(escape(f"It names a place that cannot be read ({printable(cannot)}); {_NOT_TAGGED}"))
    for line in _text_lines(answer):
        console.print(escape(printable(line)))
    e = explanation.estimate
    if e is None:
        console.print(
            "Nothing tells where it was taken: no photo with a place shares its time, no model has looked "
            "at it, and no track covers it."
        )
        return
    called = names_in(answer)
    degrees = f"{e.latitude:.5f}, {e.longitude:.5f}"
    where = place_of(answer)
    place = f"{where}, {degrees}" if where else degrees
    console.print(
        escape(f"{place}: within {length(e.radius_km)} with probability {e.confidence:.2f} ({e.rung})")
    )
    for line in e.evidence:
        console.print(escape(f"  {line}"))
    for line in lines_on_fixes(answer):
        console.print(escape(f"  fix: {printable(line)}"))
    for like in answer.alike[:3]:
        name = os.path.basename(like.path) if like.path else "a photo of yours"
        spot = called[like.latitude, like.longitude] or f"{like.latitude:.4f}, {like.longitude:.4f}"
        console.print(escape(f"  alike: {printable(name)}, {spot}: {like.share:.0%}"))
    for area in explanation.words:
        console.print(escape(f"  words: {printable(area.words)} ({area.share:.0%} of what is called so)"))
    if explanation.countries:
        leading_countries = ", ".join(
            f"{country_name(code) if code else 'at sea'} {share:.0%}" for code, share in explanation.countries
        )
        console.print(escape(f"  countries: {leading_countries}"))
    candidates = e.candidates if len(e.candidates) > 1 else ()
    if not sys.stdout.isatty():
        for name, said in explanation.alone.items():
            whose = name if name.startswith("all") else f"{name} alone"
            print(
                f"  {whose}: {_place(called, said)} within {length(said.radius_km)} "
                f"with probability {said.confidence:.2f}"
            )
        for one in candidates:
            print(f"  candidate {one.probability:.0%}: {_place(called, one)}")
        for source in explanation.sources[:_SOURCES]:
            print(
                f"  weight {source.share:.0%}: {source.name}, {_place(called, source)} "
                f"(scale {length(source.scale_km)})"
            )
        if explanation.anywhere is not None:
            print(f"  weight {explanation.anywhere:.0%}: {_ANYWHERE}")
        print("\n".join(explanation.map))
        return
    table = Table("evidence alone", "place", "within", "probability", title="What each said")
    for name, said in explanation.alone.items():
        table.add_row(
            escape(name), escape(_place(called, said)), length(said.radius_km), f"{said.confidence:.2f}"
        )
    console.print(table)
    if candidates:
        leading = Table("candidate", "probability", title="The leading places")
        for one in candidates:
            leading.add_row(escape(_place(called, one)), f"{one.probability:.0%}")
        console.print(leading)
    weights = Table("source", "place", "scale", "share", title="How neighbours and habits were weighed")
    for source in explanation.sources[:_SOURCES]:
        weights.add_row(escape(source.name), escape(_place(called, source)),
                        length(source.scale_km), f"{source.share:.0%}")  # fmt: skip
    if explanation.anywhere is not None:
        weights.add_row(_ANYWHERE, "", "", f"{explanation.anywhere:.0%}")
    console.print(weights)
    for line in explanation.map:
        console.print(escape(line))


def _place(called: Mapping[Spot, str], at: "Estimate | EvidenceSource | Candidate") -> str:
    """ "near Sitges, Catalonia (41.2345, 1.8123)", or the degrees alone where nothing near has a name."""
    degrees = f"{at.latitude:.4f}, {at.longitude:.4f}"
    words = called[at.latitude, at.longitude]
    return f"{words} ({degrees})" if words else degrees


def register(app: typer.Typer) -> None:
    app.command()(grouped(why))
