from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.cells import are_valid, leaf_ids, ranges
from geotagger.geo import distance_km
from geotagger.partition import (
    PRESETS,
    Thresholds,
    classes_of,
    coarsened,
    partition,
    reference_partition,
    thresholds_for,
)

PLACES = st.lists(
    st.tuples(
        st.one_of(st.floats(-90, 90), st.sampled_from([48.85, -90.0, 90.0])),
        st.one_of(st.floats(-180, 180), st.sampled_from([2.29, -180.0, 180.0])),
    ),
    min_size=1,
    max_size=80,
)
THRESHOLDS = st.builds(
    Thresholds,
    t1=st.integers(1, 20),
    t2=st.integers(0, 6),
    max_level=st.integers(0, 30),
    tight_level=st.integers(0, 12),
)


@pytest.fixture(scope="module")
def coordinates(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    table = np.loadtxt(shared_data / "reference/cells/photo-coordinates-100k.csv", delimiter=",", skiprows=1)
    return table[:, 0], table[:, 1]


@settings(max_examples=150, deadline=None)
@given(PLACES, THRESHOLDS)
def test_the_fast_partition_is_the_plain_one(
    places: list[tuple[float, float]], thresholds: Thresholds
) -> None:
    lat, lng = np.array(places).T
    assert partition(lat, lng, thresholds).ids.tolist() == reference_partition(lat, lng, thresholds)


@pytest.mark.parametrize(
    "thresholds", [Thresholds(300, 30), Thresholds(50, 1, max_level=8), thresholds_for(20_000)]
)
def test_real_photo_places_are_cut_like_the_plain_way(
    coordinates: tuple[np.ndarray, np.ndarray], thresholds: Thresholds
) -> None:
    lat, lng = coordinates[0][:20_000], coordinates[1][:20_000]
    assert partition(lat, lng, thresholds).ids.tolist() == reference_partition(lat, lng, thresholds)


def test_means_counts_and_spreads_are_those_of_the_photos(coordinates: tuple[np.ndarray, np.ndarray]) -> None:
    lat, lng = coordinates
    table = partition(lat, lng, Thresholds(500, 50))
    classes = classes_of(table, lat, lng)
    assert table.photos is not None
    assert table.spread_km is not None
    assert Counter(classes[classes >= 0].tolist()) == dict(enumerate(table.photos.tolist()))
    assert (table.photos >= 50).all()
    assert are_valid(table.ids).all()
    first, last = ranges(table.ids)
    own = leaf_ids(table.lat, table.lng)
    assert ((first <= own) & (own <= last)).all(), "every mean lies in its own cell"
    for row in np.argsort(table.radius_km)[:200]:
        inside = classes == row
        away = distance_km(lat[inside], lng[inside], table.lat[row], table.lng[row])
        assert table.spread_km[row] == pytest.approx(np.sqrt(np.mean(away**2)), rel=0.01, abs=0.01)


def test_a_mean_beyond_the_date_line_stays_in_its_cell() -> None:
    lat = np.full(100, -17.0)
    lng = np.where(np.arange(100) % 2 == 0, 179.99, -179.99)
    table = partition(lat, lng, Thresholds(1000, 1, max_level=3))
    assert (np.abs(table.lng) > 179).all()


def test_a_heap_on_one_spot_ends_in_a_leaf_cell() -> None:
    table = partition(np.full(50, 51.5), np.full(50, -0.12), Thresholds(10, 5))
    assert table.levels.tolist() == [30]
    assert table.suspect.all()


def test_a_town_alone_on_a_continent_has_a_cell_of_its_own() -> None:
    """A certainty spread over a cell as wide as Australia would be none."""
    rng = np.random.default_rng(0)
    lat = np.concatenate([-33.87 + rng.normal(0, 0.02, 40), 48.86 + rng.normal(0, 0.02, 400)])
    lng = np.concatenate([151.2 + rng.normal(0, 0.02, 40), 2.35 + rng.normal(0, 0.02, 400)])
    table = partition(lat, lng, thresholds_for(len(lat)))
    assert table.radius_km.max() < 30
    assert table.photos is not None
    assert table.photos.sum() > 0.9 * len(lat)


def test_coarser_heads_hold_every_class_of_the_finer() -> None:
    rng = np.random.default_rng(1)
    lat, lng = rng.uniform(-60, 60, 5000), rng.uniform(-180, 180, 5000)
    table = partition(lat, lng, Thresholds(50, 1))
    ids, parents = coarsened(table, 1000)
    assert 1 < len(ids) < len(table)
    first, last = ranges(ids[parents])
    mine_first, mine_last = ranges(table.ids)
    assert ((first <= mine_first) & (mine_last <= last)).all()


def test_the_published_numbers_are_presets() -> None:
    assert (PRESETS["rn101-5k500"].t1, PRESETS["rn101-5k500"].t2) == (5_000, 500)
    assert (PRESETS["planet"].t1, PRESETS["planet"].t2) == (10_000, 50)


def test_nothing_is_left_of_nothing() -> None:
    assert len(partition(np.empty(0), np.empty(0), Thresholds(5, 1))) == 0
    assert len(partition(np.array([1.0]), np.array([1.0]), Thresholds(5, 2))) == 0
