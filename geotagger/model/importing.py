"""From the files of a checkpoint to a pack: what `models import` and `models pull` do.

Takes files on disk or a model of the catalogue, leaves a whole pack or nothing. Joins the reading,
the conversion, the cells and the download; knows the meaning of none of them.
"""

import dataclasses
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import platformdirs

from geotagger.errors import CheckpointError, PackError
from geotagger.model.catalogue import ROLES, PublishedFile, PublishedModel
from geotagger.model.cells_csv import read_cells
from geotagger.model.download import Progress, Received, fetch, forget
from geotagger.model.manifest import Manifest, Source
from geotagger.model.mxnet.convert import convert
from geotagger.model.mxnet.params import read_params
from geotagger.model.mxnet.symbol import read_symbol
from geotagger.model.pack import (
    MXNET_PARAMS,
    MXNET_SYMBOL,
    ModelPack,
    check_free,
    models_folder,
    write_pack,
)

_EPOCH = re.compile(r"-(\d+)\.params$")


def import_checkpoint(
    symbol: Path,
    params: Path,
    cells: Path,
    folder: Path,
    manifest: Manifest,
    *,
    replace: bool = False,
    keep: bool = False,
) -> ModelPack:
    """Makes a pack in `folder` of `*-symbol.json`, `*-NNNN.params` and a list of cells. Where
    `manifest` names no sources, the three files are noted with their checksums. `keep`: the pack
    keeps the checkpoint, so that `--engine mxnet` can run it.

    Raises CheckpointError or PackError that name the file at fault, UsageError where `folder` is taken.
    """
    check_free(folder, replace)
    graph, weights, table = read_symbol(symbol), read_params(params), read_cells(cells)
    if not manifest.sources:
        files = zip(ROLES, (symbol, params, cells), strict=True)
        sources = tuple(Source(role, path.name, path.stat().st_size, _sha256(path)) for role, path in files)
        manifest = dataclasses.replace(manifest, sources=sources)

    def write_network(target: Path) -> None:
        classes = convert(graph, weights, manifest.preprocessing.input_size, target)
        if classes != len(table):
            raise CheckpointError(
                f"{symbol}: the network has {classes:,} classes, but {cells} has {len(table):,} cells; "
                "give the list of cells that the network was trained on"
            )

    pack = write_pack(folder, manifest, table, write_network, replace=replace)
    if keep:
        _keep_checkpoint(pack, symbol, params)
    return pack


def _keep_checkpoint(pack: ModelPack, symbol: Path, params: Path) -> None:
    try:
        for source, name in ((symbol, MXNET_SYMBOL), (params, MXNET_PARAMS)):
            (pack.folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, pack.folder / name)
    except OSError as error:
        raise PackError(
            f"{pack.folder}: the pack is installed, but the checkpoint could not be kept ({error.strerror})"
        ) from None


def pull(
    model: PublishedModel,
    *,
    replace: bool = False,
    progress: Callable[[str], Progress] | None = None,
    downloads: Path | None = None,
) -> ModelPack:
    """Fetches the files of a published model and installs its pack. `progress` is asked, for
    each address, for what to call with the bytes that came.

    An interrupted pull leaves what it fetched in `downloads` (the user's cache folder), from where
    the next goes on; a file that turns out to be unusable is not kept.
    """
    folder = models_folder() / model.name
    check_free(folder, replace)
    downloads = downloads or platformdirs.user_cache_path("geotagger", appauthor=False) / "downloads"
    got: dict[str, Received] = {}
    for role in ROLES:
        file = model.file(role)
        got[role] = fetch(
            file.address,
            downloads,
            expected_bytes=file.bytes,
            expected_sha256=file.sha256,
            progress=progress(file.address) if progress else None,
        )
    manifest = Manifest(
        name=model.name,
        version=model.version,
        licence=model.licence,
        preprocessing=model.preprocessing,
        description=model.description,
        sources=tuple(_source(model.file(role), got[role]) for role in ROLES),
        accuracy=model.accuracy,
        training=model.training,
    )
    symbol, params, cells = (got[role].path for role in ROLES)
    try:
        pack = import_checkpoint(symbol, params, cells, folder, manifest, replace=replace)
    except (CheckpointError, PackError) as error:
        raise _told_by_address(error, model, got, downloads) from None
    for role in ROLES:
        forget(model.file(role).address, downloads)
    return pack


def version_of(params: Path) -> str:
    """The epoch in a params file's name, which is all the version that MXNet files have."""
    epoch = _EPOCH.search(params.name)
    return epoch[1] if epoch else "1"


def _source(file: PublishedFile, received: Received) -> Source:
    told = "as received" if file.sha256 is None else (file.checksum or "published")
    return Source(file.role, file.address, received.bytes, received.sha256, told)


def _told_by_address(
    error: CheckpointError | PackError, model: PublishedModel, got: dict[str, Received], downloads: Path
) -> CheckpointError | PackError:
    """The error with the address instead of our name for the download, which goes if it is at fault."""
    text = str(error)
    for role in ROLES:
        if text.startswith(str(got[role].path)):
            forget(model.file(role).address, downloads)
            text += "; what was fetched from there was removed, nothing was installed"
        text = text.replace(str(got[role].path), model.file(role).address)
    return type(error)(text)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
