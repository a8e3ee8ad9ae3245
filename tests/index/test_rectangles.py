"""The R*Tree beside the estimates: true whatever happens to them, and never needed."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.archive import FileEntry
from geotagger.geo import distance_km
from geotagger.index import Index, open_index, rectangles
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.photos import Record
from geotagger.index.rectangles import rectangles_around
from geotagger.index.search import Near, Query, search
from geotagger.photo.values import Facts

from .conftest import estimate


def fill(path: Path, photos: int = 20) -> list[int]:
    with open_index(path) as index:
        root = index.roots.root_for("/archive")
        entries = [FileEntry(f"/archive/{n}.jpg", n + 1, 1, n + 1, 1) for n in range(photos)]
        ids = index.photos.record(root, [Record(entry, Facts("jpeg", 1, 1)) for entry in entries])
        run = index.runs.begin("tag", {})
        index.estimates.put(
            run.id, [PhotoEstimate(id_, estimate(latitude=n, longitude=2 * n)) for n, id_ in enumerate(ids)]
        )
    return ids


def is_true(index: Index) -> bool:
    kept = index.store.rows("select id from estimates_rectangles order by id")
    return kept == index.store.rows("select id from estimates where current = 1 order by id")


def near_origin(index: Index) -> list[int]:
    return [photo.photo_id for photo in search(index.store, Query(near=Near(0, 0, 500)))]


def test_the_tree_follows_every_change_of_the_estimates(tmp_path: Path) -> None:
    ids = fill(tmp_path / "index.db")
    with open_index(tmp_path / "index.db") as index:
        assert is_true(index)
        index.estimates.put(
            None, [PhotoEstimate(ids[0], estimate(latitude=1.0, longitude=1.0, rung="track"))]
        )
        index.estimates.put(None, [PhotoEstimate(ids[1], estimate(latitude=2.0, longitude=2.0))])
        index.estimates.mark_written(1, ids[2:5], "exif")
        index.estimates.undone(1, ids[2:4])
        index.estimates.withdraw(1, [ids[4]])
        index.estimates.drop([ids[5]])
        index.estimates.content_changed(ids[6], same_pixels=False)
        assert is_true(index)
        assert near_origin(index) == [ids[0], ids[1]]


def without_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rectangles, "_has_module", lambda _: False)


def test_an_sqlite_without_the_module_reads_and_writes_and_the_tree_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(tmp_path / "index.db")
    with monkeypatch.context() as patch:
        without_the_module(patch)
        with open_index(tmp_path / "index.db", mode="read") as index:
            assert near_origin(index) == ids[:3]
        with open_index(tmp_path / "index.db") as index:
            index.estimates.put(None, [PhotoEstimate(ids[9], estimate(latitude=0.5, longitude=0.5))])
            assert not index.store.rows(
                "select 1 from sqlite_master where type = 'trigger' and name like 'estimates%'"
            )
            assert near_origin(index) == [ids[0], ids[9], ids[1], ids[2]]
        with open_index(tmp_path / "index.db", mode="snapshot") as index:
            index.estimates.drop([ids[9]])
    with open_index(tmp_path / "index.db") as index:
        assert index.store.has_rectangles
        assert is_true(index)
        assert near_origin(index) == [ids[0], ids[9], ids[1], ids[2]]


def test_tables_and_views_are_read_by_an_sqlite_that_knows_no_such_module(tmp_path: Path) -> None:
    fill(tmp_path / "index.db")
    with open_index(tmp_path / "index.db") as index:
        expected = index.store.rows("select path, latitude from positions")
    # as the module would be missing: the definition names one that is
    plain = sqlite3.connect(tmp_path / "index.db")
    plain.execute("pragma writable_schema = on")
    plain.execute("update sqlite_master set sql = replace(sql, 'using rtree', 'using nosuchmodule')")
    plain.commit()
    plain.close()
    plain = sqlite3.connect(tmp_path / "index.db")
    assert plain.execute("select path, latitude from positions").fetchall() == expected
    with pytest.raises(sqlite3.OperationalError, match="no such module"):
        plain.execute("select * from estimates_rectangles").fetchall()
    plain.close()


latitudes = st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 89.999])
longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, 180.0])


@given(latitudes, longitudes, st.floats(0, 9999), latitudes, longitudes)
def test_rectangles_hold_the_disc(lat: float, lng: float, km: float, lat2: float, lng2: float) -> None:
    areas = rectangles_around(lat, lng, km)
    assert all(-90 <= s <= n <= 90 and -180 <= w <= e <= 180 for s, w, n, e in areas)
    holding = [(s, w, n, e) for s, w, n, e in areas if s <= lat2 <= n and w <= lng2 <= e]
    assert len(holding) <= 1
    if float(distance_km(lat, lng, lat2, lng2)) <= km:
        # 180° and −180° are one meridian, and a pole has every longitude
        assert holding or abs(lng2) == 180 or abs(lat2) == 90
