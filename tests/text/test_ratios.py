"""What text says of places, as factors."""

import numpy as np
import pytest

from geotagger.estimate.text_evidence import TextFactors
from geotagger.geo import distance_km
from geotagger.text.countries import countries
from geotagger.text.ratios import FLOOR, mean_of, ratios_of
from geotagger.text.towns import world_towns
from geotagger.text.values import Line, PlaceRatios
from tests.text.signs import needs_reader

pytestmark = needs_reader()

PLACES = {
    "Copenhagen": (55.676, 12.568), "Berlin": (52.52, 13.40), "Barcelona": (41.387, 2.169),
    "Madrid": (40.417, -3.703), "Lyon": (45.76, 4.84), "Geneva": (46.2, 6.15), "Zurich": (47.37, 8.54),
    "Tokyo": (35.68, 139.69), "Athens": (37.98, 23.73), "Aarhus": (56.157, 10.21), "New York": (40.71, -74.0),
}  # fmt: skip


def factors(*texts: str) -> dict[str, float]:
    ratios = ratios_of([Line(text, 0.99) for text in texts])
    assert ratios is not None
    lat, lng = np.array(list(PLACES.values())).T
    return dict(zip(PLACES, TextFactors.of(ratios, 1.0).at(lat, lng).tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("Hunde bitte an der Leine führen", {"Berlin", "Zurich"}),
        ("Prohibit l'accés als gossos, gràcies per la vostra col·laboració", {"Barcelona"}),
        ("Hunden skal føres i snor hele året, tak", {"Copenhagen", "Aarhus"}),
        ("Les chiens doivent être tenus en laisse", {"Lyon", "Geneva"}),
        ("犬のふんは持ち帰りましょう", {"Tokyo"}),
        ("Απαγορεύονται τα σκυλιά", {"Athens"}),
        ("www.byens-hunde.dk", {"Copenhagen", "Aarhus"}),
        ("Tel. +45 86 12 34 56", {"Copenhagen", "Aarhus"}),
    ],
)
def test_the_places_where_it_is_written_gain_most(text: str, best: set[str]) -> None:
    told = factors(text)
    ranked = sorted(told, key=lambda place: -told[place])
    assert set(ranked[: len(best)]) == best
    assert told[ranked[0]] > 3


def test_a_town_that_is_named_gains_over_its_country() -> None:
    told = factors("Velkommen til Aarhus kommunes hundeskov", "Hunden skal være under kontrol")
    assert told["Aarhus"] > 5 * told["Copenhagen"] > 5 * told["Berlin"]


def test_a_town_of_another_language_is_not_meant() -> None:
    told = factors("Bitte keine Hunde auf die Wiese", "Madrid bleibt draussen heute")
    assert told["Berlin"] > told["Madrid"]


EVERY_CLUE = [
    (
        "Velkommen til Aarhus, hunden skal føres i snor hele året",
        "www.aarhus.dk",
        "+45 86 12 34 56",
        "200 kr",
    ),
    ("Welcome to Singapore, dogs must be kept on a leash", "www.nparks.gov.sg", "+65 6123 4567"),
    ("東京都の犬のふんは持ち帰りましょう", "www.tokyo.jp", "+81 3 1234 5678", "500円"),
    ("Bienvenue à Luxembourg, Wëllkomm zu Lëtzebuerg", "www.vdl.lu", "+352 47 96 12 34"),
]


@pytest.mark.parametrize("lines", EVERY_CLUE)
@pytest.mark.parametrize("exponent", [0.3, 1.0, 1.5])
def test_no_sign_makes_a_place_impossible_or_sure(lines: tuple[str, ...], exponent: float) -> None:
    """Whatever stands there, and however much the archive's text tells: no region gains more than a share of
    what it lacked."""
    ratios = ratios_of([Line(text, 0.99) for text in lines])
    assert ratios is not None
    told = TextFactors.of(ratios, exponent).at_towns()
    assert told.min() >= FLOOR
    world = world_towns()
    usual = countries().photos[world.country] * world.share
    best = int(np.argmax(usual * told))
    near = distance_km(world.lat[best], world.lng[best], world.lat, world.lng) < 60
    before, after = usual[near].sum(), (usual * told)[near].sum()
    assert after <= before + (1 - FLOOR) * (1 - before) + 1e-9


