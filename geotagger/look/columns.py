"""The columns of files of looked-at photos, and pyarrow, which reads and writes them."""

from typing import Any

from geotagger.errors import UsageError

FORMAT = b"geotagger-looked-2"

COLUMNS = (
    "path", "size", "mtime_ns", "classes", "probabilities", "left_out", "points", "point_probabilities",
    "features", "error",
)  # fmt: skip
KEYS = ("path", "size", "mtime_ns", "error")


def schema(arrow: Any) -> Any:
    return arrow.schema(
        [
            ("path", arrow.binary()), ("size", arrow.int64()), ("mtime_ns", arrow.int64()),
            ("classes", arrow.list_(arrow.int32())), ("probabilities", arrow.list_(arrow.float32())),
            ("left_out", arrow.float32()), ("points", arrow.list_(arrow.int64())),
            ("point_probabilities", arrow.list_(arrow.float32())), ("features", arrow.binary()),
            ("error", arrow.string()),
        ]
    )  # fmt: skip


def parquet_and_arrow() -> tuple[Any, Any]:
    """Raises UsageError where they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "looked-at photos are Parquet files, which need pyarrow: `pip install '.[parquet]'` in the "
            "checkout of geotagger"
        ) from None
    return pyarrow.parquet, pyarrow


def reason_of(error: Exception) -> str:
    """In one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
