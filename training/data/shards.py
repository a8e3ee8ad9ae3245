"""Image shards: WebDataset tar files of small JPEGs with their places, as they are read.

A sample is `<key>.jpg` and `<key>.json` (latitude, longitude, user, licence, credit).
`manifest.json` lists every shard with its size and checksum. Classes are not
stored: the same shards serve every partition. They lie in a local folder, or
behind HTTP(S) or whatever fsspec knows. Knows nothing of networks.
"""

import hashlib
import json
import os
import tarfile
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from geotagger.errors import TrainingError
from training.data import remote
from training.data.shard_checks import check_index, check_shard

ROWS_A_SHARD = 2048
_TRIES = 3
_INDEXES_AT_ONCE = 32
_ONE_HEADER = threading.Lock()
"""numpy reads its header with `ast.literal_eval`, which in CPython 3.11 fails now and then when
several threads parse at once (python/cpython issue 106905)."""
MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 64 << 20
"""Of some 200,000 shards."""
_INDEX_HEADER = 1 << 16

INDEX = np.dtype(
    [("offset", "<u8"), ("size", "<u4"), ("latitude", "<f8"), ("longitude", "<f8"), ("key", "<u8")]
)
"""What the reader knows of each sample: where its JPEG lies in the tar, and where it was taken."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One tar file as written. `skipped` counts by reason the images that are not in it."""

    name: str
    split: str
    rows: int
    samples: int
    bytes: int
    sha256: str
    skipped: dict[str, int]


