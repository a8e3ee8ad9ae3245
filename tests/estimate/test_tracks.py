"""What tracks say of a moment: the gaps, the leaps, and several devices."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.estimate.clock import Clocked, ClockReader
from geotagger.estimate.movement import Motion
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Fix
from geotagger.geo import distance_km, interpolate
from geotagger.tracks import Track, clean_track
from geotagger.zones import offset_at


def track_of(*points: tuple[float, float, float]) -> Tracks:
    utc, lat, lng = np.array(points, dtype=np.float64).T
    track = clean_track("t", utc, lat, lng, np.full(len(utc), 0.01))
    return Tracks(()) if track is None else Tracks((track,))


def test_the_error_follows_the_spacing() -> None:
    tracks = track_of((0, 50, 7), (10, 50.0001, 7), (1810, 50.05, 7))
    close, far = tracks.fix_at(5), tracks.fix_at(900)
    assert close is not None
    assert far is not None
    assert close.error_km < 0.05 < far.error_km


def test_over_a_long_gap_a_track_is_silent() -> None:
    tracks = track_of((0, 50, 7), (5 * 3600, 50.1, 7))
    assert tracks.fix_at(2.5 * 3600) is None
    assert tracks.fix_at(-60) is not None
    for near in (0, 60, 5 * 3600 - 60, 5 * 3600):
        assert tracks.fix_at(near) is not None
    assert tracks.fix_at(-3600) is None


def test_a_leap_is_dropped_and_an_impossible_flight_not_followed() -> None:
    tracks = track_of((0, 50, 7), (60, 60, 7), (120, 50.01, 7))
    fix = tracks.fix_at(60)
    assert fix is not None
    assert fix.latitude < 51
    assert track_of((0, 37.6, -122.4), (1, 34.0, -118.3)).fix_at(0.5) is None


def test_points_out_of_order_doubled_or_nowhere_are_put_right() -> None:
    tracks = track_of((60, 50.1, 7), (0, 50, 7), (0, 50, 7), (30, 0, 0), (45, 95, 7), (np.nan, 50, 7))
    assert tracks.tracks[0].utc.tolist() == [0, 60]


def test_two_devices_that_disagree_make_the_place_less_sure() -> None:
    one, other = track_of((0, 50, 7), (60, 50, 7)), track_of((0, 50.1, 7), (60, 50.1, 7))
    fix = Tracks(one.tracks + other.tracks).fix_at(30)
    assert fix is not None
    assert fix.error_km > 5


def plain_fix(tracks: Tracks, utc: float, utc_error_s: float) -> Fix | None:
    """The reference: every track is asked, one moment at a time."""
    found = [fix for track in tracks.tracks if (fix := plain_fix_on(track, utc, utc_error_s)) is not None]
    if not found:
        return None
    best = min(found, key=lambda fix: fix.error_km)
    apart = [
        float(distance_km(best.latitude, best.longitude, other.latitude, other.longitude))
        for other in found
        if other.error_km < 3 * best.error_km
    ]
    return Fix(best.latitude, best.longitude, max(best.error_km, max(apart) / 2), "track")


def plain_fix_on(track: Track, utc: float, utc_error_s: float) -> Fix | None:
    at = int(np.searchsorted(track.utc, utc))
    gap = float(track.utc[at] - track.utc[at - 1]) if 0 < at < len(track.utc) else np.inf
    if gap > 3 * 3600:
        near = int(np.abs(track.utc - utc).argmin())
        away = abs(float(track.utc[near]) - utc)
        if away > 120:
            return None
        error = np.hypot(track.error_km[near], float(Motion().reach_km(away + utc_error_s)))
        return Fix(float(track.lat[near]), float(track.lng[near]), float(error), "track")
    one, two = [(float(track.lat[n]), float(track.lng[n])) for n in (at - 1, at)]
    apart = float(distance_km(*one, *two))
    if apart > 0.35 * gap + 1:
        return None
    fraction = (utc - float(track.utc[at - 1])) / gap
    lat, lng = interpolate(*one, *two, fraction)
    bridge = 2 * np.sqrt(fraction * (1 - fraction)) * (0.3 * apart + 0.5 * float(Motion().reach_km(gap)))
    late = min(utc_error_s * apart / gap, apart + float(Motion().reach_km(utc_error_s)))
    receiver = max(float(track.error_km[at - 1]), float(track.error_km[at]))
    return Fix(float(lat), float(lng), float(np.sqrt(receiver**2 + bridge**2 + late**2)), "track")


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 2.0, 3600.0]))
def test_many_moments_at_once_give_the_places_of_each_alone(seed: int, utc_error_s: float) -> None:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(int(rng.integers(0, 5))):
        n = int(rng.integers(1, 9))
        utc = rng.integers(0, 50_000) + np.cumsum(rng.choice([5.0, 600.0, 9000.0, 12000.0], n))
        lat, lng = (middle + np.cumsum(rng.normal(0, 0.02, n)) for middle in (50.0, 179.9))
        track = clean_track(str(number), utc, lat, (lng + 180) % 360 - 180, rng.uniform(0.01, 1, n))
        made += [] if track is None else [track]
    tracks = Tracks(tuple(made))
    own = np.concatenate([rng.uniform(-1e3, 1e5, 20), *(track.utc for track in made)])
    moments = rng.permutation(np.concatenate([own, own + 120, own - 120]))
    for moment, lat, lng, error in zip(moments, *tracks.places_at(moments, utc_error_s), strict=True):
        expected = plain_fix(tracks, float(moment), utc_error_s)
        if expected is None:
            assert np.isnan([lat, lng, error]).all()
        else:
            assert distance_km(lat, lng, expected.latitude, expected.longitude) < 1e-6
            assert error == pytest.approx(expected.error_km)


def test_of_thousands_of_tracks_only_those_near_in_time_are_anchors() -> None:
    days = [track_of(*((86400.0 * n + t, 50, 7) for t in (0, 1200, 2400))).tracks[0] for n in range(2000)]
    around = Tracks(tuple(days)).anchors(86400.0 * 7 + 60, 86400.0 * 7 + 2000)
    between = Tracks(tuple(days)).anchors(86400.0 * 7 + 5000, 86400.0 * 7 + 6000)
    assert [anchor.utc for anchor in around] == [86400.0 * 7 + t for t in (0, 1200, 2400)]
    assert [anchor.utc for anchor in between] == [86400.0 * 7 + 2400, 86400.0 * 8]


def test_across_the_date_line_the_short_way_is_taken() -> None:
    fix = track_of((0, 0, 179.99), (60, 0, -179.99)).fix_at(30)
    assert fix is not None
    assert abs(abs(fix.longitude) - 180) < 1e-6


def test_few_points_of_a_track_tell_the_time_zone_as_well_as_all() -> None:
    """Five days between London, Paris and Dublin; photos without an offset, taken at any time but in the
    hours of a change, which local clocks show twice or not at all."""
    rng = np.random.default_rng(5)
    places = {"London": (51.5, -0.12), "Paris": (48.85, 2.35), "Dublin": (53.35, -6.26)}
    chosen = [list(places)[n] for n in np.repeat(rng.integers(0, 3, 30), 24)]
    start = datetime(2024, 5, 1, tzinfo=UTC).timestamp()
    track = track_of(*((start + 600.0 * n, *places[name]) for n, name in enumerate(chosen)))
    few = list(track.clocked())
    every = []
    for n, name in enumerate(chosen):
        offset = offset_at(*places[name], start + 600.0 * n)
        assert offset is not None
        moment = datetime.fromtimestamp(start + 600.0 * n, UTC).replace(tzinfo=None)
        every.append(Clocked(moment + offset, offset, latitude=places[name][0], longitude=places[name][1]))
    assert len(few) < len(every) / 4
    compared = 0
    read_few, read_every = ClockReader(few), ClockReader(every)
    for minutes in rng.uniform(0, 10 * len(chosen), 500):
        local = datetime(2024, 5, 1) + timedelta(minutes=float(minutes))
        if (
            len({one.offset for one in every if abs((one.local or local) - local) < timedelta(minutes=130)})
            > 1
        ):
            continue
        taken = Clocked(local)
        compared += 1
        assert read_few.read(taken)[:2] == read_every.read(taken)[:2]
    assert compared > 100
