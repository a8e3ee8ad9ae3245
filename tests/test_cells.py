"""Vectorised S2 arithmetic, held against s2sphere."""

from pathlib import Path

import numpy as np
import pytest
import s2sphere
from hypothesis import given
from hypothesis import strategies as st

from geotagger import cells
from geotagger.cells import CellTable

places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
depths = st.integers(0, cells.MAX_LEVEL)


def reference(place: tuple[float, float]) -> s2sphere.CellId:
    return s2sphere.CellId.from_lat_lng(s2sphere.LatLng.from_degrees(*place))


def one(value: int) -> cells.CellIds:
    return np.array([value], dtype=np.uint64)


@given(places)
def test_leaves_are_those_of_s2(place: tuple[float, float]) -> None:
    ours = int(cells.leaf_ids([place[0]], [place[1]])[0])
    theirs = reference(place).id()
    if ours != theirs:  # on an edge rounding may take the neighbour, a centimetre away
        a, b = s2sphere.CellId(ours).to_lat_lng(), s2sphere.CellId(theirs).to_lat_lng()
        assert a.get_distance(b).radians < 4e-9


@given(places, depths)
def test_parents_levels_ranges_and_tokens_are_those_of_s2(place: tuple[float, float], level: int) -> None:
    leaf = reference(place)
    theirs = leaf.parent(level)
    ours = cells.parents(one(leaf.id()), level)
    assert int(ours[0]) == theirs.id()
    assert cells.levels(ours).tolist() == [level]
    assert cells.are_valid(ours).all()
    first, last = cells.ranges(ours)
    assert (int(first[0]), int(last[0])) == (theirs.range_min().id(), theirs.range_max().id())
    assert cells.tokens(ours) == [theirs.to_token()]
    assert cells.ids_of_tokens([theirs.to_token()]).tolist() == [theirs.id()]


@given(places, depths)
def test_middles_lie_where_s2_has_them(place: tuple[float, float], level: int) -> None:
    theirs = reference(place).parent(level)
    lat, lng = cells.centres(one(theirs.id()))
    ours = s2sphere.LatLng.from_degrees(float(lat[0]), float(lng[0]))
    assert ours.get_distance(theirs.to_lat_lng()).radians < 1e-8


@given(places, st.integers(3, 28))
def test_areas_agree_with_s2(place: tuple[float, float], level: int) -> None:
    cell = reference(place).parent(level)
    theirs = s2sphere.Cell(cell).exact_area() * 6371.0**2 if level < 20 else None
    ours = float(cells.areas_km2(one(cell.id()))[0])
    if theirs is not None:
        assert ours == pytest.approx(theirs, rel=0.02)
    assert ours > 0


@given(places, st.integers(0, 25), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_points_within_a_cell_are_in_it(place: tuple[float, float], level: int, s: float, t: float) -> None:
    cell = cells.parents(one(reference(place).id()), level)
    lat, lng = cells.points_within(cell, s, t)
    assert cells.parents(cells.leaf_ids(lat, lng), level).tolist() == cell.tolist()


@given(st.integers(0, 2**64 - 1))
def test_validity_is_that_of_s2(value: int) -> None:
    assert bool(cells.are_valid(one(value))[0]) == s2sphere.CellId(value).is_valid()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_signed_ids_go_there_and_back(values: list[int]) -> None:
    ids = np.array(values, dtype=np.uint64)
    assert cells.from_signed(cells.to_signed(ids)).tolist() == values


@pytest.mark.parametrize("text", ["", "xyz", "12345678901234567", "4.7E+064"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="token"):
        cells.ids_of_tokens([text])


def test_a_table_finds_the_class_of_a_place(shared_data: Path) -> None:
    rows = [
        line.split() for line in (shared_data / "reference/rn101-5k500/grids.txt").read_text().splitlines()
    ]
    ids = cells.ids_of_tokens([row[0] for row in rows])
    lat, lng = np.array([float(row[1]) for row in rows]), np.array([float(row[2]) for row in rows])
    table = CellTable(ids, lat, lng)
    found = table.classes_of(lat, lng)
    # a mean written with few digits may lie a step outside a leaf cell
    assert (found == np.arange(len(table)))[~table.suspect].mean() > 0.999
    assert int(table.suspect.sum()) == 49
    for row in range(0, len(table), 500):
        inside = s2sphere.CellId(int(ids[row])).contains(reference((lat[row], lng[row])))
        assert inside == (found[row] == row)
    assert table.classes_of([0.0], [-140.0]).tolist() == [-1], "nobody photographs the empty Pacific"
