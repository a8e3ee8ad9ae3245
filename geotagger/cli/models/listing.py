"""`geotagger models list` and `show`: which models there are, and what they are."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.cli.common import JsonOption, emit, ends_cleanly, printable, say, screen, two_digits
from geotagger.errors import ModelNotInstalledError, PackError

if TYPE_CHECKING:
    from rich.table import Table

    from geotagger.model.catalogue import PublishedModel
    from geotagger.model.manifest import Accuracy
    from geotagger.model.pack import ModelPack

CatalogueOption = Annotated[
    Path | None,
    typer.Option("--catalogue", metavar="FILE", help="A catalogue to use instead of the shipped one."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace a pack of this name that is installed already.")
]

SUSPECT = "leaf cells, heaps of photos with one default coordinate"


@ends_cleanly
def list_models(catalogue: CatalogueOption = None, as_json: JsonOption = False) -> None:
    """The installed models, and those of the catalogue that can be pulled.

    Example: `geotagger models list --json`
    """
    from geotagger.engine.onnx_build import note_of_several
    from geotagger.model.catalogue import read_catalogue
    from geotagger.model.pack import installed_packs, load_pack

    if (note := note_of_several()) is not None:
        say(note)
    records: list[dict[str, Any]] = []
    published = read_catalogue(catalogue)
    for folder in installed_packs():
        try:
            records.append(pack_record(load_pack(folder), published.get(folder.name)) | {"name": folder.name})
        except PackError as error:
            records.append(_record(folder.name, "damaged", folder=str(folder), reason=str(error)))
    have = {record["name"] for record in records}
    records += [_published_record(m) for name, m in published.items() if name not in have]
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
        of_catalogue = read_catalogue(catalogue).get(pack.name)
        record, accuracy = pack_record(pack, of_catalogue, verified=verify), pack.manifest.accuracy
    if as_json:
        emit(record)
    else:
        _page_of_model(record, accuracy)


def _record(name: str, status: str, **fields_of_model: Any) -> dict[str, Any]:
    """The same fields for every model; null where unknown."""
    fields = (
        "name status version description licence folder digest verified classes suspect suspect_cells "
        "features input_size temperature bytes created preprocessing sources accuracy training variants "
        "calibration kind precision precisions purpose recommended caution download_bytes disk_bytes "
        "memory_bytes photos_per_second reason"
    )
    return dict.fromkeys(fields.split()) | {"name": name, "status": status, **fields_of_model}


def pack_record(
    pack: "ModelPack", published: "PublishedModel | None" = None, verified: bool = False
) -> dict[str, Any]:
    """published: what the catalogue says of the model of this name."""
    from dataclasses import asdict

    from geotagger.cells import tokens
    from geotagger.engine.speed import kept_rate

    manifest = pack.manifest
    says: dict[str, Any] = {}
    if published is not None and published.version == pack.version:
        precision = manifest.precision if published.precisions else None
        says = costs(published, precision if precision in (None, *published.precisions) else None)
    precisions = [manifest.precision, *(variant.precision for variant in manifest.variants)]
    rate = kept_rate(pack.name, *precisions)
    return _record(
        pack.name,
        "installed",
        **{
            key: says.get(key)
            for key in ("purpose", "recommended", "caution", "memory_bytes", "download_bytes")
        },
        version=pack.version,
        description=manifest.description,
        licence=pack.licence,
        folder=str(pack.folder),
        digest=pack.digest,
        verified=verified,
        classes=manifest.classes,
        suspect=manifest.suspect,
        suspect_cells=tokens(pack.cells.ids[pack.cells.suspect]) if manifest.suspect else [],
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
        kind="gallery" if manifest.gallery else "classifier",
        precision=manifest.precision,
        disk_bytes=sum(file.bytes for file in manifest.files.values()),
        photos_per_second=says.get("photos_per_second") if rate is None else rate,
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
        sources=[{**asdict(file), "mirrors": list(file.mirrors)} for file in model.files],
        accuracy=[asdict(row) for row in model.accuracy],
        training=_plain(model.training),
        kind=model.kind,
        precisions=list(model.precisions),
        **costs(model, None),
    )


def costs(model: "PublishedModel", precision: str | None) -> dict[str, Any]:
    """What a person needs to choose a model: null where nobody knows."""
    from geotagger.engine.speed import expected_rate

    files, advice = model.files_in(precision), model.advice
    network = next((file for file in files if file.role in ("network", "params")), files[0])
    precision = network.precision or "fp32"
    download = model.download_bytes(precision)
    return {
        "precision": precision,
        "purpose": advice.purpose or None,
        "recommended": advice.recommended,
        "caution": advice.caution or None,
        "download_bytes": download or None,
        "disk_bytes": (download + model.advice.gallery_bytes) or None,
        "memory_bytes": network.memory,
        "photos_per_second": expected_rate(model.name, network.gflop, precision),
    }


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
    if not sys.stdout.isatty():
        for record in records:
            print("\t".join([*_row(record), *_advice(record)]))
        return
    screen().print(table_of_models(records))
    for record in records:
        licence = printable(record["licence"] or "")
        lines = [*_advice(record), f"licence: {licence}" if _shortened(licence) != licence else ""]
        for line in filter(None, lines):
            say(f"{record['name']}: {line}")


_COLUMNS = ("model", "status", "download", "disk", "memory", "photos/s here", "within 25 km", "licence")


def table_of_models(records: list[dict[str, Any]]) -> "Table":
    """For a terminal of 80 columns or more; a licence that is a sentence is said below."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column in ("model", "status", "download", "disk", "memory"))
    for record in records:
        *cells, licence = _row(record)
        name = cells[0].removesuffix(_RECOMMENDED)
        table.add_row(*map(Text, [name, *cells[1:], _shortened(licence)]))
    return table


