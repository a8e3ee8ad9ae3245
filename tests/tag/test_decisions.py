"""What the owner decides in `review` goes the way of every write, and `undo` takes it back."""

import json
from pathlib import Path

import pytest

from geotagger.index import Index, open_index
from geotagger.index.decisions import Wish
from geotagger.photo.facts import read_facts
from geotagger.tag.decisions import AWAY, OWN_PLACE, STALE, carry_out
from geotagger.tag.outcome import Outcome
from geotagger.writing import Writing
from tests.commands import Geotagger
from tests.tag.scenes import Scene, walk_through_town


@pytest.fixture
def scene(geotagger: Geotagger, tmp_path: Path) -> Scene:
    """An archive whose estimates are in the index alone."""
    scene = walk_through_town(tmp_path / "photos", 12)
    geotagger("tag", scene.folder, "--write", "none", "--model", "none")
    return scene


def wish(index: Index, path: Path, action: str, **more: float) -> Wish:
    known = index.photos.find(str(path))
    assert known is not None
    seen = index.estimates.current(known.id)
    return Wish(action, known.id, None if seen is None else seen.id, **more)  # type: ignore[arg-type]


def decide(geotagger: Geotagger, **actions: tuple[Path, str]) -> dict[str, Outcome]:
    with open_index(geotagger.index) as index:
        index.decisions.add([wish(index, path, action) for path, action in actions.values()])
    return write(geotagger)


def write(geotagger: Geotagger, mode: str = "auto") -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}

    def report(outcome: Outcome) -> None:
        outcomes[Path(outcome.path).name] = outcome

    carry_out(geotagger.index, Writing(mode), report)  # type: ignore[arg-type]
    return outcomes


def place_in(path: Path) -> tuple[float, float] | None:
    fix = read_facts(path).fix
    return None if fix is None else (fix.latitude, fix.longitude)


def said_by_tag(geotagger: Geotagger, scene: Scene) -> dict[str, dict[str, object]]:
    return geotagger("tag", scene.folder, "--model", "none", "--json").by_name()


def test_a_confirmed_circle_is_written_with_its_radius_and_stays(geotagger: Geotagger, scene: Scene) -> None:
    photo = scene.folder / "IMG_0001.jpg"
    with open_index(geotagger.index) as index:
        known = index.photos.find(str(photo))
    assert known is not None
    outcome = decide(geotagger, a=(photo, "confirm"))[photo.name]
    assert (outcome.status, outcome.rung, outcome.radius_km) == ("written", "neighbours", known.radius_km)
    fix = read_facts(photo).fix
    assert fix is not None
    assert fix.mark is not None
    assert fix.mark.rung == "neighbours"
    assert fix.mark.radius_km == pytest.approx(known.radius_km, rel=1e-3)
    again = said_by_tag(geotagger, scene)[photo.name]
    assert (again["status"], again["reason"]) == ("kept", "its circle was confirmed by you")


def test_a_confirmed_circle_teaches_others_as_a_fix_of_its_radius(geotagger: Geotagger, scene: Scene) -> None:
    photo = scene.folder / "IMG_0001.jpg"
    with open_index(geotagger.index, mode="read") as index:
        known = index.photos.find(str(photo))
        assert known is not None
        assert known.id not in index.photos.fixes(known.root_id).keys
    decide(geotagger, a=(photo, "confirm"))
    with open_index(geotagger.index, mode="read") as index:
        fixes = index.photos.fixes(known.root_id)
    at = fixes.keys.tolist().index(known.id)
    assert fixes.error_km[at] == pytest.approx(known.radius_km)
    assert not fixes.teaches[at]


