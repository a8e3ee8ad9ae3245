"""The rows that `look` writes and `tag` reads: what a network said of each photo, in Parquet.

A row is a photo: its path below the root in bytes, size, mtime in nanoseconds, and either the probabilities
of its likeliest classes, raw as the network gave them, with the mass that is left out, or why it could not be
seen. Each file says which model it is of. Rows may come from other machines: all is checked before its use.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from geotagger.errors import SourceError, UsageError

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack

LEAST = 1e-4
"""Probabilities below it are left out; their sum is stated."""

_FORMAT = b"geotagger-looked-1"
_SUM_ERROR = 1e-2
_ROWS_AT_ONCE = 64
_LISTS = ("classes", "probabilities")
_COLUMNS = ("path", "size", "mtime_ns", "classes", "probabilities", "left_out", "error")


@dataclass(frozen=True, slots=True)
class Look:
    """What a network said of one photo. classes int32 and probabilities float32 (n,); `error` in place of
    them where the photo could not be seen."""

    path: bytes
    size: int
    mtime_ns: int
    classes: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    left_out: float
    error: str | None = None

    def whole(self, count: int) -> NDArray[np.float32]:
        """Of all `count` classes, float32 (count,): what was left out lies evenly on the others."""
        rest = count - len(self.classes)
        dense = np.full(count, self.left_out / rest if rest else 0.0, dtype=np.float32)
        dense[self.classes] = self.probabilities
        return dense


def sparse(path: bytes, size: int, mtime_ns: int, probabilities: NDArray[np.float32]) -> Look:
    """The row for float32 (classes,)."""
    classes = np.flatnonzero(probabilities >= LEAST).astype(np.int32)
    kept = probabilities[classes].astype(np.float32)
    left_out = max(0.0, float(probabilities.sum(dtype=np.float64) - kept.sum(dtype=np.float64)))
    return Look(path, size, mtime_ns, classes, kept, left_out)


def unseen(path: bytes, size: int, mtime_ns: int, error: str) -> Look:
    return Look(path, size, mtime_ns, np.empty(0, np.int32), np.empty(0, np.float32), 0.0, error)


def model_digest(pack: "ModelPack") -> str:
    """Of what decides raw probabilities: network, cells and preprocessing. A temperature that is fitted anew
    changes nothing here."""
    from geotagger.model.pack import NETWORK

    network = pack.manifest.identity or pack.manifest.files[NETWORK].sha256
    parts = (network, pack.cells_sha256, repr(pack.preprocessing))
    return xxhash.xxh3_64_hexdigest("\n".join(parts).encode())


def write_rows(target: Path, rows: Sequence[Look], about: dict[str, str]) -> None:
    """A file that is there whole or not at all."""
    parquet, arrow = _parquet()
    schema = arrow.schema(
        [
            ("path", arrow.binary()), ("size", arrow.int64()), ("mtime_ns", arrow.int64()),
            ("classes", arrow.list_(arrow.int32())), ("probabilities", arrow.list_(arrow.float32())),
            ("left_out", arrow.float32()), ("error", arrow.string()),
        ],
        metadata={b"format": _FORMAT, **{key.encode(): value.encode() for key, value in about.items()}},
    )  # fmt: skip
    columns = {name: [getattr(row, name) for row in rows] for name in _COLUMNS}
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            parquet.write_table(arrow.table(columns, schema=schema), file)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(target)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def about_file(path: Path) -> dict[str, str]:
    """What a file says of itself; SourceError for what is none of ours."""
    parquet, arrow = _parquet()
    try:
        metadata = parquet.read_schema(path).metadata or {}
    except (OSError, arrow.ArrowException, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as looked-at photos ({_line(error)})") from None
    if metadata.get(b"format") != _FORMAT:
        raise SourceError(f"{path}: holds no looked-at photos of this version; run `geotagger look` again")
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, value in metadata.items()}


def read_rows(path: Path, classes: int) -> Iterator[Look]:
    """The rows of one file, each checked: classes in range and once, probabilities finite, none negative,
    and a sum of 1. SourceError names the file and the row."""
    parquet, arrow = _parquet()
    try:
        with parquet.ParquetFile(path) as file:
            if missing := set(_COLUMNS) - set(file.schema_arrow.names):
                raise SourceError(f"{path}: lacks the columns {', '.join(sorted(missing))}")
            number = 0
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(_COLUMNS)):
                # as Python's numbers they would take ten times the room that they take in the batch
                if max(_numbers_in(batch.column(name)) for name in _LISTS) > len(batch) * classes:
                    raise SourceError(f"{path}: row {number + 1} or one after it has classes twice")
                for row in batch.to_pylist():
                    number += 1
                    yield _checked(row, classes, f"{path}: row {number}")
    except (OSError, arrow.ArrowException, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as looked-at photos ({_line(error)})") from None


def _numbers_in(column: Any) -> int:
    return len(column.flatten()) if hasattr(column, "flatten") else len(column)


def _checked(row: dict[str, Any], classes: int, where: str) -> Look:
    path, size, mtime_ns, error = row["path"], row["size"], row["mtime_ns"], row["error"]
    if not isinstance(path, bytes) or not path or path[:1] == b"/" or b".." in path.split(b"/"):
        raise SourceError(f"{where} names no file below the folder that was looked at")
    if not isinstance(size, int) or not isinstance(mtime_ns, int):
        raise SourceError(f"{where} has no size or time")
    if error is not None:
        return unseen(path, size, mtime_ns, str(error))
    if not isinstance(row["classes"], list) or not isinstance(row["probabilities"], list):
        raise SourceError(f"{where} has no probabilities")
    try:
        chosen = np.array(row["classes"], dtype=np.int64)
        values = np.array(row["probabilities"], dtype=np.float32)
        left_out = float(row["left_out"])
    except (TypeError, ValueError, OverflowError):
        raise SourceError(f"{where} has no probabilities") from None
    if chosen.shape != values.shape or chosen.ndim != 1:
        raise SourceError(f"{where} has {chosen.size} classes and {values.size} probabilities")
    is_within = not len(chosen) or (chosen.min() >= 0 and chosen.max() < classes)
    if not is_within or len(np.unique(chosen)) != len(chosen):
        raise SourceError(f"{where} has classes that the model does not have, or one twice")
    total = float(values.sum(dtype=np.float64)) + left_out
    are_shares = np.isfinite(values).all() and (values >= 0).all() and left_out >= 0
    if not (are_shares and abs(total - 1) < _SUM_ERROR):
        raise SourceError(f"{where} has probabilities that are none (their sum is {total:.3g})")
    return Look(path, size, mtime_ns, chosen.astype(np.int32), values, left_out)


def _parquet() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "looked-at photos are Parquet files, which need pyarrow: `pip install '.[parquet]'` in the "
            "checkout of geotagger"
        ) from None
    return pyarrow.parquet, pyarrow


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
