"""The files of a published model, from wherever they can be had: a folder, a cache, one of their addresses.

Takes a model of the catalogue, gives a file on disk for each role, checked against what is known of
it. A file that came by an address lies in the downloads folder and goes when its pack is installed; one
of the owner's folder or of a cache is read where it is. Knows nothing of what the files hold.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from geotagger.errors import DownloadError, UsageError
from geotagger.model import hugging_face
from geotagger.model.catalogue import PublishedFile, PublishedModel
from geotagger.model.download import Progress, fetch, forget


@dataclass(frozen=True, slots=True)
class FileHere:
    """A file of a published model on this disk. origin: what pack.toml says it came from. downloaded: by
    an address of its own, which `forget` knows it by. is_stated: whether its server stated the checksum."""

    path: Path
    bytes: int
    sha256: str
    origin: str
    downloaded: str | None = None
    is_stated: bool = False


@dataclass(frozen=True)
class Places:
    """Where to look. folder: the owner's own copies, instead of any network. downloads: where downloads
    are kept until they are whole. progress: asked, for each address, for what to call with the bytes
    that came."""

    folder: Path | None = None
    downloads: Path | None = None
    progress: Callable[[str], Progress] | None = None

    @property
    def downloads_folder(self) -> Path:
        cache = platformdirs.user_cache_path("geotagger", appauthor=False)
        return self.downloads or cache / "downloads"


def gather(model: PublishedModel, precision: str | None, places: Places) -> dict[str, FileHere]:
    """A file for each role; DownloadError or UsageError name the file that is not to be had."""
    return {file.role: _gather_one(file, places) for file in model.files_in(precision)}


def discard(files: Mapping[str, FileHere], places: Places, *roles: str) -> None:
    """Removes what was downloaded: of these roles, or of all."""
    for role, file in files.items():
        if file.downloaded and (role in roles or not roles):
            forget(file.downloaded, places.downloads_folder)


def still_to_fetch(model: PublishedModel, precision: str | None, places: Places) -> int:
    """Bytes that would come over the network, as far as anybody has said how large the files are."""
    if places.folder:
        return 0
    return sum(
        file.about_bytes or 0
        for file in model.files_in(precision)
        if not any(hugging_face.in_cache(address) for address in file.addresses)
    )


def _gather_one(file: PublishedFile, places: Places) -> FileHere:
    if places.folder:
        return _from_folder(file, places.folder)
    for address in file.addresses:
        path = hugging_face.in_cache(address)
        if path and (here := _as_it_is(path, address)) and file.sha256 in (None, here.sha256):
            stated = hugging_face.stated_of(path)
            if stated in (None, here.sha256):
                return replace(here, is_stated=stated is not None)
    return _from_addresses(file, places)


def _from_folder(file: PublishedFile, folder: Path) -> FileHere:
    if not os.path.isdir(folder):
        raise UsageError(f"--from {folder}: is no folder; nothing was installed")
    names = {address.rsplit("/", 1)[-1]: address for address in file.addresses}
    for name in names:
        for path in (folder / name, folder / "onnx" / name, folder / "gps_gallery" / name):
            if os.path.isfile(path):
                here = _as_it_is(path, str(path))
                if here is None:
                    raise UsageError(f"{path}: cannot be read; nothing was installed")
                if file.sha256 not in (None, here.sha256):
                    raise UsageError(
                        f"{path}: has the SHA-256 {here.sha256} where {file.sha256} is known to be right; "
                        "nothing was installed"
                    )
                return here
    raise UsageError(f"{folder}: has no {' nor '.join(names)}; fetch it from {file.address} and put it there")


def _as_it_is(path: Path, origin: str) -> FileHere | None:
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return FileHere(path, file.tell(), sha256, origin)
    except OSError:
        return None


def _from_addresses(file: PublishedFile, places: Places) -> FileHere:
    failures = []
    for address in file.addresses:
        here = hugging_face.address_here(address)
        try:
            received = fetch(
                here,
                places.downloads_folder,
                expected_bytes=file.bytes,
                expected_sha256=file.sha256,
                token=hugging_face.token_for(address),
                progress=places.progress(here) if places.progress else None,
            )
        except DownloadError as error:
            failures.append(error)
            continue
        return FileHere(
            received.path,
            received.bytes,
            received.sha256,
            address,
            downloaded=here,
            is_stated=received.is_stated,
        )
    if len(failures) == 1:
        raise failures[0]
    raise DownloadError(f"{file.role}: " + "; ".join(str(failure) for failure in failures))
