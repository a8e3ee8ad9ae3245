"""Where the photos come from: a folder of geotagged photos, a CSV or Parquet list, YFCC100M
metadata, or geotagger's own index.

Tells the kind of a source and gives its rows as record batches of `rows.SCHEMA`. Positions that
geotagger itself estimated are never trained on. Knows nothing of cells or images.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from geotagger.archive.passed import PassedOver, Problem
from geotagger.errors import SourceError, UnreadablePhotoError, UsageError
from training.data import remote, yfcc
from training.data.columns import columns_of
from training.data.rows import SCHEMA, own_row
from training.data.texts import of_utf8

_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """Rows to train on. `base` is what addresses are below when they cannot stand alone, `kind` how
    the source is told of in the pack, `expected_rows` about how many rows there are. One that `changes`
    is read at every run."""

    name: str
    kind: str
    base: str
    expected_rows: int
    batches: Callable[[Counter[str]], Iterator[pa.RecordBatch]]
    changes: bool = False


def open_source(name: str, *, min_accuracy: int = 1, problem: Problem | None = None) -> PhotoSource:
    """The source of that name; UsageError where there is nothing of that name, SourceError for
    what is nothing we know."""
    path = Path(name)
    if path.is_dir():
        return PhotoSource(
            name, "a folder of geotagged photos", "", 0, lambda dropped: _folder(path, dropped, problem)
        )
    if not path.is_file():
        raise UsageError(
            f"{name}: no such folder or file; SOURCE is a folder of photos, a CSV or Parquet list, or "
            "YFCC100M metadata"
        )
    base = str(path.absolute().parent)
    if path.suffix == ".parquet":
        rows = path.stat().st_size // 30
        return PhotoSource(
            name, "a Parquet list", base, rows, lambda dropped: _table(_parquet(path), path, dropped)
        )
    with path.open("rb") as file:
        head = file.read(16)
    if head == b"SQLite format 3\0":
        return _sqlite(path, min_accuracy)
    line = yfcc.first_line(path)
    if yfcc.layout_of(line):
        return PhotoSource(
            name, "YFCC100M metadata", "", yfcc.expected_rows(path),
            lambda dropped: yfcc.batches_of(path, min_accuracy=min_accuracy, dropped=dropped),
        )  # fmt: skip
    if columns_of(next(csv.reader([line]), [])):
        return PhotoSource(
            name,
            "a CSV list",
            base,
            path.stat().st_size // 60,
            lambda dropped: _table(_csv(path), path, dropped),
        )
    if not line:
        raise SourceError(f"{name}: is empty; nothing to train on")
    raise SourceError(
        f"{name}: neither a list with columns path, latitude, longitude nor YFCC100M metadata; "
        f"its first line is {line[:60]!r}"
    )


def index_source(path: Path | None) -> PhotoSource:
    """The owner's own photos with a position of their own, as geotagger's index remembers them."""
    from training.data.own_photos import geotagged

    return PhotoSource(
        str(path or "index"),
        "the owner's own photos",
        "",
        0,
        lambda _: _batches(geotagged(path)),
        changes=True,
    )


def _sqlite(path: Path, min_accuracy: int) -> PhotoSource:
    if yfcc.is_sqlite_metadata(path):
        return PhotoSource(
            str(path), "YFCC100M metadata (SQLite)", "", yfcc.expected_rows(path),
            lambda dropped: yfcc.sqlite_batches(path, min_accuracy=min_accuracy, dropped=dropped),
        )  # fmt: skip
    return index_source(path)


def _folder(path: Path, dropped: Counter[str], problem: Problem | None) -> Iterator[pa.RecordBatch]:
    from geotagger.archive import walk

    def rows() -> Iterator[dict[str, Any]]:
        for entry in walk([str(path.absolute())], problem=problem):
            row = photo_row(entry.path, str(path.absolute()), dropped, problem)
            if row:
                yield row

    return _batches(rows())


def photo_row(
    path: str, root: str, dropped: Counter[str], problem: Problem | None = None
) -> dict[str, Any] | None:
    """The row of one geotagged photo, None (and counted) when it cannot serve."""
    from geotagger.photo.facts import read_facts

    try:
        facts = read_facts(path)
    except UnreadablePhotoError as error:
        dropped["unreadable photo"] += 1
        if problem:
            problem(PassedOver(path, error.reason))
        return None
    if facts.fix is None:
        dropped["no coordinates"] += 1
        return None
    if facts.fix.mark is not None and facts.fix.mark.is_estimate:
        dropped["position estimated by geotagger"] += 1
        return None
    taken = facts.taken.local if facts.taken else None
    try:
        path.encode()
    except UnicodeEncodeError:
        dropped["name is not UTF-8"] += 1
        return None
    return own_row(path, path.removeprefix(root).lstrip("/"), facts.fix.latitude, facts.fix.longitude, taken)


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    stream = iter(rows)
    while some := list(islice(stream, _BATCH)):
        yield pa.RecordBatch.from_pylist(some, schema=SCHEMA)


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    def text_only(names: list[str]) -> dict[str, pa.DataType]:
        return dict.fromkeys(names, pa.string())

    names = next(csv.reader([yfcc.first_line(path)]))
    bad: list[pacsv.InvalidRow] = []

    def on_bad_row(row: pacsv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    try:
        yield from pacsv.open_csv(
            str(path),
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=pacsv.ParseOptions(invalid_row_handler=on_bad_row),
            convert_options=pacsv.ConvertOptions(column_types=text_only(names), check_utf8=False),
        )
    except (pa.ArrowInvalid, OSError) as error:
        if bad:
            raise SourceError(
                f"{path}: row {bad[0].number} has {bad[0].actual_columns} of {bad[0].expected_columns} "
                "columns: cut in mid-row or not a CSV; nothing was written"
            ) from error
        raise SourceError(f"{path}: cannot be read as CSV ({str(error).splitlines()[0]})") from error


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(_BATCH)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(
            f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]}): cut or damaged; "
            "nothing was written"
        ) from error


def _table(batches: Iterator[pa.RecordBatch], path: Path, dropped: Counter[str]) -> Iterator[pa.RecordBatch]:
    folder = str(path.absolute().parent)
    for whole in batches:
        batch = of_utf8(whole, dropped)
        columns = columns_of(batch.schema.names)
        if not columns:
            raise SourceError(
                f"{path}: needs columns path, latitude and longitude, has {', '.join(batch.schema.names)}"
            )
        arrays: dict[str, Any] = {name: batch[column] for name, column in columns.items()}
        for name, array in arrays.items():
            if pa.types.is_nested(array.type) or pa.types.is_binary(array.type):
                raise SourceError(f"{path}: its column {columns[name]} holds {array.type}, no text or number")
        addresses = arrays["address"].cast(pa.string()).to_pylist()
        arrays["key"] = pa.array(addresses, pa.string())
        arrays["address"] = pa.array([remote.joined(folder, a) if a else a for a in addresses], pa.string())
        for name in ("latitude", "longitude"):
            arrays[name] = _degrees(arrays[name])
        for name in ("user", "taken", "licence", "credit"):
            if name in arrays:
                arrays[name] = arrays[name].cast(pa.string())
            else:
                arrays[name] = pa.nulls(len(batch), pa.string())
        nameless = [not a for a in addresses]
        dropped["no path"] += sum(nameless)
        named = pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)
        yield named.filter(pa.array([not n for n in nameless], pa.bool_()))


def _degrees(values: pa.Array) -> pa.Array:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return pa.array([_float(text) for text in values.to_pylist()], pa.float64())
    return values.cast(pa.float64())


def _float(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
