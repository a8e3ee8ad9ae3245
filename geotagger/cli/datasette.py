"""The command `datasette`: what Datasette needs to show an index: words on its tables, and questions."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, say
from geotagger.errors import UsageError


@ends_cleanly
def datasette(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output unless told.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that geotagger did not make.")
    ] = False,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the metadata with which Datasette shows an index: what its tables hold, and ten questions.

    The questions are those of docs/index.md, to be asked by a click. Nothing is started, and the index is not
    changed. What Datasette serves tells where you were: keep it to yourself.

    Example: `geotagger datasette --out metadata.json`, then `datasette INDEX --metadata metadata.json`
    """
    if as_json and out is None:
        raise UsageError("--json reports about the file made, so it needs --out FILE")
    with open_to_ask(index) as opened:
        if opened is None:
            raise UsageError("there is no index to describe")
        file = opened.path
    text = json.dumps(_metadata(file.stem), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    from geotagger.export.writing import write

    write([text], out, "datasette", force=force)
    if as_json:
        emit({"file": str(out), "index": str(file)})
    else:
        say(f"{out}: see the questions with `datasette {file} --metadata {out}`")


def _metadata(database: str) -> dict[str, Any]:
    from geotagger.index.questions import QUESTIONS

    return {
        "title": "Photos and where they were taken",
        "databases": {
            database: {
                "tables": {name: {"description": description} for name, description in _TABLES.items()},
                "queries": {name: {"title": title, "sql": sql} for name, title, sql in QUESTIONS},
            }
        },
    }


_TABLES = {
    "positions": "The photos that are there, each with the position that counts.",
    "photos_without_place": "The photos that are there and have no position at all.",
    "photos": "One row a file, and its facts.",
    "estimates": "All positions of photos, one on each rung of the ladder; `current` is the one that counts.",
    "candidates": "The leading places of an estimate.",
    "runs": "What was done, when, and how it ended.",
    "journal": "What was written into which photo, for undo.",
}


def register(app: typer.Typer) -> None:
    app.command("datasette")(datasette)
