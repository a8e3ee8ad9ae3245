"""The rows that `look` writes and `tag` reads: what a network said of each photo, in Parquet.

A row is a photo: its path below the root in bytes, size, mtime in nanoseconds, and either what the network
gave, or why it could not be seen. What it gave: the probabilities of the likeliest classes, raw, with the
mass that is left out; of a network that compares with a gallery its likeliest places; features where they
were asked for. Each file says which model it is of. Rows may come from other machines: all is checked
before its use.
"""

import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from geotagger.engine.values import Outputs
from geotagger.errors import SourceError
from geotagger.look.columns import COLUMNS, FORMAT, KEYS, parquet_and_arrow, schema
from geotagger.look.unpacked import batches, metadata_of

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack

LEAST = 1e-4
"""Probabilities below it are left out; their sum is stated. Of more than a thousand classes, those below a
tenth of an even share: what a picture says faintly of many cells is said there."""

MOST_CLASSES = 4096
MOST_POINTS = 64

_SUM_ERROR = 1e-2
_LEFTOVER_S = 3600


@dataclass(frozen=True, slots=True)
class Look:
    """What a network said of one photo. classes int32 and probabilities float32 (n,); points int64 and
    point_probabilities float32 (k,), rows of the gallery; features float16 (d,), None where they were not
    asked for; `error` in place of all of them where the photo could not be seen."""

    path: bytes
    size: int
    mtime_ns: int
    classes: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    left_out: float
    points: NDArray[np.int64]
    point_probabilities: NDArray[np.float32]
    features: NDArray[np.float16] | None = None
    error: str | None = None

    def whole(self, prior: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Of all classes, float32 (classes,): what was left out lies on the others as they were taken before
        the picture was looked at, so that it says nothing of any."""
        dense = np.array(prior, dtype=np.float64)
        dense[self.classes] = 0.0
        rest = dense.sum()
        dense *= self.left_out / rest if rest > 0 else 0.0
        dense[self.classes] = self.probabilities
        return dense.astype(np.float32)

    def of(self, path: bytes, size: int, mtime_ns: int) -> "Look":
        """The same answer as a photo's own."""
        return replace(self, path=path, size=size, mtime_ns=mtime_ns)

    @staticmethod
    def unseen(path: bytes, size: int, mtime_ns: int, error: str) -> "Look":
        numbers, shares = np.empty(0, np.int32), np.empty(0, np.float32)
        return Look(path, size, mtime_ns, numbers, shares, 0.0, np.empty(0, np.int64), shares, error=error)


def key_of(path: bytes, size: int, mtime_ns: int) -> int:
    """A photo as it is now; 8 bytes each, for there may be millions."""
    return xxhash.xxh3_64_intdigest(b"%s\0%d\0%d" % (path, size, mtime_ns))


def looks(outputs: Outputs, *, features: bool) -> list[Look]:
    """What is kept of each photo of a batch; whose it is, is filled in by the caller."""
    rows = []
    for n, row in enumerate(outputs.probabilities):
        classes, kept, left_out = _sparse(row)
        points, shares = np.empty(0, np.int64), np.empty(0, np.float32)
        if outputs.points is not None and outputs.point_probabilities is not None:
            order = np.argsort(-outputs.point_probabilities[n])[:MOST_POINTS]
            points, shares = outputs.points[n][order], outputs.point_probabilities[n][order]
        seen = outputs.features[n].astype(np.float16) if features and outputs.features is not None else None
        rows.append(Look(b"", 0, 0, classes, kept, left_out, points, shares, seen))
    return rows


def _sparse(probabilities: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32], float]:
    classes = np.flatnonzero(probabilities >= min(LEAST, 0.1 / len(probabilities)))
    if len(classes) > MOST_CLASSES:
        classes = np.sort(classes[np.argpartition(-probabilities[classes], MOST_CLASSES)[:MOST_CLASSES]])
    kept = probabilities[classes].astype(np.float32)
    left_out = max(0.0, float(probabilities.sum(dtype=np.float64) - kept.sum(dtype=np.float64)))
    return classes.astype(np.int32), kept, left_out


def model_digest(pack: "ModelPack") -> str:
    """Of what decides raw probabilities: network, cells and preprocessing. A temperature that is fitted anew
    changes nothing here."""
    from geotagger.model.pack import NETWORK

    network = pack.manifest.identity or pack.manifest.files[NETWORK].sha256
    parts = (network, pack.cells_sha256, repr(pack.preprocessing))
    return xxhash.xxh3_64_hexdigest("\n".join(parts).encode())


def write_rows(folder: Path, name: str, rows: Sequence[Look], about: dict[str, str]) -> Path:
    """A new file in `folder`, there whole or not at all, whose name begins with `name`."""
    parquet, _ = parquet_and_arrow()
    table = table_of(rows).replace_schema_metadata(
        {b"format": FORMAT, **{key.encode(): value.encode() for key, value in about.items()}}
    )
    target = folder / f"{name}-{uuid.uuid4().hex[:12]}.parquet"
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            parquet.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(target)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return target


def table_of(rows: Sequence[Look]) -> Any:
    """Arrow's table of rows."""
    _, arrow = parquet_and_arrow()
    columns = {column: [getattr(row, column) for row in rows] for column in COLUMNS}
    columns["features"] = [
        None if one is None else one.astype("<f2").tobytes() for one in columns["features"]
    ]
    return arrow.table(columns, schema=schema(arrow))


