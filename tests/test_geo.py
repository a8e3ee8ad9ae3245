"""The sphere, against its own definitions and against s2sphere."""

import math

import numpy as np
import pytest
import s2sphere
from hypothesis import given
from hypothesis import strategies as st

from geotagger.coordinates import is_place
from geotagger.geo import (
    EARTH_RADIUS_KM,
    HALF_CIRCUMFERENCE_KM,
    destination,
    distance_km,
    interpolate,
    lat_lng_of,
    unit_vectors,
    wrap_longitude,
)

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distances_agree_with_s2(lat1: float, lng1: float, lat2: float, lng2: float) -> None:
    theirs = s2sphere.LatLng.from_degrees(lat1, lng1).get_distance(s2sphere.LatLng.from_degrees(lat2, lng2))
    assert distance_km(lat1, lng1, lat2, lng2) == pytest.approx(theirs.radians * EARTH_RADIUS_KM, abs=1e-3)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distance_is_symmetric_and_bounded(lat1: float, lng1: float, lat2: float, lng2: float) -> None:
    there = distance_km(lat1, lng1, lat2, lng2)
    assert there == pytest.approx(distance_km(lat2, lng2, lat1, lng1), abs=1e-9)
    assert 0 <= there <= HALF_CIRCUMFERENCE_KM + 1e-6


@given(latitudes, longitudes)
def test_a_direction_names_its_place(lat: float, lng: float) -> None:
    again = lat_lng_of(unit_vectors(lat, lng))
    assert distance_km(lat, lng, *again) < 1e-6


@given(st.floats(-89, 89), longitudes, st.floats(0, 360), st.floats(0, 19_000))
def test_a_destination_is_as_far_as_asked(lat: float, lng: float, bearing: float, far: float) -> None:
    lat2, lng2 = destination(lat, lng, bearing, far)
    assert is_place(float(lat2), float(lng2))
    assert distance_km(lat, lng, lat2, lng2) == pytest.approx(far, abs=1e-3)


@given(latitudes, longitudes, latitudes, longitudes, st.floats(0, 1))
def test_interpolation_divides_the_great_circle(
    lat1: float, lng1: float, lat2: float, lng2: float, part: float
) -> None:
    whole = float(distance_km(lat1, lng1, lat2, lng2))
    if whole > HALF_CIRCUMFERENCE_KM - 50:  # antipodes have no single great circle
        return
    lat, lng = interpolate(lat1, lng1, lat2, lng2, part)
    assert distance_km(lat1, lng1, lat, lng) == pytest.approx(part * whole, abs=0.05)
    assert distance_km(lat, lng, lat2, lng2) == pytest.approx((1 - part) * whole, abs=0.05)


def test_halfway_across_the_date_line_is_on_it() -> None:
    lat, lng = interpolate(10.0, 179.0, 10.0, -179.0, 0.5)
    assert abs(abs(float(lng)) - 180.0) < 1e-9
    assert float(lat) == pytest.approx(10.0, abs=0.01)


@given(st.floats(-1e4, 1e4))
def test_wrapped_longitudes_are_the_same_meridian(lng: float) -> None:
    wrapped = float(wrap_longitude(lng))
    assert -180 <= wrapped <= 180
    assert math.cos(math.radians(wrapped)) == pytest.approx(math.cos(math.radians(lng)), abs=1e-9)


@pytest.mark.parametrize(
    ("lat", "lng"), [(math.nan, 0), (0, math.nan), (90.01, 0), (0, -180.5), (math.inf, 0)]
)
def test_nowhere_is_no_place(lat: float, lng: float) -> None:
    assert not is_place(lat, lng)


def test_arrays_broadcast() -> None:
    assert distance_km(np.zeros((3, 1)), 0.0, np.zeros(4), 0.0).shape == (3, 4)
