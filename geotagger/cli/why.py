"""`geotagger why`: the evidence behind one photo's place."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
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
    two_digits,
)
from geotagger.cli.distances import distance_reader
from geotagger.cli.kinds import ListeningOptions, listening
from geotagger.cli.options import grouped
from geotagger.estimate.kinds.table import KINDS

if TYPE_CHECKING:
    from rich.table import Table

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
    told = ", ".join(f"{where} ×{two_digits(times)}" for where, times in factors_of_text(answer.text))
    return [*words, f"  as probable as without it: {told}"]


def _unreadable(answer: "Why") -> str | None:
    return None if answer.photo.error is None else f"could not be read: {answer.photo.error}"


def _print(answer: "Why") -> None:
    from rich.markup import escape

    from geotagger.tag.why_record import names_in

    console, called = screen(), names_in(answer)
    for line in (*_what_was_asked(answer), *_what_is_said(answer, called)):
        console.print(escape(line))
    if answer.explanation.estimate is None:
        return
    if sys.stdout.isatty():
        for table in _tables(answer, called):
            console.print(table)
    else:
        print("\n".join(_plain(answer, called)))
    for line in answer.explanation.map:
        console.print(escape(line))


def _what_was_asked(answer: "Why") -> Iterator[str]:
    """The photo, who is listened to, and what stands against the answer that follows."""
    from geotagger.tag.why_record import unreadable_position

    photo = answer.photo
    yield printable(photo.path)
    if answer.run is not None:
        tracks = f", {n} track{'s' if n > 1 else ''}" if (n := len(answer.tracks)) else ""
        yield f"As run {answer.run.name} weighed it (model {answer.run.model or 'none'}{tracks}):"
    silent = [kind.name for kind in KINDS if kind.name not in answer.kinds]
    left_out = f"; left out: {', '.join(silent)}" if silent else ""
    yield f"Kinds of evidence listened to: {', '.join(answer.kinds)}{left_out}"
    if photo.rung in ("camera", "manual", "sidecar"):
        yield f"Its own place stands ({photo.rung}). What would be said without it:"
    for line in answer.disagreements:
        yield f"Disagreement: {printable(line)}"
    if unreadable := _unreadable(answer):
        yield f"It {printable(unreadable)}; `tag` places it nowhere. What would be said of it all the same:"
    if cannot := unreadable_position(answer):
        yield f"It names a place that cannot be read ({printable(cannot)}); {_NOT_TAGGED}"
    for line in _text_lines(answer):
        yield printable(line)


def _what_is_said(answer: "Why", called: Mapping[Spot, str]) -> Iterator[str]:
    """The place, and what speaks for it."""
    from geotagger.estimate.words import length
    from geotagger.gazetteer.words import country_name
    from geotagger.tag.why_record import lines_on_fixes, place_of

    e = answer.explanation.estimate
    if e is None:
        yield (
            "Nothing tells where it was taken: no photo with a place shares its time, no model has looked "
            "at it, and no track covers it."
        )
        return
    degrees, where = f"{e.latitude:.5f}, {e.longitude:.5f}", place_of(answer)
    place = f"{where}, {degrees}" if where else degrees
    yield f"{place}: within {length(e.radius_km)} with probability {e.confidence:.2f} ({e.rung})"
    for line in e.evidence:
        yield f"  {line}"
    for line in lines_on_fixes(answer):
        yield f"  fix: {printable(line)}"
    for like in answer.alike[:3]:
        name = os.path.basename(like.path) if like.path else "a photo of yours"
        spot = called[like.latitude, like.longitude] or f"{like.latitude:.4f}, {like.longitude:.4f}"
        yield f"  alike: {printable(name)}, {spot}: {like.share:.0%}"
    for area in answer.explanation.words:
        yield f"  words: {printable(area.words)} ({area.share:.0%} of what is called so)"
    if answer.explanation.countries:
        leading = (
            f"{country_name(code) if code else 'at sea'} {share:.0%}"
            for code, share in answer.explanation.countries
        )
        yield f"  countries: {', '.join(leading)}"


def _plain(answer: "Why", called: Mapping[Spot, str]) -> Iterator[str]:
    """What the tables of a terminal hold, a line each."""
    from geotagger.estimate.words import length

    explanation = answer.explanation
    for name, said in explanation.alone.items():
        whose = name if name.startswith("all") else f"{name} alone"
        yield (
            f"  {whose}: {_place(called, said)} within {length(said.radius_km)} "
            f"with probability {said.confidence:.2f}"
        )
    for one in _candidates(answer):
        yield f"  candidate {one.probability:.0%}: {_place(called, one)}"
    for source in explanation.sources[:_SOURCES]:
        yield (
            f"  weight {source.share:.0%}: {source.name}, {_place(called, source)} "
            f"(scale {length(source.scale_km)})"
        )
    if explanation.anywhere is not None:
        yield f"  weight {explanation.anywhere:.0%}: {_ANYWHERE}"


def _tables(answer: "Why", called: Mapping[Spot, str]) -> "Iterator[Table]":
    from rich.markup import escape
    from rich.table import Table

    from geotagger.estimate.words import length

    explanation = answer.explanation
    table = Table("evidence alone", "place", "within", "probability", title="What each said")
    for name, said in explanation.alone.items():
        table.add_row(
            escape(name), escape(_place(called, said)), length(said.radius_km), f"{said.confidence:.2f}"
        )
    yield table
    if candidates := _candidates(answer):
        leading = Table("candidate", "probability", title="The leading places")
        for one in candidates:
            leading.add_row(escape(_place(called, one)), f"{one.probability:.0%}")
        yield leading
    weights = Table("source", "place", "scale", "share", title="How neighbours and habits were weighed")
    for source in explanation.sources[:_SOURCES]:
        weights.add_row(escape(source.name), escape(_place(called, source)),
                        length(source.scale_km), f"{source.share:.0%}")  # fmt: skip
    if explanation.anywhere is not None:
        weights.add_row(_ANYWHERE, "", "", f"{explanation.anywhere:.0%}")
    yield weights


def _candidates(answer: "Why") -> "Sequence[Candidate]":
    """Of more than one."""
    estimate = answer.explanation.estimate
    return estimate.candidates if estimate is not None and len(estimate.candidates) > 1 else ()


def _place(called: Mapping[Spot, str], at: "Estimate | EvidenceSource | Candidate") -> str:
    """ "near Sitges, Catalonia (41.2345, 1.8123)", or the degrees alone where nothing near has a name."""
    degrees = f"{at.latitude:.4f}, {at.longitude:.4f}"
    words = called[at.latitude, at.longitude]
    return f"{words} ({degrees})" if words else degrees


def register(app: typer.Typer) -> None:
    app.command()(grouped(why))