def sweep(folder: Path) -> None:
    """Removes what a killed run left unfinished an hour ago or longer; another may be writing now."""
    for left in folder.glob(".*.parquet.*.part"):
        try:
            if time.time() - left.stat().st_mtime > _LEFTOVER_S:
                left.unlink()
        except OSError:
            continue  # another machine was first


def about_file(path: Path) -> dict[str, str]:
    """What a file says of itself; SourceError for what is none of ours."""
    about = metadata_of(path)
    if about.get("format") != FORMAT.decode():
        raise SourceError(f"{path}: holds no looked-at photos of this version; run `geotagger look` again")
    return about


@dataclass(frozen=True, slots=True)
class Shape:
    """What rows may name: so many classes, places of a gallery, and numbers of features (0 for none)."""

    classes: int
    places: int = 0
    features: int = 0

    @staticmethod
    def of(pack: "ModelPack") -> "Shape":
        gallery = pack.cells.gallery
        places = 0 if gallery is None else len(gallery.lat)
        return Shape(len(pack.cells), places, pack.feature_size or 0)


def keys_of(path: Path) -> Iterator[int]:
    """The photos that a file holds, without those that could not be seen."""
    for batch in batches(path, KEYS):
        for name, size, mtime_ns, error in zip(*(column.to_pylist() for column in batch), strict=True):
            if error is None and None not in (name, size, mtime_ns):
                yield key_of(name, size, mtime_ns)


def read_rows(path: Path, shape: Shape) -> Iterator[Look]:
    """The rows of one file, each checked: classes and places in range and once, probabilities finite, none
    negative, and a sum of 1. SourceError names the file and the row."""
    number = 0
    for columns in batches(path, COLUMNS):
        for row in _rows(columns):
            number += 1
            yield _checked(row, shape, f"{path}: row {number}")


def rows_of_table(table: Any, shape: Shape, where: str) -> list[Look]:
    """Those of `table_of`, checked as `read_rows` does."""
    columns = [table.column(name).combine_chunks() for name in COLUMNS]
    return [_checked(row, shape, where) for row in _rows(columns)]


def _rows(columns: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    names, sizes, times, classes, masses, left, points, shares, features, errors = columns
    lists = _slices(classes), _slices(masses), _slices(points), _slices(shares)
    plain = names, sizes, times, left, features, errors
    yield from zip(*lists, *(column.to_pylist() for column in plain), strict=True)


def _slices(lists: Any) -> "list[NDArray[Any] | None]":
    """The numbers of each row, None where there is none or one of them is missing."""
    values = lists.values
    numbers = values.to_numpy(zero_copy_only=False)
    lacking = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    slices: list[NDArray[Any] | None] = []
    offsets = lists.offsets.to_numpy().tolist()
    for start, end, is_there in zip(offsets[:-1], offsets[1:], lists.is_valid().to_pylist(), strict=True):
        is_whole = is_there and (lacking is None or not lacking[start:end].any())
        slices.append(numbers[start:end] if is_whole else None)
    return slices


def _checked(row: tuple[Any, ...], shape: Shape, where: str) -> Look:
    classes, values, points, shares, path, size, mtime_ns, left_out, features, error = row
    if not path or path[:1] == b"/" or b"\0" in path or b".." in path.split(b"/"):
        raise SourceError(f"{where} names no file below the folder that was looked at")
    if size is None or mtime_ns is None:
        raise SourceError(f"{where} has no size or time")
    if error is not None:
        return Look.unseen(path, size, mtime_ns, error)
    if classes is None or values is None or left_out is None:
        raise SourceError(f"{where} has no probabilities")
    if len(classes) != len(values):
        raise SourceError(f"{where} has {len(classes)} classes and {len(values)} probabilities")
    if not _are_numbers(classes, shape.classes):
        raise SourceError(f"{where} has classes that the model does not have, or one twice")
    if not (_are_shares(values) and left_out >= 0):
        raise SourceError(f"{where} has probabilities that are none")
    total = float(values.sum(dtype=np.float64)) + left_out
    if not abs(total - 1) < _SUM_ERROR:
        raise SourceError(f"{where} has probabilities that are none (their sum is {total:.3g})")
    if points is None or shares is None or len(points) != len(shares):
        raise SourceError(f"{where} has places of a gallery without probabilities")
    if not _are_numbers(points, shape.places):
        raise SourceError(f"{where} has places that the model's gallery does not have, or one twice")
    if not (_are_shares(shares) and float(shares.sum(dtype=np.float64)) < 1 + _SUM_ERROR):
        raise SourceError(f"{where} has probabilities of places that are none")
    seen = None
    if features is not None:
        seen = np.frombuffer(features[: len(features) // 2 * 2], "<f2").astype(np.float16)
        if len(features) != 2 * shape.features or not np.isfinite(seen).all():
            raise SourceError(f"{where} has features that the model does not give")
    return Look(path, size, mtime_ns, classes, values, left_out, points, shares, seen)


def _are_numbers(chosen: NDArray[Any], below: int) -> bool:
    """Each at most once."""
    is_within = not len(chosen) or (chosen.min() >= 0 and chosen.max() < below)
    return is_within and len(np.unique(chosen)) == len(chosen)


def _are_shares(values: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(values).all() and (values >= 0).all())
