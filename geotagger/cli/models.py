"""`geotagger models`: which models there are, what they are, fetching and importing them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from geotagger.cli import quantize
from geotagger.cli.common import JsonOption, emit, ends_cleanly, printable, say, screen
from geotagger.errors import ModelNotInstalledError, PackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from geotagger.model.catalogue import PublishedModel
    from geotagger.model.download import Progress
    from geotagger.model.manifest import Accuracy
    from geotagger.model.pack import ModelPack

CatalogueOption = Annotated[
    Path | None,
    typer.Option("--catalogue", metavar="FILE", help="A catalogue to use instead of the shipped one."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace a pack of this name that is installed already.")
]

_SUSPECT = "leaf cells, heaps of photos with one default coordinate"


def register(app: typer.Typer) -> None:
    models = typer.Typer(
        no_args_is_help=True,
        help="The models that recognise places: which are installed, which can be had.",
    )
    models.command("list")(list_models)
    models.command("show")(show_model)
    models.command("pull")(pull_model)
    models.command("import")(import_model)
    quantize.register(models)
    app.add_typer(models, name="models")


@ends_cleanly
def list_models(catalogue: CatalogueOption = None, as_json: JsonOption = False) -> None:
    """The installed models, and those of the catalogue that can be pulled.

    Example: `geotagger models list --json`
    """
    from geotagger.model.catalogue import read_catalogue
    from geotagger.model.pack import installed_packs, load_pack

    records: list[dict[str, Any]] = []
    for folder in installed_packs():
        try:
            records.append(_pack_record(load_pack(folder)) | {"name": folder.name})
        except PackError as error:
            records.append(_record(folder.name, "damaged", folder=str(folder), reason=str(error)))
    have = {record["name"] for record in records}
    records += [_published_record(m) for name, m in read_catalogue(catalogue).items() if name not in have]
    if as_json:
        for record in records:
            emit(record)
        return
    _table_of_models(records)
    for record in records:
        if record["status"] == "damaged":
            say(record["reason"])


@ends_cleanly
def show_model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name, or the folder of a pack.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file of the pack and compare its checksum.")
    ] = False,
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a model is: where it comes from, its licence, how accurate it was published to be.

    Example: `geotagger models show rn101-5k500 --verify`
    """
    from geotagger.model.catalogue import read_catalogue
    from geotagger.model.pack import find_pack, verify_pack

    try:
        pack = find_pack(name)
    except ModelNotInstalledError:
        published = read_catalogue(catalogue).get(name)
        if published is None or verify:
            raise
        record, accuracy = _published_record(published), published.accuracy
    else:
        if verify:
            verify_pack(pack)
        record, accuracy = _pack_record(pack, verified=verify), pack.manifest.accuracy
    if as_json:
        emit(record)
    else:
        _page_of_model(record, accuracy)


