"""The map under the photos: land and borders from the file that comes with geotagger, towns by name, or the
tiles of a PMTiles file of the owner's.

Takes bytes of `data/borders.z` (see `gazetteer.borders`), gives rings and lines in degrees. The coasts
there are pieces that meet end to end; here they are joined to rings that can be filled. A ring's longitudes
go on beyond ±180 where it does."""

import functools
import gzip
import json
import os
import zlib
from collections import defaultdict
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import SourceError, UsageError
from geotagger.gazetteer import Place, places
from geotagger.gazetteer.borders import FILE, SEA

_DECIMALS = 3
"""A hundred metres: the lines are coarser."""

Points = NDArray[np.int64]
Ring = list[list[float]]

MOST_TOWNS = 60
_LARGEST_TILE = 8 << 20


@functools.cache
def outlines() -> bytes:
    """JSON, gzipped: `land`, rings to be filled, and `borders`, lines, of [latitude, longitude]."""
    try:
        lines, sides, scale, translate = _read(zlib.decompress(FILE.read_bytes()))
    except (OSError, zlib.error, ValueError, KeyError) as error:
        raise SourceError(f"{FILE}: the borders cannot be read ({error}); install geotagger again") from error
    turn = round(360 / scale[0])
    coasts = [line for line, (left, right) in zip(lines, sides, strict=True) if SEA in (left, right)]
    between = [line for line, (left, right) in zip(lines, sides, strict=True) if SEA not in (left, right)]

    def degrees(line: Points) -> Ring:
        ring: Ring = np.round(
            np.stack([line[:, 1] * scale[1] + translate[1], line[:, 0] * scale[0] + translate[0]], axis=1),
            _DECIMALS,
        ).tolist()
        return ring

    south = round((-90 - translate[1]) / scale[1])
    land = [degrees(_closed(ring, turn, south)) for ring in joined(coasts, turn)]
    shapes = {"land": land, "borders": [degrees(unwrapped(line, turn)) for line in between]}
    return gzip.compress(json.dumps(shapes, separators=(",", ":")).encode(), 6, mtime=0)


def _read(content: bytes) -> tuple[list[Points], list[tuple[int, int]], list[float], list[float]]:
    head, _, body = content.partition(b"\n")
    header = json.loads(head)
    numbers = np.frombuffer(body, dtype="<i4").astype(np.int64)
    count = header["lines"]
    length, left, right = numbers[: 3 * count].reshape(3, count)
    points = np.cumsum(numbers[3 * count :].reshape(2, header["points"]), axis=1).T
    lines = np.split(points, np.cumsum(length)[:-1])
    return lines, list(zip(left.tolist(), right.tolist(), strict=True)), header["scale"], header["translate"]


def unwrapped(line: Points, turn: int) -> Points:
    """The line with no step longer than half a turn around the Earth."""
    steps = np.diff(line[:, 0])
    east = line[0, 0] + np.concatenate(
        [[0], np.cumsum(steps - turn * np.round(steps / turn).astype(np.int64))]
    )
    return np.stack([east, line[:, 1]], axis=1)


def joined(lines: list[Points], turn: int) -> list[Points]:
    """Rings out of lines that meet end to end, two at every end; each is unwrapped."""
    meeting: dict[tuple[int, int], list[int]] = defaultdict(list)
    for n, line in enumerate(lines):
        for end in (line[0], line[-1]):
            meeting[_node(end, turn)].append(n)
    rings, used = [], [False] * len(lines)
    for n, line in enumerate(lines):
        if used[n]:
            continue
        used[n] = True
        parts = [line]
        start, here = _node(line[0], turn), _node(line[-1], turn)
        while here != start:
            following = next((m for m in meeting[here] if not used[m]), None)
            if following is None:
                break
            used[following] = True
            part = lines[following]
            if _node(part[0], turn) != here:
                part = part[::-1]
            parts.append(part[1:])
            here = _node(part[-1], turn)
        rings.append(unwrapped(np.concatenate(parts), turn))
    return rings


def _node(point: Points, turn: int) -> tuple[int, int]:
    return int(point[0]) % turn, int(point[1])


def _closed(ring: Points, turn: int, south: int) -> Points:
    """A ring that goes round the Earth once, which only Antarctica's does, is closed over the pole."""
    around = int(ring[-1, 0] - ring[0, 0])
    if abs(around) < turn / 2:
        return ring
    return np.concatenate([ring, [[ring[-1, 0], south], [ring[0, 0], south]]])