@dataclass(frozen=True, slots=True)
class ShardManifest:
    """`source` is a checksum of the list of photos that the shards were made from."""

    source: str
    short_side: int
    rows_a_shard: int
    shards: tuple[Shard, ...] = ()

    def of(self, split: str) -> list[Shard]:
        return [shard for shard in self.shards if shard.split == split]

    def samples(self, split: str) -> int:
        return sum(shard.samples for shard in self.of(split))

    @property
    def skipped(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for shard in self.shards:
            total.update(shard.skipped)
        return total


def read_manifest(address: str) -> ShardManifest:
    """The manifest of a folder of shards, local or remote."""
    where = remote.joined(address, MANIFEST)
    try:
        values = json.loads(remote.read(where, _LARGEST_MANIFEST))
        return ShardManifest(
            **{**values, "shards": tuple(Shard(**check_shard(shard)) for shard in values["shards"])}
        )
    except (remote.MissingError, remote.UnreachableError) as error:
        raise TrainingError(
            f"{where}: {error}; `geotagger train shards` writes it when all shards are done"
        ) from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TrainingError(
            f"{where}: not a manifest of shards ({error}); run `geotagger train shards` again"
        ) from None


def index_of(tar: Path) -> NDArray[np.void]:
    """The samples of a tar file, in the order they stand; INDEX (n,).

    Raises TrainingError for a tar that is broken or cut, or samples without a place.
    """
    pictures: dict[str, tuple[int, int]] = {}
    placed: dict[str, dict[str, Any]] = {}
    size = tar.stat().st_size
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                if member.offset_data + member.size > size:
                    raise tarfile.ReadError(f"{member.name} ends beyond the file")
                key, _, ending = member.name.rpartition(".")
                if ending == "jpg":
                    pictures[key] = (member.offset_data, member.size)
                elif ending == "json" and (file := archive.extractfile(member)):
                    placed[key] = json.loads(file.read())
        return np.array(
            [
                (
                    *pictures[key],
                    placed[key]["latitude"],
                    placed[key]["longitude"],
                    xxhash.xxh3_64_intdigest(key.encode()),
                )
                for key in pictures
            ],
            dtype=INDEX,
        )
    except (tarfile.TarError, ValueError, TypeError, KeyError, EOFError, RecursionError) as error:
        raise TrainingError(
            f"{tar}: broken tar ({error}); delete it and run `geotagger train shards` to write it again"
        ) from error


def read_index(path: Path, shard_bytes: int) -> NDArray[np.void]:
    """INDEX (n,); ValueError for what is none."""
    try:
        with _ONE_HEADER:
            rows = np.array(np.load(path, mmap_mode="r"))  # mapped: room is made for what is there
    except OSError:
        raise
    except Exception as error:  # numpy's reader of headers lets through whatever Python's tokeniser raises
        raise ValueError(str(error) or type(error).__name__) from None
    return check_index(rows, INDEX, shard_bytes)


class ShardSet:
    """The samples of one split, by number. Remote shards are copied whole into `cache`, checked
    against their checksums, the `keep` latest of them held."""

    def __init__(self, address: str, split: str, *, cache: Path | None = None, keep: int = 128) -> None:
        self.address, self.split = address, split
        self.manifest = read_manifest(address)
        self.shards = self.manifest.of(split)
        self._remote = remote.is_remote(address)
        folder = cache if self._remote else Path(address)
        if folder is None:
            raise TrainingError(
                f"{address}: shards that are not on this machine need a folder to keep copies in"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._keep = keep
        self._open: dict[int, int] = {}
        self.counts = np.array([shard.samples for shard in self.shards], dtype=np.int64)
        self.first = np.concatenate([[0], np.cumsum(self.counts)])
        with ThreadPoolExecutor(_INDEXES_AT_ONCE if self._remote else 1) as pool:
            parts = list(pool.map(self._index, range(len(self.shards))))
        self.index = np.concatenate([np.empty(0, INDEX), *parts])

    def __len__(self) -> int:
        return int(self.first[-1])

    @property
    def digest(self) -> str:
        """Of the shards of this split, by their checksums: equal wherever these lie."""
        return xxhash.xxh3_64_hexdigest("".join(shard.sha256 for shard in self.shards).encode())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}  # a worker process opens its own files

    def jpeg(self, sample: int) -> bytes:
        """The bytes of one image; TrainingError names the shard when they cannot be read."""
        number = int(np.searchsorted(self.first, sample, side="right")) - 1
        entry = self.index[sample]
        jpeg = os.pread(self._descriptor(number), int(entry["size"]), int(entry["offset"]))
        if len(jpeg) != entry["size"] or jpeg[:2] != b"\xff\xd8":
            raise self._broken(number, f"no image at byte {int(entry['offset']):,}")
        return jpeg

    def verify(self) -> None:
        """Read every shard and compare its checksum."""
        for number, shard in enumerate(self.shards):
            if sha256_of(self._local(number)) != shard.sha256:
                raise self._broken(number, "its checksum is not the one it was written with")

    def _descriptor(self, number: int) -> int:
        if number not in self._open:
            if len(self._open) >= self._keep:
                os.close(self._open.pop(next(iter(self._open))))
            self._open[number] = self._opened(number)
        return self._open[number]

    def _opened(self, number: int) -> int:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):  # another process made room, and this copy went
                return os.open(self._local(number), os.O_RDONLY)
        raise self._broken(number, "its copy is taken away as soon as it is made")

    def _index(self, number: int) -> NDArray[np.void]:
        name = self.shards[number].name.removesuffix(".tar") + ".npy"
        path = self._folder / name
        if self._remote and not path.exists():
            try:
                most = _INDEX_HEADER + self.counts[number] * INDEX.itemsize
                write_whole(path, remote.read(remote.joined(self.address, name), most))
            except (remote.MissingError, remote.UnreachableError) as error:
                raise TrainingError(
                    f"{self.address}/{name}: {error}; the index of a shard cannot be read"
                ) from None
        if not self._remote:
            self._local(number)
        index = self._read_index(number, path) if path.exists() else index_of(self._local(number))
        if len(index) != self.counts[number]:
            raise self._broken(
                number, f"{len(index):,} samples where the manifest says {self.counts[number]:,}"
            )
        return index

    def _read_index(self, number: int, path: Path) -> NDArray[np.void]:
        try:
            return read_index(path, self.shards[number].bytes)
        except ValueError as error:
            path.unlink(missing_ok=True)  # a copy, or made anew from the tar beside it
            raise self._broken(number, f"its index is of no use, {error}") from None

    def _local(self, number: int) -> Path:
        shard = self.shards[number]
        path = self._folder / shard.name
        if self._remote and not path.exists():
            self._copy(shard, path)
        size = path.stat().st_size if self._remote or path.exists() else 0
        if size != shard.bytes:
            raise self._broken(number, f"{size:,} bytes where the manifest says {shard.bytes:,}")
        return path

    def _copy(self, shard: Shard, path: Path) -> None:
        from filelock import FileLock

        with FileLock(f"{path}.lock"):
            if path.exists():
                return
            address = remote.joined(self.address, shard.name)
            try:
                content = remote.read(address, shard.bytes)
            except (remote.MissingError, remote.UnreachableError) as error:
                raise TrainingError(
                    f"{address}: {error}; the training stops here and goes on when run again"
                ) from None
            if hashlib.sha256(content).hexdigest() != shard.sha256:
                raise TrainingError(
                    f"{address}: its checksum is not the one in the manifest; it was not used"
                )
            oldest = sorted(path.parent.glob("*.tar"), key=lambda old: old.stat().st_mtime)
            for old in oldest[: max(0, len(oldest) + 1 - self._keep)]:
                old.unlink(missing_ok=True)  # whoever has it open keeps reading it
            write_whole(path, content)

    def _broken(self, number: int, what: str) -> TrainingError:
        where = remote.joined(self.address, self.shards[number].name)
        return TrainingError(
            f"{where}: broken shard: {what}; delete it and run `geotagger train shards` to write it again"
        )


def write_whole(path: Path, content: bytes) -> None:
    """A file that is there whole or not at all."""
    # a name of its own: several processes may fetch the same file
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(0o644)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
