"""Rows that somebody else wrote: what is no value of a column is nothing, and is named."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from starlette.requests import Request

from geotagger.estimate.values import Candidate
from geotagger.index import Index
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.mapping import clusters
from geotagger.index.roots import Root
from geotagger.index.search import Box
from geotagger.index.store import OPENED
from geotagger.index.tracks import _packed
from geotagger.web.answers import answer, in_one_line

from .conftest import estimate


@pytest.fixture
def placed(index: Index, recorded: Root, archive: Path) -> str:  # noqa: ARG001
    """A photo that has an estimate with two candidates."""
    path = str(archive / "a.jpg")
    photo = index.photos.find(path)
    assert photo is not None
    candidates = (Candidate(48.0, 2.0, 0.5, "47e67"), Candidate(50.0, 2.0, 0.2, "47dd"))
    index.estimates.put(None, [PhotoEstimate(photo.id, estimate(candidates=candidates))])
    return path


@pytest.mark.parametrize(
    ("column", "value"),
    [("latitude", float("inf")), ("longitude", 181.0), ("probability", float("-inf")), ("cell", b"\xff")],
)
def test_a_candidate_that_is_no_place_is_left_out(
    index: Index, placed: str, column: str, value: object
) -> None:
    index.store.execute(f"update candidates set {column} = ? where cell = '47e67'", (value,))
    photo = index.photos.find(placed)
    assert photo is not None
    current = index.estimates.current(photo.id)
    assert current is not None
    assert [one.cell for one in current.estimate.candidates] == ["47dd"]


@pytest.mark.parametrize("value", [float("inf"), -1e308, "x", b"x"])
def test_certainties_of_clusters_are_between_none_and_one(index: Index, placed: str, value: object) -> None:  # noqa: ARG001
    index.store.execute("update estimates set confidence = ?", (value,))
    (cluster,) = clusters(index.store, Box(-90, -180, 90, 180), 4)
    assert cluster.confidence in (0, 1, None)


def test_words_of_a_photo_that_are_bytes_are_none_and_its_row_is_named(index: Index, placed: str) -> None:
    index.store.execute("update estimates set rung = ?, written = ?, cell = ?, doubt = ?", (b"\xff",) * 4)
    index.store.execute("update photos set verdict = ?, error = ?", (b"\xff",) * 2)
    photo = index.photos.find(placed)
    assert photo is not None
    assert {photo.rung, photo.written, photo.cell, photo.doubt, photo.verdict, photo.error} == {None}
    assert placed in "\n".join(index.store.damage.taken())


def test_a_track_that_unpacks_to_far_more_than_points_do_counts_for_nothing(
    index: Index, recorded: Root
) -> None:
    utc = 1.7e9 + np.arange(20_000)
    at_rest = np.stack([utc, *(np.full(len(utc), value) for value in (48.2, 16.4, 0.01, 0))])
    for name, places in (("at rest", _packed(at_rest)), ("bomb", zlib.compress(bytes(2_000_000)))):
        index.store.execute(
            "insert into tracks (root_id, digest, name, path, added, first_utc, last_utc, points, places)"
            " values (?, ?, ?, '/a.gpx', '', 1, 2, 3, ?)",
            (recorded.id, name, name, places),
        )
    assert [len(track.utc) for track in index.tracks.of_root(recorded.id)] == [20_000]
    assert "bomb" in "\n".join(index.store.damage.taken())


def test_the_page_names_damaged_rows_where_nobody_foresaw_them(index: Index, recorded: Root) -> None:  # noqa: ARG001
    OPENED.clear()
    OPENED.add(str(index.path))
    index.store.execute("update photos set unreadable_position = ? where id = 1", (b"\xff",))
    endpoint = in_one_line(lambda _: answer(index.store.row("select unreadable_position from photos")[0]))
    told = endpoint(Request({"type": "http"}))
    assert told.status_code == 503
    assert b"row 1 of photos is damaged (unreadable_position)" in told.body
