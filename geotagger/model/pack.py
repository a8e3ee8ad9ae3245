"""A model on disk: a folder with pack.toml, model.onnx and cells.csv.

Loads packs and checks them, finds installed ones by name, writes new ones so that a folder is
either a whole pack or not there. model.onnx takes `data`, float32 (n, 3, S, S), and gives
`probabilities`, float32 (n, classes), and, where the network has them, `features`, float32
(n, d), what its last layer sees. A network that compares an embedding with the places of gallery.csv also
gives `points`, int64 (n, k), the likeliest rows, and `point_probabilities`, float32 (n, k); location.onnx
then embeds any place. Loading reads no weights, and no cells that have not changed
since they were checked: a run with nothing to do loads a pack each time. Knows nothing of runtimes.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from geotagger.errors import ModelNotInstalledError, PackError, UsageError
from geotagger.model.catalogue import read_catalogue
from geotagger.model.manifest import FileRecord, Manifest, check_name, read_manifest, write_manifest
from geotagger.model.network_check import check_network
from geotagger.model.onnx_graph import read_graph
from geotagger.model.plain_files import check_plain
from geotagger.model.preprocessing import Preprocessing, table_of

if TYPE_CHECKING:
    from geotagger.cells import CellTable
    from geotagger.model.gallery import Gallery

MANIFEST, NETWORK, CELLS = "pack.toml", "model.onnx", "cells.csv"
GALLERY, ENCODER = "gallery.csv", "location.onnx"
_HOW_TO_LOOK = "`geotagger models list` shows which there are"
_UNFINISHED, _REPLACED = ".unfinished-", ".replaced-"
_ABANDONED_AFTER_S = 3600.0  # no pack takes that long to write

MXNET_SYMBOL, MXNET_PARAMS = Path("mxnet/symbol.json"), Path("mxnet/model.params")
"""Where a pack may keep the checkpoint it was imported from, for the engine that runs it natively."""


@dataclass(frozen=True, eq=False)
class ModelPack:
    """A pack that has passed its checks. What pack.toml says more is in `manifest`."""

    folder: Path
    manifest: Manifest
    cells_sha256: str

    @cached_property
    def cells(self) -> "CellTable":
        """Row i is class i; with the places of a gallery. Read when first asked for; PackError where the list
        is not sound."""
        cells, places = _cells_of(self.folder, self.manifest), self.gallery
        if places is None:
            return cells
        from geotagger.model.gallery import with_places

        return with_places(cells, places, self.folder / GALLERY, self.temperature)

    @cached_property
    def gallery(self) -> "Gallery | None":
        """The places that the network compares with. Read when first asked for; None for a classifier."""
        return _gallery_of(self.folder, self.manifest)

    @property
    def encoder_path(self) -> Path | None:
        """The network that embeds any place."""
        record = self.manifest.gallery
        return self.folder / record.encoder if record and record.encoder else None

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def licence(self) -> str:
        return self.manifest.licence

    @property
    def preprocessing(self) -> Preprocessing:
        return self.manifest.preprocessing

    @property
    def temperature(self) -> float:
        return self.manifest.temperature

    @property
    def feature_size(self) -> int | None:
        return self.manifest.features

    @property
    def onnx_path(self) -> Path:
        return self.folder / NETWORK

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that change with the network, the cells, the preprocessing or
        the temperature: estimates of equal digests are comparable. The network counts by its identity
        where it has one, else by the checksum that pack.toml has of it; `verify_pack` holds that against
        the file."""
        apart = {CELLS, *(variant.file for variant in self.manifest.variants)}
        if identity := self.manifest.identity:
            apart.add(NETWORK)
        files = sorted(self.manifest.files.items())
        parts = [
            [identity] * bool(identity) + [record.sha256 for name, record in files if name not in apart],
            self.cells_sha256,
            table_of(self.preprocessing),
            float(self.temperature),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def models_folder() -> Path:
    """Where packs are installed: $GEOTAGGER_MODELS, or the user's data folder for geotagger."""
    chosen = os.environ.get("GEOTAGGER_MODELS")
    return Path(chosen) if chosen else platformdirs.user_data_path("geotagger", appauthor=False) / "models"


def installed_packs() -> list[Path]:
    """The folders of the installed packs, by name; damaged ones too, which `load_pack` will tell."""
    try:
        entries = sorted(models_folder().iterdir())
    except OSError:
        return []
    return [entry for entry in entries if not entry.name.startswith(".") and os.path.isfile(entry / MANIFEST)]


def find_pack(name: str | os.PathLike[str]) -> ModelPack:
    """The pack of a folder, or the installed one whose folder, or else whose pack.toml, has that name;
    ModelNotInstalledError for neither."""
    as_path = Path(name)
    if os.path.isfile(as_path / MANIFEST):
        return load_pack(as_path)
    installed = models_folder() / as_path
    if as_path.name == os.fspath(name) and os.path.isfile(installed / MANIFEST):
        return load_pack(installed)
    for folder in installed_packs():
        with suppress(PackError):
            if (pack := load_pack(folder)).name == name:
                return pack
    if os.path.isdir(as_path) and name not in read_catalogue():
        raise ModelNotInstalledError(f"{as_path}: no model pack is there (no {MANIFEST}); {_HOW_TO_LOOK}")
    have = ", ".join(folder.name for folder in installed_packs()) or "none"
    way = f"`geotagger models pull {name}` fetches it" if name in read_catalogue() else _HOW_TO_LOOK
    raise ModelNotInstalledError(f"model {os.fspath(name)} is not installed (installed: {have}); {way}")


def load_pack(folder: Path) -> ModelPack:
    """Reads and checks the pack in `folder`; PackError names the file and the lines at fault."""
    manifest = read_manifest(folder / MANIFEST)
    gallery = [GALLERY, *filter(None, [manifest.gallery.encoder])] if manifest.gallery else []
    for needed in (NETWORK, CELLS, *gallery, *(variant.file for variant in manifest.variants)):
        if needed not in manifest.files:
            raise PackError(folder / MANIFEST, f"[files] lacks {needed}; import or pull the model again")
    for name, record in manifest.files.items():
        _check_size(folder / name, record, exact=name != CELLS)
    check_network(folder / NETWORK, manifest)
    pack = ModelPack(folder, manifest, _sha256_of(folder / CELLS))
    if pack.cells_sha256 != manifest.files[CELLS].sha256:
        _cells_of(folder, manifest)  # somebody has changed the list since it was checked
    return pack


def _cells_of(folder: Path, manifest: Manifest) -> "CellTable":
    from geotagger.model.cells_csv import read_cells

    cells = read_cells(folder / CELLS)
    if manifest.classes != len(cells):
        raise PackError(
            folder / MANIFEST,
            f"output.classes is {manifest.classes:,}, but {CELLS} has {len(cells):,} "
            "cells; import or pull the model again",
        )
    if manifest.suspect != int(cells.suspect.sum()):
        raise PackError(
            folder / MANIFEST,
            f"output.suspect is {manifest.suspect}, but {CELLS} has "
            f"{int(cells.suspect.sum())} leaf cells; import or pull the model again",
        )
    return cells


def _gallery_of(folder: Path, manifest: Manifest) -> "Gallery | None":
    from geotagger.model.gallery import read_gallery

    if manifest.gallery is None:
        return None
    gallery = read_gallery(folder / GALLERY)
    if len(gallery) != manifest.gallery.rows:
        raise PackError(
            folder / MANIFEST,
            f"gallery.rows is {manifest.gallery.rows:,}, but {GALLERY} has "
            f"{len(gallery):,} places; import or pull the model again",
        )
    return gallery


def verify_pack(pack: ModelPack) -> None:
    """Reads every file of the pack, compares its checksum and checks the cells; PackError for one
    that changed."""
    for name, record in pack.manifest.files.items():
        if _sha256_of(pack.folder / name) != record.sha256:
            raise PackError(
                pack.folder / name, "changed since the pack was written; import or pull the model again"
            )
    _cells_of(pack.folder, pack.manifest)
    _gallery_of(pack.folder, pack.manifest)


def write_pack(
    folder: Path,
    manifest: Manifest,
    cells: "CellTable",
    network: Path | Callable[[Path], object],
    *,
    beside: Callable[[Path], object] | None = None,
    check: Callable[[ModelPack], object] | None = None,
    replace: bool = False,
) -> ModelPack:
    """Writes a pack to `folder`, which is a whole pack afterwards or as it was before.

    network: an ONNX file to copy, or a function that writes one to the path it is given (and, if
    it must, its weights into a file beside it). beside: writes more files into the folder it is given.
    check: looks at the pack before anybody sees it, and raises PackError.
    What the files tell (`files`, `classes`,
    `suspect`, `features`, `created`) is filled in here. With `replace` a pack that is there
    makes way; anything else that is there never does.
    """
    from geotagger.model.cells_csv import check_cells

    check_name(manifest.name)
    check_free(folder, replace)
    check_cells(cells, folder / CELLS)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
    except OSError as error:
        raise PackError(folder, f"cannot be made ({error.strerror}); nothing was written") from None
    try:
        if beside:
            beside(unfinished)
        _fill(unfinished, manifest, cells, network)
        # the checks every later user makes, before anybody sees the pack
        written = load_pack(unfinished)
        _cells_of(unfinished, written.manifest)
        _gallery_of(unfinished, written.manifest)
        if check:
            check(written)
        unfinished.chmod(0o755)
        _move_into_place(unfinished, folder)
    except OSError as error:
        raise PackError(
            folder, f"the pack could not be written ({error.strerror}); nothing was left behind"
        ) from None
    except PackError as error:
        path = Path(error.path)
        if path.is_relative_to(unfinished):
            raise error.of(folder / path.relative_to(unfinished)) from None
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return load_pack(folder)


def check_free(folder: Path, replace: bool) -> None:
    """UsageError where a pack cannot be written to `folder`, which is left as it is."""
    if not os.path.lexists(folder):
        return
    if not os.path.isfile(folder / MANIFEST):
        raise UsageError(
            f"{folder}: exists and is not a model pack; it was left as it is, choose another name"
        )
    if not replace:
        raise UsageError(f"{folder}: a pack of this name exists; it was left as it is, --force replaces it")


def save_manifest(pack: ModelPack, manifest: Manifest) -> ModelPack:
    """Writes another pack.toml for the same pack, atomically: a new temperature, an accuracy,
    a variant whose file already lies in the folder. Gives the pack as it is now."""
    files = dict(manifest.files)
    for variant in manifest.variants:
        files[variant.file] = _record_of(pack.folder / variant.file)
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=pack.folder)
    os.close(handle)
    try:
        write_manifest(Path(name), dataclasses.replace(manifest, files=files))
        _sync(Path(name))
        Path(name).chmod(0o644)
        Path(name).replace(pack.folder / MANIFEST)
    except OSError as error:
        raise PackError(
            pack.folder / MANIFEST, f"could not be written ({error.strerror}); it is as it was"
        ) from None
    finally:
        Path(name).unlink(missing_ok=True)
    return load_pack(pack.folder)


