import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from geotagger import cells
from geotagger.archive import FileEntry
from geotagger.errors import UsageError
from geotagger.estimate.values import Estimate
from geotagger.geo import distance_km
from geotagger.index import Index, open_index
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.photos import Record
from geotagger.index.search import Box, Near, Query, leaf_ranges, search
from geotagger.photo.values import CaptureTime, Facts

RNG = np.random.default_rng(7)
COUNT = 3000
# everywhere, crowded at the poles, along the antimeridian, and in one town
LAT = np.concatenate(
    [
        np.degrees(np.arcsin(RNG.uniform(-1, 1, 1500))),
        RNG.choice([-1, 1], 500) * (90 - RNG.exponential(0.5, 500)),
        RNG.uniform(-80, 80, 500),
        48.85 + RNG.normal(0, 0.05, 496),
        [90.0, -90.0, 0.0, 0.0],
    ]
)
LNG = np.concatenate(
    [
        RNG.uniform(-180, 180, 2000),
        (180 + RNG.normal(0, 0.3, 500) + 180) % 360 - 180,
        2.35 + RNG.normal(0, 0.05, 496),
        [0.0, 0.0, 180.0, -180.0],
    ]
)


@pytest.fixture(scope="module", params=["by the R*Tree", "by the cell ids"])
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("world")
    with open_index(folder / "index.db") as index:
        root = index.roots.root_for(str(folder))
        ids = index.photos.record(
            root,
            [
                Record(
                    FileEntry(f"{folder}/{number:05d}.jpg", number, number, 1, 1),
                    Facts("jpeg", 10, 10, taken=CaptureTime(datetime(2024, 1, 1) + timedelta(hours=number))),
                )
                for number in range(COUNT)
            ],
        )
        index.estimates.put(
            None,
            [
                PhotoEstimate(photo_id, Estimate(lat, lng, 1.0, n / COUNT, "visual", ("visual",), ""))
                for n, (photo_id, lat, lng) in enumerate(zip(ids, LAT.tolist(), LNG.tolist(), strict=True))
            ],
        )
        if request.param == "by the cell ids":
            index.store.has_rectangles = False
        yield index


def found_numbers(index: Index, query: Query) -> list[int]:
    return [int(Path(photo.path).stem) for photo in search(index.store, query)]


latitudes = st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 0.0, 48.85])
longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, 180.0, 179.9999, 2.35])
radii = st.floats(0, 21_000) | st.floats(0, 30) | st.sampled_from([0.0, 10_007.543, 20_015.0, 1e9])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(latitudes, longitudes, radii)
@example(90.0, 0.0, 100.0)
@example(-90.0, 45.0, 300.0)
@example(0.0, 180.0, 0.0)
@example(10.0, -180.0, 50.0)
@example(0.0, 0.0, 15_000.0)
def test_a_near_query_finds_what_brute_force_finds(
    world: Index, lat: float, lng: float, radius: float
) -> None:
    distances = distance_km(lat, lng, LAT, LNG)
    found = list(search(world.store, Query(near=Near(lat, lng, radius))))
    numbers = [int(Path(photo.path).stem) for photo in found]
    surely = set(np.flatnonzero(distances <= radius - 1e-6).tolist())
    perhaps = set(np.flatnonzero(distances <= radius + 1e-6).tolist())
    assert surely <= set(numbers) <= perhaps
    assert len(numbers) == len(set(numbers))
    shown = [photo.distance_km or 0.0 for photo in found]
    np.testing.assert_allclose(shown, distances[numbers], atol=2e-4)
    assert shown == sorted(shown)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(latitudes, latitudes, longitudes, longitudes)
@example(-90.0, 90.0, -180.0, 180.0)
@example(-10.0, 10.0, 170.0, -170.0)
@example(80.0, 90.0, -180.0, 180.0)
@example(0.0, 0.0, 180.0, 180.0)
def test_a_box_finds_what_brute_force_finds(
    world: Index, lat1: float, lat2: float, west: float, east: float
) -> None:
    south, north = sorted([lat1, lat2])
    between = (west <= LNG) & (east >= LNG) if west <= east else (west <= LNG) | (east >= LNG)
    expected = np.flatnonzero((south <= LAT) & (north >= LAT) & between)
    assert sorted(found_numbers(world, Query(box=Box(south, west, north, east)))) == expected.tolist()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, COUNT - 1), st.integers(0, 30))
