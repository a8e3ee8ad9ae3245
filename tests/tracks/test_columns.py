"""Points of a track in little room: what is kept, in which order, and what it takes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geotagger.tracks.columns import Columns, Degrees
from geotagger.tracks.values import clean_track


@given(st.lists(st.floats(-180, 180), min_size=1))
def test_degrees_are_kept_to_the_centimetre(degrees: list[float]) -> None:
    kept = Degrees.of(np.array(degrees))
    assert np.abs(kept[:] - degrees).max() <= 0.5e-7 + 1e-14
    assert kept[0] == kept[:][0]
    assert Degrees.of(np.array([47.001, -0.1278, 151.2093]))[:].tolist() == [47.001, -0.1278, 151.2093]


stretches = st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=8)


@given(stretches, st.booleans(), st.booleans())
def test_any_order_of_a_file_becomes_that_of_time(
    parts: list[list[int]], are_sorted: bool, newest_first: bool
) -> None:
    times = [t for part in parts for t in (sorted(part) if are_sorted else part)]
    times = times[::-1] if newest_first else times
    utc = np.array(times, dtype=np.float64)
    number = Degrees(np.arange(len(times), dtype=np.int32))
    columns = Columns(utc.copy(), number, Degrees(number.e7.copy()), np.arange(len(times), dtype=np.float32))
    columns.sort()
    assert columns.utc.tolist() == sorted(times)
    assert [times[n] for n in columns.lat.e7.tolist()] == sorted(times)
    assert columns.lat.e7.tolist() == columns.lng.e7.tolist() == columns.error_km.tolist()


@given(st.lists(st.booleans(), max_size=50))
def test_rows_that_are_left_out_are_closed_up(kept: list[bool]) -> None:
    rows = np.arange(len(kept))
    columns = Columns(
        rows.astype(np.float64),
        Degrees(rows.astype(np.int32)),
        Degrees(rows.astype(np.int32)),
        rows.astype(np.float32),
    )
    columns.keep(np.array(kept, dtype=np.bool_))
    assert columns.utc.tolist() == columns.lat.e7.tolist() == [n for n, keep in enumerate(kept) if keep]


def test_of_two_points_at_one_time_the_first_of_the_file_counts() -> None:
    track = clean_track(
        "t", np.array([20.0, 10.0, 10.0]), np.array([3.0, 1.0, 2.0]), np.ones(3), np.full(3, 0.01)
    )
    assert track is not None
    assert (track.utc.tolist(), track.lat[:].tolist()) == ([10.0, 20.0], [1.0, 3.0])
