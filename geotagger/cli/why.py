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
    say,
    say_cut_off,
    screen,
)
from geotagger.cli.kinds import ListeningOptions, listening
from geotagger.cli.options import grouped
from geotagger.errors import UsageError
from geotagger.estimate.kinds.table import KINDS

if TYPE_CHECKING:
    from geotagger.estimate.explain import Explanation, Source
    from geotagger.estimate.values import Candidate, Estimate
    from geotagger.tag.why import Why
    from geotagger.text.values import PlaceRatios

_SOURCES = 8
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
        typer.Option("--within", metavar="KM", min=0.001, help="The largest radius. [default: the run's]"),
    ] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain where a photo was placed: what each kind of evidence said, and how it was weighed.

    Works from the index, with the options and tracks of the run that placed the photo, so tag the
    archive first. Nothing is written.

    Example: `geotagger why IMG_0042.jpg`
    """
    from geotagger.index import open_index
    from geotagger.tag.why import why as weighed_again

    def choose(kinds: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
        heard = listening(context, evidence, model, start=kinds)
        return heard.kinds, heard.model

    listening(context, evidence, model)  # what is said wrong is said before all else
    path = os.path.realpath(photo)
    with open_index(index, mode="read") as opened:
        say_cut_off(opened)
        known = opened.photos.find(path)
        if known is None:
            raise UsageError(f"{photo}: the index does not know it; run `geotagger tag` on its folder first")
        told = weighed_again(
            opened, known, say, model=model, within_km=within, tracks=evidence.track or [], choose=choose
        )
    if as_json:
        emit(_record(told))
        return
    _print(told)


def _record(told: "Why") -> dict[str, Any]:
    from dataclasses import asdict

    known, explanation = told.known, told.explanation
    e = explanation.estimate
    called = _called(explanation)
    more: dict[str, Any] = {
        "evidence": [] if e is None else list(e.evidence),
        "alone": {
            name: {**_brief(said), "where": called[said.latitude, said.longitude]}
            for name, said in explanation.alone.items()
        },
        "sources": [
            {**asdict(source), "where": called[source.latitude, source.longitude]}
            for source in explanation.sources
        ],
        "candidates": [
            {**asdict(one), "where": called[one.latitude, one.longitude]}
            for one in (() if e is None else e.candidates)
        ],
        "where": None if e is None else called[e.latitude, e.longitude],
        "unreadable_position": _unreadable_position(told),
        "stands": known.rung,
        "run": None if told.run is None else told.run.name,
        "tracks": list(told.tracks),
        "disagreements": list(told.disagreements),
        "kinds": list(told.kinds),
        "text": None if told.lines is None else {"lines": list(told.lines), **_factors(told.text)},
    }
    if e is None:
        return photo_record(known.path, "skipped", _unreadable(told) or "nothing tells where", **more)
    return photo_record(known.path, "indexed", _unreadable(told), cell=e.cell or None, **_brief(e), **more)


def _factors(text: "PlaceRatios | None") -> dict[str, Any]:
    """How many times as probable as without the text."""
    if text is None:
        return {"countries": {}, "elsewhere": 1.0, "towns": []}
    towns = [
        {"latitude": town.latitude, "longitude": town.longitude, "times": 1 + town.inside + town.near}
        for town in text.towns
    ]
    return {"countries": dict(text.countries), "elsewhere": text.elsewhere, "towns": towns}


def _text_lines(told: "Why") -> list[str]:
    """What stands in the picture and what it says, a line each; kept nowhere."""
    if not told.lines:
        return [] if told.lines is None else ["In the picture stands nothing that can be read."]
    words = [f"In the picture stands: {' / '.join(told.lines)}"]
    if told.text is None:
        return [*words, "  it tells nothing of the place"]
    best = sorted(told.text.countries, key=lambda one: -one[1])[:3]
    named = ", ".join(f"{code} ×{factor:.2g}" for code, factor in best)
    towns = told.text.towns[:3]
    places = "".join(
        f", towns near {t.latitude:.2f}, {t.longitude:.2f} ×{1 + t.inside + t.near:.2g}" for t in towns
    )
    return [*words, f"  as probable as without it: {named}, others ×{told.text.elsewhere:.2g}{places}"]


def _unreadable(told: "Why") -> str | None:
    return None if told.known.error is None else f"could not be read: {told.known.error}"


def _unreadable_position(told: "Why") -> str | None:
    return None if told.known.facts is None else told.known.facts.unreadable_position


def _called(explanation: "Explanation") -> Mapping[Spot, str]:
    """What each place of an explanation is called; empty where nothing near has a name."""
    from geotagger.gazetteer.naming import names_of
    from geotagger.gazetteer.words import in_words

    e = explanation.estimate
    said: list[Estimate | Source | Candidate] = [*explanation.alone.values(), *explanation.sources]
    if e is not None:
        said += [e, *e.candidates]
    spots = list(dict.fromkeys((one.latitude, one.longitude) for one in said))
    names = names_of([lat for lat, _ in spots], [lng for _, lng in spots])
    return {
        spot: in_words(name.place, name.place_km, name.region, name.country)
        for spot, name in zip(spots, names, strict=True)
    }


def _brief(said: "Estimate") -> dict[str, Any]:
    return {
        "latitude": said.latitude,
        "longitude": said.longitude,
        "radius_km": said.radius_km,
        "confidence": said.confidence,
        "rung": said.rung,
    }


def _print(told: "Why") -> None:
    from rich.markup import escape
    from rich.table import Table

    known, explanation = told.known, told.explanation
    console = screen()
    console.print(escape(printable(known.path)))
    if told.run is not None:
        tracks = f", {len(told.tracks)} tracks" if told.tracks else ""
        console.print(f"As run {told.run.name} weighed it (model {told.run.model or 'none'}{tracks}):")
    silent = [kind.name for kind in KINDS if kind.name not in told.kinds]
    left_out = f"; left out: {', '.join(silent)}" if silent else ""
    console.print(f"Kinds of evidence listened to: {', '.join(told.kinds)}{left_out}")
    if known.rung in ("camera", "manual", "sidecar"):
        console.print(f"Its own place stands ({known.rung}). What would be said without it:")
    for line in told.disagreements:
        console.print(escape(f"Disagreement: {printable(line)}"))
    if unreadable := _unreadable(told):
        console.print(
            escape(
                f"It {printable(unreadable)}; `tag` places it nowhere. What would be said of it all the same:"
            )
        )
    if cannot := _unreadable_position(told):
        console.print(escape(f"It names a place that cannot be read ({printable(cannot)}); {_NOT_TAGGED}"))
    for line in _text_lines(told):
        console.print(escape(printable(line)))
    e = explanation.estimate
    if e is None:
        console.print(
            "Nothing tells where it was taken: no photo with a place shares its time, no model has looked "
            "at it, and no track covers it."
        )
        return
    called = _called(explanation)
    degrees = f"{e.latitude:.5f}, {e.longitude:.5f}"
    where = called[e.latitude, e.longitude]
    place = f"{where} ({degrees})" if where else degrees
    console.print(
        escape(f"{place}: within {e.radius_km:.3g} km with probability {e.confidence:.2f} ({e.rung})")
    )
    for line in e.evidence:
        console.print(escape(f"  {line}"))
    candidates = e.candidates if len(e.candidates) > 1 else ()
    if not sys.stdout.isatty():
        for name, said in explanation.alone.items():
            whose = name if name.startswith("all") else f"{name} alone"
            print(
                f"  {whose}: {_place(called, said)} within {said.radius_km:.3g} km "
                f"with probability {said.confidence:.2f}"
            )
        for one in candidates:
            print(f"  candidate {one.probability:.0%}: {_place(called, one)}")
        for source in explanation.sources[:_SOURCES]:
            print(
                f"  weight {source.share:.0%}: {source.name}, {_place(called, source)} "
                f"(scale {source.scale_km:.2g} km)"
            )
        print("\n".join(explanation.map))
        return
    table = Table("evidence alone", "place", "within", "probability", title="What each said")
    for name, said in explanation.alone.items():
        table.add_row(
            name, escape(_place(called, said)), f"{said.radius_km:.3g} km", f"{said.confidence:.2f}"
        )
    console.print(table)
    if candidates:
        leading = Table("candidate", "probability", title="The leading places")
        for one in candidates:
            leading.add_row(escape(_place(called, one)), f"{one.probability:.0%}")
        console.print(leading)
    weights = Table("source", "place", "scale", "share", title="How neighbours and habits were weighed")
    for source in explanation.sources[:_SOURCES]:
        weights.add_row(source.name, escape(_place(called, source)),
                        f"{source.scale_km:.2g} km", f"{source.share:.0%}")  # fmt: skip
    console.print(weights)
    for line in explanation.map:
        console.print(escape(line))


def _place(called: Mapping[Spot, str], at: "Estimate | Source | Candidate") -> str:
    """ "near Sitges, Catalonia (41.2345, 1.8123)", or the degrees alone where nothing near has a name."""
    degrees = f"{at.latitude:.4f}, {at.longitude:.4f}"
    words = called[at.latitude, at.longitude]
    return f"{words} ({degrees})" if words else degrees


def register(app: typer.Typer) -> None:
    app.command()(grouped(why))
