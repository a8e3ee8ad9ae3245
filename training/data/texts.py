"""Rows whose texts are what they are said to be: Arrow takes bytes for text unseen, Python does not."""

from collections import Counter

import pyarrow as pa


def of_utf8(batch: pa.RecordBatch, dropped: Counter[str]) -> pa.RecordBatch:
    """Those rows of a batch whose texts are all UTF-8; the others are counted."""
    texts = [column for column in batch.columns if pa.types.is_string(column.type)]
    if all(map(_is_utf8, texts)):
        return batch
    broken = [False] * len(batch)
    for column in texts:
        for row, content in enumerate(column.cast(pa.binary()).to_pylist()):
            broken[row] = broken[row] or not _is_text(content)
    dropped["text that is not UTF-8"] += sum(broken)
    return batch.filter(pa.array([not one for one in broken], pa.bool_()))


def _is_utf8(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_text(content: bytes | None) -> bool:
    try:
        (content or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
