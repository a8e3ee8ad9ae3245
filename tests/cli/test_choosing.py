"""Photos are chosen in one language: for query and export, for `place`, and for `undo`."""

import json
import math
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.archive import FileEntry
from geotagger.estimate.values import Candidate, Estimate
from geotagger.index import open_index
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.inside import share_inside
from geotagger.index.photos import Record
from geotagger.photo.facts import read_facts
from geotagger.photo.values import Facts
from tests.commands import Geotagger
from tests.tag.scenes import START, Scene, bytes_of, jpeg, walk_through_town


@pytest.fixture
def scene(geotagger: Geotagger, tmp_path: Path) -> Scene:
    made = walk_through_town(tmp_path / "photos", 12)
    geotagger("tag", made.folder, "--model", "none", "--write", "none")
    return made


def placed(geotagger: Geotagger, *words: object) -> set[str]:
    said = geotagger("place", *words, "--json").by_name()
    return {name for name, record in said.items() if record["status"] == "written"}


def test_place_takes_a_time_span_a_camera_and_a_folder(geotagger: Geotagger, scene: Scene) -> None:
    span = ("--since", "2024-05-17T09:10", "--until", "2024-05-17T09:22")
    assert placed(geotagger, "48.2,16.4", *span) == {"IMG_0003.jpg", "IMG_0005.jpg"}
    assert placed(geotagger, "48.2,16.4", scene.folder, "--camera", "scene") == scene.stripped
    other = scene.folder.parent / "other"
    other.mkdir()
    for n in range(3):
        (other / f"new{n}.jpg").write_bytes(jpeg(START + timedelta(days=3, minutes=n)))
    assert placed(geotagger, "Vienna", other) == {"new0.jpg", "new1.jpg", "new2.jpg"}


def test_place_takes_another_photos_place(geotagger: Geotagger, scene: Scene) -> None:
    like, taken = scene.folder / "IMG_0000.jpg", scene.folder / "IMG_0011.jpg"
    assert placed(geotagger, "--like", like, taken) == {"IMG_0011.jpg"}
    fix = read_facts(taken).fix
    assert fix is not None
    assert (fix.latitude, fix.longitude) == pytest.approx(scene.truth["IMG_0000.jpg"], abs=1e-6)
    nowhere = scene.folder.parent / "nowhere.jpg"
    nowhere.write_bytes(jpeg(START))
    assert "nothing says where" in geotagger("place", "--like", nowhere, taken, code=2).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "place where?"),
        (["48,11"], "which photos?"),
        (["48,11", "--since", "2031"], "no photo of the index answers"),
        (["48,11", "--camera", "scene", "--near", "48.2,16.3", "--nearest", "3"], "for query and export"),
    ],
)
@pytest.mark.usefixtures("scene")
def test_place_says_what_it_lacks(geotagger: Geotagger, words: list[str], said: str) -> None:
    assert said in geotagger("place", *words, code=2).err
    assert not geotagger("runs", "--json").records[1:]


def test_undo_takes_the_same_words(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 12)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--model", "none")
    after = bytes_of(scene.folder)
    morning = ("--until", "2024-05-17T09:15")
    some = {name: before[name] for name in ("IMG_0001.jpg", "IMG_0003.jpg")}
    foreseen = geotagger("undo", "--dry-run", "--json", *morning).by_name()
    assert foreseen.keys() == some.keys()
    geotagger("undo", "--yes", *morning)
    assert bytes_of(scene.folder) == after | some
    geotagger("undo", "1", "--yes", "--country", "FR")
    assert bytes_of(scene.folder) == after | some
    geotagger("undo", "1", "--yes", "--country", "AT", "--only", scene.folder / "IMG_0005.jpg")
    assert bytes_of(scene.folder) == after | some | {"IMG_0005.jpg": before["IMG_0005.jpg"]}
    assert "without --run" in geotagger("undo", "--run", "1", "--yes", code=2).err


def test_settings_that_narrow_questions_narrow_no_undo(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 12)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--model", "none")
    geotagger.environment["GEOTAGGER_SINCE"] = "2031"
    assert geotagger("query", "--json").records == []
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == before


