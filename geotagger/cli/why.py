"""`geotagger why`: the evidence behind one photo's place."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, photo_record, printable, screen
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.estimate.explain import Explanation
    from geotagger.estimate.values import Estimate
    from geotagger.index import Index
    from geotagger.index.photos import Known

_SOURCES = 8


@ends_cleanly
def why(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="A photo that the index knows.")],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="Whose view of pictures counts; none: nobody's."),
    ] = None,
    within: Annotated[
        float, typer.Option("--within", metavar="KM", min=0.001, help="The largest radius.")
    ] = 25.0,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain where a photo was placed: what each kind of evidence said, and how it was weighed.

    Works from the index, so tag the archive first. Nothing is written.

    Example: `geotagger why IMG_0042.jpg`
    """
    from geotagger.index import open_index

    path = os.path.realpath(photo)
    with open_index(index, mode="read") as opened:
        known = opened.photos.find(path)
        if known is None:
            raise UsageError(f"{photo}: the index does not know it; run `geotagger tag` on its folder first")
        explanation = _explained(opened, known, model, within)
    if as_json:
        emit(_record(known, explanation))
        return
    _print(known, explanation)


def _explained(index: "Index", asked: "Known", model: str | None, within: float) -> "Explanation":
    from geotagger.cli.common import say
    from geotagger.estimate.calibration import KEY, Calibration
    from geotagger.estimate.explain import explain
    from geotagger.estimate.movement import learn_movement
    from geotagger.estimate.outing import Options, outings
    from geotagger.tag.network import choose_pack

    pack = choose_pack(model, say)
    # the index is open for reading: a model it has not met cannot be entered, and has said nothing
    met = None if pack is None else index.store.row("select id from models where digest = ?", (pack.digest,))
    model_id = None if met is None else int(met[0])
    if pack is not None and met is None:
        say(f"{pack.name} has not looked at this archive yet; `geotagger tag --model {pack.name}` lets it")
    photos = sorted(
        index.photos.in_time(asked.root_id, model_id), key=lambda known: (known.utc is None, known.utc or 0.0)
    )
    observations = [_observation(known) for known in photos]
    fixes = index.photos.fixes(asked.root_id)
    movement = learn_movement(
        fixes.utc, fixes.latitude, fixes.longitude, [fixes.cameras[int(n)] or None for n in fixes.camera]
    )
    stored = index.learned.get(asked.root_id, KEY)
    if stored:
        movement = Calibration.from_dict(stored).applied_to(movement)
    at = next(n for n, known in enumerate(photos) if known.id == asked.id)
    part = next(part for part in outings([o.utc for o in observations]) if part.start <= at < part.stop)
    before = next((o for o in reversed(observations[: part.start]) if o.fix and o.utc is not None), None)
    after = next((o for o in observations[part.stop :] if o.fix and o.utc is not None), None)
    table = None if pack is None else pack.cells
    return explain(
        observations[part], at - part.start, before, after, movement, table, Options(within_km=within)
    )


def _observation(known: "Known") -> Any:
    from geotagger.estimate.values import Fix, Observation

    fix = None
    if (
        known.rung in ("camera", "manual", "sidecar")
        and known.latitude is not None
        and known.longitude is not None
    ):
        fix = Fix(known.latitude, known.longitude, known.radius_km or 0.01, known.rung)
    facts = known.facts
    offset = facts.taken.offset if facts is not None and facts.taken is not None else None
    return Observation(
        known.id,
        known.utc,
        None if facts is None else facts.camera,
        fix,
        known.posterior if facts is not None and not facts.not_a_photo else None,
        known.utc_error_s,
        None if offset is None else offset.total_seconds(),
    )


def _record(known: "Known", explanation: "Explanation") -> dict[str, Any]:
    from dataclasses import asdict

    e = explanation.estimate
    more: dict[str, Any] = {
        "evidence": [] if e is None else list(e.evidence),
        "alone": {name: _brief(said) for name, said in explanation.alone.items()},
        "sources": [asdict(source) for source in explanation.sources],
        "stands": known.rung,
    }
    if e is None:
        return photo_record(known.path, "skipped", "nothing tells where", **more)
    return photo_record(known.path, "indexed", cell=e.cell or None, **_brief(e), **more)


def _brief(said: "Estimate") -> dict[str, Any]:
    return {
        "latitude": said.latitude,
        "longitude": said.longitude,
        "radius_km": said.radius_km,
        "confidence": said.confidence,
        "rung": said.rung,
    }


def _print(known: "Known", explanation: "Explanation") -> None:
    from rich.markup import escape
    from rich.table import Table

    console = screen()
    console.print(escape(printable(known.path)))
    if known.rung in ("camera", "manual", "sidecar"):
        console.print(f"Its own place stands ({known.rung}). What would be said without it:")
    e = explanation.estimate
    if e is None:
        console.print(
            "Nothing tells where it was taken: no photo with a place shares its time, no model has looked "
            "at it, and no track covers it."
        )
        return
    console.print(
        f"{e.latitude:.5f}, {e.longitude:.5f}: within {e.radius_km:.3g} km with probability "
        f"{e.confidence:.2f} ({e.rung})"
    )
    for line in e.evidence:
        console.print(f"  {line}")
    if not sys.stdout.isatty():
        for name, said in explanation.alone.items():
            print(
                f"  {name} alone: {said.latitude:.5f}, {said.longitude:.5f} within {said.radius_km:.3g} km "
                f"with probability {said.confidence:.2f}"
            )
        for source in explanation.sources[:_SOURCES]:
            where = f"{source.latitude:.4f}, {source.longitude:.4f}"
            print(f"  weight {source.share:.0%}: {source.name} ({where}, scale {source.scale_km:.2g} km)")
        print("\n".join(explanation.map))
        return
    table = Table("evidence alone", "place", "within", "probability", title="What each said")
    for name, said in explanation.alone.items():
        table.add_row(name, f"{said.latitude:.4f}, {said.longitude:.4f}", f"{said.radius_km:.3g} km",
                      f"{said.confidence:.2f}")  # fmt: skip
    console.print(table)
    weights = Table("source", "place", "scale", "share", title="How neighbours and habits were weighed")
    for source in explanation.sources[:_SOURCES]:
        weights.add_row(source.name, f"{source.latitude:.4f}, {source.longitude:.4f}",
                        f"{source.scale_km:.2g} km", f"{source.share:.0%}")  # fmt: skip
    console.print(weights)
    for line in explanation.map:
        console.print(escape(line))


def register(app: typer.Typer) -> None:
    app.command()(why)
