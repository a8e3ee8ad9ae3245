import gzip
import math
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger import gazetteer
from geotagger.errors import UsageError
from geotagger.gazetteer import FILE, borders, find, fold, making, nearest, similar, words
from geotagger.gazetteer.finding import named_in, the_place
from geotagger.geo import distance_km


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Paris", "Paris, FR"),
        ("Paris, US", "Paris, TX, US"),
        ("paris, tx", "Paris, TX, US"),
        ("Paris, France", "Paris, FR"),
        ("São Paulo", "São Paulo, BR"),
        ("sao paulo", "São Paulo, BR"),
        ("SAO  PAULO, Brazil", "São Paulo, BR"),
        ("Köln", "Köln, DE"),
        ("Cologne", "Köln, DE"),
        ("München", "Munich, DE"),
        ("東京", "Tokyo, JP"),
        ("Москва", "Moscow, RU"),
        ("Washington, D.C.", "Washington, DC, US"),
        ("london, uk", "London, GB"),
        ("London, CA", "London, CA"),
        ("new york", "New York City, NY, US"),
    ],
)
def test_places_are_found_whatever_their_spelling(text: str, found: str) -> None:
    assert str(the_place(text)[0]) == found


def test_the_most_populous_of_a_name_comes_first() -> None:
    springfields = find("Springfield")
    assert len(springfields) > 5
    assert [p.population for p in springfields] == sorted((p.population for p in springfields), reverse=True)
    assert str(the_place("Paris")[1][0]) == "Paris, TX, US"


@pytest.mark.parametrize("text", ["", " ", ",", "Nowhereville", "Paris, Japan", "|", "\n", "%", "a" * 10_000])
def test_an_unknown_place_is_none(text: str) -> None:
    assert find(text) == []
    with pytest.raises(UsageError, match="no place named"):
        the_place(text)


def test_names_that_are_alike_are_offered() -> None:
    assert "Lyon, FR" in similar("Lyonn")
    with pytest.raises(UsageError, match=r"did you mean .*Marseille, FR"):
        the_place("Marseile")


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=50)
def test_no_text_breaks_a_search(text: str) -> None:
    assert all(fold(text) for _ in find(text))


@settings(deadline=None, max_examples=100)
@given(st.floats(-90, 90), st.floats(-180, 180), st.sampled_from([5.0, 50.0, 400.0]))
def test_the_nearest_place_is_that_of_a_plain_search(lat: float, lng: float, within: float) -> None:
    places = [place for places in gazetteer._grid().values() for place in places]
    kms = distance_km(lat, lng, [p.latitude for p in places], [p.longitude for p in places])
    found = nearest(lat, lng, within)
    if kms.min() > within:
        assert found is None
    else:
        assert found is not None
        km = distance_km(lat, lng, found.latitude, found.longitude)
        assert math.isclose(km, kms.min(), abs_tol=1e-6)


def test_places_of_a_country_and_where_people_live_are_those_of_the_whole_list() -> None:
    everywhere = list(gazetteer.places())
    for country in ("AT", "DE", "US", "XX"):  # DE is a state of the US, too
        assert gazetteer.places_in(country) == [place for place in everywhere if place.country == country]
    assert list(gazetteer.settled()) == [
        (place.latitude, place.longitude, place.population) for place in everywhere
    ]


def test_the_file_is_small_and_says_where_it_is_from() -> None:
    assert FILE.stat().st_size < 1_000_000
    header = gazetteer._text()[:300]
    assert "GeoNames" in header
    assert "CC BY 4.0" in header


@pytest.mark.parametrize("content", [None, b"no zip", "another.txt"])
def test_what_is_not_geonames_file_is_named(tmp_path: Path, content: bytes | str | None) -> None:
    given = tmp_path / "nope.zip"
    if isinstance(content, bytes):
        given.write_bytes(content)
    elif content:
        with zipfile.ZipFile(given, "w") as archive:
            archive.writestr(content, "")
    program = [sys.executable, "-m", "geotagger.gazetteer.making", str(given), "regions", "borders"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(str(given))


def test_the_files_are_what_the_documented_command_makes(shared_data: Path, tmp_path: Path) -> None:
    names, earth = shared_data / "reference" / "geonames", shared_data / "reference" / "natural_earth"
    cities, made = names / "cities15000.zip", tmp_path / "made"
    making.make_places(cities, made)
    assert gzip.decompress(made.read_bytes()) == gzip.decompress(FILE.read_bytes())
    making.make_regions(cities, names / "admin1CodesASCII.txt", made)
    assert gzip.decompress(made.read_bytes()) == gzip.decompress(words.FILE.read_bytes())
    making.make_borders(earth / "countries-50m.topo.json", made)
    assert zlib.decompress(made.read_bytes()) == zlib.decompress(borders.FILE.read_bytes())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Paris, Texas", "Paris, TX, US"),
        ("Springfield, Illinois, USA", "Springfield, IL, US"),
        ("Paris, Frankreich", "Paris, FR"),
        ("Barcelona, Catalonia", "Barcelona, ES"),
    ],
)
def test_a_region_or_country_behind_the_name_may_be_written_out(text: str, name: str) -> None:
    assert str(the_place(text)[0]) == name


def test_what_lies_in_a_town_may_be_named_by_its_quarters() -> None:
    barcelona = named_in("Barcelona")
    assert "Barcelona" in barcelona.names
    assert ("Poble Sec", "Catalonia", "ES") in barcelona.towns
    assert not any(name == "Poble Sec" for name, _, _ in named_in("L'Hospitalet de Llobregat").towns)
    assert named_in("Paris, Texas").towns == (("Paris", "Texas", "US"),)
    assert (named_in("Catalonia, Spain").names, named_in("Catalonia, Spain").country) == (
        ("Catalonia",),
        "ES",
    )
    with pytest.raises(UsageError, match="no place named"):
        named_in("Catalonia, France")


@pytest.mark.parametrize("text", ["Deutschland", "Bavaria"])
def test_a_country_in_any_language_and_a_region_are_not_taken_for_towns(text: str) -> None:
    with pytest.raises(UsageError, match=r"is a (country|region), not a town"):
        the_place(text)


def test_a_country_is_not_taken_for_a_town() -> None:
    with pytest.raises(UsageError, match="Germany is a country"):
        the_place("Germany")
    assert str(the_place("Luxembourg")[0]) == "Luxembourg, LU"
