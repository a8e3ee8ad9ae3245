"""Writing image shards: photos fetched, decoded, stored at training size.

Rows k·n … k·n+n−1 of a split's list go into shard k, so that a run that was stopped goes on with the
first shard that is not there. Images that are missing or broken are left out and counted, and
named in missing.csv. Equal photos make equal shards, byte for byte.
"""

import io
import json
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from geotagger.engine.cores import usable_cores
from geotagger.errors import TrainingError, UnreadablePhotoError
from training.data import remote
from training.data.images import training_jpeg
from training.data.shards import MANIFEST, Shard, ShardManifest, index_of, sha256_of, write_whole

_JOURNAL = "shards.jsonl"
_UNREACHABLE_IN_A_ROW = 20

Fetch = Callable[[str], bytes]
Report = Callable[[Shard], None]


def write_shards(
    folder: Path,
    splits: dict[str, Iterable[dict[str, Any]]],
    plan: ShardManifest,
    *,
    fetch: Fetch = remote.read,
    threads: int = 0,
    report: Report | None = None,
) -> ShardManifest:
    """Write the shards that are not there yet, then the manifest.

    splits: for each split its rows in a fixed order. plan: what the shards shall be, without
    shards. fetch gives a photo's bytes for its address. Raises TrainingError when the folder
    holds shards of another plan, when the disk is full or when nothing can be fetched any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = _finished(folder, plan)
    missing = folder / "missing.csv"
    with ThreadPoolExecutor(threads or 2 * usable_cores()) as pool:
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
    write_whole(folder / MANIFEST, json.dumps(asdict(whole), indent=1).encode())
    return whole


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
    lines: list[str] = []
    unfinished = folder / f"{name}.part"
    samples = in_a_row = 0

    def jpeg_of(row: dict[str, Any]) -> bytes | Exception:
        try:
            return training_jpeg(fetch(row["address"]), short_side, row["address"])
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
                lines.append(json.dumps([row["key"], reason, str(jpeg)]))
                in_a_row = in_a_row + 1 if isinstance(jpeg, remote.UnreachableError) else 0
                if in_a_row >= _UNREACHABLE_IN_A_ROW:
                    raise TrainingError(
                        f"{row['address']}: {in_a_row} images in a row could not be reached, the last "
                        f"because of {jpeg}; finished shards are kept, run again to go on"
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
    if lines:
        with missing.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    size, digest = unfinished.stat().st_size, sha256_of(unfinished)
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


def _finished(folder: Path, plan: ShardManifest) -> dict[str, Shard]:
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