def towns(south: float, west: float, north: float, east: float) -> list[Place]:
    """The most populous towns of a box (degrees; west > east crosses the antimeridian)."""
    inside = []
    for place in places():
        if not south <= place.latitude <= north:
            continue
        is_between = west <= place.longitude <= east
        crosses = west > east and (place.longitude >= west or place.longitude <= east)
        if is_between or crosses:
            inside.append(place)
            if len(inside) == MOST_TOWNS:
                break
    return inside


def _text_of(markup: str) -> str:
    """The words of a file's attribution, which is HTML, without its tags."""
    reader = _Words()
    reader.feed(markup)
    reader.close()
    return " ".join("".join(reader.words).split())


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


_LARGEST_PART = 4 << 20
"""Bytes, unpacked, of a directory or of what a file says of itself: a million tiles. Whole planets take a
tenth."""
_DIRECTORIES = 4
"""As deep as they may lie in one another, by the standard."""


def _bounded(length: int, most: int = _LARGEST_PART) -> int:
    if length > most:
        raise ValueError(f"a part of it has {length:,} bytes; at most {most:,} are read")
    return length


def _unpacked(part: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    whole = unpacker.decompress(part, _LARGEST_PART)
    if unpacker.unconsumed_tail or unpacker.unused_data:
        raise ValueError("a part of it unpacks to far more than one has")
    return whole


def _tile_in(source: Callable[[int, int], bytes], zoom: int, x: int, y: int) -> bytes | None:
    """A tile as the file has it: as `pmtiles.reader.Reader.get`, which would unpack whatever comes."""
    from pmtiles.reader import Reader
    from pmtiles.tile import deserialize_directory, find_tile, zxy_to_tileid

    head = Reader(source).header()  # type: ignore[no-untyped-call]
    number = zxy_to_tileid(zoom, x, y)
    offset, length = head["root_offset"], head["root_length"]
    for _ in range(_DIRECTORIES):
        part = source(offset, _bounded(length))
        _unpacked(part)
        entry = find_tile(deserialize_directory(part), number)
        if entry is None:
            return None
        if entry.run_length:
            return source(head["tile_data_offset"] + entry.offset, _bounded(entry.length, _LARGEST_TILE))
        offset, length = head["leaf_directory_offset"] + entry.offset, entry.length
    return None


class Tiles:
    """A PMTiles file of raster or vector tiles, opened for each question. Raises UsageError for another
    file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.head = self._header()

    def _header(self) -> dict[str, object]:
        from pmtiles.reader import MmapSource, Reader

        if os.path.exists(self._path) and not os.path.isfile(self._path):
            raise UsageError(f"--basemap {self._path}: not a file; give one of PMTiles")
        try:
            with self._path.open("rb") as file:
                source = MmapSource(file)  # type: ignore[no-untyped-call]
                head = Reader(source).header()  # type: ignore[no-untyped-call]
                said_of_it = source(head["metadata_offset"], _bounded(head["metadata_length"]))
                if head["internal_compression"].name == "GZIP":
                    said_of_it = _unpacked(said_of_it)
                metadata = json.loads(said_of_it)
        except OSError as error:
            raise UsageError(f"--basemap {self._path}: cannot be read ({error.strerror})") from error
        except Exception as error:
            why = f"this is no PMTiles file of version 3 ({type(error).__name__}: {error})"
            raise UsageError(f"--basemap {self._path}: {why}") from None
        kind = str(head["tile_type"].name).lower()
        if kind not in _KINDS:
            raise UsageError(f"--basemap {self._path}: its tiles are of kind {kind}; {_WANTED} are shown")
        said = metadata.get("attribution", "") if isinstance(metadata, dict) else ""
        return {
            "kind": "vector" if kind == "mvt" else "raster",
            "media_type": _KINDS[kind],
            "gzipped": head["tile_compression"].name == "GZIP",
            "min_zoom": int(head["min_zoom"]),
            "max_zoom": int(head["max_zoom"]),
            "attribution": _text_of(str(said)[:2000]),
        }

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """The bytes of a tile, unpacked; None where the file has none."""
        from pmtiles.reader import MmapSource

        try:
            with self._path.open("rb") as file:
                data = _tile_in(MmapSource(file), zoom, x, y)  # type: ignore[no-untyped-call]
            if data is None or not self.head["gzipped"]:
                return data
            unpacker = zlib.decompressobj(wbits=31)
            return unpacker.decompress(data, _LARGEST_TILE)
        except Exception as error:
            raise SourceError(f"{self._path}: tile {zoom}/{x}/{y} cannot be read ({error})") from None


_KINDS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif",
          "mvt": "application/octet-stream"}  # fmt: skip
_WANTED = "PNG, JPEG, WebP, AVIF and vector tiles"