def test_a_cell_finds_the_photos_inside_it(world: Index, number: int, level: int) -> None:
    leaves = cells.leaf_ids(LAT, LNG)
    cell = cells.parents(leaves[number : number + 1], level)
    expected = np.flatnonzero(cells.parents(leaves, level) == cell[0])
    assert sorted(found_numbers(world, Query(cell=cells.tokens(cell)[0]))) == expected.tolist()


@pytest.mark.parametrize("token", ["", "x", "0", "47e66f47e66f47e66f", "ffffffff", "-1"])
def test_a_token_that_names_no_cell_is_wrong_usage(world: Index, token: str) -> None:
    with pytest.raises(UsageError, match="not the token of an S2 cell"):
        list(search(world.store, Query(cell=token)))


@settings(max_examples=200, deadline=None)
@given(latitudes, longitudes, radii)
def test_a_near_query_is_a_handful_of_scans(lat: float, lng: float, radius: float) -> None:
    ranges = leaf_ranges(Query(near=Near(lat, lng, radius)))
    assert ranges is None or 1 <= len(ranges) <= 24


def test_regions_are_looked_up_and_not_scanned(world: Index) -> None:
    seen: list[str] = []
    world.store.connection.set_trace_callback(seen.append)
    list(search(world.store, Query(near=Near(48.85, 2.35, 5))))
    world.store.connection.set_trace_callback(None)
    plan = " ".join(row[3] for row in world.store.rows("explain query plan " + seen[-1]))
    if world.store.has_rectangles:
        assert "places VIRTUAL TABLE INDEX" in plan
        assert "SEARCH estimates USING INTEGER PRIMARY KEY" in plan
    else:
        assert "estimates_near (leaf>? AND leaf<?)" in plan


def test_a_small_radius_reads_a_small_part_of_the_index(world: Index) -> None:
    ranges = leaf_ranges(Query(near=Near(48.85, 2.35, 5))) or []
    held = sum(
        world.store.row("select count(*) from estimates where current = 1 and leaf between ? and ?", pair)[0]
        for pair in ranges
    )
    near = len(list(search(world.store, Query(near=Near(48.85, 2.35, 5)))))
    assert 0 < near <= held < 2 * near


def test_regions_together_must_both_hold(world: Index) -> None:
    near = Query(near=Near(48.85, 2.35, 20))
    both = Query(near=Near(48.85, 2.35, 20), box=Box(48.85, 2.3, 48.9, 2.4))
    expected = [n for n in found_numbers(world, near) if 48.85 <= LAT[n] <= 48.9 and 2.3 <= LNG[n] <= 2.4]
    assert found_numbers(world, both) == expected
    assert not found_numbers(world, Query(near=Near(48.85, 2.35, 20), cell="1"))


def test_since_and_until_are_on_the_cameras_clock(world: Index) -> None:
    query = Query(since=datetime(2024, 1, 2), until=datetime(2024, 1, 3))
    assert found_numbers(world, query) == list(range(24, 48))
    aware = Query(since=datetime(2024, 1, 2, tzinfo=UTC))
    assert found_numbers(world, aware) == []  # nobody knows the UTC of these


def test_limit_and_confidence_and_order(world: Index) -> None:
    query = Query(min_confidence=0.5, limit=3, sort="confidence")
    assert found_numbers(world, query) == [COUNT - 1, COUNT - 2, COUNT - 3]
    assert found_numbers(world, Query(limit=2)) == [0, 1]
    assert found_numbers(world, Query(rungs=("manual",))) == []


def test_the_distance_is_that_of_the_geo_module(world: Index) -> None:
    (photo,) = search(world.store, Query(near=Near(0, 0, 1e9), limit=1, sort="path"))
    assert math.isclose(photo.distance_km or 0, distance_km(0, 0, photo.latitude, photo.longitude))
