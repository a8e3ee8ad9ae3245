"""Time: offsets, stamps, zones, wrong clocks, and the dates of clocks that were never set."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import UsageError
from geotagger.estimate.clock import Clocked, ClockReader, resolve_times
from geotagger.estimate.corrections import doubts, joined, parse_clocks, shift_in_words
from geotagger.zones import offset_at, zone_at

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLOGNE, SYDNEY, APIA = (50.94, 6.96), (-33.87, 151.21), (-13.83, -171.77)
JAPAN = timedelta(hours=9)
DAY = timedelta(days=1)


def posix(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc]


def utc_of(*rows: Clocked, clocks: dict[str, float] | None = None) -> list[float]:
    return resolve_times(rows, clocks=clocks, system_zone=UTC, now=NOW).utc.tolist()


def test_the_offset_in_exif_comes_first() -> None:
    row = Clocked(datetime(2024, 5, 1, 12), JAPAN, datetime(2024, 5, 1, 8), "x", *COLOGNE)
    assert utc_of(row) == [posix(2024, 5, 1, 3)]


def test_a_gps_stamp_gives_the_offset_but_not_the_seconds() -> None:
    stale = Clocked(datetime(2024, 5, 1, 12, 3, 10), None, datetime(2024, 5, 1, 10, 1, 5))
    assert utc_of(stale) == [posix(2024, 5, 1, 10, 3, 10)]


def test_a_stamp_without_a_time_of_day_is_not_believed_against_the_place() -> None:
    row = Clocked(datetime(2024, 5, 1, 11, 47), None, datetime(2024, 5, 1, 20), None, *COLOGNE)
    assert utc_of(row) == [posix(2024, 5, 1, 9, 47)]


def test_the_own_place_gives_the_zone_in_winter_and_in_summer() -> None:
    assert utc_of(Clocked(datetime(2024, 1, 1, 12), None, None, None, *COLOGNE)) == [posix(2024, 1, 1, 11)]
    assert utc_of(Clocked(datetime(2024, 7, 1, 12), None, None, None, *COLOGNE)) == [posix(2024, 7, 1, 10)]


def test_a_neighbour_lends_its_zone() -> None:
    phone = Clocked(datetime(2024, 7, 1, 12), timedelta(hours=10), None, "phone", *SYDNEY)
    camera = Clocked(datetime(2024, 7, 1, 15), None, None, "camera")
    times = resolve_times([phone, camera], now=NOW, system_zone=UTC)
    assert times.utc[1] == posix(2024, 7, 1, 5)
    assert times.error_s[1] < 3600
    assert "neighbour" in times.source[1]


WORLD = (COLOGNE, SYDNEY, (40.71, -74.01), (35.68, 139.69), APIA)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 400), st.sampled_from(WORLD)),
        unique_by=lambda told: told[1],
        max_size=12,
    ),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=4),
)
def test_the_zone_is_that_of_the_nearest_neighbour_by_the_plain_rule(
    placed: list[tuple[str, int, tuple[float, float]]], bare: list[tuple[str, int]]
) -> None:
    rows = [Clocked(_hour(hour), None, None, camera, *place) for camera, hour, place in placed]
    asked = [Clocked(_hour(hour) + timedelta(minutes=1), None, None, camera) for camera, hour in bare]
    reader = ClockReader([*rows, *asked], now=NOW, system_zone=UTC)
    for row in asked:
        beside = _plainly_nearest(rows, row)
        zone = UTC if beside is None else zone_at(*beside)
        assert row.local is not None
        assert reader.read(row)[0] == row.local.replace(tzinfo=zone).timestamp()


def _hour(hour: int) -> datetime:
    return datetime(2024, 3, 1) + timedelta(hours=hour)


def _plainly_nearest(rows: list[Clocked], asked: Clocked) -> tuple[float, float] | None:
    """The same camera's photo within a day, else anybody's; without any, the nearest of the camera."""

    def apart(row: Clocked) -> timedelta:
        assert row.local is not None
        assert asked.local is not None
        return abs(row.local - asked.local)

    own = min((row for row in rows if row.camera == asked.camera), key=apart, default=None)
    any_ = min(rows, key=apart, default=None)
    if own is None or (apart(own) > DAY and any_ is not None and apart(any_) <= DAY):
        own = any_
    if own is None or own.latitude is None or own.longitude is None:
        return None
    return own.latitude, own.longitude


def test_without_neighbours_the_camera_keeps_its_usual_offset() -> None:
    known = Clocked(datetime(2024, 7, 1, 12), JAPAN, None, "camera")
    bare = Clocked(datetime(2024, 9, 1, 12), None, None, "camera")
    assert utc_of(known, bare)[1] == posix(2024, 9, 1, 3)


def test_with_nothing_the_computers_zone_is_used_with_a_large_error() -> None:
    times = resolve_times([Clocked(datetime(2024, 7, 1, 12))], now=NOW, system_zone=timezone(JAPAN))
    assert times.utc[0] == posix(2024, 7, 1, 3)
    assert times.error_s[0] >= 3600


@pytest.mark.parametrize(
    "local",
    [None, datetime(1, 1, 1), datetime(1970, 1, 1, 0, 0, 5), datetime(1980, 1, 1), datetime(2031, 1, 1)],
)
def test_clocks_that_were_never_set_tell_no_time(local: datetime | None) -> None:
    times = resolve_times([Clocked(local)], now=NOW, system_zone=UTC)
    assert np.isnan(times.utc[0])
    assert times.source == ("no time",)


def test_an_old_scan_keeps_its_date() -> None:
    assert utc_of(Clocked(datetime(1968, 3, 1, 12), timedelta(0))) == [posix(1968, 3, 1, 12)]


def test_the_hour_that_autumn_repeats_is_taken_once() -> None:
    row = Clocked(datetime(2024, 10, 27, 2, 30), None, None, None, *COLOGNE)
    assert utc_of(row) == [posix(2024, 10, 27, 0, 30)]


def test_equal_seconds_stay_equal() -> None:
    row = Clocked(datetime(2024, 10, 27, 12), JAPAN)
    assert len(set(utc_of(row, row, row))) == 1


def test_across_the_date_line_a_day_is_not_lost() -> None:
    assert offset_at(*APIA, posix(2024, 1, 1)) == timedelta(hours=13)
    assert utc_of(Clocked(datetime(2024, 1, 2, 1), None, None, None, *APIA)) == [posix(2024, 1, 1, 12)]


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_place_has_a_zone(lat: float, lng: float) -> None:
    assert zone_at(lat, lng) is not None


def test_off_the_earth_there_is_no_zone() -> None:
    assert zone_at(91.0, 0.0) is None
    assert zone_at(float("nan"), 0.0) is None


def test_corrections_are_read_and_added() -> None:
    assert parse_clocks(["Canon EOS=+1h03m", "X=-30", "Y = 2d"]) == {"Canon EOS": 3780, "X": -30, "Y": 172800}
    row = Clocked(datetime(2024, 5, 1, 12), timedelta(0), None, "Canon EOS 5D")
    assert utc_of(row, clocks={"canon eos": 60.0}) == [posix(2024, 5, 1, 12, 1)]


def test_a_correction_counts_once_beside_a_gps_stamp() -> None:
    slow = Clocked(datetime(2024, 5, 1, 13), None, datetime(2024, 5, 1, 12), "Canon EOS 5D")
    assert utc_of(slow, clocks={"Canon": 3600.0}) == [posix(2024, 5, 1, 12)]


def test_a_corrected_clock_finds_the_neighbour_of_its_true_day() -> None:
    tokyo = Clocked(datetime(2024, 5, 3, 12), latitude=35.68, longitude=139.69)
    cologne = Clocked(datetime(2024, 5, 1, 12), None, None, None, *COLOGNE)
    behind = Clocked(datetime(2024, 5, 1, 12), camera="Canon")
    assert utc_of(tokyo, cologne, behind, clocks={"Canon": 2 * 86400.0})[2] == posix(2024, 5, 3, 3)


def test_a_correction_sets_a_clock_right_that_was_never_set() -> None:
    unset = Clocked(datetime(1980, 1, 1, 1), timedelta(0), None, "Canon")
    gap = posix(2024, 5, 1, 12) - posix(1980, 1, 1, 1)
    assert utc_of(unset, clocks={"Canon": gap}) == [posix(2024, 5, 1, 12)]
    assert np.isnan(utc_of(unset, clocks={"Canon": 1e12})[0])


@given(st.integers(-3_000_000_000, 3_000_000_000))
def test_a_correction_is_said_as_it_is_typed(tenths: int) -> None:
    assert parse_clocks([f"Canon={shift_in_words(tenths / 10)}"]) == {"Canon": tenths / 10}


def test_corrections_are_said_in_short() -> None:
    said = {3780: "+1h03m", -25200: "-7h", 180: "+3m", 0: "+0s", 93784.5: "+1d2h03m4.5s"}
    assert {shift_s: shift_in_words(shift_s) for shift_s in said} == said


def test_a_camera_is_corrected_once_however_it_is_spelt() -> None:
    assert joined({"Canon EOS": 60.0, "Nikon": 1.0}, {"canon eos": 30.0}) == {"Nikon": 1.0, "canon eos": 30.0}
    assert parse_clocks(["Canon=1h", "canon=2h"]) == {"canon": 7200}


def test_a_correction_that_fits_no_camera_is_found() -> None:
    (line,) = doubts(["canon eos", "Foo"], ["Canon EOS 5D", None, ""])
    assert line.startswith("--clock Foo: no camera there is called so")
    assert line.endswith("there are: Canon EOS 5D")


@pytest.mark.parametrize("text", ["Canon", "=1h", "Canon=", "Canon=soon", "Canon=1h-3m"])
def test_corrections_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--clock"):
        parse_clocks([text])
