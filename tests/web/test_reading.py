"""What the page is told: counts by cell, outings, the tray, pictures, names of any kind."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from geotagger.index import open_index
from geotagger.index.mapping import Moment, clusters
from geotagger.index.search import Box
from geotagger.web.days import days_of
from tests.commands import Geotagger
from tests.tag.scenes import START, jpeg, walk_through_town
from tests.web.pages import Page, open_page

WORLD = {"south": -90, "west": -180, "north": 90, "east": 180}
HTML = "<img src=x onerror=alert(1)>&\"'.jpg"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Geotagger:
    folder = tmp_path_factory.mktemp("reading")
    (folder / "home").mkdir()
    geotagger = Geotagger(folder / "home")
    scene = walk_through_town(folder / "photos", 12)
    shutil.copy2(scene.folder / "IMG_0001.jpg", scene.folder / HTML)
    shutil.copy2(scene.folder / "IMG_0003.jpg", os.fsencode(scene.folder) + b"/not-\xff-utf8.jpg")
    lonely = walk_through_town(folder / "lonely", 2, without_gps=0)
    (lonely.folder / "raw.dng").write_bytes(b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    geotagger("tag", scene.folder, "--write", "none", "--model", "none")
    geotagger("tag", lonely.folder, "--write", "none", "--model", "none", code=None)
    return geotagger


@pytest.fixture(scope="module")
def page(home: Geotagger) -> Iterator[Page]:
    with open_page(home) as page:
        yield page


@pytest.mark.parametrize("zoom", [0, 3, 9, 15, 19, 24])
def test_every_photo_with_a_place_is_in_one_cluster(page: Page, zoom: int) -> None:
    told = page.get("api/clusters", **WORLD, zoom=zoom)["clusters"]
    assert sum(one["photos"] for one in told) == 16
    assert len({one["cell"] for one in told}) == len(told)
    assert all(sum(one["rungs"]) == one["photos"] for one in told)


def test_a_cluster_opens_to_the_photos_that_it_counts(page: Page) -> None:
    told = page.get("api/clusters", **WORLD, zoom=16)
    for one in told["clusters"]:
        photos = page.get("api/cell", cell=one["cell"], level=told["level"])["photos"]
        assert len(photos) == one["photos"]


def test_only_what_waits_for_a_look_can_be_asked_for(page: Page) -> None:
    told = page.get("api/clusters", **WORLD, zoom=0, open=1)["clusters"]
    assert sum(one["photos"] for one in told) == 8
    told = page.get("api/clusters", **WORLD, zoom=0, rungs="camera")["clusters"]
    assert sum(one["photos"] for one in told) == 8


def test_a_cluster_over_the_antimeridian_lies_there(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 2, without_gps=0)
    geotagger("place", "-17,179.999", scene.folder / "IMG_0000.jpg", "--overwrite")
    geotagger("place", "-17,-179.999", scene.folder / "IMG_0001.jpg", "--overwrite")
    with open_index(geotagger.index, mode="read") as index:
        (one,) = clusters(index.store, Box(-90, -180, 90, 180), 0)
        assert abs(one.longitude) == pytest.approx(180, abs=0.01)
        two = clusters(index.store, Box(-18, 179, -16, -179), 9)
        assert sum(one.photos for one in two) == 2


def test_an_outing_is_where_most_photos_are_with_what_all_share() -> None:
    def day(*spots: tuple[str | None, str | None, str | None]) -> str:
        photos = [Moment(1, 1, 1.7e9, "camera", 1.0, False, None, *spot) for spot in spots]
        return days_of(photos)[0].where

    assert day(("Stockholm", "Stockholm", "SE")) == "Stockholm, Sweden"
    assert day(("Malmö", "Skåne", "SE")) == "Malmö, Skåne, Sweden"
    assert day(("Lyon", "Rhône", "FR"), ("Paris", "Île", "FR")) == "Lyon and Paris, France"
    assert day(("Kehl", "Baden", "DE"), ("Strasbourg", "Alsace", "FR")) == "Kehl and Strasbourg"
    assert day((None, None, None)) == "far from any town"
    assert days_of([Moment(1, 1, 1.7e9, None, None, False, None, None, None, None)])[0].where == ""


def test_outings_say_where_when_by_what_and_how_certainly(page: Page) -> None:
    told = page.get("api/outings")
    assert told["of"] == 2
    town = next(one for one in told["outings"] if one["archive"].endswith("photos"))
    assert (town["photos"], town["is_open"]) == (14, 8)
    assert town["rungs"] == {"camera": 6, "neighbours": 8}
    assert "Vienna" in town["where"] or "Wien" in town["where"]
    assert 0 < town["least"] <= town["most"] <= 1
    assert any("a photo with a place" in line for line in town["words"])
    assert page.get("api/outings", open=1)["of"] == 1


def test_an_outing_opens_to_its_photos_with_names_of_any_kind(page: Page) -> None:
    town = next(one for one in page.get("api/outings")["outings"] if one["archive"].endswith("photos"))
    told = page.get("api/outing", root=town["root_id"], first=town["first"], last=town["last"])
    names = [one["name"] for one in told["photos"]]
    assert len(names) == 14
    assert HTML in names
    assert "not-\udcff-utf8.jpg" in names
    answer = httpx.get(page.address + "api/outing", params={"root": town["root_id"], "first": town["first"],
                                                            "last": town["last"]})  # fmt: skip
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_photo_tells_its_circle_evidence_and_candidates(page: Page) -> None:
    photo = next(
        one for one in page.get("api/cell", cell=str(_cell(page)), level=0)["photos"] if one["name"] == HTML
    )
    told = page.get(f"api/photo/{photo['id']}")
    assert told["rung"] == "neighbours"
    assert told["radius_km"] > 0
    assert told["evidence"]
    assert told["candidates"]
    assert told["candidates"][0]["where"]


def test_a_fix_that_the_owner_gave_is_told_as_such(geotagger: Geotagger, tmp_path: Path) -> None:
    for n in range(2):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(START + timedelta(minutes=n), None, shade=40 * n))
    geotagger("place", "48.2,16.37", tmp_path / "0.jpg")
    geotagger("tag", tmp_path, "--model", "none")
    assert "fix: 0.jpg, 1.0 min before: manual" in geotagger("why", tmp_path / "1.jpg").out


def _cell(page: Page) -> int:
    return int(page.get("api/clusters", **WORLD, zoom=0)["clusters"][0]["cell"])


def test_why_tells_fixes_countries_and_what_spoke(page: Page, home: Geotagger) -> None:
    with open_index(home.index, mode="read") as index:
        photo = next(p for p in index.photos.in_time(1) if p.rung == "neighbours")
    told = page.get(f"api/why/{photo.id}")
    assert told["countries"][0]["name"] == "Austria"
    assert told["countries"][0]["probability"] > 0.9
    assert any(str(fix["photo"]).endswith(".jpg") for fix in told["fixes"])
    assert "neighbours" in told["alone"]
    said = home("why", photo.path).out
    assert "countries: Austria" in said
    assert "fix: IMG_" in said


def test_pictures_are_jpeg_without_metadata_and_what_has_none_is_told(page: Page, home: Geotagger) -> None:
    with open_index(home.index, mode="read") as index:
        photos = [photo for root in index.roots.all() for photo in index.photos.in_time(root.id)]
    for photo in photos:
        answer = httpx.get(f"{page.address}thumb/{photo.id}", timeout=30)
        if photo.error is None:
            assert answer.status_code == 200
            assert answer.content[:2] == b"\xff\xd8"
            assert b"Exif" not in answer.content
            assert b"GPS" not in answer.content
        else:
            assert answer.status_code == 404
            assert "\n" not in answer.json()["error"]


def test_photos_without_a_place_are_in_the_tray(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.jpg").write_bytes(jpeg(START, None, shade=9 * n))
    geotagger("tag", folder, "--write", "none", "--model", "none")
    with open_page(geotagger) as page:
        told = page.get("api/tray")
        state = page.get("api/state")
    assert len(told["photos"]) == state["without_place"] == 3
    assert all(one["estimate_id"] is None for one in told["photos"])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?south=x",
        "?south=-91&west=0&north=1&east=1&zoom=1",
        "?south=nan&west=0&north=1&east=1&zoom=1",
        "?south=0&west=0&north=1&east=1&zoom=99",
        "?south=0&west=0&north=1&east=1&zoom=1&rungs=x')--",
    ],
)
def test_nonsense_is_refused_in_a_line(page: Page, query: str) -> None:
    answer = httpx.get(page.address + "api/clusters" + query)
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"]


def test_only_photos_that_were_asked_for_are_shown(home: Geotagger) -> None:
    with open_page(home, "--source", "camera", "--path", "*/photos/IMG_000[024]*") as page:
        state = page.get("api/state")
        assert (state["photos"], state["open"], state["without_place"]) == (3, 0, 0)
        told = page.get("api/clusters", **WORLD, zoom=0)["clusters"]
        assert sum(one["photos"] for one in told) == 3
    said = home("review", "--no-browser", "--country", "NZ", code=2)
    assert "nothing to review" in said.err
