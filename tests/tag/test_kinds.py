"""Kinds of evidence: asked for and left out by name, on `tag`, `why` and `evaluate` alike."""

from datetime import timedelta
from pathlib import Path

import pytest

from geotagger.estimate.kinds.table import BY_DEFAULT, KINDS
from geotagger.tag.options import kinds_of
from tests.commands import Geotagger
from tests.tag.scenes import START, exif_of, jpeg, walk_through_town
from tests.tag.test_evidence import gpx
from tests.tag.test_pictures import COLOURS, colour_pack, colour_photo

NAMES = [kind.name for kind in KINDS]


@pytest.mark.parametrize("command", ["tag", "why", "evaluate"])
@pytest.mark.parametrize("option", ["--with", "--without"])
def test_a_kind_that_is_not_known_is_refused_with_the_list(
    geotagger: Geotagger, tmp_path: Path, command: str, option: str
) -> None:
    said = geotagger(command, tmp_path, option, "astrology", code=2).err
    assert "astrology" in said
    assert all(name in said for name in NAMES)


def test_without_neighbours_and_habits_only_a_track_speaks(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=12, without_gps=3)
    track = gpx(tmp_path / "walk.gpx", 50)
    words = ["--model", "none", "--write", "none", "--json"]
    alone = ["--without", "neighbours", "--without", "habits"]
    said = geotagger("tag", scene.folder, *words, *alone).by_name()
    assert {said[name]["latitude"] for name in scene.stripped} == {None}
    said = geotagger("tag", scene.folder, *words, *alone, "--track", track).by_name()
    assert {said[name]["rung"] for name in scene.stripped} == {"track"}
    others = ["--without", "tracks", "--with", "neighbours", "--with", "habits", "--json"]
    told = [geotagger("why", scene.folder / name, *others).records[0] for name in sorted(scene.stripped)]
    assert {one["rung"] for one in told} == {"neighbours"}


def test_what_was_chosen_is_remembered_by_why_and_compared_by_a_second_run(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=12, without_gps=3)
    (scene.folder / "late.jpg").write_bytes(jpeg(START + timedelta(days=9)))
    words = ["--write", "none", "--json"]
    said = geotagger("tag", scene.folder, *words, "--without", "pictures", "--no-habits").by_name()
    told = geotagger("why", scene.folder / "late.jpg", "--json").records[0]
    assert told["kinds"] == [name for name in BY_DEFAULT if name not in ("pictures", "habits")]
    assert (told["latitude"], told["radius_km"]) == (
        said["late.jpg"]["latitude"],
        said["late.jpg"]["radius_km"],
    )
    same = ["--model", "none", "--without", "habits"]
    assert "unchanged" in geotagger("tag", scene.folder, "--write", "none", *same).out
    other = geotagger("tag", scene.folder, "--write", "none", "--model", "none").out
    assert "13 kept: unchanged" not in other
    with_habits = geotagger("why", scene.folder / "late.jpg", "--with", "habits", "--json").records[0]
    assert "habits" in with_habits["kinds"]


def test_words_that_contradict_each_other_are_refused_and_what_is_typed_goes_first(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=4)
    words = ["tag", scene.folder, "--write", "none"]
    assert "not both" in geotagger(*words, "--with", "habits", "--without", "habits", code=2).err
    assert "not both" in geotagger(*words, "--with", "habits", "--no-habits", code=2).err
    assert "needs a model" in geotagger(*words, "--with", "pictures", "--model", "none", code=2).err
    geotagger.environment["GEOTAGGER_WITHOUT"] = "habits"
    geotagger(*words, "--model", "none")
    told = geotagger("why", scene.folder / "IMG_0001.jpg", "--json").records[0]
    assert "habits" not in told["kinds"]
    geotagger(*words, "--model", "none", "--with", "habits")
    del geotagger.environment["GEOTAGGER_WITHOUT"]
    assert "habits" in geotagger("why", scene.folder / "IMG_0001.jpg", "--json").records[0]["kinds"]


def test_evaluate_does_without_the_kinds_that_tag_does_without(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=20, without_gps=0)
    words = ["evaluate", scene.folder, "--model", "none", "--seed", "0", "--single", "--json"]
    silent = geotagger(*words, "--without", "neighbours", "--without", "habits").records
    assert {one["latitude"] for one in silent if "path" in one} == {None}
    assert all(one["latitude"] is not None for one in geotagger(*words).records if "path" in one)


def test_without_the_sequence_each_picture_is_looked_at_alone_and_the_older_flag_says_the_same(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    pack, folder = colour_pack(tmp_path), tmp_path / "photos"
    folder.mkdir()
    for n, colour in enumerate(["red", "red", "red", "blue"]):
        taken = START + timedelta(minutes=n)
        (folder / f"{n}.jpg").write_bytes(colour_photo(COLOURS[colour], exif_of(taken)))

    def placed(*words: str) -> dict[str, tuple[float, float]]:
        never = ["--model", pack, "--write", "none", "--json"]
        said = geotagger("tag", folder, *never, *words).by_name()
        return {name: (record["latitude"], record["confidence"]) for name, record in said.items()}

    together = placed()
    alone = placed("--without", "sequence")
    assert alone != together
    assert "sequence" not in geotagger("why", folder / "3.jpg", "--json").records[0]["kinds"]
    assert placed("--no-sequence", "--again") == alone
    assert (
        "sequence" in geotagger("why", folder / "3.jpg", "--with", "sequence", "--json").records[0]["kinds"]
    )
    geotagger("tag", folder, "--no-sequence", "--with", "sequence", code=2)


def test_runs_of_before_are_read_by_their_fields() -> None:
    assert kinds_of({}) == BY_DEFAULT
    assert "habits" not in kinds_of({"habits": False, "time_zone": True, "reference": False})
    assert "time-zone" not in kinds_of({"time_zone": False})
    assert "reference" in kinds_of({"reference": True})
    assert kinds_of({"kinds": ["tracks"]}) == ("tracks",)
    assert "sequence" not in kinds_of({"sequence": False})
    assert kinds_of({"kinds": ["tracks"], "sequence": True}) == ("tracks", "sequence")
    assert kinds_of({"kinds": ["tracks"], "sequence": False}) == ("tracks",)
