"""The command `clocks`: the corrections of cameras' clocks that the index remembers."""

from typing import Annotated

import typer

from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import (
    IndexOption,
    JsonOption,
    emit,
    ends_cleanly,
    pointing_to,
    printable,
    say,
    say_notes,
)


@ends_cleanly
def clocks(
    forget: Annotated[
        str | None, typer.Option("--forget", metavar="CAMERA", help="Forget what was told of this camera.")
    ] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what `tag --clock` was told of cameras' clocks, which later runs remember, or forget it.

    After something was forgotten, the next `tag` reads the times anew and thinks over what it has not
    written into photos.

    Example: `geotagger clocks --forget "Canon EOS 5D"`
    """
    from geotagger.api import remembered
    from geotagger.estimate.corrections import shift_in_words

    if forget is not None:
        with pointing_to("`geotagger clocks` lists what is"):
            remembered.forget_clock(forget, index=index, progress=say_notes)
        return
    with open_to_ask(index) as opened:
        if opened is None:
            return
        corrections = remembered.clocks(index=opened)
    for one in corrections:
        if as_json:
            emit({"archive": one.archive, "camera": one.camera, "shift_s": one.shift_s})
        else:
            print(f"{shift_in_words(one.shift_s)}\t{printable(one.camera)}\t{printable(one.archive)}")
    if not corrections:
        say("no correction of a clock is remembered")


def register(app: typer.Typer) -> None:
    app.command()(clocks)