def _fill(
    folder: Path, manifest: Manifest, cells: "CellTable", network: Path | Callable[[Path], object]
) -> None:
    from geotagger.model.cells_csv import write_cells

    if isinstance(network, Path):
        shutil.copyfile(network, folder / NETWORK)
    else:
        network(folder / NETWORK)
    write_cells(folder / CELLS, cells)
    features = read_graph(folder / NETWORK).output("features")
    complete = dataclasses.replace(
        manifest,
        created=datetime.now(UTC).replace(microsecond=0).isoformat(),
        classes=len(cells),
        suspect=int(cells.suspect.sum()),
        features=features.shape[-1] if features and features.shape else None,
        files={path.name: _record_of(path) for path in sorted(folder.iterdir())},
    )
    write_manifest(folder / MANIFEST, complete)
    for path in folder.iterdir():
        _sync(path)


def _move_into_place(unfinished: Path, folder: Path) -> None:
    """Two renames where a pack is replaced: a crash between them, and only there, leaves no pack
    under the name; the old one then lies whole beside it until `_sweep` puts it back."""
    if os.path.exists(folder):
        old = Path(tempfile.mkdtemp(prefix=_REPLACED, dir=folder.parent))
        folder.rename(old / folder.name)
        try:
            unfinished.rename(folder)
        except OSError:
            (old / folder.name).rename(folder)
            raise
        finally:
            shutil.rmtree(old, ignore_errors=True)
    else:
        unfinished.rename(folder)
    _sync(folder.parent)


