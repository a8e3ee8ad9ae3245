"""The commands. Each module of this package parses, calls rooms, and renders; no logic lives here."""

import errno
import functools
import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command

from geotagger import __version__
from geotagger.cli import (
    clocks,
    datasette,
    evaluate,
    export,
    handoff,
    look,
    models,
    placing,
    query,
    review,
    roots,
    saved,
    settings,
    status,
    tag,
    tracks,
    train,
    undo,
    why,
)
from geotagger.cli.common import ends_cleanly, escape_what_output_lacks, open_closed_streams, say, stop_output
from geotagger.cli.wording import PlainGroup, hide_types
from geotagger.errors import UsageError

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
_SOUTHERN_PLACE = re.compile(r"-\d+(\.\d*)?,\s*[-+]?\d")


@functools.cache
def build() -> TyperGroup:
    """The whole command tree."""
    app = typer.Typer(
        name="geotagger",
        cls=PlainGroup,
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        help="Finds out where your photos were taken, writes it into them without harm, and remembers it.",
    )

    @app.callback()
    def about(
        version: Annotated[
            bool,
            typer.Option("--version", is_eager=True, callback=_say_version, help="Say the version and end."),
        ] = False,
    ) -> None: ...

    commands = (tag, placing, saved, query, export, status, undo, clocks, tracks, roots, evaluate, why)
    for module in (*commands, datasette, review, handoff, look, models, train):
        module.register(app)
    tree = get_command(app)
    assert isinstance(tree, TyperGroup)
    hide_types(tree)
    return tree


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code."""
    open_closed_streams()
    escape_what_output_lacks()
    _keep_warnings_to_ourselves()
    command = build()
    try:
        defaults = settings.default_map(command, os.environ)
    except UsageError as error:
        defaults = {}
        _refuse_to_run(command, error)
    words = sys.argv[1:] if arguments is None else arguments
    # "-33.8,151.2" is a place in the south, not an option; a leading space tells the parser so
    try:
        command([f" {word}" if _SOUTHERN_PLACE.match(word) else word for word in words], default_map=defaults)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            # the help's reader went away (`| head`), as that of any other output may (ends_cleanly)
            stop_output()
            end.code = 0
        _end_beside_a_runtime(end)
        raise
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        stop_output()
        say(f"standard output cannot be written ({error.strerror})")
        sys.exit(1)


def _keep_warnings_to_ourselves() -> None:
    """What numpy and other libraries warn of is meant for programmers. `python -W` shows it. The variable is
    for processes that are started."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")


def _end_beside_a_runtime(end: SystemExit) -> None:
    """At once, where a runtime is still at work on what was given up: it would crash in what Python does at
    its end, and the exit code would be lost."""
    waiting = sys.modules.get("geotagger.engine.waiting")
    if waiting is not None and waiting.is_waited_for():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"geotagger {__version__}")
        raise typer.Exit


def _refuse_to_run(group: TyperGroup, error: UsageError) -> None:
    """Every command ends with the error; its help can still be read."""

    @ends_cleanly
    def refuse(**_: object) -> None:
        raise error

    for command in group.commands.values():
        if isinstance(command, TyperGroup):
            _refuse_to_run(command, error)
        else:
            command.callback = refuse
