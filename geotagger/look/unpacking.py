"""The process in which files of looked-at photos are unpacked: `serve` answers line after line of JSON.

A Parquet file of a few kilobytes can state pages and rows of any size; what it may take here is bounded by
the operating system. Takes a path and columns, gives record batches as streams of Arrow, or why there are
none.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from geotagger.bounded import begin_to_serve, bound_time, slowness
from geotagger.look.columns import parquet_and_arrow, reason_of, schema

SECONDS_ALLOWED = 10.0
"""Of processor time for a thousand rows, on a machine as fast as that of benchmarks/RESULTS.md."""

ROWS_AT_ONCE = 1024
BATCH_ALLOWED = 256 << 20
"""Bytes of so many rows: six times as many as those of 4,096 classes with features."""

_ABOUT_ALLOWED = 1 << 20
"""Bytes of what a file says of itself, and of any text in its footer."""


class _RefusedError(Exception):
    """In words."""


def serve() -> None:
    """Reads wishes from standard input, answers on standard output, until the input ends."""
    parquet, arrow = parquet_and_arrow()
    answers, seconds = begin_to_serve(), SECONDS_ALLOWED * slowness()
    for line in sys.stdin.buffer:
        wish = json.loads(line)
        bound_time(seconds)
        try:
            for header, data in _answers(wish["path"], wish["columns"], parquet, arrow):
                _say(answers, header, data)
                bound_time(seconds)
        except MemoryError:
            _say(answers, {"reason": "it would take more memory than one file may"})
        except _RefusedError as error:
            _say(answers, {"reason": str(error)})
        except (OSError, arrow.ArrowException, UnicodeDecodeError) as error:
            _say(answers, {"reason": reason_of(error)})


def _say(answers: BinaryIO, header: dict[str, Any], data: bytes = b"") -> None:
    answers.write(json.dumps(header).encode() + b"\n" + data)
    answers.flush()


def _answers(
    path: str, columns: Sequence[str] | None, parquet: Any, arrow: Any
) -> Iterator[tuple[dict[str, Any], bytes]]:
    limits = {"thrift_string_size_limit": _ABOUT_ALLOWED, "thrift_container_size_limit": _ABOUT_ALLOWED}
    # opened here: Arrow takes no path that is not UTF-8
    with open(path, "rb") as data, parquet.ParquetFile(data, **limits) as file:
        if columns is None:
            about = file.schema_arrow.metadata or {}
            if sum(len(key) + len(value) for key, value in about.items()) > _ABOUT_ALLOWED:
                raise _RefusedError("it says more of itself than such a file may")
            texts = {
                key.decode(errors="replace"): value.decode(errors="replace") for key, value in about.items()
            }
            yield {"about": texts}, b""
            return
        for name in columns:
            wanted = schema(arrow).field(name).type
            at = file.schema_arrow.get_field_index(name)
            if at < 0 or file.schema_arrow.field(at).type != wanted:
                raise _RefusedError(f"it lacks the column {name} of type {wanted}")
        if file.metadata.num_rows > os.path.getsize(path):
            raise _RefusedError(f"it states {file.metadata.num_rows:,} rows, more than it has bytes")
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(columns), use_threads=False):
            if batch.nbytes > BATCH_ALLOWED:
                raise _RefusedError("it would take more memory than one file may")
            stream = io.BytesIO()
            with arrow.ipc.new_stream(stream, batch.schema) as writer:
                writer.write_batch(batch)
            yield {"bytes": stream.tell()}, stream.getvalue()
    yield {"end": True}, b""
