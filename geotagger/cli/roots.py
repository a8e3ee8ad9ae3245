"""The command `roots`: the archives that the index knows, and which of them help each other."""

from typing import Annotated

import typer

from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, pointing_to, printable, say


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
    from geotagger.api import remembered

    if part is not None:
        with pointing_to("`geotagger roots` lists them"):
            joined = remembered.part_root(part, index=index)
        others = f"{joined} archive" + ("" if joined == 1 else "s")
        say(f"{part}: was joined with {others}, and helps no other one now")
        return
    with open_to_ask(index) as opened:
        if opened is None:
            return
        archives = remembered.roots(index=opened)
    for archive in archives:
        if as_json:
            emit(
                {
                    "archive": archive.path,
                    "photos": archive.photos,
                    "mounted": archive.is_mounted,
                    "joined_with": archive.joined_with,
                }
            )
        else:
            others = ", ".join(map(printable, archive.joined_with))
            joined_with = f"\tjoined with {others}" if others else ""
            print(f"{archive.photos:,} photos\t{printable(archive.path)}{joined_with}")
    if not archives:
        say("no archive is known yet")


def register(app: typer.Typer) -> None:
    app.command()(roots)
