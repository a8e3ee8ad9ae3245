"""What all commands share: the options they repeat, how they end, and how they speak.

A command module imports the rooms it calls inside its functions, so that `--help` starts
without numpy, SQLite or a model runtime.
"""

import functools
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

from geotagger.errors import (
    INTERRUPTED_EXIT_CODE,
    DamagedIndexWarning,
    GeotaggerError,
    IndexUnusableError,
    UsageError,
)

if TYPE_CHECKING:
    from rich.console import Console

    from geotagger.index import Index
    from geotagger.tag.listener import Progress

P = ParamSpec("P")
R = TypeVar("R")

IndexOption = Annotated[
    Path | None,
    typer.Option("--index", metavar="FILE", help="The index to use instead of your own."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, nothing else.")]


_OF_DAMAGE = (
    *(ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError),
    RecursionError,
)
"""What a row of the index raises that nobody wrote, where none foresaw it."""


def ends_cleanly(command: Callable[P, R]) -> Callable[P, R]:
    """Turns an error of ours into one line on standard error and its exit code, Ctrl-C into 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _heard_of_damage() as damage:
            try:
                result = command(*args, **kwargs)
                _name_damage(damage, 0)
                return result
            except typer.Exit as end:
                _name_damage(damage, end.exit_code)
                raise
            except GeotaggerError as error:
                _say_damage(damage)
                fail(str(error), error.exit_code)
            except KeyboardInterrupt:
                fail("interrupted; what was finished is kept", INTERRUPTED_EXIT_CODE)
            except BrokenPipeError:
                # the reader of our output went away (`| head`); nothing is wrong, and a flush at
                # exit would only complain again
                stop_output()
                raise typer.Exit(0) from None
            except _OF_DAMAGE:
                damaged = _damaged_rows()
                if not damaged:
                    raise
                for line in damaged[:-1]:
                    say(line)
                fail(f"{damaged[-1]}; nothing more could be done", IndexUnusableError.exit_code)
            except (MemoryError, RuntimeError, ImportError) as error:
                _fail_for_memory(error)

    return run


def _fail_for_memory(error: Exception) -> NoReturn:
    """The error again where it is of something else."""
    from geotagger.engine.memory import free_in_words, is_of_memory

    if not is_of_memory(error):
        raise error
    fail(f"not enough memory to go on; {free_in_words()}; what was finished is kept", 1)


@contextmanager
def _heard_of_damage() -> Iterator[dict[str, None]]:
    """Lines about rows of an index that the command passes over, each once, as they come."""
    lines: dict[str, None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("always", DamagedIndexWarning)
        show = warnings.showwarning

        def hear(message: Warning | str, category: type[Warning], *more: Any, **details: Any) -> None:
            if issubclass(category, DamagedIndexWarning):
                lines[str(message)] = None
            else:
                show(message, category, *more, **details)

        warnings.showwarning = hear
        yield lines


def _name_damage(lines: dict[str, None], exit_code: int) -> None:
    """Ends with 1 what would end with 0, though rows of the index had to be passed over; they are named."""
    if _say_damage(lines) and exit_code == 0:
        raise typer.Exit(1)


def _say_damage(lines: dict[str, None]) -> bool:
    """Whether there was something to say; it is said once."""
    told = list(lines)
    lines.clear()
    for line in told:
        say(line)
    return bool(told)


def _damaged_rows() -> list[str]:
    """What an index that was open holds and nobody can have meant; none where no index was open."""
    if "geotagger.index.store" not in sys.modules:
        return []
    from geotagger.index.soundness import damaged_rows

    return damaged_rows()


def check_training() -> None:
    """UsageError where Python finds another `training` than geotagger's own: a folder of that name in the
    current directory goes before it when geotagger is started as `python -m geotagger`."""
    import importlib.util

    own = Path(__file__).parents[2] / "training" / "__init__.py"
    spec = importlib.util.find_spec("training")
    origin = Path(spec.origin) if spec and spec.origin else None
    if origin is None or not origin.exists() or not origin.samefile(own):
        stranger = (
            origin.parent if origin and origin.name == "__init__.py" else origin or "another `training`"
        )
        raise UsageError(
            f"{stranger}: is found in place of geotagger's own folder `training`; start geotagger from "
            "another directory, or by the command `geotagger`"
        )


def open_closed_streams() -> None:
    """Where a parent closed standard output or error (`>&-`), what is said goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def escape_what_output_lacks() -> None:
    """Letters that the encoding of standard output has no bytes for are escaped (`\\u017c`) instead of ending
    the command. JSON holds no other letters than ASCII's, and bytes of paths are written as they are."""
    # under LC_ALL=POSIX Python lets through what it cannot read, and nothing else that ASCII lacks
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")


def stop_output() -> None:
    """Sends what standard output still holds nowhere, so that no flush complains at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(message: str, exit_code: int) -> NoReturn:
    say(message)
    raise typer.Exit(exit_code)


def say(message: str) -> None:
    """One plain line to standard error, whatever bytes a file name in it may hold."""
    print(f"geotagger: {printable(message)}", file=sys.stderr, flush=True)


def say_notes(progress: "Progress") -> None:
    """The lines for the owner, of a function that has nothing else to show."""
    if progress.note is not None:
        say(progress.note)


@contextmanager
def pointing_to(way: str) -> Iterator[None]:
    """What a command's library says is wrong with a wish, and the command that helps on."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{error}; {way}") from None


def say_cut_off(index: "Index") -> None:
    """A word on runs that were cut off, from commands that only look."""
    for line in index.runs.lines_on_cut_off():
        say(line)


def two_digits(number: float) -> str:
    """As exact as measured rates and factors are, and never as a power of ten."""
    return f"{Decimal(f'{number:.2g}'):f}" if number < 99.5 else f"{number:,.0f}"


def printable(text: str) -> str:
    """Text that any terminal can take: undecodable bytes of file names and control characters
    are shown as escapes."""
    if text.isprintable():
        return text
    encoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in encoded)


def emit(record: dict[str, Any]) -> None:
    """One JSON object on a line of standard output, pure ASCII, so that names which are not
    UTF-8 survive (as lone surrogates, Python's `surrogateescape`)."""
    sys.stdout.write(json.dumps(record, ensure_ascii=True, allow_nan=False) + "\n")


def photo_record(
    path: str,
    status: str,
    reason: str | None = None,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    radius_km: float | None = None,
    confidence: float | None = None,
    rung: str | None = None,
    cell: str | None = None,
    model: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The fields that every command promises for a photo; null where unknown."""
    return {
        "path": path,
        "status": status,
        "reason": reason,
        "latitude": latitude,
        "longitude": longitude,
        "radius_km": radius_km,
        "confidence": confidence,
        "rung": rung,
        "cell": cell,
        "model": model,
        **more,
    }


def write_whole(pieces: Iterable[str | bytes]) -> None:
    """What programs read, to standard output, every byte as it is; to a terminal with the control characters
    of names and of words out of photos as escapes, for a terminal obeys them."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.writelines(
            piece if isinstance(piece, bytes) else piece.encode() for piece in pieces
        )
        sys.stdout.buffer.flush()
        return
    for piece in pieces:
        text = os.fsdecode(piece)
        sys.stdout.write(_printable_lines(text.replace("\r\n", "\n")))
    sys.stdout.flush()


def screen() -> "Console":
    """The console for tables people read: standard output, as wide as the terminal. It shows control
    characters as escapes, wherever they come from."""
    from rich.console import Console
    from rich.segment import Segment

    class Screen(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                is_plain = segment.control or segment.text == "\n" or segment.text.isprintable()
                yield segment if is_plain else segment._replace(text=_printable_lines(segment.text))

    return Screen(highlight=False, emoji=False, soft_wrap=not sys.stdout.isatty())


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