_RECOMMENDED = " (recommended)"
_LONGEST_LICENCE = 14


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    return (
        printable(record["name"]) + (_RECOMMENDED if record["recommended"] else ""),
        record["status"],
        *(size_text(size) if (size := record[f"{of}_bytes"]) else "" for of in _COLUMNS[2:5]),
        two_digits(rate) if (rate := record["photos_per_second"]) else "",
        _published_share(record["accuracy"]),
        printable(record["licence"] or ""),
    )


def _shortened(licence: str) -> str:
    return licence if len(licence) <= _LONGEST_LICENCE else "see below"


def _advice(record: dict[str, Any]) -> tuple[str, str]:
    """What for, and what may go wrong."""
    return printable(record["purpose"] or ""), printable(record["caution"] or "")


def _published_share(accuracy: list[dict[str, Any]] | None) -> str:
    """Percent of the first test set within 25 km, as it was published."""
    for row in accuracy or ():
        for km, percent in zip(row["km"], row["percent"], strict=True):
            if km == 25:
                return f"{percent:g} % of {row['test_set']}"
    return ""


def _page_of_model(record: dict[str, Any], accuracy: "tuple[Accuracy, ...]") -> None:
    suspect = record["suspect"]
    lines = {
        "model": f"{record['name']} {record['version']} ({record['status']})",
        "what": record["description"],
        "licence": record["licence"],
        "folder": record["folder"],
        "digest": record["digest"] and record["digest"] + (" (files verified)" if record["verified"] else ""),
        "cells": record["classes"]
        and f"{record['classes']:,}" + (f", {suspect} suspect: {SUSPECT}" if suspect else ""),
        "what for": record["purpose"],
        "caution": record["caution"],
        "precision": record["precision"],
        "download": record["download_bytes"] and size_text(record["download_bytes"]),
        "disk": record["disk_bytes"] and size_text(record["disk_bytes"]),
        "memory": record["memory_bytes"] and size_text(record["memory_bytes"]),
        "photos a second here": (rate := record["photos_per_second"]) and two_digits(rate),
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
    shown_lines = {key: printable(str(value)) for key, value in lines.items() if value not in (None, "")}
    if not sys.stdout.isatty():
        for key, value in shown_lines.items():
            print(f"{printable(key)}\t{value}")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column(overflow="fold")
    for key, value in shown_lines.items():
        table.add_row(Text(printable(key), style="bold"), Text(value))
    screen().print(table)


def size_text(count: int) -> str:
    """Bytes as people say them."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def _short(value: Any) -> str:
    return "(" + ", ".join(map(str, value)) + ")" if isinstance(value, tuple) else str(value)
