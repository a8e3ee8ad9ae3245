"""Lists of cells are read exactly, written exactly, and refused by the lines that are wrong."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geotagger.cells import CellTable, leaf_ids, parents, tokens
from geotagger.errors import PackError
from geotagger.model.cells_csv import check_cells, read_cells, write_cells
from tests.model.checkpoints import some_cells, write_grids

PLACES = [(48.8584, 2.2945), (-33.857, 151.215), (0.0001, -179.9999), (64.15, -21.94), (-54.8, -68.3)]


@st.composite
def tables(draw: st.DrawFn) -> CellTable:
    """A few cells far apart, each with a mean somewhere in it, counts and spreads or neither."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=1, unique=True))
    lat, lng = (np.array(column) for column in zip(*places, strict=True))
    level = np.array([draw(st.integers(4, 30)) for _ in places])
    counts = draw(st.lists(st.integers(0, 2**40), min_size=len(places), max_size=len(places)))
    spreads = draw(st.lists(st.floats(0, 2e4), min_size=len(places), max_size=len(places)))
    return CellTable(
        ids=parents(leaf_ids(lat, lng), level),
        lat=lat,
        lng=lng,
        photos=np.array(counts) if draw(st.booleans()) else None,
        spread_km=np.array(spreads) if draw(st.booleans()) else None,
    )


@given(table=tables())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_table_reads_back_to_the_bit(table: CellTable, tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    write_cells(path, table)
    found = read_cells(path)
    for column in ("ids", "lat", "lng", "photos", "spread_km"):
        mine, its = getattr(table, column), getattr(found, column)
        assert (mine is None) == (its is None)
        assert mine is None or mine.tobytes() == its.tobytes()


def test_the_published_list_is_read_and_its_leaf_cells_are_marked(shared_data: Path, tmp_path: Path) -> None:
    table = read_cells(shared_data / "reference" / "rn101-5k500" / "grids.txt")
    assert len(table) == 15527
    assert tokens(table.ids[:2]) == ["8644b594", "5485df"]
    assert (table.lat[0], table.lng[0]) == (30.2835162512, -97.7271641272)
    assert table.suspect.sum() == 49
    write_cells(tmp_path / "cells.csv", table)
    with (tmp_path / "cells.csv").open() as file:
        assert sum(row["suspect"] == "yes" for row in csv.DictReader(file)) == 49


def test_a_list_that_a_spreadsheet_saved_is_refused_by_its_lines(shared_data: Path) -> None:
    path = shared_data / "reference" / "cells" / "spreadsheet-damaged-cells.csv"
    with pytest.raises(PackError) as error:
        read_cells(path)
    told = str(error.value)
    assert told.startswith(f"{path}: line 17: 4780000 was 478e4; line 42: `4.7E+064` is a number")
    assert "line 74: 994 was 00994" in told
    assert "and 90 more lines" in told
    assert "spreadsheet" in told
    assert "\n" not in told


def line(row: int, token: str | None = None, lat: float | None = None, lng: float | None = None) -> str:
    table = some_cells(4)
    token = tokens(table.ids)[row] if token is None else token
    lat = table.lat[row] if lat is None else lat
    return f"{token}\t{lat}\t{table.lng[row] if lng is None else lng}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (line(0) + line(1, token="zz"), "line 2: `zz` is not an S2 token"),
        (line(0) + line(1, token="4.7E+064"), "line 2: `4.7E+064` is a number, not an S2 token"),
        (line(0) + line(1, token="0" * 17), "line 2: `00000000000000000` is not an S2 token"),
        (line(0) + line(1, token="f"), "line 2: f is not an S2 token"),
        (line(0) + line(1, token="0"), "line 2: 0 is not an S2 token"),
        (line(0) + line(1, lat=12.5), "line 2: the mean 12.5, "),
        (line(0) + line(1, lat=99.0), "line 2: `99.0`, "),
        (line(0) + line(1, lng=float("nan")), "is no place on the Earth"),
        (line(0) + line(1) + line(0), "line 3: 4000"),
        (line(0) + line(1) + line(0), "is the cell of line 1 again"),
        (line(0) + "\n" + line(1), "line 2: `` is not a token, a latitude and a longitude"),
        (line(0) + "4d1\n", "line 2: `4d1` is not a token, a latitude and a longitude"),
        (line(0) + "\0" + line(1), "line 2 holds a zero byte"),
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("class,cell,latitude\n0,4,1\n", "no column longitude"),
        ("cell,latitude,longitude\n", "no cells"),
        ("cell,latitude,longitude\n4,1\n", "line 2: 2 fields where the header has 3"),
        ('cell,latitude,longitude\n"4,1,2\n', "line 2"),
    ],
)
def test_a_wrong_list_is_refused_by_its_lines(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "grids.txt"
    path.write_text(text)
    with pytest.raises(PackError) as error:
        read_cells(path)
    assert told in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_cell_inside_another_is_refused_by_both_lines(tmp_path: Path) -> None:
    inner = leaf_ids([PLACES[0][0]], [PLACES[0][1]])
    outer = parents(inner, 7)
    between = parents(inner, 12)
    path = tmp_path / "grids.txt"
    far = tokens(parents(leaf_ids([PLACES[1][0]], [PLACES[1][1]]), 9))[0]
    rows = [(tokens(outer)[0], *PLACES[0]), (far, *PLACES[1]), (tokens(between)[0], *PLACES[0])]
    path.write_text("".join(f"{token}\t{lat}\t{lng}\n" for token, lat, lng in rows))
    told = rf"line 3: {tokens(between)[0]} lies inside {tokens(outer)[0]} of line 1"
    with pytest.raises(PackError, match=told):
        read_cells(path)


def own_csv(folder: Path) -> tuple[Path, list[str]]:
    table = some_cells(3)
    path = folder / "cells.csv"
    write_cells(
        path, CellTable(table.ids, table.lat, table.lng, photos=np.arange(3), spread_km=np.arange(3.0))
    )
    return path, path.read_text().splitlines()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (0, "7", "line 3: class `7` where 1 is due"),
        (4, "", "line 3: `` is not a number of photos"),
        (4, "-2", "line 3: `-2` is not a number of photos"),
        (5, "far", "line 3: `far` is not a spread in km"),
        (6, "yes", "line 3: suspect must be `yes` for a leaf cell"),
        (6, "maybe", "line 3: suspect must be `yes` or empty, not `maybe`"),
    ],
)
def test_a_wrong_value_in_our_own_list_is_refused(tmp_path: Path, column: int, value: str, told: str) -> None:
    path, lines = own_csv(tmp_path)
    fields = lines[2].split(",")
    fields[column] = value
    path.write_text("\n".join([*lines[:2], ",".join(fields), *lines[3:]]))
    with pytest.raises(PackError, match=told):
        read_cells(path)


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    path, lines = own_csv(tmp_path)
    path.write_text("\n".join([lines[0], lines[2], lines[1], lines[3]]))
    with pytest.raises(
        PackError, match=r"line 2: class `1` where 0 is due; line 3: class `0` where 1 is due"
    ):
        read_cells(path)


