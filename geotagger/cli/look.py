"""`geotagger look`: the pictures' part of a run, in parts, for several machines."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geotagger.cli.common import JsonOption, emit, ends_cleanly, say, say_notes
from geotagger.cli.options import ChoiceOptions, ModelOption, NetworkOptions, grouped
from geotagger.errors import INTERRUPTED_EXIT_CODE, UsageError

if TYPE_CHECKING:
    from geotagger.look.looking import LookTally
    from geotagger.tag.listener import Progress

_PART = re.compile(r"(\d+)/(\d+)")


@ends_cleanly
def look(
    *,
    archive: Annotated[str, typer.Argument(metavar="ARCHIVE", help="The folder of photos.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the rows go, in Parquet files.")],
    model: ModelOption = None,
    part: Annotated[
        str, typer.Option("--part", metavar="I/N", help="Only the I-th of N about equal parts.")
    ] = "1/1",
    every: Annotated[
        bool, typer.Option("--all", help="Look at photos that know where they were taken, too.")
    ] = False,
    features: Annotated[
        bool,
        typer.Option("--features", help="Keep what the network sees, too, for `tag --with reference`."),
    ] = False,
    on: Annotated[
        Literal["here", "ray"],
        typer.Option("--on", help="This machine, or the Ray cluster that it is part of (docs/look.md)."),
    ] = "here",
    photos: ChoiceOptions,
    network: NetworkOptions,
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

    from geotagger.api.looking import look as looked_at
    from geotagger.cli.report import Reporter, stop_on_signal

    announced = 0

    def show(progress: "Progress") -> None:
        nonlocal announced
        say_notes(progress)
        if progress.done - announced >= 10_000:
            announced = progress.done
            say(f"{announced:,} photos of this part so far")

    with stop_on_signal(Reporter(as_json=as_json)) as stop:
        looked = looked_at(
            archive,
            out,
            model=model,
            part=int(match[1]),
            parts=int(match[2]),
            every=every,
            all_images=photos.all_images,
            exclude=photos.exclude or (),
            device=network.device,
            variant=network.variant,
            batch_size=network.batch_size,
            readers=network.readers,
            features=features,
            look_processes=network.look_processes,
            on_ray=on == "ray",
            progress=show,
            stop=stop,
        )
    say(f"{_words(looked)}; next: geotagger tag {archive} --model {looked.model} --looked {out}")
    if as_json:
        emit({"archive": archive, "out": str(out), "part": part, **asdict(looked)})
    if stop.is_set():
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    raise typer.Exit(1 if looked.unreadable or looked.folders_unread else 0)


def _words(looked: "LookTally") -> str:
    return (
        f"{looked.listed:,} photos: {looked.seen:,} looked at, {looked.kept:,} looked at before, "
        f"{looked.left_alone:,} left alone, {looked.unreadable:,} cannot be read"
        + (f"; {looked.folders_unread:,} folders cannot be read" if looked.folders_unread else "")
    )


def register(app: typer.Typer) -> None:
    app.command()(grouped(look))
