"""Which kinds of evidence are listened to: `--with`, `--without`, and older flags that say the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from geotagger.cli.options import EVIDENCE
from geotagger.errors import UsageError
from geotagger.estimate.kinds.table import BY_DEFAULT, KINDS

_ALL = ", ".join(kind.name for kind in KINDS)


@dataclass(frozen=True)
class ListeningOptions:
    """What is listened to."""

    panel: ClassVar = EVIDENCE
    common: ClassVar = ("track",)

    track: Annotated[
        list[Path] | None,
        typer.Option(
            "--track",
            metavar="PATH",
            help="GPX, KML, NMEA, FIT, TCX, IGC, DJI's SRT, Google's JSON; `tag` remembers it.",
        ),
    ] = None
    with_kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="KIND", help=f"Listen to a kind of evidence, too; may be repeated: {_ALL}."
        ),
    ] = None
    without_kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="KIND",
            help="Leave a kind of evidence out, as --with names them; repeatable.",
        ),
    ] = None

    @property
    def flags(self) -> "dict[str, tuple[str, bool]]":
        """Older flags that were given, by the name of their parameter: the kind that each is about, and
        whether it adds it."""
        return {}


@dataclass(frozen=True)
class EvidenceOptions(ListeningOptions):
    """The same, with what a whole run is told of clocks, and older flags."""

    clock: Annotated[
        list[str] | None,
        typer.Option(
            "--clock",
            metavar="CAMERA=+1h03m",
            help="What to add to the clock of a camera, or of a track by the name of its file; later runs "
            "remember it, see `clocks`.",
        ),
    ] = None
    reference: Annotated[
        bool,
        typer.Option(
            "--reference",
            help="Compare pictures with your own geotagged ones, looked at once. On if the pack asks for it.",
        ),
    ] = False
    no_habits: Annotated[
        bool, typer.Option("--no-habits", help="Leave out the places that this archive visits.")
    ] = False
    no_time_zone: Annotated[
        bool, typer.Option("--no-time-zone", help="Leave out what the UTC offset tells of the place.")
    ] = False
    no_sequence: Annotated[bool, typer.Option("--no-sequence", help="Look at each picture alone.")] = False

    @property
    def flags(self) -> "dict[str, tuple[str, bool]]":
        given = {
            "no_habits": ("habits", False, self.no_habits),
            "no_time_zone": ("time-zone", False, self.no_time_zone),
            "reference": ("reference", True, self.reference),
            "no_sequence": ("sequence", False, self.no_sequence),
        }
        return {name: (kind, adds) for name, (kind, adds, is_given) in given.items() if is_given}


NO_MODEL = "none"


@dataclass(frozen=True)
class Listening:
    """`kinds` that are listened to, in the order of the table, and the model that goes with them.
    `reference_by_pack`: nothing was said of the owner's photos as reference, so the model's pack decides."""

    kinds: tuple[str, ...]
    model: str | None
    reference_by_pack: bool = False


def listening(
    context: typer.Context, options: ListeningOptions, model: str | None, start: Sequence[str] = BY_DEFAULT
) -> Listening:
    """From what was said. What is typed goes before what the settings say; UsageError for kinds that are not
    known and for words that contradict each other."""
    said: dict[bool, dict[str, bool]] = {True: {}, False: {}}

    def take(kind: str, adds: bool, parameter: str) -> None:
        if kind not in (one.name for one in KINDS):
            option = "--with" if adds else "--without"
            raise UsageError(f"{option} {kind}: there is no such kind of evidence; there are: {_ALL}")
        words = said[_is_typed(context, parameter)]
        if words.setdefault(kind, adds) is not adds:
            raise UsageError(f"{kind} is asked for and left out at once; say --with or --without, not both")

    for kind in options.with_kinds or ():
        take(kind, True, "with_kinds")
    for kind in options.without_kinds or ():
        take(kind, False, "without_kinds")
    for parameter, (kind, adds) in options.flags.items():
        take(kind, adds, parameter)
    if model is not None:
        pictures = said[_is_typed(context, "model")].setdefault("pictures", model != NO_MODEL)
        if pictures and model == NO_MODEL:
            raise UsageError("--with pictures needs a model to look at them; --model none has none")
    words = {**said[False], **said[True]}
    kinds = tuple(kind.name for kind in KINDS if words.get(kind.name, kind.name in start))
    if "pictures" not in kinds:
        return Listening(kinds, NO_MODEL)
    return Listening(kinds, None if model == NO_MODEL else model, "reference" not in words)


def _is_typed(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"
