"""CSV (RFC 4180)."""

import csv
import io
from collections.abc import Iterable, Iterator

from geotagger.export.words import NAMES, utf8
from geotagger.index.search import PhotoPlace

CSV_COLUMNS = (
    "path",
    "latitude",
    "longitude",
    "radius_km",
    "confidence",
    "rung",
    "status",
    "cell",
    "model",
    "run",
    "taken",
    "camera",
    *NAMES,
)


_STRANGERS_WORDS = ("camera", "model")
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a cell of text a formula to a spreadsheet."""


def as_csv(places: Iterable[PhotoPlace]) -> Iterator[str]:
    """A header and a line a photo, CRLF as the RFC has it."""
    line = io.StringIO()
    writer = csv.writer(line)

    def written(values: Iterable[object]) -> str:
        writer.writerow(values)
        text = line.getvalue()
        line.seek(0)
        line.truncate()
        return text

    yield written(CSV_COLUMNS)
    for photo in places:
        yield written(_cell(column, getattr(photo, column)) for column in CSV_COLUMNS)


def _cell(column: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    text = utf8(value)
    # what a camera or a model calls itself is a stranger's word, and must not become a formula
    is_formula = column in _STRANGERS_WORDS and text.startswith(_BEGINS_FORMULA)
    return "'" + text if is_formula else text
