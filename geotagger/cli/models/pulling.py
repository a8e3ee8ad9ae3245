"""`geotagger models pull`: fetching a published model, with what it costs said before."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.common import JsonOption, emit, ends_cleanly, printable, say, two_digits
from geotagger.cli.models.listing import (
    CatalogueOption,
    ForceOption,
    costs,
    pack_record,
    size_text,
)
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from geotagger.model.catalogue import PublishedModel
    from geotagger.model.download import Progress
    from geotagger.model.fetching import Places
    from geotagger.model.gallery import Gallery


@ends_cleanly
def pull_model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="The name of a model in the catalogue.")],
    precision: Annotated[
        str | None,
        typer.Option("--precision", metavar="int8|fp16|fp32", help="Of the network; int8 suits processors."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Take the files from this folder; no network is used. Those of `text` also from the "
            "address of one, http:// or https://.",
        ),
    ] = None,
    force: ForceOption = False,
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetches a published model and installs it. A broken download goes on where it broke off. The name
    `text` fetches what reads text in pictures (`tag --with text`), 31 MB, Apache-2.0.

    Example: `geotagger models pull geoclip`
    """
    from geotagger.engine.checking import check_answers
    from geotagger.model.catalogue import published_model, read_catalogue
    from geotagger.model.fetching import Places
    from geotagger.model.gallery import check_columns
    from geotagger.model.importing import pull
    from geotagger.model.pack import GALLERY, MANIFEST, load_pack, models_folder
    from geotagger.text.pulling import is_address

    if name == "text":
        _pull_text(source, as_json)
        return
    if is_address(source):
        raise UsageError(f"--from {source}: a folder is wanted; HF_ENDPOINT names another server")
    model = published_model(name, read_catalogue(catalogue))
    model.files_in(precision)
    installed = models_folder() / name
    if os.path.isfile(installed / MANIFEST) and not force:
        pack, status = load_pack(installed), "kept"
        say(f"{name} is installed already in {installed}; --force fetches it again")
    else:
        with _progress() as progress:
            places = Places(folder=None if source is None else Path(source), progress=progress)
            _say_costs(model, precision, places)
            pack = pull(model, places, embed=_embed, precision=precision, replace=force, check=check_answers)
        status = "installed"
        say(f"{name} is installed in {installed}")
        if pack.gallery is not None and (doubt := check_columns(pack.gallery, installed / GALLERY)):
            say(doubt)
    if as_json:
        emit(pack_record(pack, model) | {"status": status})


def _pull_text(source: str | None, as_json: bool) -> None:
    from geotagger.model.fetching import Places
    from geotagger.text.pulling import pull_networks

    say("text: PP-OCRv6 small of PaddleOCR, Apache-2.0, 31 MB; it needs the package py3langid as well")
    with _progress() as progress:
        installed = pull_networks(source, Places().downloads_folder, progress)
    say(f"text is installed in {installed}")
    if as_json:
        emit({"name": "text", "folder": str(installed), "status": "installed"})


def _say_costs(model: "PublishedModel", precision: str | None, places: "Places") -> None:
    """Before anything is fetched: what it takes and what it gives."""
    from geotagger.model.fetching import still_to_fetch

    needs = costs(model, precision)
    say(f"licence of {model.name}: {model.licence}")
    if model.advice.caution:
        say(f"{model.name}: {model.advice.caution}")
    parts = []
    if to_fetch := still_to_fetch(model, precision, places):
        parts.append(f"{size_text(to_fetch)} to fetch")
    if needs["disk_bytes"]:
        parts.append(f"{size_text(needs['disk_bytes'])} of disk")
    if needs["memory_bytes"]:
        parts.append(f"about {size_text(needs['memory_bytes'])} of memory while it runs")
    if needs["photos_per_second"]:
        parts.append(f"about {two_digits(needs['photos_per_second'])} photos a second here")
    if parts:
        say(f"{model.name} in {needs['precision']}: {', '.join(parts)}")


def _embed(encoder: Path, gallery: "Gallery") -> "NDArray[np.float32]":
    from geotagger.engine.encoding import PlaceEncoder

    say(f"embedding {len(gallery):,} places, once")
    return PlaceEncoder(encoder).embed(gallery.lat, gallery.lng)


@contextmanager
def _progress() -> "Iterator[Callable[[str], Progress]]":
    """A bar for each file on a terminal; elsewhere a line when it begins."""
    if not sys.stderr.isatty():

        def one_line(address: str) -> "Progress":
            say(f"fetching {address}")
            return lambda done, whole: None  # noqa: ARG005

        yield one_line
        return
    from rich import progress
    from rich.console import Console

    with progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bars:

        def a_bar(address: str) -> "Progress":
            task = bars.add_task(printable(address.rsplit("/", 1)[-1]), total=None)
            return lambda done, whole: bars.update(task, completed=done, total=whole)

        yield a_bar
