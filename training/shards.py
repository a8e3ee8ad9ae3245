"""Image shards: WebDataset tar files of small JPEGs with their places, written and read.

A sample is `<key>.jpg` and `<key>.json` (latitude, longitude, user, licence, credit). Rows k·n … k·n+n−1
of a split's list go into shard k, so that a run that was stopped goes on with the first
shard that is not there. `manifest.json` lists every shard with its size and checksum. Classes
are not stored: the same shards serve every partition. Knows nothing of networks.
"""

import hashlib
import io
import json
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from geotagger.errors import TrainingError, UnreadablePhotoError
from training import remote
from training.images import training_jpeg

ROWS_A_SHARD = 2048
MANIFEST = "manifest.json"
_JOURNAL = "shards.jsonl"
_UNREACHABLE_IN_A_ROW = 20

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
class Manifest:
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


Fetch = Callable[[str], bytes]
Report = Callable[[Shard], None]


def write_shards(
    folder: Path,
    splits: dict[str, Iterable[dict[str, Any]]],
    plan: Manifest,
    *,
    fetch: Fetch = remote.read,
    threads: int = 0,
    report: Report | None = None,
) -> Manifest:
    """Write the shards that are not there yet, then the manifest.

    splits: for each split its rows in a fixed order. plan: what the shards shall be, without
    shards. fetch gives a photo's bytes for its address. Raises TrainingError when the folder
    holds shards of another plan, when the disk is full or when nothing can be fetched any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = _finished(folder, plan)
    missing = folder / "missing.csv"
    with ThreadPoolExecutor(threads or 2 * (os.cpu_count() or 1)) as pool:
        for split, rows in splits.items():
            stream = iter(rows)
            for number in range(1_000_000):
                name = f"{split}-{number:06d}.tar"
                members = list(islice(stream, plan.rows_a_shard))
                if not members:
                    break
                if name in done:
                    continue
                try:
                    shard = _write_shard(folder, name, split, members, plan.short_side, fetch, pool, missing)
                    _append(folder / _JOURNAL, json.dumps(asdict(shard)))
                except OSError as error:
                    raise TrainingError(
                        f"{folder / name}: could not be written ({error.strerror}); {len(done)} shards are "
                        "kept, free some space and run again"
                    ) from error
                done[name] = shard
                if report:
                    report(shard)
    whole = replace(plan, shards=tuple(done[name] for name in sorted(done)))
    _write_text(folder / MANIFEST, json.dumps(asdict(whole), indent=1))
    return whole


def read_manifest(address: str) -> Manifest:
    """The manifest of a folder of shards, local or remote."""
    where = remote.joined(address, MANIFEST)
    try:
        told = json.loads(remote.read(where))
        return Manifest(**{**told, "shards": tuple(Shard(**shard) for shard in told["shards"])})
    except (remote.MissingError, remote.UnreachableError) as error:
        raise TrainingError(
            f"{where}: {error}; `geotagger train shards` writes it when all shards are done"
        ) from None
    except (ValueError, TypeError, KeyError) as error:
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
    except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise TrainingError(
            f"{tar}: broken tar ({error}); delete it and run `geotagger train shards` to write it again"
        ) from error


class ShardSet:
    """The samples of one split, by number. Remote shards are copied whole into `cache`, checked
    against their checksums, the `keep` latest of them held."""

    def __init__(self, address: str, split: str, *, cache: Path | None = None, keep: int = 128) -> None:
        self.address, self.split = address, split
        self.manifest = read_manifest(address)
        self.shards = self.manifest.of(split)
        self._remote = remote.is_remote(address)
        self._folder = cache if self._remote else Path(address)
        if self._folder is None:
            raise TrainingError(
                f"{address}: shards that are not on this machine need a folder to keep copies in"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._keep = keep
        self._open: dict[int, int] = {}
        self.counts = np.array([shard.samples for shard in self.shards], dtype=np.int64)
        self.first = np.concatenate([[0], np.cumsum(self.counts)])
        self.index = np.concatenate([np.empty(0, INDEX), *(self._index(i) for i in range(len(self.shards)))])

    def __len__(self) -> int:
        return int(self.first[-1])

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
            if _sha256(self._local(number)) != shard.sha256:
                raise self._broken(number, "its checksum is not the one it was written with")

    def _descriptor(self, number: int) -> int:
        if number not in self._open:
            if len(self._open) >= self._keep:
                os.close(self._open.pop(next(iter(self._open))))
            self._open[number] = os.open(self._local(number), os.O_RDONLY)
        return self._open[number]

    def _index(self, number: int) -> NDArray[np.void]:
        name = self.shards[number].name.removesuffix(".tar") + ".npy"
        path = self._folder / name
        if self._remote and not path.exists():
            try:
                _write_bytes(path, remote.read(remote.joined(self.address, name)))
            except (remote.MissingError, remote.UnreachableError) as error:
                raise TrainingError(
                    f"{self.address}/{name}: {error}; the index of a shard cannot be read"
                ) from None
        if not self._remote:
            self._local(number)
        index: NDArray[np.void] = np.load(path) if path.exists() else index_of(self._local(number))
        if len(index) != self.counts[number]:
            raise self._broken(
                number, f"{len(index):,} samples where the manifest says {self.counts[number]:,}"
            )
        return index

    def _local(self, number: int) -> Path:
        shard = self.shards[number]
        path = self._folder / shard.name
        if self._remote and not path.exists():
            self._copy(shard, path)
        size = path.stat().st_size if path.exists() else 0
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
                content = remote.read(address)
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
            _write_bytes(path, content)

    def _broken(self, number: int, what: str) -> TrainingError:
        where = remote.joined(self.address, self.shards[number].name)
        return TrainingError(
            f"{where}: broken shard: {what}; delete it and run `geotagger train shards` to write it again"
        )


def _write_shard(
    folder: Path,
    name: str,
    split: str,
    rows: list[dict[str, Any]],
    short_side: int,
    fetch: Fetch,
    pool: ThreadPoolExecutor,
    missing: Path,
) -> Shard:
    skipped: Counter[str] = Counter()
    told: list[str] = []
    unfinished = folder / f"{name}.part"
    samples = in_a_row = 0

    def jpeg_of(row: dict[str, Any]) -> bytes | Exception:
        try:
            return training_jpeg(fetch(row["address"]), short_side)
        except (remote.MissingError, remote.UnreachableError, UnreadablePhotoError) as error:
            return error

    with (
        unfinished.open("wb") as raw,
        tarfile.open(fileobj=raw, mode="w:", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for row, jpeg in zip(rows, pool.map(jpeg_of, rows), strict=True):
            if isinstance(jpeg, Exception):
                reason = _REASONS[type(jpeg)]
                skipped[reason] += 1
                told.append(json.dumps([row["key"], reason, str(jpeg)]))
                in_a_row = in_a_row + 1 if isinstance(jpeg, remote.UnreachableError) else 0
                if in_a_row >= _UNREACHABLE_IN_A_ROW:
                    raise TrainingError(
                        f"{row['address']}: {in_a_row} images in a row could not be reached, the last because of "
                        f"{jpeg}; finished shards are kept, run again to go on"
                    )
                continue
            in_a_row = 0
            key = f"{samples:06d}_{xxhash.xxh3_64_hexdigest(row['key'].encode('utf-8', 'surrogateescape'))}"
            about = {
                name: row[name] for name in ("key", "latitude", "longitude", "user", "licence", "credit")
            }
            _add(archive, f"{key}.jpg", jpeg)
            _add(archive, f"{key}.json", json.dumps(about).encode())
            samples += 1
    if told:
        with missing.open("a", encoding="utf-8") as file:
            file.write("\n".join(told) + "\n")
    _sync(unfinished)
    size, digest = unfinished.stat().st_size, _sha256(unfinished)
    np.save(folder / f"{name.removesuffix('.tar')}.npy", index_of(unfinished))
    unfinished.replace(folder / name)
    return Shard(name, split, len(rows), samples, size, digest, dict(skipped))


_REASONS = {
    remote.MissingError: "not there",
    remote.UnreachableError: "not reachable",
    UnreadablePhotoError: "not decodable",
}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # time and owner stay zero: equal photos make equal shards
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _finished(folder: Path, plan: Manifest) -> dict[str, Shard]:
    """The shards of this plan that are whole. The journal's first line is the plan."""
    journal = folder / _JOURNAL
    head = json.dumps({**asdict(plan), "shards": None})
    if not journal.exists():
        _append(journal, head)
        return {}
    lines = journal.read_text(encoding="utf-8").split("\n")
    if lines[0] != head:
        raise TrainingError(
            f"{folder}: holds shards of another list of photos or another size; choose another folder "
            "or delete it"
        )
    done = {}
    for line in _whole_lines(lines[1:]):
        shard = Shard(**line)
        path = folder / shard.name
        if path.exists() and path.stat().st_size == shard.bytes:
            done[shard.name] = shard
    return done


def _whole_lines(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the line that a crash cut short; its shard is written again


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _write_text(path: Path, text: str) -> None:
    _write_bytes(path, text.encode())


def _write_bytes(path: Path, content: bytes) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content)
    _sync(unfinished)
    unfinished.replace(path)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
