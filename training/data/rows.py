"""The list of photos to train on: cleaned, without doubles, split by photographer, shuffled.

Takes batches of `SCHEMA` from any source and writes one Parquet file. Two passes over the disk, each
divided by a hash, keep the memory at one part of the whole however many rows there are: by
photographer to find doubles, then by photo to shuffle. Knows nothing of where rows come from
or of what the images show.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from geotagger.errors import SourceError, TrainingError

SCHEMA = pa.schema(
    [
        ("key", pa.string()),  # names the photo: its Flickr id, its path
        ("address", pa.string()),  # where its bytes are, absolute or below --fetch
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("user", pa.string()),  # photographer, or what else must stay in one split
        ("taken", pa.string()),  # YYYY-MM-DD HH:MM as the camera says, null when unknown
        ("licence", pa.string()),
        ("credit", pa.string()),
    ]
)
LISTED = SCHEMA.append(pa.field("split", pa.string()))

SPLITS = ("train", "val", "test")
_ROWS_A_PART = 2_000_000
"""Rows held in memory at a time: about 1 GB at the usual lengths."""


def own_row(path: str, key: str, lat: float, lng: float, taken: datetime | None) -> dict[str, Any]:
    """A photo of one owner: a day's photos stay in one split, where a photographer's would."""
    return {
        "key": key,
        "address": path,
        "latitude": lat,
        "longitude": lng,
        "user": taken.strftime("day %Y-%m-%d") if taken else None,
        # seconds too: a person's burst is not a bulk upload
        "taken": taken.strftime("%Y-%m-%d %H:%M:%S.%f") if taken else None,
        "licence": None,
        "credit": None,
    }


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of the photographers, in 0…1, that are kept for validation and for testing."""

    val: float = 0.05
    test: float = 0.05


@dataclass(frozen=True, slots=True)
class RowsSummary:
    """What became of the rows: how many were read, kept in each split, dropped and why, under
    which licences the kept ones stand, and from when to when they were taken."""

    read: int
    kept: dict[str, int]
    dropped: dict[str, int]
    licences: dict[str, int]
    photographers: int


