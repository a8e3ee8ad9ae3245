"""Decisions over the loopback address, as two tabs of a browser make them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Geotagger
from tests.tag.scenes import START, Scene, jpeg, walk_through_town
from tests.web.pages import Page, open_page


@pytest.fixture
def scene(geotagger: Geotagger, tmp_path: Path) -> Scene:
    scene = walk_through_town(tmp_path / "photos", 20)
    geotagger("tag", scene.folder, "--write", "none", "--model", "none")
    return scene


@pytest.fixture
def page(geotagger: Geotagger, scene: Scene) -> Iterator[Page]:  # noqa: ARG001
    with open_page(geotagger) as page:
        yield page


def photos_of(page: Page) -> list[dict[str, Any]]:
    one = page.get("api/outings")["outings"][0]
    told: list[dict[str, Any]] = page.get(
        "api/outing", root=one["root_id"], first=one["first"], last=one["last"]
    )["photos"]
    return told


def seen(*photos: dict[str, Any]) -> list[list[int | None]]:
    return [[p["id"], p["estimate_id"], None if p["waiting"] is None else p["waiting"]["id"]] for p in photos]


def test_ten_photos_from_estimate_to_confirmed_moved_rejected_written_undone(
    page: Page, scene: Scene
) -> None:
    before = {path: path.read_bytes() for path in scene.folder.iterdir()}
    estimated = [one for one in photos_of(page) if one["rung"] == "neighbours"]
    assert len(estimated) == 10
    confirmed, moved, rejected, aside = estimated[:4], estimated[4:6], estimated[6:9], estimated[9:]
    page.post("api/decide", {"action": "confirm", "photos": seen(*confirmed)})
    there = {"latitude": 48.21, "longitude": 16.37, "radius_km": 0.3}
    page.post("api/decide", {"action": "move", "photos": seen(*moved), **there})
    page.post("api/decide", {"action": "reject", "photos": seen(*rejected)})
    told = page.post("api/decide", {"action": "aside", "photos": seen(*aside)})
    assert len(told["pending"]) == 10
    assert {path: path.read_bytes() for path in scene.folder.iterdir()} == before
    written = page.post("api/write", {})
    assert written["counts"] == {"written": 6, "indexed": 4}
    assert page.get("api/state")["pending"] == []
    changed = {path.name for path, data in before.items() if path.read_bytes() != data}
    assert changed == {one["name"] for one in (*confirmed, *moved)}
    now = {one["name"]: one for one in photos_of(page)}
    assert all(now[one["name"]]["is_confirmed"] for one in confirmed)
    assert all(now[one["name"]]["radius_km"] == one["radius_km"] for one in confirmed)
    assert all((now[one["name"]]["rung"], now[one["name"]]["radius_km"]) == ("manual", 0.3) for one in moved)
    assert all(now[one["name"]]["verdict"] == "rejected" for one in rejected)
    page.post("api/undo", {"run": written["run"]})
    assert {path: path.read_bytes() for path in scene.folder.iterdir()} == before
    again = {one["name"]: one for one in photos_of(page)}
    for one in estimated:
        assert again[one["name"]]["verdict"] is None
        assert again[one["name"]]["latitude"] == one["latitude"]


def test_a_tab_left_open_over_an_undo_decides_nothing(page: Page, scene: Scene, geotagger: Geotagger) -> None:
    geotagger("tag", scene.folder, "--model", "none")
    old = [one for one in photos_of(page) if one["rung"] == "neighbours"]
    geotagger("undo", "--yes")
    told = page.post("api/decide", {"action": "confirm", "photos": seen(*old)})
    assert len(told["refused"]) == len(old)
    assert told["pending"] == []


def test_the_second_of_two_tabs_is_told_of_the_first(page: Page) -> None:
    one, other = photos_of(page)[1], photos_of(page)[1]
    page.post("api/decide", {"action": "confirm", "photos": seen(one)})
    told = page.post("api/decide", {"action": "reject", "photos": seen(other)})
    assert "another tab" in told["refused"][0]["reason"]
    assert [d["action"] for d in told["pending"]] == ["confirm"]
    told = page.post("api/decide", {"action": "reject", "photos": seen(photos_of(page)[1])})
    assert [d["action"] for d in told["pending"]] == ["reject"]
    assert [d["action"] for d in told["before"]] == ["confirm"]


def test_a_camera_s_place_is_neither_confirmed_rejected_nor_moved(page: Page) -> None:
    camera = photos_of(page)[0]
    there = {"latitude": 48.21, "longitude": 16.37, "radius_km": 0.3}
    for action, place in (("confirm", {}), ("reject", {}), ("move", there)):
        told = page.post("api/decide", {"action": action, "photos": seen(camera), **place})
        assert "position of its own" in told["refused"][0]["reason"]


def test_a_decision_is_taken_back_until_it_is_written(page: Page) -> None:
    one = photos_of(page)[1]
    told = page.post("api/decide", {"action": "confirm", "photos": seen(one)})
    assert page.post("api/retract", {"ids": [told["pending"][0]["id"]]})["pending"] == []
    page.post("api/decide", {"action": "confirm", "photos": seen(one)})
    assert page.post("api/retract", {})["pending"] == []
    assert page.post("api/write", {})["run"] is None


def test_a_run_that_goes_on_in_the_archive_makes_decisions_wait(
    page: Page, scene: Scene, geotagger: Geotagger
) -> None:
    from geotagger.archive import lock

    one = photos_of(page)[1]
    page.post("api/decide", {"action": "confirm", "photos": seen(one)})
    state = Path(geotagger.environment["XDG_STATE_HOME"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        with lock([str(scene.folder)]):
            assert "another run" in page.post("api/write", {}, code=409)["error"]
    assert len(page.get("api/state")["pending"]) == 1
    assert page.post("api/write", {})["counts"] == {"written": 1}


def test_an_archive_that_is_unmounted_makes_decisions_wait(page: Page, scene: Scene) -> None:
    one = photos_of(page)[1]
    page.post("api/decide", {"action": "confirm", "photos": seen(one)})
    scene.folder.rename(scene.folder.with_name("elsewhere"))
    written = page.post("api/write", {})
    assert "is not there now" in written["outcomes"][0]["reason"]
    assert [archive["is_there"] for archive in page.get("api/state")["archives"]] == [False]
    scene.folder.with_name("elsewhere").rename(scene.folder)
    assert page.post("api/write", {})["counts"] == {"written": 1}


def test_photos_deleted_or_edited_meanwhile_are_told_and_the_others_go_on(page: Page, scene: Scene) -> None:
    """Another program took one away, wrote a place into another, and replaced a third by a text."""
    gone, placed, ruined, sound = [one for one in photos_of(page) if one["rung"] == "neighbours"][:4]
    page.post("api/decide", {"action": "confirm", "photos": seen(gone, placed, ruined, sound)})
    (scene.folder / gone["name"]).unlink()
    other = jpeg(START, (10.0, 20.0), size=48)
    (scene.folder / placed["name"]).write_bytes(other)
    (scene.folder / ruined["name"]).write_text("no photo any more")
    written = page.post("api/write", {})
    told = {Path(one["path"]).name: one for one in written["outcomes"]}
    assert told[sound["name"]]["status"] == "written"
    for one in (gone, placed, ruined):
        assert told[one["name"]]["status"] in ("failed", "kept", "skipped"), told[one["name"]]
        assert told[one["name"]]["reason"]
    assert (scene.folder / placed["name"]).read_bytes() == other
    assert (scene.folder / ruined["name"]).read_text() == "no photo any more"
    page.post("api/undo", {"run": written["run"]})


def test_a_clock_is_kept_only_for_a_camera_of_the_archive(page: Page, geotagger: Geotagger) -> None:
    one = photos_of(page)[1]
    wish = {"root": one["root_id"], "camera": one["camera"], "shift_s": -3780, "seen": None}
    assert "no photo" in page.post("api/clock", {**wish, "camera": "Nobody's"}, code=400)["error"]
    page.post("api/clock", wish)
    assert "another tab" in page.post("api/clock", {**wish, "shift_s": 60}, code=409)["error"]
    page.post("api/write", {})
    assert geotagger("clocks", "--json").records[0]["shift_s"] == -3780
    (run,) = page.get("api/state")["runs"]
    page.post("api/undo", {"run": run["id"]})
    assert not geotagger("clocks", "--json").out


def test_a_decision_that_was_replaced_is_not_taken_for_the_one_a_tab_saw(page: Page) -> None:
    """Also when the decision that the tab saw was the newest of all, and is gone."""
    one = next(one for one in photos_of(page) if one["rung"] == "neighbours")
    order = {"photos": seen(one)}
    (first,) = page.post("api/decide", {"action": "confirm", **order})["pending"]
    page.post("api/retract", {"ids": [first["id"]]})
    (second,) = page.post("api/decide", {"action": "reject", **order})["pending"]
    assert first["id"] < second["id"] < 1 << 53
    told = page.post("api/retract", {"ids": [first["id"]]})
    assert (told["dropped"], told["pending"]) == ([], [second])
    stale = {"action": "aside", "photos": [[one["id"], one["estimate_id"], first["id"]]]}
    told = page.post("api/decide", stale)
    assert "another tab has decided" in told["refused"][0]["reason"]
    assert told["pending"] == [second]


def test_an_estimate_made_after_an_undo_is_not_taken_for_the_one_a_tab_saw(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """The newer run knows of a clock and places the photos elsewhere; the tab has seen nothing of that."""
    scene = walk_through_town(tmp_path / "photos", 20)
    geotagger("tag", scene.folder, "--model", "none")
    with open_page(geotagger) as page:
        saw = [one for one in photos_of(page) if one["rung"] == "neighbours"]
        geotagger("undo", "--yes")
        geotagger("tag", scene.folder, "--model", "none", "--clock", "Scene One=+1h")
        told = page.post("api/decide", {"action": "confirm", "photos": seen(*saw)})
    assert len(told["refused"]) == len(saw) > 0
    assert "another one since this page saw it" in told["refused"][0]["reason"]
