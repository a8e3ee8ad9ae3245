"""The time zones that cameras state, for all photos of an outing at once as for each place by itself."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from geotagger.estimate.movement import DAY_S, PRIOR_DRAWS, CameraClock
from geotagger.estimate.people import peopled, share_in_zone, share_of_earth
from geotagger.estimate.prior import ANYWHERE, Mixture, averaged, cloud
from geotagger.estimate.surroundings import FixTable, surroundings
from geotagger.estimate.zone_evidence import weighed_by_zone
from geotagger.geo import distance_km, lat_lng_of
from geotagger.zones import offset_at, offsets_at

AUTUMN = 1_729_900_000.0
"""The day before clocks go back in Europe."""
CLOCKS = (CameraClock(0.95, 0.6, 7200.0), CameraClock(0.9, 0.9))


def test_offsets_of_many_places_and_times_are_those_of_each() -> None:
    rng = np.random.default_rng(1)
    lat, lng = rng.choice(rng.uniform(-80, 80, 20), 150), rng.choice([-0.1, 7.0, 11.5, 151.0, -71.0], 150)
    lat[0] = np.nan
    utc = AUTUMN + rng.choice(np.arange(0, 3 * DAY_S, 1800.0), 150)
    each = [offset_at(*one) for one in zip(lat.tolist(), lng.tolist(), utc.tolist(), strict=True)]
    plain = [np.nan if offset is None else offset.total_seconds() for offset in each]
    np.testing.assert_array_equal(offsets_at(lat, lng, utc), plain)
    assert offsets_at(lat[:0], lng[:0], utc[:0]).shape == (0,)


def test_zones_of_many_photos_weigh_as_place_by_place() -> None:
    """Visits on three continents, among them an hour in which a clock goes back."""
    rng = np.random.default_rng(2)
    where = np.array([[50.9, 6.9], [42.4, -71.1], [-33.9, 151.2]])[rng.integers(3, size=30)]
    known = FixTable(
        AUTUMN + np.sort(rng.uniform(0, 40 * DAY_S, 30)), *(where + rng.normal(0, 0.1, (30, 2))).T,
        np.full(30, 0.01), np.zeros(30, np.int64), np.arange(30),
    )  # fmt: skip
    utc = AUTUMN + np.linspace(0, 40 * DAY_S, 12)
    at = np.searchsorted(known.utc, utc)
    mix = averaged(surroundings(known, utc, np.zeros(12, np.int64), at, at), PRIOR_DRAWS)
    offsets_s = [None, *rng.choice([3600.0, 7200.0, -18000.0, -14400.0, 36000.0, 20700.0], 11).tolist()]
    clocks = [CLOCKS[n] for n in rng.integers(2, size=12)]
    weighed = weighed_by_zone(mix, utc, offsets_s, clocks)
    for row in range(12):
        plain = _weighed_by_zone(mix, row, float(utc[row]), offsets_s[row], clocks[row])
        for name in ("lat", "lng", "weight", "anywhere", "peopled"):
            np.testing.assert_allclose(getattr(weighed, name)[row], getattr(plain, name)[row], rtol=1e-12)
    assert not np.array_equal(weighed.lat, mix.lat)


def test_a_time_that_few_live_by_contradicts_as_much_as_any_other() -> None:
    """Days after the only fix, in Cologne. One that nobody lives by is of a clock that is wrong wherever it
    is, and tells nothing."""
    june = datetime(2021, 6, 15, 12, tzinfo=UTC).timestamp()
    mix = _days_after_cologne(june)

    def left_in_cologne(hours: float) -> float:
        weighed = weighed_by_zone(mix, np.array([june]), [hours * 3600], [CameraClock(home_s=7200.0)])
        return float(weighed.weight[0, mix.scale_km[0] < 20].sum())

    without = float(mix.weight[0, mix.scale_km[0] < 20].sum())
    honolulu, kathmandu, boston = map(left_in_cologne, (-10, 5.75, -4))
    assert max(honolulu, kathmandu, boston) < 0.3 * without
    assert max(honolulu, kathmandu, boston) < 1.5 * min(honolulu, kathmandu, boston)
    assert left_in_cologne(3.25) > 0.9 * without


def test_what_no_known_place_explains_lies_at_the_least_unlikely_of_them() -> None:
    """A date without an hour of a clock on Japan's time, days after Cologne: it lay at 0, 0."""
    mix = _days_after_cologne(AUTUMN)
    hardly = replace(mix, weight=mix.weight * 1e-3, anywhere=1 - mix.weight.sum(axis=1) * 1e-3)
    points = cloud(hardly, 0)
    assert points.mass.sum() == pytest.approx(1 - hardly.anywhere[0])
    assert distance_km(*lat_lng_of(points.vectors), 50.94, 6.96).min() < 1


def _days_after_cologne(utc: float) -> Mixture:
    """Of a photo three days after the only fix."""
    only = FixTable(
        np.array([utc - 3 * DAY_S]), np.array([50.94]), np.array([6.96]), np.array([0.01]),
        np.zeros(1, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip
    one = np.ones(1, np.int64)
    return averaged(surroundings(only, np.array([utc]), one, one, one), PRIOR_DRAWS)


def _weighed_by_zone(mix: Mixture, row: int, utc: float, offset: float | None, clock: CameraClock) -> Mixture:
    """`weighed_by_zone` of one photo, one density after the other."""
    if offset is None:
        return mix
    lat, lng, weight, by_people = (getattr(mix, name).copy() for name in ("lat", "lng", "weight", "peopled"))
    anywhere, away, trips, visited = mix.anywhere.copy(), 0.0, list[int](), list[int]()
    earth = share_of_earth(utc, offset)
    right, wrong = float(clock.stating(offset, offset, earth)), float(clock.stating(offset, 1.0, earth))
    for column in np.flatnonzero(weight[row] > 1e-5).tolist():
        place = float(lat[row, column]), float(lng[row, column])
        zone = offset_at(*place, utc)
        legal = np.nan if zone is None else zone.total_seconds()
        scale, tail = float(mix.scale_km[row, column]), float(mix.tail[row, column])
        if scale < 20:
            weight[row, column] *= clock.stating(offset, legal, earth)
            if column >= mix.about and legal == offset:
                visited.append(column)
        elif np.isnan(legal) or legal == offset:
            weight[row, column] *= right
        else:
            in_zone = share_in_zone(*place, scale, tail, utc, offset)
            away += weight[row, column] * right * in_zone
            weight[row, column] *= clock.stating(offset, legal, earth) * (1 - in_zone)
            if by_people[row, column] > 0:
                trips.append(column)
    if trips and visited:
        of_visits = mix.weight[row, visited]
        start = visited[int(of_visits.argmax())]
        share = right * of_visits.sum() / mix.weight[row, mix.about :].sum()
        for trip in trips:
            if share * mix.weight[row, trip] > weight[row, trip]:
                weight[row, trip] += share * mix.weight[row, trip]
                lat[row, trip], lng[row, trip] = mix.lat[row, start], mix.lng[row, start]
                at = (lat[row, [trip]], lng[row, [trip]], mix.scale_km[row, [trip]], mix.tail[row, [trip]])
                by_people[row, trip] = peopled(*at)[0]
    away += float(anywhere[row]) * (right * earth + wrong * (1 - earth))
    total = float(weight[row].sum())
    anywhere[row] = max(away / (total + away), ANYWHERE)
    weight[row] *= (1 - anywhere[row]) / total
    return replace(mix, lat=lat, lng=lng, weight=weight, anywhere=anywhere, peopled=by_people)
