"""What stands in a picture, weighed with what else is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from geotagger.defaults import MIN_CONFIDENCE
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.text_evidence import learned_exponent
from geotagger.estimate.timeline import PhotoRecord, estimate_stream, learned_from
from geotagger.estimate.values import Estimate, Fix, FixSeries, Observation
from geotagger.estimate.visual import posteriors
from geotagger.estimate.words import what_text_says
from geotagger.geo import distance_km
from geotagger.text.values import PlaceRatios, TownRatio
from tests.estimate.test_silent_pictures import cell_table

START, DAY = 1_715_930_000.0, 86400.0
HOME, AARHUS = (48.2, 16.4), (56.157, 10.21)
DANISH = PlaceRatios((("DK", 40.0), ("NO", 8.0), ("SE", 4.0)), 0.2)
NAMES_AARHUS = replace(DANISH, towns=(TownRatio(*AARHUS, 6.0, 100.0, 15.0),))
NOTHING = PlaceRatios((), 1.0)
AT_HOME = [
    Observation(n, START + n * DAY, "Phone", Fix(HOME[0] + n / 1000, HOME[1], 0.01, "camera"))
    for n in range(6)
]


@cache
def at_home() -> Movement:
    known = [PhotoRecord(o.key, o.utc, 0.0, o.camera, None, o.fix) for o in AT_HOME]
    return learned_from(FixSeries.of(known))


def trip(*texts: PlaceRatios | None, days: float = 40) -> list[Estimate]:
    """Estimates of photos ten minutes apart, so long after the last at home."""
    photos = [
        Observation(100 + n, START + days * DAY + 600 * n, "Phone", text=text) for n, text in enumerate(texts)
    ]
    estimates = estimate_stream([*AT_HOME, *photos], at_home())
    return [estimate for estimate in estimates[len(AT_HOME) :] if estimate is not None]


def km(estimate: Estimate, place: tuple[float, float]) -> float:
    return float(distance_km(estimate.latitude, estimate.longitude, *place))


def test_one_sign_makes_home_less_sure_and_several_decide() -> None:
    (without,), (one,) = trip(None), trip(NAMES_AARHUS)
    assert km(without, HOME) < 1 > km(one, HOME)
    assert one.confidence < 0.9 * without.confidence
    assert all(km(estimate, AARHUS) < 10 for estimate in trip(NAMES_AARHUS, DANISH, NAMES_AARHUS))


SURE_OF_AARHUS = PlaceRatios((("DK", 400.0),), 0.01, (TownRatio(*AARHUS, 6.0, 9000.0, 100.0),))
"""As no sign is: all that can be said of a place."""


@pytest.mark.parametrize("exponent", [1.0, 1.5])
@pytest.mark.parametrize(("pictures", "apart_s"), [(1, 0), (12, 4), (2, 600)])
def test_signs_alone_are_not_enough_to_write_a_place(exponent: float, pictures: int, apart_s: float) -> None:
    """However many, and however often they were photographed, by themselves or long after the last known
    place."""
    options = Options(text_exponent=exponent)
    for known in ([], AT_HOME):
        photos = [
            Observation(100 + n, START + 40 * DAY + apart_s * n, "Phone", text=SURE_OF_AARHUS)
            for n in range(pictures)
        ]
        movement = at_home() if known else learned_from(FixSeries.of())
        estimates = estimate_stream([*known, *photos], movement, options=options)[len(known) :]
        for estimate in estimates:
            assert estimate is not None
            # home may be sure without any sign
            assert estimate.confidence < MIN_CONFIDENCE or km(estimate, HOME) < 1


def pictured_trip(texts: tuple[PlaceRatios | None, ...], noise: float) -> list[Estimate]:
    """As `trip`, of photos at whose pictures a classifier looked: it answers what it always answers, but for
    the noise."""
    table = cell_table()
    assert table.photos is not None
    photos = []
    for n, text in enumerate(texts):
        met = table.photos * np.exp(np.random.default_rng(n).normal(0, noise, len(table.photos)))
        (said,) = posteriors((met / met.sum())[None].astype(np.float32), table, 1.0)
        photos.append(Observation(100 + n, START + 40 * DAY + 600 * n, "Phone", posterior=said, text=text))
    estimates = estimate_stream([*AT_HOME, *photos], at_home(), table)
    return [estimate for estimate in estimates[len(AT_HOME) :] if estimate is not None]


def test_pictures_that_say_nothing_leave_what_texts_say() -> None:
    """Though their classes hold none of the towns that are named."""
    for texts in ((NAMES_AARHUS, DANISH, NAMES_AARHUS), (NAMES_AARHUS, None)):
        for plain, pictured in zip(trip(*texts), pictured_trip(texts, noise=0.0), strict=True):
            assert km(pictured, (plain.latitude, plain.longitude)) < 1
            assert pictured.confidence == pytest.approx(plain.confidence, abs=0.02)


def test_signs_and_pictures_that_say_little_are_not_enough_to_write_a_place() -> None:
    for estimate in pictured_trip((SURE_OF_AARHUS, DANISH, SURE_OF_AARHUS, None), noise=0.3):
        assert km(estimate, AARHUS) < 25
        assert estimate.confidence < MIN_CONFIDENCE


def test_a_contradiction_is_not_renormalised_away() -> None:
    """All that was thought possible is at home, and the text says elsewhere: home is no longer sure."""
    nowhere_near = replace(DANISH, countries=(("JP", 200.0),))
    (without,), (told,) = trip(None, days=3), trip(nowhere_near, days=3)
    assert (told.radius_km, -told.confidence) > (1.2 * without.radius_km, -1)
    (home,) = trip(replace(DANISH, countries=(("AT", 12.0),)), days=3)
    assert home.confidence >= without.confidence - 0.02


def test_text_that_says_nothing_hardly_changes_anything() -> None:
    (without,), (told,) = trip(None), trip(NOTHING)
    assert km(told, (without.latitude, without.longitude)) < 1
    assert told.confidence == pytest.approx(without.confidence, abs=0.03)


def test_two_pictures_of_one_sign_count_as_little_more_than_one() -> None:
    burst = [Observation(100 + n, START + 40 * DAY + n, "Phone", text=NAMES_AARHUS) for n in range(2)]
    of_burst = estimate_stream([*AT_HOME, *burst], at_home())[-1]
    assert of_burst is not None
    of_two = trip(NAMES_AARHUS, NAMES_AARHUS)[-1]
    assert km(of_two, AARHUS) < 10
    assert km(of_burst, HOME) < 10


def test_it_places_where_nothing_else_is_known_and_the_photos_beside() -> None:
    photos = [
        Observation(n, START + 600 * n, text=text) for n, text in enumerate((NAMES_AARHUS, None, DANISH))
    ]
    estimates = estimate_stream(photos, learned_from(FixSeries.of()))
    assert all(estimate is not None and km(estimate, AARHUS) < 25 for estimate in estimates)
    timeless = estimate_stream([Observation(0, None, text=NAMES_AARHUS)], learned_from(FixSeries.of()))
    assert timeless[0] is not None
    assert km(timeless[0], AARHUS) < 25
    assert 0.1 < timeless[0].confidence < MIN_CONFIDENCE


def test_words_in_the_estimate_name_countries_alone() -> None:
    (told,) = trip(NAMES_AARHUS)
    (words,) = (line for line in told.evidence if line.startswith("text"))
    assert words == "text: what stands in the picture speaks for Denmark, and names a place"


def test_an_archive_teaches_how_much_its_text_tells() -> None:
    danes = [(DANISH, *AARHUS)] * 12
    assert learned_exponent(danes) >= 1.0
    collector = [(DANISH, *HOME)] * 12
    assert learned_exponent(collector) <= 0.5
    assert learned_exponent(danes[:2]) == 1.0
    rng = np.random.default_rng(0)
    mixed = [(DANISH, *(AARHUS if rng.random() < 0.3 else HOME)) for _ in range(40)]
    assert 0.1 < learned_exponent(mixed) < 1.0


def test_a_town_that_is_named_is_told_also_where_no_country_leads() -> None:
    town = TownRatio(40.7, -74.0, 20.0, 50.0, 5.0)
    assert "names a place" not in what_text_says(PlaceRatios((), 1.0))
    assert "little of the country, but names a place" in what_text_says(PlaceRatios((), 1.0, (town,)))