def prepare(
    batches: Iterable[pa.RecordBatch],
    folder: Path,
    *,
    dropped: Counter[str],
    shares: Shares = Shares(),
    excluded: frozenset[str] = frozenset(),
    expected_rows: int = 0,
    name: str = "the source",
) -> RowsSummary:
    """Write `folder/photos.parquet` and `folder/photos.json`; whole or not at all.

    `dropped` counts what the source itself left out by reason, and goes on counting here.
    `expected_rows` only decides in how many parts the work is done; `name` is what errors say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "photos.parts"
    shutil.rmtree(work, ignore_errors=True)
    parts = max(1, -(-expected_rows // _ROWS_A_PART))
    try:
        by_user = _scattered(_usable(batches, excluded, dropped), "user", work / "user", parts)
        unique = (_without_doubles(part, dropped) for part in by_user)
        by_key = _scattered(unique, "key", work / "key", parts)
        summary = _write(by_key, folder, shares, dropped, name)
    except OSError as error:
        raise TrainingError(
            f"{folder}: the list of photos could not be written ({error}); free some space"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    read = sum(dropped.values()) + sum(summary.kept.values())
    summary = replace(summary, read=read, dropped={reason: n for reason, n in dropped.items() if n})
    (folder / "photos.json").write_text(json.dumps(asdict(summary), indent=1))
    return summary


def load_summary(folder: Path) -> RowsSummary:
    return RowsSummary(**json.loads((folder / "photos.json").read_text()))


def splits_of(users: Iterable[str], shares: Shares) -> list[str]:
    """Where each photographer's photos go. A hash of the name decides, so that it is the same on
    every machine and stays the same when photos are added."""
    names = []
    for user in users:
        share = _hash("split:" + user) / 2**64
        names.append(
            "test" if share < shares.test else "val" if share < shares.test + shares.val else "train"
        )
    return names


def excluded_ids(files: Iterable[Path]) -> frozenset[str]:
    """The photos that lists of test sets name: the first column of each line, as it stands, without
    folders and ending, and up to the first underscore (Im2GPS names are
    `<photo id>_<secret>_<server>_<user>.jpg`, YFCC26k's `45/77/<photo id>.jpg`)."""
    ids: set[str] = set()
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise SourceError(
                f"{file}: the list of photos to leave out cannot be read ({error.strerror})"
            ) from error
        for line in text.splitlines():
            first = line.replace("\t", ",").split(",", 1)[0].strip().strip('"')
            if first:
                stem = first.rsplit("/", 1)[-1].rsplit(".", 1)[0]
                ids |= {first, stem, stem.split("_", 1)[0]}
    return frozenset(ids)


def places(folder: Path, split: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes and longitudes of one split, float64 degrees, in the order of the list."""
    table = pq.read_table(
        folder / "photos.parquet", columns=["latitude", "longitude"], filters=[("split", "=", split)]
    )
    return table["latitude"].to_numpy(), table["longitude"].to_numpy()


def listed(folder: Path, split: str, batch_rows: int = 10_000) -> Iterator[dict[str, Any]]:
    """The photos of one split as dictionaries, a bounded number in memory."""
    with pq.ParquetFile(folder / "photos.parquet") as file:
        for batch in file.iter_batches(batch_rows):
            yield from batch.filter(pc.equal(batch["split"], split)).to_pylist()


def _usable(
    batches: Iterable[pa.RecordBatch], excluded: frozenset[str], dropped: Counter[str]
) -> Iterator[pa.Table]:
    names = pa.array(sorted(excluded), pa.string())
    for batch in batches:
        table = pa.Table.from_batches([batch.cast(SCHEMA)])
        lat, lng = table["latitude"], table["longitude"]
        on_earth = pc.and_(
            pc.less_equal(pc.abs(lat), 90.0), pc.less_equal(pc.abs(lng), 180.0)
        )  # NaN compares false
        null_island = pc.and_(pc.equal(lat, 0.0), pc.equal(lng, 0.0))
        no_place = pc.or_(pc.is_null(lat), pc.is_null(lng))
        listed_out = pc.is_in(table["key"], names)
        if excluded:
            stems = [a.rsplit("/", 1)[-1].rsplit(".", 1)[0] for a in table["address"].to_pylist()]
            listed_out = pc.or_(listed_out, pc.is_in(pa.array(stems, pa.string()), names))
        remaining = pa.array(np.ones(len(table), dtype=bool))
        for reason, bad in (
            ("no coordinates", no_place),
            ("coordinates out of range", pc.invert(on_earth)),
            ("coordinates 0,0", null_island),
            ("in a list to exclude", listed_out),
        ):
            bad = pc.and_(pc.fill_null(bad, False), remaining)
            dropped[reason] += pc.sum(bad).as_py() or 0
            remaining = pc.and_not(remaining, bad)
        yield table.filter(remaining)


def _without_doubles(table: pa.Table, dropped: Counter[str]) -> pa.Table:
    """One row a photo, and one a photographer, place (11 m) and minute. The first of them stays."""
    keep = _first_of(_hashes(table["key"].to_pylist()))
    dropped["duplicate photo"] += len(table) - len(keep)
    table = table.take(keep)
    place = zip(
        table["user"].to_pylist(),
        np.round(table["latitude"].to_numpy(), 4).tolist(),
        np.round(table["longitude"].to_numpy(), 4).tolist(),
        table["taken"].to_pylist(),
        table["key"].to_pylist(),
        strict=True,
    )
    # without a time or a photographer nothing tells a bulk upload from two visits
    bulk = [f"{u}|{a}|{o}|{t}" if t and u else f"|{k}" for u, a, o, t, k in place]
    keep = _first_of(_hashes(bulk))
    dropped["same user, place and minute"] += len(table) - len(keep)
    return table.take(keep)


def _first_of(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.sort(np.unique(hashes, return_index=True)[1])


def _scattered(tables: Iterable[pa.Table], column: str, folder: Path, parts: int) -> Iterator[pa.Table]:
    """The same rows regrouped so that equal values of `column` are in one table."""
    folder.mkdir(parents=True)
    # Arrow's stream format: many small pieces a file, and nothing held in memory about them
    compressed = pa.ipc.IpcWriteOptions(compression="zstd")
    paths = [folder / f"{i}.arrows" for i in range(parts)]
    with ExitStack() as open_files:
        writers = [
            open_files.enter_context(pa.ipc.new_stream(str(p), SCHEMA, options=compressed)) for p in paths
        ]
        for table in tables:
            part = _hashes(table[column].to_pylist()) % np.uint64(parts)
            for i in range(parts):
                mine = table.filter(pa.array(part == i)) if parts > 1 else table
                if len(mine):
                    writers[i].write_table(mine)
    for path in paths:
        with pa.OSFile(str(path)) as file:
            yield pa.ipc.open_stream(file).read_all()
        path.unlink()


def _write(
    tables: Iterable[pa.Table], folder: Path, shares: Shares, dropped: Counter[str], name: str
) -> RowsSummary:
    kept: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    licences: Counter[str] = Counter()
    photographers: set[int] = set()
    unfinished = folder / "photos.parquet.part"
    with pq.ParquetWriter(unfinished, LISTED, compression="zstd") as writer:
        for table in tables:
            order = np.argsort(_hashes(table["key"].to_pylist()), kind="stable")
            table = table.take(order)
            users = [u or k for u, k in zip(table["user"].to_pylist(), table["key"].to_pylist(), strict=True)]
            photographers.update(_hash(user) for user in users)
            splits = splits_of(users, shares)
            kept.update(splits)
            licences.update(name or "not stated" for name in table["licence"].to_pylist())
            writer.write_table(table.append_column(LISTED.field("split"), pa.array(splits, pa.string())))
    if not kept["train"]:
        unfinished.unlink()
        why = (
            ", ".join(f"{n:,} {reason}" for reason, n in dropped.most_common() if n)
            or "it names none with a place"
        )
        raise TrainingError(f"{name}: no photo is left to train on: {why}; nothing was written")
    unfinished.replace(folder / "photos.parquet")
    return RowsSummary(0, dict(kept), {}, dict(licences.most_common(50)), len(photographers))


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogateescape"))


def _hashes(texts: Iterable[str | None]) -> NDArray[np.uint64]:
    return np.array([_hash(text or "") for text in texts], dtype=np.uint64)
