"""The command `roots`: the archives that the index knows, and which of them help each other."""

import os
from pathlib import Path
from typing import Annotated

import typer

from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, printable, say
from geotagger.errors import UsageError


@ends_cleanly
def roots(
    part: Annotated[
        str | None,
        typer.Option("--part", metavar="DIR", help="From now on this archive helps no other one."),
    ] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the archives that the index knows, and those that they are joined with.

    Archives that are named in one `tag` help each other in that run; those joined by `tag --with-root` in
    every later one, also while they are not mounted. What a parted archive helped to place stays in the
    photos.

    Example: `geotagger roots --part /media/partner`
    """
    if part is not None:
        _part(part, index)
        return
    with open_to_ask(index) as opened:
        if opened is None:
            return
        all_roots = opened.roots.all()
        photos = {root.id: opened.photos.count(root.id) for root in all_roots}
        joined = {root.id: opened.roots.company_of([root.id])[1:] for root in all_roots}
    paths = {root.id: root.path for root in all_roots}
    for root in all_roots:
        others = [paths[other] for other in joined[root.id]]
        if as_json:
            there = os.path.isdir(root.path)
            emit({"archive": root.path, "photos": photos[root.id], "mounted": there, "joined_with": others})
        else:
            company = f"\tjoined with {', '.join(map(printable, others))}" if others else ""
            print(f"{photos[root.id]:,} photos\t{printable(root.path)}{company}")
    if not all_roots:
        say("no archive is known yet")


def _part(folder: str, index: Path | None) -> None:
    from geotagger.index import open_index

    with open_index(index) as opened:
        path = os.path.realpath(folder)
        root = next((one for one in opened.roots.all() if one.path == path), None)
        if root is None:
            raise UsageError(f"{folder} is no archive of the index; `geotagger roots` lists them")
        joined = opened.roots.part(root)
    others = f"{joined} archive" + ("" if joined == 1 else "s")
    say(f"{folder}: was joined with {others}, and helps no other one now")


def register(app: typer.Typer) -> None:
    app.command()(roots)
