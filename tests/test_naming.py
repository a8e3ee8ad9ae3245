"""Names of positions: held against GeoNames' own countries, and against a plain search."""

from typing import Any

import numpy as np
import pytest

from geotagger.gazetteer import places
from geotagger.gazetteer.borders import countries_of
from geotagger.gazetteer.naming import PlaceNames, names_of
from geotagger.gazetteer.words import country_code, country_name, in_full, in_words
from geotagger.geo import destination, distance_km

TOWNS = list(places())
LAT, LNG = [town.latitude for town in TOWNS], [town.longitude for town in TOWNS]


def test_the_border_puts_all_but_a_few_towns_where_geonames_has_them() -> None:
    countries, others = countries_of(LAT, LNG)
    elsewhere = [
        (town, other)
        for town, country, other in zip(TOWNS, countries, others, strict=True)
        if country != town.country
    ]
    assert len(elsewhere) < 0.005 * len(TOWNS)
    # and most of those lie beside the border, which is said
    assert sum(other == town.country for town, other in elsewhere) > 0.6 * len(elsewhere)


@pytest.mark.parametrize(
    ("lat", "lng", "country"),
    [
        (48.8584, 2.2945, "FR"),
        (-16.9, -179.9, "FJ"),  # east of the antimeridian
        (66.0, -175.0, "RU"),  # the far end of Russia, also east of it
        (-90.0, 0.0, "AQ"),
        (90.0, 0.0, None),
        (0.0, 0.0, None),
        (43.74, 7.42, "MC"),
        (-21.1, 55.5, "RE"),  # a part of France with a code of its own
        (49.6, -40.0, None),  # mid-Atlantic
        (41.21, 1.83, "ES"),  # two kilometres off the beach
    ],
)
def test_the_country_goes_by_the_border(lat: float, lng: float, country: str | None) -> None:
    assert countries_of([lat], [lng])[0] == [country]


def test_near_a_border_the_other_country_is_named() -> None:
    (kehl,) = names_of([48.573], [7.815])
    assert (kehl.country, kehl.near_border, kehl.place) == ("DE", "FR", "Kehl")
    (sitges,) = names_of([41.2372], [1.8059])
    assert sitges == PlaceNames("ES", "Catalonia", "Sitges", sitges.place_km, None)


def test_many_places_are_named_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 300))).tolist()
    lng = rng.uniform(-180, 180, 300).tolist()
    assert names_of(lat, lng) == [names_of([a], [b])[0] for a, b in zip(lat, lng, strict=True)]
    assert names_of([], []) == []


def test_the_town_is_the_nearest_one_of_that_country() -> None:
    rng = np.random.default_rng(4)
    chosen = rng.integers(0, len(TOWNS), 200)
    lat, lng = destination(
        np.array(LAT)[chosen], np.array(LNG)[chosen], rng.uniform(0, 360, 200), rng.uniform(0, 60, 200)
    )
    named = names_of(lat.tolist(), lng.tolist())
    assert any(names.place is None for names in names_of([0.0, -40.0], [-150.0, 80.0]))
    for a, b, names in zip(lat, lng, named, strict=True):
        own = [t for t in TOWNS if names.country in (None, t.country)]
        kms = distance_km(a, b, [t.latitude for t in own], [t.longitude for t in own])
        if kms.min() > 100:
            assert names.place is None
        else:
            assert names.place == own[int(kms.argmin())].name
            assert names.place_km == pytest.approx(kms.min(), abs=0.06)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("Sitges", 0.6, "Catalonia", "ES"), "Sitges, Catalonia"),
        (("Sitges", 12.0, "Catalonia", "ES"), "near Sitges, Catalonia"),
        (("Alice Springs", 61.2, "Northern Territory", "AU"), "61 km from Alice Springs, Northern Territory"),
        (("Luxembourg", 1.0, "Luxembourg", "LU"), "Luxembourg"),
        (("Pristina", 1.0, None, "XK"), "Pristina, XK"),
        ((None, None, None, "AU"), "Australia"),
        ((None, None, None, None), ""),
    ],
)
def test_a_place_is_said_as_people_say_it(
    names: tuple[str | None, float | None, str | None, str | None], words: str
) -> None:
    assert in_words(*names) == words


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("Sitges", 12.0, "Catalonia", "ES"), "near Sitges, Catalonia, Spain"),
        (("Kehl", 0.5, "Baden-Wurttemberg", "DE", "FR"),
         "Kehl, Baden-Wurttemberg, Germany (near the border with France)"),
        (("Luxembourg", 9.0, "Luxembourg", "LU"), "near Luxembourg"),
        (("Pristina", 1.0, None, "XK"), "Pristina, Kosovo"),
        ((None, None, None, "AU"), "Australia"),
        ((None, None, None, None), ""),
    ],
)  # fmt: skip
def test_a_place_in_full_has_its_country_and_the_border_that_is_near(
    names: tuple[Any, ...], words: str
) -> None:
    assert in_full(*names) == words


def test_countries_are_found_by_code_and_name() -> None:
    assert [country_code(text) for text in ("es", "Spain", "UK", "united kingdom", "Kosovo", "Nowhere")] == [
        "ES", "ES", "GB", "GB", "XK", None,
    ]  # fmt: skip
    assert country_name("ES") == "Spain"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"),
        ("deu", "DE"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("ドイツ", "DE"),
        ("Россия", "RU"),
        ("Österreich", "AT"),
        ("Côte d’Ivoire", "CI"),
        ("Congo", None),
        ("Korea", None),
        ("Atlantis", None),
        ("", None),
    ],
)
def test_a_country_is_known_by_its_codes_and_in_many_languages(text: str, code: str | None) -> None:
    """A word that several countries share is none of them."""
    assert country_code(text) == code
