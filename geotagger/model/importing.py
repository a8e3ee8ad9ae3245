"""From the files of a checkpoint to a pack: what `models import` and `models pull` do.

Takes files on disk or a model of the catalogue, leaves a whole pack or nothing. Joins the reading,
the conversion, the cells and the download; knows the meaning of none of them.
"""

import dataclasses
import hashlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import CheckpointError, ModelFileError, PackError
from geotagger.model.catalogue import ROLES, PublishedFile, PublishedModel
from geotagger.model.cells_csv import read_cells
from geotagger.model.classifiers import import_classifier
from geotagger.model.embedders import EmbedderFiles, import_embedder
from geotagger.model.fetching import FileHere, Places, discard, gather
from geotagger.model.gallery import Gallery, check_columns, read_gallery
from geotagger.model.manifest import FULL_PRECISION, Manifest, ModelSource
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
        files = zip(ROLES["mxnet"], (symbol, params, cells), strict=True)
        sources = tuple(
            ModelSource(role, path.name, path.stat().st_size, _sha256(path)) for role, path in files
        )
        manifest = dataclasses.replace(manifest, sources=sources)

    def write_network(target: Path) -> None:
        classes = convert(graph, weights, manifest.preprocessing.input_size, target)
        if classes != len(table):
            raise CheckpointError(
                symbol,
                f"the network has {classes:,} classes, but the list has {len(table):,} cells; "
                "give the list of cells that the network was trained on",
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
            pack.folder, f"the pack is installed, but the checkpoint could not be kept ({error.strerror})"
        ) from None


Embed = Callable[[Path, Gallery], NDArray[np.float32]]
"""What a network that embeds places makes of a gallery's: a runtime's work, so it is handed in."""
Check = Callable[[ModelPack], object]
Files = Mapping[str, FileHere]


def pull(
    model: PublishedModel,
    places: Places,
    *,
    embed: Embed,
    precision: str | None = None,
    replace: bool = False,
    check: Check | None = None,
) -> ModelPack:
    """Fetches the files of a published model and installs its pack. precision: of the network; the
    catalogue's first unless told. check: runs an ONNX network before its pack is there; another
    runtime's work.

    An interrupted pull leaves what it fetched in the downloads folder, from where the next goes on; a file
    that turns out to be unusable is not kept.
    """
    folder = models_folder() / model.name
    check_free(folder, replace)
    files = gather(model, precision, places)
    install = _INSTALLERS[model.kind]
    try:
        pack = install(
            Installing(
                files, folder, _manifest_of(model, precision, files), embed, check, model.scale, replace
            )
        )
    except ModelFileError as error:
        raise _named_by_address(error, files, places) from None
    discard(files, places)
    return pack


@dataclass(frozen=True)
class Installing:
    """A published model whose files are here, on its way into a pack."""

    files: Files
    folder: Path
    manifest: Manifest
    embed: Embed
    check: Check | None
    scale: float
    replace: bool

    def path(self, role: str) -> Path:
        return self.files[role].path


def _install_checkpoint(now: Installing) -> ModelPack:
    symbol, params, cells = map(now.path, ROLES["mxnet"])
    return import_checkpoint(symbol, params, cells, now.folder, now.manifest, replace=now.replace)


def _install_gallery(now: Installing) -> ModelPack:
    gallery, encoder = read_gallery(now.path("gallery")), now.path("encoder")
    check_columns(gallery, now.path("gallery"))
    parts = EmbedderFiles(now.path("network"), gallery, now.embed(encoder, gallery), now.scale, encoder)
    return import_embedder(parts, now.folder, now.manifest, replace=now.replace, check=now.check)


def _install_classifier(now: Installing) -> ModelPack:
    network, cells = now.path("network"), now.path("cells")
    return import_classifier(network, cells, now.folder, now.manifest, replace=now.replace, check=now.check)


_INSTALLERS = {
    "mxnet": _install_checkpoint,
    "gallery": _install_gallery,
    "classifier": _install_classifier,
}


def _manifest_of(model: PublishedModel, precision: str | None, files: Files) -> Manifest:
    published = {file.role: file for file in model.files_in(precision)}
    return Manifest(
        name=model.name,
        version=model.version,
        licence=model.licence,
        preprocessing=model.preprocessing,
        description=model.description,
        identity=f"{model.name} {model.version}" if model.precisions else "",
        precision=next((file.precision for file in published.values() if file.precision), FULL_PRECISION),
        sources=tuple(_source(published[role], here) for role, here in files.items()),
        accuracy=model.accuracy,
        training=model.training,
        reference=model.advice.reference,
    )


def version_of(params: Path) -> str:
    """The epoch in a params file's name, which is all the version that MXNet files have."""
    epoch = _EPOCH.search(params.name)
    return epoch[1] if epoch else "1"


def _source(file: PublishedFile, here: FileHere) -> ModelSource:
    received = "stated by its server" if here.is_stated else "as received"
    checked = received if file.sha256 is None else (file.checksum or "published")
    return ModelSource(file.role, here.origin, here.bytes, here.sha256, checked)


def _named_by_address(error: ModelFileError, files: Files, places: Places) -> ModelFileError:
    """The error with the address instead of our name for the download, which goes if it is at fault."""
    for role, here in files.items():
        if error.path == str(here.path):
            if not here.downloaded:
                return error.of(here.origin)
            discard(files, places, role)
            return error.of(here.origin, "what was fetched from there was removed, nothing was installed")
    return error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
