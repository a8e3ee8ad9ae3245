"""`geotagger look`: the pictures' part of a run, in parts, for several machines."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.common import JsonOption, emit, ends_cleanly, say
from geotagger.errors import INTERRUPTED_EXIT_CODE, UsageError

if TYPE_CHECKING:
    from geotagger.look.looking import Looked

_PART = re.compile(r"(\d+)/(\d+)")


@ends_cleanly
def look(
    archive: Annotated[str, typer.Argument(metavar="ARCHIVE", help="The folder of photos.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the rows go, in Parquet files.")],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="What looks. [default: the model installed]"),
    ] = None,
    part: Annotated[
        str, typer.Option("--part", metavar="I/N", help="Only the I-th of N about equal parts.")
    ] = "1/1",
    every: Annotated[
        bool, typer.Option("--all", help="Look at photos that know where they were taken, too.")
    ] = False,
    all_images: Annotated[
        bool, typer.Option("--all-images", help="Look at screenshots, scans and graphics too.")
    ] = False,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Leave out what matches.")
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="As in `tag`.")] = "auto",
    variant: Annotated[str | None, typer.Option("--variant", metavar="VARIANT", help="As in `tag`.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", metavar="N", min=1, help="As in `tag`.")
    ] = None,
    readers: Annotated[
        int | None, typer.Option("--readers", metavar="N", min=1, help="Photos decoded at a time.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at pictures only, and keep what the network says of each for `tag --looked DIR`.

    Writes nothing into photos and knows no index, so each machine of a cluster can do a part. Stop it at any
    moment and run it again: what is there is kept.

    Example: `geotagger look ~/Photos --model rn101-5k500 --out looked --part 1/4`
    """
    match = _PART.fullmatch(part)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--part {part}: say which part of how many, such as 1/4")
    from dataclasses import asdict

    from geotagger.cli.report import Reporter, stop_on_signal
    from geotagger.engine.devices import parse_devices
    from geotagger.look.looking import LookOptions
    from geotagger.look.looking import look as run
    from geotagger.tag.network import choose_pack

    parse_devices(device)
    pack = choose_pack(model, say)
    if pack is None:
        raise UsageError("a model looks at pictures: name one with --model")
    options = LookOptions(
        part=int(match[1]),
        parts=int(match[2]),
        all=every,
        all_images=all_images,
        exclude=tuple(exclude or ()),
        device=device,
        variant=variant,
        batch_size=batch_size,
        readers=readers,
    )
    told = 0

    def advance(so_far: "Looked") -> None:
        nonlocal told
        if so_far.listed - told >= 10_000:
            told = so_far.listed
            say(_words(so_far))

    with stop_on_signal(Reporter(as_json=as_json)) as stop:
        looked = run(archive, pack, out, options, note=say, advance=advance, stop=stop)
    say(f"{_words(looked)}; next: geotagger tag {archive} --model {pack.name} --looked {out}")
    if as_json:
        emit({"archive": archive, "out": str(out), "part": part, **asdict(looked)})
    if stop.is_set():
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    raise typer.Exit(1 if looked.unreadable else 0)


def _words(looked: "Looked") -> str:
    return (
        f"{looked.listed:,} photos: {looked.seen:,} looked at, {looked.kept:,} looked at before, "
        f"{looked.left_alone:,} left alone, {looked.unreadable:,} cannot be read"
    )


def register(app: typer.Typer) -> None:
    app.command()(look)
