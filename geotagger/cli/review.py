"""The command `review`: a page on this machine with the photos on a map."""

import contextlib
import importlib.util
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.asking import NarrowingOptions, narrowing_query, typed_filters
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, say
from geotagger.cli.options import WritingOptions, grouped
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index import Index

_NEEDED = {"starlette": "starlette", "uvicorn": "uvicorn", "js_lib_leaflet": "django-js-lib-leaflet"}
_EXTRA = "pip install 'photo-geotagger[review]' brings them"


@ends_cleanly
def review(
    context: typer.Context,
    *,
    which: NarrowingOptions,
    writing: WritingOptions,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            metavar="N",
            min=1,
            help="Draw N estimates at random to be judged; certainties are corrected by these alone.",
        ),
    ] = None,
    basemap: Annotated[
        Path | None,
        typer.Option(
            "--basemap",
            metavar="FILE.pmtiles",
            help="A detailed map to draw under the photos; without it coasts, borders and towns.",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="The port to answer on. [default: any that is free]"
        ),
    ] = 0,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser", help="Open the page in your browser, or only tell its address."
        ),
    ] = True,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the photos on a map: confirm, move, reject, or set aside where they were placed.

    A page on this machine, for you alone: it answers on the loopback address to whoever has the token in
    the address, and asks nothing of other machines. Nothing is written into photos until you say so in
    the page; `undo` takes it back. Ctrl-C ends it. With the words of `query` only the photos that answer now
    are shown.

    Example: `geotagger review --country ES --since 2024-05`
    """
    _check_installed(basemap)
    from geotagger.index import index_exists, open_index
    from geotagger.index.search import chosen_ids
    from geotagger.web.house import House
    from geotagger.web.serving import serve

    if not index_exists(index):
        raise UsageError("there is nothing to review: there is no index; `geotagger tag` makes one")
    with open_index(index) as opened:  # an older one is brought up to date now, not at every question
        if sample is not None:
            _draw(opened, sample)
        filters = typed_filters(context, which)
        chosen = (
            None if filters is None else frozenset(chosen_ids(opened.store, narrowing_query(opened, filters)))
        )
    if chosen is not None and not chosen:
        raise UsageError("no photo of the index answers; there is nothing to review")

    def ready(address: str, opening: str) -> None:
        if as_json:
            emit({"address": address})
            # read by a program that waits for it
            print(end="", flush=True)
        else:
            print(f"Review at {address}\n(for you alone; Ctrl-C ends it)", flush=True)
        if browser:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(opening)

    serve(House(index, writing.writing, basemap, chosen), port, ready)


def _check_installed(basemap: Path | None) -> None:
    needed = dict(_NEEDED)
    if basemap is not None:
        needed["pmtiles"] = "pmtiles"
    lacking = [package for module, package in needed.items() if importlib.util.find_spec(module) is None]
    if lacking:
        raise UsageError(f"review needs {', '.join(lacking)}; {_EXTRA}")


def _draw(index: "Index", count: int) -> None:
    import random

    from geotagger.tag.sampling import correction_of

    stands = correction_of(index)
    drawn = index.samples.draw(count, random.SystemRandom(), 0 if stands is None else stands.run)
    waiting = len(index.samples.waiting())
    say(f"{drawn} estimates were drawn at random; {waiting} wait for your verdict")


def register(app: typer.Typer) -> None:
    app.command()(grouped(review))
