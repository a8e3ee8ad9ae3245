"""YFCC100M metadata: the 23-column original and the 25-column form of Multimedia Commons, as
tab-separated text, plain or compressed by gzip, bzip2 or zstd, or as SQLite.

Gives record batches of `rows.SCHEMA`, photos with a place only. Streams: memory does not grow
with the file. FACTS: 25 columns are the line number, the photo id, the image hash, then as the original.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from geotagger.errors import SourceError
from training.data.rows import SCHEMA
from training.data.texts import of_utf8

_ORIGINAL = [
    "id",
    "user",
    "nickname",
    "taken",
    "uploaded",
    "camera",
    "title",
    "description",
    "tags",
    "machine_tags",
    "longitude",
    "latitude",
    "accuracy",
    "page",
    "download",
    "licence",
    "licence_address",
    "server",
    "farm",
    "secret",
    "original_secret",
    "extension",
    "marker",
]
_COMMONS = ["line", _ORIGINAL[0], "hash", *_ORIGINAL[1:]]
_NEEDED = ("user", "nickname", "taken", "title", "longitude", "latitude", "accuracy", "download", "licence")
_IN_SQLITE = {  # the column names of the published yfcc100m_dataset.sql
    "id": "photoid",
    "user": "uid",
    "nickname": "unickname",
    "taken": "datetaken",
    "title": "title",
    "longitude": "longitude",
    "latitude": "latitude",
    "accuracy": "accuracy",
    "download": "downloadurl",
    "licence": "licensename",
    "marker": "marker",
}
_HASH = r"^[0-9a-fA-F]{6,64}$"
_BYTES_A_BLOCK = 4 << 20  # Arrow reads 32 blocks ahead
_BYTES_A_ROW = 500
_SHRUNK = {".gz": 4, ".bz2": 5, ".zst": 4}


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """How the columns stand: their names in order."""

    names: tuple[str, ...]

    @property
    def has_hash(self) -> bool:
        return "hash" in self.names


def layout_of(first_line: str) -> ColumnLayout | None:
    """The layout that a line of metadata has, None when it is no YFCC100M metadata."""
    columns = first_line.rstrip("\r\n").split("\t")
    if len(columns) == len(_COMMONS):
        return ColumnLayout(tuple(_COMMONS))
    if len(columns) == len(_ORIGINAL):
        return ColumnLayout(tuple(_ORIGINAL))
    return None


def first_line(path: Path) -> str:
    """The first line of a text file, compressed or not; "" when there is none."""
    try:
        with pa.input_stream(str(path)) as stream:
            return bytes(stream.read(1 << 16)).split(b"\n", 1)[0].decode("utf-8", "replace")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error}); fetch the file again") from error


def expected_rows(path: Path) -> int:
    """About how many rows the file has."""
    return path.stat().st_size * _SHRUNK.get(path.suffix, 1) // _BYTES_A_ROW


def batches_of(path: Path, *, min_accuracy: int, dropped: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The geotagged photos of a metadata file; what is left out is counted in `dropped`.

    Raises SourceError when the file is cut in the middle of a row or of a compressed block.
    """
    layout = layout_of(first_line(path))
    if layout is None:
        raise SourceError(
            f"{path}: not YFCC100M metadata: its first row has neither {len(_ORIGINAL)} nor {len(_COMMONS)} "
            "tab-separated columns"
        )
    malformed: list[tuple[int, int]] = []
    rows = 0
    last_complete = True

    def on_bad_row(row: pacsv.InvalidRow) -> str:
        malformed.append((row.number or 0, row.actual_columns))
        return "skip"

    try:
        reader = pacsv.open_csv(
            str(path),
            # one thread: only then does the reader tell the numbers of bad rows
            read_options=pacsv.ReadOptions(
                column_names=list(layout.names), block_size=_BYTES_A_BLOCK, use_threads=False
            ),
            parse_options=pacsv.ParseOptions(
                delimiter="\t",
                quote_char=False,
                double_quote=False,
                ignore_empty_lines=True,
                invalid_row_handler=on_bad_row,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(layout.names, pa.string()),
                include_columns=["id", *(["hash"] if layout.has_hash else []), *_NEEDED, "marker"],
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        for batch in reader:
            rows += len(batch)
            if len(batch):
                last_complete = batch["marker"][-1].as_py() in ("0", "1")
            yield _photos(batch, min_accuracy, dropped)
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise SourceError(
            f"{path}: breaks off or is damaged after about {rows:,} rows ({str(error).splitlines()[0]}); "
            "nothing was written, fetch the file again"
        ) from error
    total = rows + len(malformed)
    if malformed and malformed[-1][0] >= total:
        raise _cut(path, total, f"ends after {malformed[-1][1]} of {len(layout.names)} columns")
    if not last_complete:
        raise _cut(path, total, "lacks the photo/video mark that ends every row")
    dropped["malformed row"] += len(malformed)


def sqlite_batches(path: Path, *, min_accuracy: int, dropped: Counter[str]) -> Iterator[pa.RecordBatch]:
    """As `batches_of`, for the metadata as an SQLite table (the columns of yfcc100m_dataset)."""
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as db:
            db.text_factory = lambda text: text.decode(errors="replace")
            table = _sqlite_table(db, path)
            columns = ", ".join(f'CAST("{name}" AS TEXT)' for name in _IN_SQLITE.values())
            cursor = db.execute(f'SELECT {columns} FROM "{table}"')
            while rows := cursor.fetchmany(50_000):
                arrays = [
                    pa.array([v or "" for v in values], pa.string()) for values in zip(*rows, strict=True)
                ]
                yield _photos(
                    pa.RecordBatch.from_arrays(arrays, names=list(_IN_SQLITE)), min_accuracy, dropped
                )
    except sqlite3.DatabaseError as error:
        raise SourceError(
            f"{path}: the SQLite metadata cannot be read ({error}); fetch the file again"
        ) from error


def is_sqlite_metadata(path: Path) -> bool:
    """True when an SQLite file holds a table with the columns of YFCC100M."""
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as db:
            return bool(_sqlite_table(db, path))
    except (sqlite3.DatabaseError, SourceError):
        return False


def _sqlite_table(db: sqlite3.Connection, path: Path) -> str:
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall():
        columns = {row[1] for row in db.execute(f'PRAGMA table_info("{table}")')}
        if columns >= set(_IN_SQLITE.values()):
            return str(table)
    raise SourceError(f"{path}: no table with the columns of YFCC100M ({', '.join(_IN_SQLITE.values())})")


def image_path(image_hash: str) -> str:
    """Where Multimedia Commons keeps an image, below the bucket."""
    return f"data/images/{image_hash[:3]}/{image_hash[3:6]}/{image_hash}.jpg"


def _photos(batch: pa.RecordBatch, min_accuracy: int, dropped: Counter[str]) -> pa.RecordBatch:
    batch = of_utf8(batch, dropped)
    photo = pc.equal(batch["marker"], "0")
    dropped["video"] += len(batch) - pc.sum(photo).as_py() if len(batch) else 0
    batch = batch.filter(photo)
    located = pc.and_(pc.not_equal(batch["latitude"], ""), pc.not_equal(batch["longitude"], ""))
    dropped["no coordinates"] += len(batch) - (pc.sum(located).as_py() or 0)
    batch = batch.filter(located)
    accuracy = _numbers(batch["accuracy"])
    # no accuracy stated is no accuracy known
    exact = pc.fill_null(pc.greater_equal(accuracy, float(min_accuracy)), min_accuracy <= 1)
    dropped[f"accuracy below {min_accuracy}"] += len(batch) - (pc.sum(exact).as_py() or 0)
    batch = batch.filter(exact)
    if "hash" in batch.schema.names:
        # it becomes a path
        plain = pc.match_substring_regex(batch["hash"], _HASH)
        dropped["no hash of an image"] += len(batch) - (pc.sum(plain).as_py() or 0)
        batch = batch.filter(plain)
        addresses = [image_path(h) for h in batch["hash"].to_pylist()]
    else:
        addresses = batch["download"].to_pylist()
    taken = pc.utf8_slice_codeunits(batch["taken"], 0, 16)
    credits = [
        f"{unquote_plus(title)} ({unquote_plus(name)})" if title else unquote_plus(name)
        for title, name in zip(batch["title"].to_pylist(), batch["nickname"].to_pylist(), strict=True)
    ]
    columns = {
        "key": batch["id"],
        "address": pa.array(addresses, pa.string()),
        "latitude": _numbers(batch["latitude"]),
        "longitude": _numbers(batch["longitude"]),
        "user": batch["user"],
        "taken": pc.if_else(pc.match_substring_regex(taken, r"^[12]\d{3}-\d\d-\d\d \d\d:\d\d$"), taken, None),
        "licence": batch["licence"],
        "credit": pa.array(credits, pa.string()),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _numbers(texts: pa.Array) -> pa.Array:
    """float64, null for what is no number."""
    plain = pc.match_substring_regex(texts, r"^-?\d{1,3}(\.\d+)?([eE]-?\d{1,2})?$")
    return pc.cast(pc.if_else(plain, texts, None), pa.float64())


def _cut(path: Path, row: int, what: str) -> SourceError:
    return SourceError(
        f"{path}: cut in mid-row: row {row:,}, the last, {what}; nothing was written, fetch the file again"
    )
