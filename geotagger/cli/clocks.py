"""The command `clocks`: the corrections of cameras' clocks that the index remembers."""

import os
from pathlib import Path
from typing import Annotated

import typer

from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, printable, say
from geotagger.errors import UsageError


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
    from geotagger.estimate.corrections import shift_in_words
    from geotagger.index.learned import CLOCKS

    if forget is not None:
        _forget(forget, index)
        return
    with open_to_ask(index) as opened:
        if opened is None:
            return
        rows = [
            (root.path, camera, shift_s)
            for root in opened.roots.all()
            for camera, shift_s in (opened.learned.get(root.id, CLOCKS) or {}).items()
        ]
    for archive, camera, shift_s in rows:
        if as_json:
            emit({"archive": archive, "camera": camera, "shift_s": shift_s})
        else:
            print(f"{shift_in_words(shift_s)}\t{printable(camera)}\t{printable(archive)}")
    if not rows:
        say("no correction of a clock is remembered")


def _forget(camera: str, index: Path | None) -> None:
    from geotagger.archive import lock
    from geotagger.index import open_index
    from geotagger.index.learned import CLOCKS, SETTLED

    def is_meant(name: str) -> bool:
        return name.casefold() == camera.casefold()

    with open_index(index) as opened:
        corrections = {root: opened.learned.get(root.id, CLOCKS) or {} for root in opened.roots.all()}
        concerned = [root for root, clocks in corrections.items() if any(map(is_meant, clocks))]
        if not concerned:
            raise UsageError(f"nothing is remembered of {camera}; `geotagger clocks` lists what is")
        with lock([root.path for root in concerned if os.path.isdir(root.path)], wait=True, waiting=say):
            for root in concerned:
                left = {name: shift for name, shift in corrections[root].items() if not is_meant(name)}
                opened.learned.put(root.id, CLOCKS, left)
                opened.learned.forget(root.id, SETTLED)


def register(app: typer.Typer) -> None:
    app.command()(clocks)
