"""In which country is a place? Takes degrees as arrays, gives rows of the table of countries.

The file `data/borders.z` is derived from Natural Earth's countries 1:50m (public domain, by way of
world-atlas, ISC), made by `geotagger.gazetteer.making`. It holds lines between two countries, or a country
and the sea: a walk along the parallel to the next line to the east tells by the line's two sides in which
country it began. Neither the antimeridian nor a pole is a special case of that. The lines are some 200 m to
2 km from the truth, so who asks also learns which other country is within 20 km.
"""

import functools
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.errors import SourceError

FILE = Path(__file__).parents[1] / "data" / "borders.z"
NEAR_BORDER_KM = 20.0
OFFSHORE_KM = 25.0
"""A place in the sea that is no further from a coast belongs to it: a pier, a boat, a coarse coastline."""

SEA = -1
_BANDS_PER_DEGREE = 4  # a band is 27.8 km high, so what is within 25 km is in the band or the next one
_BANDS = 180 * _BANDS_PER_DEGREE
_KM_PER_DEGREE = 111.195
_MOST_AT_ONCE = 2_000_000

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Lines:
    """Straight pieces of borders and coasts, from (lat, lng) over (d_lat, d_lng) degrees, with the countries
    on their left and right (rows of `codes`, SEA for none); `starts` and `pieces` list those that touch each
    band of latitude."""

    codes: tuple[str, ...]
    lat: FloatArray
    lng: FloatArray
    d_lat: FloatArray
    d_lng: FloatArray
    left: IntArray
    right: IntArray
    starts: IntArray
    pieces: IntArray

    def in_bands(self, first: int, last: int) -> IntArray:
        first, last = max(first, 0), min(last, _BANDS - 1)
        return self.pieces[self.starts[first] : self.starts[last + 1]]


def countries_of(lat: ArrayLike, lng: ArrayLike) -> tuple[list[str | None], list[str | None]]:
    """For each place the ISO 3166 code of its country, None at sea, and that of the nearest other
    country that is within 20 km."""
    lines = _lines()
    at, other = rows_of(lines, np.atleast_1d(lat), np.atleast_1d(lng))
    codes = [*lines.codes, None]  # SEA is −1: the last
    return [codes[row] for row in at.tolist()], [codes[row] for row in other.tolist()]