@pytest.mark.parametrize(
    "text", ["Aarhus hundeskov er åben hele dagen", "Perros no, gracias", "10 €", "犬の散歩"]
)
@pytest.mark.parametrize("exponent", [1.0, 0.4])
def test_the_photos_of_the_world_have_a_mean_factor_of_one(text: str, exponent: float) -> None:
    ratios = ratios_of([Line(text, 0.99)])
    assert ratios is not None
    world = world_towns()
    usual = countries().photos[world.country] * world.share
    for looks in (1.0, 0.5):
        assert usual @ TextFactors.of(ratios, exponent, looks).at_towns() == pytest.approx(1.0, abs=0.01)
    assert mean_of(ratios) == pytest.approx(1.0, abs=0.02)  # what is rounded, and hardly differs


@pytest.mark.parametrize("texts", [[], ["x7"], ["404"], ["PECTOPAH"]])
def test_what_tells_nothing_is_nothing(texts: list[str]) -> None:
    assert ratios_of([Line(text, 0.99) for text in texts]) is None


@pytest.mark.parametrize(
    "text",
    [
        "Mercedes-Benz", "adidas", "Samsung", "Coca-Cola", "www.google.com", "info@shop.com", "booking.com/x",
        "Mo-Fr 8-18", "Fr 8", "R2", "5 R", "30 Ft", "9.99", "12,50", "3 for 2", "12.05.2023", "14:30",
        "M-AB 1234", "KA 01 AB 1234", "7ABC123", "030 1234567", "(212) 555-0123", "0800 123 456",
        "ISBN 978-3-16-148410-0",
        "abcdefghijklm", "NIKON", "EXIT", "STOP", "Kindergarten", "24/7", "No. 5", "100 km/h",
    ],
)  # fmt: skip
def test_brands_dates_prices_and_plates_are_no_evidence(text: str) -> None:
    assert ratios_of([Line(text, 0.99)]) is None


@pytest.mark.parametrize(
    "text",
    ["Johnnie Walker", "Samsung GALAXY", "H&M Hennes & Mauritz", "Hakuna Matata", "Der Herr der Ringe",
     "Tommy Hilfiger", "Pizza e Pasta", "Le Petit Prince"],
)  # fmt: skip
def test_few_words_make_sure_of_no_country(text: str) -> None:
    """Names, titles and menus are in any language anywhere, and what so few letters are in is a guess."""
    told = ratios_of([Line(text, 0.99)])
    if told is not None:
        world, table = world_towns(), countries()
        usual = table.photos[world.country] * world.share
        share = np.bincount(world.country, usual * TextFactors.of(told, 1.0).at_towns())
        assert share.max() < 0.5


def test_they_come_back_from_the_index_and_hold_no_word() -> None:
    ratios = ratios_of([Line("Velkommen til Aarhus kommunes hundeskov", 0.99)])
    assert ratios is not None
    stored = ratios.to_json()
    assert PlaceRatios.from_json(stored) == ratios
    assert not any(word in stored.lower() for word in ("aarhus", "velkommen", "hundeskov"))


@pytest.mark.parametrize(
    "stored",
    [
        "", "null", "[]", "{}", '{"countries":{"DE":-1},"elsewhere":1,"towns":[]}',
        '{"countries":{},"elsewhere":0,"towns":[]}', '{"countries":{},"elsewhere":1e99,"towns":[]}',
        '{"countries":{},"elsewhere":1,"towns":[[91,0,1,1,1]]}',
        '{"countries":{},"elsewhere":1,"towns":[[1]]}',
        '{"countries":{"DE":NaN},"elsewhere":1,"towns":[]}',
        f'{{"countries":{{}},"elsewhere":{"9" * 400},"towns":[]}}',
    ],
)  # fmt: skip
def test_what_is_no_such_record_is_refused(stored: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PlaceRatios.from_json(stored)