@ends_cleanly
def pull_model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="The name of a model in the catalogue.")],
    force: ForceOption = False,
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetches a published model and installs it. A broken download goes on where it broke off.

    Example: `geotagger models pull rn101-5k500`
    """
    from geotagger.model.catalogue import published_model, read_catalogue
    from geotagger.model.importing import pull
    from geotagger.model.pack import MANIFEST, load_pack, models_folder

    model = published_model(name, read_catalogue(catalogue))
    folder = models_folder() / name
    if (folder / MANIFEST).is_file() and not force:
        pack, status = load_pack(folder), "kept"
        say(f"{name} is installed already in {folder}; --force fetches it again")
    else:
        say(f"licence of {name}: {model.licence}")
        with _progress() as progress:
            pack, status = pull(model, replace=force, progress=progress), "installed"
        say(f"{name} is installed in {folder}")
    if as_json:
        emit(_pack_record(pack) | {"status": status})


@ends_cleanly
def import_model(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILES",
            help="The three files in any order: *-symbol.json, *-NNNN.params and a list of cells.",
        ),
    ] = None,
    symbol: Annotated[
        Path | None, typer.Option("--symbol", metavar="FILE", help="The network: *-symbol.json.")
    ] = None,
    params: Annotated[
        Path | None, typer.Option("--params", metavar="FILE", help="The weights: *-NNNN.params.")
    ] = None,
    cells: Annotated[
        Path | None, typer.Option("--cells", metavar="FILE", help="The cells: grids.txt or a CSV.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The pack's name; that of the symbol file unless told."),
    ] = None,
    input_size: Annotated[
        int, typer.Option("--input-size", metavar="PIXELS", help="The edge of the network's input.")
    ] = 224,
    crop: Annotated[
        Literal["centre", "squash"],
        typer.Option("--crop", help="The middle square, or the whole picture out of proportion."),
    ] = "centre",
    scale: Annotated[
        float,
        typer.Option(
            "--scale", metavar="NUMBER", help="What full brightness becomes; the published notebook's is 256."
        ),
    ] = 256.0,
    resampling: Annotated[
        Literal["bilinear", "box", "hamming", "bicubic", "lanczos", "bilinear-unfiltered"],
        typer.Option("--resampling", help="The filter that shrinks pictures to the input."),
    ] = "bilinear",
    licence: Annotated[
        str, typer.Option("--licence", metavar="TEXT", help="The licence of the weights.")
    ] = "not stated",
    keep_mxnet: Annotated[
        bool, typer.Option("--keep-mxnet", help="Keep the MXNet files in the pack, for --engine mxnet.")
    ] = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Makes a pack of MXNet files, without MXNet: ResNet, GoogLeNet and Inception networks.

    Example: `geotagger models import --symbol RN101-5k500-symbol.json --params RN101-5k500-0012.params
    --cells grids.txt --name my-model`
    """
    from geotagger.model.importing import import_checkpoint, version_of
    from geotagger.model.manifest import Manifest, check_name
    from geotagger.model.pack import models_folder
    from geotagger.model.preprocessing import Preprocessing

    symbol, params, cells = _three_files(files or [], symbol, params, cells)
    name = check_name(name or symbol.name.removesuffix(".json").removesuffix("-symbol").lower())
    manifest = Manifest(
        name=name,
        version=version_of(params),
        licence=licence,
        description=f"Imported from the MXNet checkpoint {params.name}",
        preprocessing=Preprocessing(input_size=input_size, crop=crop, scale=scale, resampling=resampling),
    )
    folder = models_folder() / name
    pack = import_checkpoint(symbol, params, cells, folder, manifest, replace=force, keep=keep_mxnet)
    say(f"{name} is installed in {folder}: {len(pack.cells):,} cells")
    if pack.manifest.suspect:
        say(f"{pack.manifest.suspect} of its cells are suspect: {_SUSPECT}")
    if as_json:
        emit(_pack_record(pack))


def _three_files(
    files: list[Path], symbol: Path | None, params: Path | None, cells: Path | None
) -> tuple[Path, Path, Path]:
    """Files given without an option are told apart by their endings."""
    told: dict[str, Path | None] = {"--symbol": symbol, "--params": params, "--cells": cells}
    for file in files:
        role = {".json": "--symbol", ".params": "--params"}.get(file.suffix.lower(), "--cells")
        if told[role] is not None:
            raise UsageError(f"{file}: {told[role]} is the file for {role} already; give one of each kind")
        told[role] = file
    lacking = [role for role, file in told.items() if file is None]
    if lacking:
        raise UsageError(f"not given: {', '.join(lacking)}; a pack is made of a symbol, params and cells")
    found = [file for file in told.values() if file is not None]
    return found[0], found[1], found[2]


def _record(name: str, status: str, **known: Any) -> dict[str, Any]:
    """The same fields for every model; null where unknown."""
    fields = (
        "name status version description licence folder digest verified classes suspect suspect_cells "
        "features input_size temperature bytes created preprocessing sources accuracy training variants "
        "calibration reason"
    )
    return dict.fromkeys(fields.split()) | {"name": name, "status": status, **known}


