"""Which kinds of evidence are listened to: `--with`, `--without`, and older flags that say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from geotagger.errors import UsageError
from geotagger.estimate.kinds.table import BY_DEFAULT, KINDS

_ALL = ", ".join(kind.name for kind in KINDS)

WithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="KIND", help=f"Listen to a kind of evidence, too; may be repeated: {_ALL}."
    ),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without", metavar="KIND", help="Leave a kind of evidence out, as --with names them; repeatable."
    ),
]

NO_MODEL = "none"


@dataclass(frozen=True)
class Listening:
    """`kinds` that are listened to, in the order of the table, and the model that goes with them."""

    kinds: tuple[str, ...]
    model: str | None


def listening(
    context: typer.Context,
    added: Sequence[str] | None,
    left_out: Sequence[str] | None,
    model: str | None,
    *,
    flags: Mapping[str, tuple[str, bool]] | None = None,
    start: Sequence[str] = BY_DEFAULT,
) -> Listening:
    """From what was said. `flags`: older flags that were given, by the name of their parameter: the kind that
    each is about, and whether it adds it. What is typed goes before what the settings say; UsageError for
    kinds that are not known and for words that contradict each other."""
    said: dict[bool, dict[str, bool]] = {True: {}, False: {}}

    def take(kind: str, adds: bool, parameter: str) -> None:
        if kind not in (one.name for one in KINDS):
            option = "--with" if adds else "--without"
            raise UsageError(f"{option} {kind}: there is no such kind of evidence; there are: {_ALL}")
        words = said[_is_typed(context, parameter)]
        if words.setdefault(kind, adds) is not adds:
            raise UsageError(f"{kind} is asked for and left out at once; say --with or --without, not both")

    for kind in added or ():
        take(kind, True, "with_kinds")
    for kind in left_out or ():
        take(kind, False, "without_kinds")
    for parameter, (kind, adds) in (flags or {}).items():
        take(kind, adds, parameter)
    if model is not None:
        pictures = said[_is_typed(context, "model")].setdefault("pictures", model != NO_MODEL)
        if pictures and model == NO_MODEL:
            raise UsageError("--with pictures needs a model to look at them; --model none has none")
    words = {**said[False], **said[True]}
    kinds = tuple(kind.name for kind in KINDS if words.get(kind.name, kind.name in start))
    if "pictures" not in kinds:
        return Listening(kinds, NO_MODEL)
    return Listening(kinds, None if model == NO_MODEL else model)


def older_flags(*, no_habits: bool, no_time_zone: bool, reference: bool) -> dict[str, tuple[str, bool]]:
    """Those that were given, for `listening`."""
    given = {
        "no_habits": ("habits", False, no_habits),
        "no_time_zone": ("time-zone", False, no_time_zone),
        "reference": ("reference", True, reference),
    }
    return {name: (kind, adds) for name, (kind, adds, is_given) in given.items() if is_given}


def _is_typed(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"
