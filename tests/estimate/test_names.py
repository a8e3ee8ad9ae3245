"""Names in a photo's metadata narrow its place, and stand for one where nothing else does."""

import numpy as np
import pytest

from geotagger.cells import CellTable, leaf_ids, parents
from geotagger.estimate.movement import Movement
from geotagger.estimate.names import areas_of
from geotagger.estimate.outing import Options, estimate_outing
from geotagger.estimate.values import Fix, NamedArea, Observation
from geotagger.estimate.visual import posteriors
from geotagger.geo import distance_km

VIENNA, SPRINGFIELD = (48.2085, 16.3721), (39.8017, -89.6436)
NOON = 1_700_000_000.0


def distance_to(area: NamedArea, place: tuple[float, float]) -> float:
    return float(distance_km(area.latitude, area.longitude, *place))


def test_a_city_is_as_wide_as_its_people() -> None:
    (vienna,) = areas_of("Wien", "", "AT")
    assert distance_to(vienna, VIENNA) < 5
    assert 5 < vienna.radius_km < 30
    (small,) = areas_of("Klosterneuburg", "", "Austria")
    assert small.radius_km < vienna.radius_km
    assert small.radius_km >= 2


def test_region_and_country_tell_cities_of_one_name_apart() -> None:
    assert distance_to(areas_of("Springfield", "Illinois", "US")[0], SPRINGFIELD) < 10
    assert distance_to(areas_of("Springfield", "IL", "United States")[0], SPRINGFIELD) < 10
    several = areas_of("Springfield", "", "US")
    assert len(several) > 1
    assert sum(area.share for area in several) == pytest.approx(1)
    assert {area.words[-2:] for area in several} == {"US"}


def test_of_unknown_towns_the_region_counts_and_of_unknown_regions_the_country() -> None:
    (illinois,) = areas_of("Nowhere on the List", "Illinois", "US")
    assert distance_to(illinois, SPRINGFIELD) < 400
    assert 20 < illinois.radius_km < 400
    (usa,) = areas_of("", "Nowhere on the List", "US")
    assert usa.radius_km > 500
    assert areas_of("Nowhere on the List", "", "") == ()
    assert areas_of("", "", "Atlantis") == ()
    assert areas_of("", "", "") == ()


def placed(observation: Observation, *fixes: Observation) -> tuple[float, float, float, float]:
    before = fixes[0] if fixes else None
    (estimate,) = estimate_outing([observation], before, None, Movement(), None, Options(within_km=100))
    assert estimate is not None
    return estimate.latitude, estimate.longitude, estimate.radius_km, estimate.confidence


def fix_at(place: tuple[float, float], utc: float) -> Observation:
    return Observation(1, utc, "a", Fix(*place, 0.01, "camera"))


def test_a_photo_that_names_its_city_and_nothing_else_is_placed_there_as_well_as_the_city_is_wide() -> None:
    named = areas_of("Wien", "", "AT")
    for utc in (NOON, None):
        lat, lng, radius_km, confidence = placed(Observation(0, utc, named=named))
        assert distance_km(lat, lng, *VIENNA) < 5
        assert radius_km > named[0].radius_km
        assert confidence == pytest.approx(0.9, abs=0.03)  # one name in ten is wrong
        assert radius_km > 2 * named[0].radius_km


@pytest.mark.parametrize("country", ["JP", "BR"])
def test_a_photo_that_names_a_large_country_alone_is_placed_in_it(country: str) -> None:
    """It was placed in the South Atlantic, where one of a few points stood for all the rest of the world."""
    (area,) = named = areas_of("", "", country)
    lat, lng, _, _ = placed(Observation(0, None, named=named))
    assert distance_to(area, (lat, lng)) < area.radius_km


def test_a_name_that_agrees_with_a_neighbour_leaves_it_as_fine_as_it_was() -> None:
    near = fix_at((48.22, 16.39), NOON - 300)
    alone = placed(Observation(0, NOON, "a"), near)
    named = placed(Observation(0, NOON, "a", named=areas_of("Wien", "", "AT")), near)
    assert named[2] == pytest.approx(alone[2], rel=0.25)
    assert distance_km(*named[:2], *alone[:2]) < 0.2


def test_a_name_that_contradicts_a_fix_of_long_ago_wins_and_the_certainty_is_no_greater() -> None:
    far = fix_at((-33.86, 151.2), NOON - 600 * 86400)
    lat, lng, _, confidence = placed(Observation(0, NOON, "a", named=areas_of("Wien", "", "AT")), far)
    assert distance_km(lat, lng, *VIENNA) < 10
    assert confidence < 0.95


def test_the_own_fix_is_not_moved_by_a_name() -> None:
    named = areas_of("Wien", "", "AT")
    track = Observation(0, NOON, "a", Fix(47.0, 8.0, 0.02, "track"), named=named)
    lat, lng, radius_km, _ = placed(track)
    assert distance_km(lat, lng, 47.0, 8.0) < 0.05
    assert radius_km < 0.2


def test_without_names_nothing_changes() -> None:
    near = fix_at((48.22, 16.39), NOON - 3600)
    observation = Observation(0, NOON, "a", named=areas_of("Paris", "", "FR"))
    (off,) = estimate_outing([observation], near, None, Movement(), None, Options(names=False))
    (bare,) = estimate_outing([Observation(0, NOON, "a")], near, None, Movement(), None, Options())
    assert off is not None
    assert bare is not None
    assert np.allclose(
        (off.latitude, off.longitude, off.radius_km), (bare.latitude, bare.longitude, bare.radius_km)
    )


def test_a_photo_that_names_its_city_leaves_the_pictures_beside_it_where_they_are() -> None:
    """No fix, two pictures that are sure of Vienna, and one of them says its name: more points stand for that
    one, and the other is none of these."""
    rng = np.random.default_rng(0)
    lat, lng = np.degrees(np.arcsin(rng.uniform(-0.8, 0.8, 200))), rng.uniform(-180, 180, 200)
    lat[0], lng[0] = VIENNA
    ids = parents(leaf_ids(lat, lng), 10)
    order = np.argsort(ids)
    table = CellTable(ids[order], lat[order], lng[order])
    sure = np.full((2, 200), 1e-9, dtype=np.float32)
    sure[:, order == 0] = 1.0
    named, bare = posteriors(sure, table)
    outing = [
        Observation(1, NOON, posterior=named, named=areas_of("Wien", "", "AT")),
        Observation(2, NOON + 60, posterior=bare),
    ]
    for estimate in estimate_outing(outing, None, None, Movement(), table):
        assert estimate is not None
        assert distance_km(estimate.latitude, estimate.longitude, *VIENNA) < 10
