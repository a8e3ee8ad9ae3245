"""GeoParquet 1.1: Parquet with points as WKB and the file's own description of them under the key `geo`.

Needs pyarrow, the extra `parquet`. https://geoparquet.org/releases/v1.1.0/
"""

import itertools
import json
import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from geotagger.errors import UsageError
from geotagger.export.pieces import Sink
from geotagger.export.words import NAMES, utf8
from geotagger.export.writing import MAKER
from geotagger.index.search import PhotoPlace

_ROWS = 10_000
_POINT = struct.Struct("<BIdd")  # little-endian, 1: a point, x, y

_TEXTS = ("path", "rung", "status", "cell", "model", "run", "taken", "camera")
_NUMBERS = ("latitude", "longitude", "radius_km", "confidence")


def geoparquet(photos: Iterable[PhotoPlace]) -> Iterator[bytes]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(
            "GeoParquet needs pyarrow; install it with `pip install 'photo-geotagger[parquet]'`"
        ) from None
    names = [(name, pa.float64() if name == "place_km" else pa.string()) for name in NAMES]
    schema = pa.schema(
        [
            *((name, pa.string()) for name in _TEXTS),
            *((name, pa.float64()) for name in _NUMBERS),
            ("utc", pa.timestamp("ms", tz="UTC")),
            *names,
            ("geometry", pa.binary()),
        ]
    )
    sink, bounds = Sink(), _Bounds()
    remaining = iter(photos)
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema) as writer:
        while some := list(itertools.islice(remaining, _ROWS)):
            rows = [_row(photo) for photo in some]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            for photo in some:
                bounds.take(photo)
            yield sink.take()
        writer.add_key_value_metadata({"geo": json.dumps(_described(bounds)), "maker": MAKER})
    yield sink.take()


def _row(photo: PhotoPlace) -> dict[str, Any]:
    texts = {name: _text(getattr(photo, name)) for name in _TEXTS}
    return {
        **texts,
        **{name: getattr(photo, name) for name in (*_NUMBERS, *NAMES)},
        "utc": None if photo.utc is None else datetime.fromtimestamp(photo.utc, UTC),
        "geometry": _POINT.pack(1, 1, photo.longitude, photo.latitude),
    }


def _text(value: str | None) -> str | None:
    return None if value is None else utf8(value)


class _Bounds:
    def __init__(self) -> None:
        self.west = self.south = float("inf")
        self.east = self.north = float("-inf")

    def take(self, photo: PhotoPlace) -> None:
        self.west, self.east = min(self.west, photo.longitude), max(self.east, photo.longitude)
        self.south, self.north = min(self.south, photo.latitude), max(self.north, photo.latitude)


def _described(bounds: _Bounds) -> dict[str, Any]:
    """The coordinates are longitude and latitude in WGS 84, the standard's own default (OGC:CRS84)."""
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
    if bounds.west <= bounds.east:
        column["bbox"] = [bounds.west, bounds.south, bounds.east, bounds.north]
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