def test_a_moved_photo_is_manual_with_the_radius_at_which_it_was_set(
    geotagger: Geotagger, scene: Scene
) -> None:
    photo = scene.folder / "IMG_0003.jpg"
    with open_index(geotagger.index) as index:
        index.decisions.add([wish(index, photo, "move", latitude=48.3, longitude=16.4, radius_km=0.7)])
    assert write(geotagger)[photo.name].rung == "manual"
    assert place_in(photo) == pytest.approx((48.3, 16.4))
    fix = read_facts(photo).fix
    assert fix is not None
    assert fix.mark is not None
    assert fix.mark.radius_km == pytest.approx(0.7)
    with open_index(geotagger.index, mode="read") as index:
        known = index.photos.find(str(photo))
    assert known is not None
    assert known.radius_km == 0.7


def test_what_was_rejected_is_taken_out_and_not_written_again(geotagger: Geotagger, scene: Scene) -> None:
    photo = scene.folder / "IMG_0005.jpg"
    before = photo.read_bytes()
    geotagger("tag", scene.folder, "--model", "none")
    assert place_in(photo) is not None
    assert decide(geotagger, a=(photo, "reject"))[photo.name].status == "restored"
    assert place_in(photo) is None
    said = said_by_tag(geotagger, scene)[photo.name]
    assert (said["status"], said["latitude"]) == ("skipped", None)
    assert "you rejected its place" in str(said["reason"])
    assert place_in(photo) is None
    geotagger("undo", "--yes")
    assert place_in(photo) is not None
    geotagger("undo", "--yes")
    assert photo.read_bytes() == before


def test_a_rejected_guess_answers_no_query_and_comes_back_by_undo(geotagger: Geotagger, scene: Scene) -> None:
    photo = scene.folder / "IMG_0005.jpg"
    decide(geotagger, a=(photo, "reject"))
    said_by_tag(geotagger, scene)
    with open_index(geotagger.index, mode="read") as index:
        known = index.photos.find(str(photo))
        assert known is not None
        assert (known.rung, known.verdict) == (None, "rejected")
        review = next(run for run in index.runs.latest() if run.command == "review")
    foreseen = geotagger("undo", review.id, "--dry-run", "--json").by_name()
    assert foreseen[photo.name]["status"] == "skipped"
    undone = geotagger("undo", review.id, "--yes", "--json").by_name()
    assert undone[photo.name]["status"] == "indexed"
    with open_index(geotagger.index, mode="read") as index:
        known = index.photos.find(str(photo))
        assert known is not None
        assert (known.rung, known.verdict) == ("neighbours", None)


def test_undo_puts_back_the_bytes_and_what_the_index_said(geotagger: Geotagger, scene: Scene) -> None:
    photos = [scene.folder / f"IMG_{n:04}.jpg" for n in (1, 3, 5, 7, 9)]
    before = {photo: photo.read_bytes() for photo in photos}
    with open_index(geotagger.index, mode="read") as index:
        guesses = {photo: index.photos.find(str(photo)) for photo in photos}
    with open_index(geotagger.index) as index:
        index.decisions.add(
            [
                wish(index, photos[0], "confirm"),
                wish(index, photos[1], "move", latitude=48.3, longitude=16.4, radius_km=0.1),
                wish(index, photos[2], "reject"),
                wish(index, photos[3], "aside"),
                wish(index, photos[4], "confirm"),
            ]
        )
    assert write(geotagger)[photos[3].name].status == "indexed"
    geotagger("undo", "--yes")
    assert {photo: photo.read_bytes() for photo in photos} == before
    with open_index(geotagger.index, mode="read") as index:
        for photo in photos:
            known, guess = index.photos.find(str(photo)), guesses[photo]
            assert known is not None
            assert guess is not None
            assert (known.latitude, known.rung, known.verdict) == (guess.latitude, guess.rung, None)
            assert not known.is_confirmed
    assert "nothing to undo" in geotagger("undo", "--yes", code=2).err


def test_a_decision_made_before_an_undo_is_too_old(geotagger: Geotagger, scene: Scene) -> None:
    photo = scene.folder / "IMG_0001.jpg"
    geotagger("tag", scene.folder, "--model", "none")
    with open_index(geotagger.index) as index:
        index.decisions.add([wish(index, photo, "confirm")])
    geotagger("undo", "--yes")
    before = photo.read_bytes()
    outcome = write(geotagger)[photo.name]
    assert (outcome.status, outcome.reason) == ("kept", STALE)
    assert photo.read_bytes() == before
    with open_index(geotagger.index, mode="read") as index:
        assert not index.decisions.pending()