def test_saved_places_are_names_like_towns(geotagger: Geotagger, scene: Scene) -> None:
    assert "no place is saved yet" in geotagger("places", "list").err
    geotagger("places", "add", "Home", "48.2082,16.3738", "--radius", "0.3")
    geotagger("places", "add", "the cabin", "Innsbruck")
    listed = geotagger("places", "list", "--json").records
    assert [(place["name"], place["radius_km"]) for place in listed[:1]] == [("Home", 0.3)]
    near = geotagger("query", "--near", "home", "--radius", "0.2", "--json").records
    assert 0 < len(near) < 12
    (said,) = geotagger("place", "HOME", scene.folder / "IMG_0001.jpg", "--json").records
    assert (said["radius_km"], said["latitude"]) == (0.3, 48.2082)
    geotagger("places", "remove", "home")
    assert (
        "there is no saved place 'home'; saved are the cabin"
        in geotagger("places", "remove", "home", code=2).err
    )
    assert "are no name" in geotagger("places", "add", "1,2", "48,11", code=2).err


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"home = 3", b"[home]\nlatitude = 91\nlongitude = 0", b"[home]\nlatitude = 'x'", b"[["],
)
def test_a_file_of_places_that_cannot_be_read_is_named(geotagger: Geotagger, content: bytes) -> None:
    file = geotagger.home / "config" / "geotagger" / "places.toml"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    for words in (["places", "list"], ["places", "add", "xx", "1,2"], ["query", "--near", "home"]):
        said = geotagger(*words, code=2)
        assert str(file) in said.err
        assert len(said.err.splitlines()) == 1
    assert file.read_bytes() == content


@given(st.floats(0, 60), st.floats(0.1, 50), st.floats(0.1, 50))
def test_a_share_inside_is_that_of_a_normal_distribution_cut_off_at_the_circle(
    distance: float, circle: float, radius: float
) -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(0, circle / math.sqrt(-2 * math.log(0.1)), (40_000, 2))
    points = points[np.hypot(*points.T) <= circle]
    expected = float((np.hypot(points[:, 0] - distance, points[:, 1]) <= radius).mean())
    assert share_inside(distance, circle, radius) == pytest.approx(expected, abs=0.04)


def test_photos_are_chosen_by_how_probably_they_are_inside(geotagger: Geotagger) -> None:
    """One surely inside, one whose circle is half outside, one that has a candidate there, one elsewhere."""
    with open_index(geotagger.index) as index:
        root = index.roots.root_for("/archive")
        entries = [FileEntry(f"/archive/{n}.jpg", n + 1, 1, n + 1, 1) for n in range(4)]
        ids = index.photos.record(root, [Record(entry, Facts("jpeg", 1, 1)) for entry in entries])
        there = Candidate(48.0, 11.0, 0.35, "479e")
        shapes = [
            Estimate(48.0, 11.0, 2.0, 0.9, "visual", ("visual",), ""),
            Estimate(48.09, 11.0, 10.0, 0.8, "visual", ("visual",), ""),
            Estimate(52.5, 13.4, 25.0, 0.6, "visual", ("visual",), "", (there,)),
            Estimate(52.5, 13.4, 25.0, 0.9, "visual", ("visual",), ""),
        ]
        index.estimates.put(None, [PhotoEstimate(i, shape) for i, shape in zip(ids, shapes, strict=True)])

    def answer(probability: float) -> list[str]:
        words = ("--near", "48,11", "--radius", "10", "--probability", probability)
        found = geotagger("query", *words, "--sort", "path", "--json").records
        return [Path(record["path"]).stem for record in found]

    assert answer(0.95) == []
    assert answer(0.85) == ["0"]
    assert answer(0.34) == ["0", "2"]
    assert answer(0.3) == ["0", "1", "2"]
    assert json.loads(geotagger("export", "--near", "48,11", "--probability", "0.85").out)["features"]
    assert "--near" in geotagger("query", "--probability", "0.5", code=2).err
