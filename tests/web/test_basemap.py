"""The map under the photos: land out of the shipped borders, and the owner's PMTiles."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from geotagger.errors import SourceError, UsageError
from geotagger.web.basemap import Tiles, joined, outlines, towns
from tests.commands import Geotagger
from tests.tag.scenes import walk_through_town
from tests.web.pages import open_page


def test_land_is_where_land_is() -> None:
    told = json.loads(gzip.decompress(outlines()))
    for name, place, is_land in (
        ("Vienna", (48.2, 16.37), True),
        ("the Sahara", (23.0, 10.0), True),
        ("the Pole of the south", (-89.5, 20.0), True),
        ("Chukotka, beyond the antimeridian", (66.5, -175.0), True),
        ("the Atlantic", (30.0, -40.0), False),
        ("the Pacific", (0.0, -140.0), False),
        ("the Caspian Sea", (42.0, 51.0), False),
    ):
        assert _is_in(told["land"], *place) is is_land, name
    assert len(told["borders"]) > 100


def _is_in(rings: list[list[list[float]]], lat: float, lng: float) -> bool:
    """Even-odd, as the browser fills; the place is tried on every turn around the Earth."""
    crossings = 0
    for ring in rings:
        points = np.array([*ring, ring[0]])
        (y1, x1), (y2, x2) = points[:-1].T, points[1:].T
        for turn in (-360, 0, 360):
            between = (y1 > lat) != (y2 > lat)
            at = x1 + (lat - y1) * (x2 - x1) / np.where(y2 == y1, 1, y2 - y1)
            crossings += int((between & (lng + turn < at)).sum())
    return crossings % 2 == 1


def test_lines_that_meet_end_to_end_become_rings() -> None:
    lines = [
        np.array([[0, 0], [5, 0]]),
        np.array([[5, 5], [5, 0]]),
        np.array([[5, 5], [0, 0]]),
        np.array([[8, 8]] * 3),
    ]
    rings = joined(lines, 1000)
    assert [len(ring) for ring in rings] == [4, 3]
    assert (rings[0][0] == rings[0][-1]).all()


def test_towns_of_a_box_are_the_largest_and_may_lie_beyond_the_antimeridian() -> None:
    assert [town.name for town in towns(48, 16, 48.5, 16.7)][:1] == ["Vienna"]
    assert {town.country for town in towns(-20, 175, -15, -175)} == {"FJ"}


@pytest.fixture
def tile_file(tmp_path: Path) -> Callable[..., Path]:
    def make(data: bytes, kind: TileType, compression: Compression, attribution: str = "nobody") -> Path:
        path = tmp_path / "map.pmtiles"
        with path.open("wb") as file:
            writer: Any = Writer(file)
            writer.write_tile(zxy_to_tileid(0, 0, 0), data)
            head = {"tile_type": kind, "tile_compression": compression, "min_zoom": 0, "max_zoom": 0}
            corners = {"min_lon_e7": -180, "min_lat_e7": -85, "max_lon_e7": 180, "max_lat_e7": 85}
            middle = {"center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}
            writer.finalize({**head, **corners, **middle}, {"attribution": attribution})
        return path

    return make


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.GZIP])
def test_tiles_are_served_unpacked(
    geotagger: Geotagger, tmp_path: Path, tile_file: Callable[..., Path], compression: Compression
) -> None:
    data = b"\x1a\x0b\x0a\x05water" + b"x" * 4
    packed = gzip.compress(data) if compression is Compression.GZIP else data
    path = tile_file(packed, TileType.MVT, compression)
    geotagger("tag", walk_through_town(tmp_path / "photos", 2).folder, "--write", "none", "--model", "none")
    with open_page(geotagger, "--basemap", path) as page:
        assert page.get("api/tiles")["kind"] == "vector"
        assert httpx.get(page.address + "tiles/0/0/0").content == data
        assert httpx.get(page.address + "tiles/1/0/0").status_code == 204
        for nowhere in ("tiles/0/1/0", "tiles/40/0/0", "tiles/x/0/0"):
            assert httpx.get(page.address + nowhere).status_code in (400, 404)


def test_a_tile_that_unpacks_without_end_is_cut_off(tile_file: Callable[..., Path]) -> None:
    path = tile_file(gzip.compress(bytes(64 << 20)), TileType.MVT, Compression.GZIP)
    tile = Tiles(path).tile(0, 0, 0)
    assert tile is not None
    assert len(tile) <= 8 << 20


@pytest.mark.parametrize("part", ["root", "metadata"])
@pytest.mark.parametrize("times", [1, 2])
def test_parts_of_a_map_that_unpack_without_end_are_refused(
    tile_file: Callable[..., Path], part: str, times: int
) -> None:
    """In one packed part, and in a second one behind it."""
    path = tile_file(b"tile", TileType.MVT, Compression.NONE)
    content = bytearray(path.read_bytes())
    bomb = gzip.compress(b"{}") * (times - 1) + gzip.compress(bytes(8 << 20))
    at = 8 if part == "root" else 24
    struct.pack_into("<QQ", content, at, len(content), len(bomb))
    path.write_bytes(content + bomb)
    with pytest.raises((UsageError, SourceError), match="unpacks to far more"):
        Tiles(path).tile(0, 0, 0)


@pytest.mark.parametrize(
    "content", [b"", b"PMTiles", b"PMTiles\x03" + bytes(119), b"PMTiles\x02" + bytes(200)]
)
def test_what_is_no_pmtiles_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "map.pmtiles"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"map\.pmtiles"):
        Tiles(path)
    with pytest.raises(UsageError, match="cannot be read"):
        Tiles(tmp_path / "nowhere.pmtiles")