def rows_of(lines: Lines, lat: ArrayLike, lng: ArrayLike) -> tuple[IntArray, IntArray]:
    lat, lng = np.asarray(lat, dtype=np.float64), np.asarray(lng, dtype=np.float64)
    at, other = np.full(len(lat), SEA), np.full(len(lat), SEA)
    bands = np.clip(np.floor((lat + 90) * _BANDS_PER_DEGREE).astype(np.int64), 0, _BANDS - 1)
    order = np.argsort(bands, kind="stable")
    edges = np.flatnonzero(np.diff(bands[order])) + 1
    for group in np.split(order, edges):
        if not len(group):
            continue
        band = int(bands[group[0]])
        crossed, around = lines.in_bands(band, band), lines.in_bands(band - 1, band + 1)
        around = np.unique(around)
        step = max(1, _MOST_AT_ONCE // max(1, len(around)))
        for few in (group[n : n + step] for n in range(0, len(group), step)):
            at[few] = _east_of(lines, crossed, lat[few], lng[few])
            at[few], other[few] = _beside(lines, around, lat[few], lng[few], at[few])
    return at, other


def _east_of(lines: Lines, pieces: IntArray, lat: FloatArray, lng: FloatArray) -> IntArray:
    """The country on the near side of the next line to the east."""
    if not len(pieces):
        antarctica = lines.codes.index("AQ")
        return np.where(lat < -80, antarctica, SEA)
    low, d_lat = lines.lat[pieces], lines.d_lat[pieces]
    end = low + d_lat
    bottom, top = np.minimum(low, end), np.maximum(low, end)
    crosses = (bottom <= lat[:, None]) & (lat[:, None] < top)
    share = (lat[:, None] - low) / np.where(d_lat == 0, 1.0, d_lat)
    eastward = (lines.lng[pieces] + share * lines.d_lng[pieces] - lng[:, None]) % 360.0
    nearest = np.argmin(np.where(crosses, eastward, np.inf), axis=1)
    side = np.where(d_lat > 0, lines.left[pieces], lines.right[pieces])
    southmost = np.where(lat < -80, lines.codes.index("AQ"), SEA) if "AQ" in lines.codes else SEA
    return np.where(crosses.any(axis=1), side[nearest], southmost)


def _beside(
    lines: Lines, pieces: IntArray, lat: FloatArray, lng: FloatArray, at: IntArray
) -> tuple[IntArray, IntArray]:
    """The country, that of the nearest coast for places a little offshore, and the nearest other one."""
    other = np.full(len(lat), SEA)
    if not len(pieces):
        return at, other
    across = np.cos(np.radians(lat))[:, None]
    east = lines.lng[pieces] - lng[:, None]
    x = (east - 360 * np.round(east / 360)) * across
    y = lines.lat[pieces] - lat[:, None]
    dx, dy = lines.d_lng[pieces] * across, lines.d_lat[pieces]
    along = np.clip(-(x * dx + y * dy) / np.maximum(dx * dx + dy * dy, 1e-18), 0, 1)
    km = _KM_PER_DEGREE * np.hypot(x + along * dx, y + along * dy)
    left, right = lines.left[pieces], lines.right[pieces]
    rows = np.arange(len(lat))
    coast = np.argmin(np.where((left == SEA) | (right == SEA), km, np.inf), axis=1)
    offshore = (at == SEA) & (km[rows, coast] <= OFFSHORE_KM)
    at = np.where(offshore, np.maximum(left[coast], right[coast]), at)
    is_other = ((left != SEA) & (left != at[:, None])) | ((right != SEA) & (right != at[:, None]))
    km = np.where(is_other & (at != SEA)[:, None], km, np.inf)
    nearest = np.argmin(km, axis=1)
    is_left = (left[nearest] != SEA) & (left[nearest] != at)
    other = np.where(is_left, left[nearest], right[nearest])
    return at, np.where(km[rows, nearest] <= NEAR_BORDER_KM, other, SEA)


def _content() -> bytes:
    return zlib.decompress(FILE.read_bytes())


@functools.cache
def _lines() -> Lines:
    try:
        return read(_content())
    except (OSError, zlib.error, ValueError, KeyError) as error:
        raise SourceError(f"{FILE}: the borders cannot be read ({error}); install geotagger again") from error


def polylines() -> Iterator[tuple[FloatArray, FloatArray]]:
    """The lines as they are drawn: longitudes and latitudes in degrees, of borders and coasts."""
    stored = _stored(_content())
    ends = np.cumsum(stored.length)[:-1]
    yield from zip(np.split(stored.lng, ends), np.split(stored.lat, ends), strict=True)


@dataclass(frozen=True)
class _Stored:
    codes: tuple[str, ...]
    length: IntArray
    left: IntArray
    right: IntArray
    lng: FloatArray
    lat: FloatArray


def _stored(content: bytes) -> _Stored:
    """A line of JSON, then little-endian int32: lengths, left and right of each line, x and y of its
    points as differences along all lines."""
    head, _, body = content.partition(b"\n")
    header = json.loads(head)
    numbers = np.frombuffer(body, dtype="<i4").astype(np.int64)
    count, points = header["lines"], header["points"]
    length, left, right = numbers[: 3 * count].reshape(3, count)
    x, y = np.cumsum(numbers[3 * count :].reshape(2, points), axis=1)
    return _Stored(
        tuple(header["codes"]),
        length,
        left,
        right,
        x * header["scale"][0] + header["translate"][0],
        y * header["scale"][1] + header["translate"][1],
    )


def read(content: bytes) -> Lines:
    """The pieces of all lines. Raises ValueError or KeyError for what is no such file."""
    stored = _stored(content)
    is_last = np.zeros(len(stored.lat), dtype=bool)
    is_last[np.cumsum(stored.length) - 1] = True
    first = np.flatnonzero(~is_last)
    d_lng = stored.lng[first + 1] - stored.lng[first]
    line_of = np.repeat(np.arange(len(stored.length)), stored.length)[first]
    return lines_of(
        stored.codes,
        stored.lat[first],
        stored.lng[first],
        stored.lat[first + 1] - stored.lat[first],
        d_lng - 360 * np.round(d_lng / 360),
        stored.left[line_of],
        stored.right[line_of],
    )


def lines_of(
    codes: tuple[str, ...],
    lat: FloatArray,
    lng: FloatArray,
    d_lat: FloatArray,
    d_lng: FloatArray,
    left: IntArray,
    right: IntArray,
) -> Lines:
    """With the list of pieces by band."""
    low, high = np.minimum(lat, lat + d_lat), np.maximum(lat, lat + d_lat)
    first = np.clip(np.floor((low + 90) * _BANDS_PER_DEGREE), 0, _BANDS - 1).astype(np.int64)
    last = np.clip(np.floor((high + 90) * _BANDS_PER_DEGREE), 0, _BANDS - 1).astype(np.int64)
    span = last - first + 1
    pieces = np.repeat(np.arange(len(lat)), span)
    band = np.repeat(first, span) + np.arange(span.sum()) - np.repeat(np.cumsum(span) - span, span)
    order = np.argsort(band, kind="stable")
    starts = np.searchsorted(band[order], np.arange(_BANDS + 1))
    return Lines(codes, lat, lng, d_lat, d_lng, left, right, starts, pieces[order])