def _pack_record(pack: "ModelPack", verified: bool = False) -> dict[str, Any]:
    from dataclasses import asdict

    from geotagger.cells import tokens

    manifest = pack.manifest
    return _record(
        pack.name,
        "installed",
        version=pack.version,
        description=manifest.description,
        licence=pack.licence,
        folder=str(pack.folder),
        digest=pack.digest,
        verified=verified,
        classes=len(pack.cells),
        suspect=manifest.suspect,
        suspect_cells=tokens(pack.cells.ids[pack.cells.suspect]),
        features=pack.feature_size,
        input_size=pack.preprocessing.input_size,
        temperature=pack.temperature,
        bytes=sum(file.bytes for file in manifest.files.values()),
        created=manifest.created,
        preprocessing=asdict(pack.preprocessing),
        sources=[asdict(source) for source in manifest.sources],
        accuracy=[asdict(row) for row in manifest.accuracy],
        training=_plain(manifest.training),
        variants=[_plain(asdict(variant)) for variant in manifest.variants],
        calibration=_plain(manifest.calibration),
    )


def _published_record(model: "PublishedModel") -> dict[str, Any]:
    from dataclasses import asdict

    return _record(
        model.name,
        "available",
        version=model.version,
        description=model.description,
        licence=model.licence,
        input_size=model.preprocessing.input_size,
        preprocessing=asdict(model.preprocessing),
        sources=[asdict(file) for file in model.files],
        accuracy=[asdict(row) for row in model.accuracy],
        training=_plain(model.training),
    )


def _plain(value: Any) -> Any:
    """What TOML may hold and JSON may not (dates, infinities) as text."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return str(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _table_of_models(records: list[dict[str, Any]]) -> None:
    if not records:
        say("no model is installed and the catalogue is empty")
        return
    columns = ("model", "status", "version", "cells", "size", "licence")
    rows = [
        (
            printable(record["name"]),
            record["status"],
            printable(record["version"] or ""),
            f"{record['classes']:,}" if record["classes"] else "",
            _size(record["bytes"]) if record["bytes"] else "",
            printable(record["licence"] or ""),
        )
        for record in records
    ]
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for row in rows:
        table.add_row(*map(Text, row))
    screen().print(table)


def _page_of_model(record: dict[str, Any], accuracy: "tuple[Accuracy, ...]") -> None:
    suspect = record["suspect"]
    lines = {
        "model": f"{record['name']} {record['version']} ({record['status']})",
        "what": record["description"],
        "licence": record["licence"],
        "folder": record["folder"],
        "digest": record["digest"] and record["digest"] + (" (files verified)" if record["verified"] else ""),
        "cells": record["classes"]
        and f"{record['classes']:,}"
        + (
            f", {suspect} suspect: leaf cells, heaps of photos with one default coordinate" if suspect else ""
        ),
        "features": record["features"],
        "temperature": record["temperature"],
        "input": ", ".join(f"{key} {_short(value)}" for key, value in record["preprocessing"].items()),
        **{f"training {key}": value for key, value in (record["training"] or {}).items()},
    }
    for source in record["sources"]:
        size = f"{source['bytes']:,} bytes" if source["bytes"] is not None else "size not published"
        checksum = "checksum not published"
        if source["sha256"]:
            checksum = f"SHA-256 {source['sha256']} ({source['checksum']})"
        lines[f"source {source['role']}"] = f"{source['address']}, {size}, {checksum}"
    for variant in record["variants"] or ():
        lines[f"variant {variant['name']}"] = f"{variant['precision']}, {variant['file']}"
    for row in accuracy:
        photos = f" ({row.photos:,} photos)" if row.photos else ""
        shares = ", ".join(f"{p:g} % within {k:g} km" for p, k in zip(row.percent, row.km, strict=True))
        lines[f"accuracy on {row.test_set}{photos}"] = f"{shares}; {row.origin}"
    told = {key: printable(str(value)) for key, value in lines.items() if value not in (None, "")}
    if not sys.stdout.isatty():
        for key, value in told.items():
            print(f"{printable(key)}\t{value}")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column(overflow="fold")
    for key, value in told.items():
        table.add_row(Text(printable(key), style="bold"), Text(value))
    screen().print(table)


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def _short(value: Any) -> str:
    return "(" + ", ".join(map(str, value)) + ")" if isinstance(value, tuple) else str(value)


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
        progress.TextColumn("{task.description}"),
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