def _sweep(parent: Path) -> None:
    """Clears away what a killed writer left, and puts back a pack that it had moved aside."""
    for left in [*parent.glob(_UNFINISHED + "*"), *parent.glob(_REPLACED + "*")]:
        if time.time() - left.stat().st_mtime < _ABANDONED_AFTER_S:
            continue  # somebody may be at it
        for pack in left.iterdir() if left.name.startswith(_REPLACED) else ():
            if not (parent / pack.name).exists():
                pack.rename(parent / pack.name)
        shutil.rmtree(left, ignore_errors=True)


def _check_size(path: Path, record: FileRecord, *, exact: bool) -> None:
    """The list of cells is read whole anyway, and its own check says more than a size."""
    try:
        size = path.stat().st_size
    except OSError:
        raise PackError(path, "the pack lacks this file; import or pull the model again") from None
    if exact and size != record.bytes:
        raise PackError(
            path, f"has {size:,} bytes where pack.toml says {record.bytes:,}; import or pull the model again"
        )


def _record_of(path: Path) -> FileRecord:
    return FileRecord(path.stat().st_size, _sha256_of(path))


def _sha256_of(path: Path) -> str:
    check_plain(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PackError(path, f"cannot be read ({error.strerror})") from None


def _sync(path: Path) -> None:
    if os.name == "nt":
        return  # Windows syncs neither a folder nor a file opened for reading
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