def test_a_camera_s_place_is_not_replaced(geotagger: Geotagger, scene: Scene) -> None:
    photo = scene.folder / "IMG_0000.jpg"
    before = photo.read_bytes()
    for action in ("confirm", "reject"):
        outcome = decide(geotagger, a=(photo, action))[photo.name]
        assert (outcome.status, outcome.reason) == ("kept", OWN_PLACE)
    assert photo.read_bytes() == before


def test_photos_deleted_or_edited_meanwhile_are_told_and_harm_no_other(
    geotagger: Geotagger, scene: Scene
) -> None:
    gone, edited, good = (scene.folder / f"IMG_{n:04}.jpg" for n in (1, 3, 5))
    with open_index(geotagger.index) as index:
        index.decisions.add([wish(index, path, "confirm") for path in (gone, edited, good)])
    edited.write_bytes((scene.folder / "IMG_0000.jpg").read_bytes())
    gone.unlink()
    outcomes = write(geotagger)
    assert outcomes[gone.name].status == "failed"
    assert outcomes[edited.name].reason == STALE
    assert outcomes[good.name].status == "written"


def test_decisions_wait_while_the_archive_is_away(geotagger: Geotagger, scene: Scene) -> None:
    photo = scene.folder / "IMG_0001.jpg"
    with open_index(geotagger.index) as index:
        index.decisions.add([wish(index, photo, "confirm")])
    elsewhere = scene.folder.with_name("unplugged")
    scene.folder.rename(elsewhere)
    outcome = write(geotagger)[photo.name]
    assert (outcome.status, outcome.reason) == ("failed", AWAY)
    elsewhere.rename(scene.folder)
    assert write(geotagger)[photo.name].status == "written"


def test_a_photo_that_could_not_be_written_keeps_its_decision(
    geotagger: Geotagger, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from geotagger.errors import WriteError
    from geotagger.tag import writing

    photo = scene.folder / "IMG_0001.jpg"

    def full(path: str, *_: object, **__: object) -> None:
        raise WriteError(path, "the disk is full", "left as it was")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "prepare", full)
        assert decide(geotagger, a=(photo, "confirm"))[photo.name].status == "failed"
    with open_index(geotagger.index, mode="read") as index:
        known = index.photos.find(str(photo))
        assert known is not None
        assert (known.rung, known.is_confirmed) == ("neighbours", False)
        assert [d.wish.action for d in index.decisions.pending()] == ["confirm"]


@pytest.mark.usefixtures("scene")
def test_a_corrected_clock_is_kept_as_tag_keeps_it_and_undone(geotagger: Geotagger) -> None:
    with open_index(geotagger.index) as index:
        root = index.roots.all()[0]
        index.decisions.add([Wish("clock", root_id=root.id, camera="Scene One", shift_s=3600.0)])
    write(geotagger)
    assert json.loads(geotagger("clocks", "--json").out)["shift_s"] == 3600.0
    geotagger("undo", "--yes")
    assert not geotagger("clocks", "--json").out


def test_file_and_index_say_the_same_of_how_exactly_a_place_is_meant(
    geotagger: Geotagger, scene: Scene
) -> None:
    photo = scene.folder / "IMG_0003.jpg"
    geotagger("place", "48.3,16.4", photo)
    radii = []
    for index_path in (geotagger.index, geotagger.home / "anew.db"):
        geotagger("tag", scene.folder, "--model", "none", "--write", "none", "--index", index_path)
        with open_index(index_path, mode="read") as index:
            known = index.photos.find(str(photo))
        assert known is not None
        assert known.rung == "manual"
        radii.append(known.radius_km)
    assert radii == pytest.approx([0.1, 0.1])
