"""What stands in files of looked-at photos, which may come from anybody: unpacked in a process whose memory
and time the system bounds (unpacking.py). Takes paths, gives columns of Arrow; knows no model.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geotagger.bounded import BoundedProcesses, took_too_long
from geotagger.errors import SourceError
from geotagger.look.columns import parquet_and_arrow, reason_of

# Arrow's other allocators reserve far more than they use, and what is reserved counts
_PROCESSES = BoundedProcesses(
    "geotagger.look.unpacking", ARROW_DEFAULT_MEMORY_POOL="system", OMP_NUM_THREADS="1"
)


def metadata_of(path: Path) -> dict[str, str]:
    """What a file says of itself. Raises SourceError, UsageError."""
    for header, _ in _answers(path, None):
        about: dict[str, str] = header["about"]
        return about
    return {}


def batches(path: Path, names: Sequence[str]) -> Iterator[list[Any]]:
    """The columns of a thousand rows at a time. Raises SourceError, UsageError."""
    _, arrow = parquet_and_arrow()
    for _, data in _answers(path, names):
        try:
            with arrow.ipc.open_stream(data) as stream:
                batch = stream.read_next_batch()
        except arrow.ArrowException as error:
            raise _refusal(path, reason_of(error)) from None
        yield [batch.column(name) for name in names]


def _answers(path: Path, columns: Sequence[str] | None) -> Iterator[tuple[dict[str, Any], bytes]]:
    parquet_and_arrow()
    process, has_ended = _PROCESSES.take(), False
    try:
        _ask(process, {"path": os.path.abspath(path), "columns": columns})
        while True:
            header, data = _heard(process)
            has_ended = bool(header.keys() & {"end", "about", "reason"})
            if "reason" in header:
                raise _refusal(path, header["reason"])
            if not header:
                code = _PROCESSES.end(process)
                slow = took_too_long(code)
                what = "it takes longer than a file may" if slow else f"its reader crashed (status {code})"
                raise _refusal(path, what)
            if "end" in header:
                return
            yield header, data
            if has_ended:
                return
    finally:
        if has_ended:
            _PROCESSES.keep(process)
        else:
            _PROCESSES.end(process)


def _ask(process: "subprocess.Popen[bytes]", wish: dict[str, Any]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(wish).encode() + b"\n")
        process.stdin.flush()
    except OSError:
        pass  # it is over: nothing will be heard of it


def _heard(process: "subprocess.Popen[bytes]") -> tuple[dict[str, Any], bytes]:
    """Nothing where it ended."""
    assert process.stdout is not None
    try:
        header: dict[str, Any] = json.loads(process.stdout.readline() or b"{}")
        data = process.stdout.read(header.get("bytes", 0))
    except (OSError, ValueError):
        return {}, b""
    return (header, data) if len(data) == header.get("bytes", 0) else ({}, b"")


def _refusal(path: Path, reason: str) -> SourceError:
    return SourceError(
        f"{path}: cannot be read as looked-at photos ({reason}); take it away, and look at its part again"
    )