def test_windows_line_ends_a_byte_order_mark_and_other_headers_are_read(tmp_path: Path) -> None:
    table = some_cells(2)
    rows = [
        f"{i};{tokens(table.ids)[i]};{i + 5};{float(table.lat[i])!r};{float(table.lng[i])!r}"
        for i in range(2)
    ]
    text = "\r\n".join(["class_label;hex_id;imgs_per_cell;latitude_mean;longitude_mean", *rows, ""])
    (tmp_path / "cells.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_cells(tmp_path / "cells.csv")
    assert np.array_equal(found.ids, table.ids)
    assert found.photos is not None
    assert found.photos.tolist() == [5, 6]
    grids = write_grids(tmp_path / "grids.txt", 2)
    grids.write_bytes(grids.read_bytes().replace(b"\n", b"\r\n"))
    assert np.array_equal(read_cells(grids).lat, table.lat)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"\x89PNG\r\n\x1a\n" * 9, b"\x80,\x81\n"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "grids.txt"
    path.write_bytes(content)
    with pytest.raises(PackError, match=r"grids\.txt: line \d"):
        read_cells(path)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mutated_list_is_read_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    """Never another exception; and what is read keeps the promises of a table."""
    path, _ = own_csv(tmp_path) if data.draw(st.booleans()) else (write_grids(tmp_path / "g.txt", 3), None)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        content = content or bytearray(b"\n")
    path.write_bytes(content)
    try:
        table = read_cells(path)
    except PackError:
        return
    check_cells(table, path)
