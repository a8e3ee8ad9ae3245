"""Positions for other programs: a format is one file here and one line in FORMATS.

Each takes photos found in the index and gives pieces of text or of bytes as the photos come, so an archive
of any size is exported in constant memory (but for the page, which holds its points). `writing.write` makes
the file of them. Times are UTC wherever a zone is not said."""

from collections.abc import Callable, Iterable, Iterator

from geotagger.export.geojson import geojson
from geotagger.export.geoparquet import geoparquet
from geotagger.export.gpx import gpx
from geotagger.export.kml import kml
from geotagger.export.kmz import kmz
from geotagger.export.page import page
from geotagger.export.table import as_csv
from geotagger.index.search import PhotoPlace

Pieces = Iterator[str] | Iterator[bytes]

FORMATS: dict[str, Callable[[Iterable[PhotoPlace]], Pieces]] = {
    "geojson": geojson,
    "kml": kml,
    "kmz": kmz,
    "gpx": gpx,
    "csv": as_csv,
    "geoparquet": geoparquet,
    "html": page,
}

BINARY = ("kmz", "geoparquet")
"""Formats of bytes, which no terminal is sent."""
