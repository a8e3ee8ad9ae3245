"""An estimate is withdrawn, or moved down the ladder: photo, index and journal agree at every step."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from geotagger.index import Index, open_index
from geotagger.index.estimates import PhotoEstimate
from geotagger.metadata import sidecar_positions
from geotagger.photo.facts import read_facts
from geotagger.tag.corridor import tag
from geotagger.tag.listener import Listener
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import Outcome
from geotagger.tag.reading import known_place
from geotagger.tag.undo import forget_estimates, undo
from geotagger.tag.undoable import run_to_undo
from geotagger.tag.writing import Job, Writer, repair
from geotagger.writing import Writing
from tests.tag.killing import run_and_kill, steps_of
from tests.tag.scenes import bytes_of, walk_through_town


def quietly() -> Listener:
    return Listener()


@dataclass(frozen=True)
class Tagged:
    """An archive whose photos without GPS hold estimates; `before`: its bytes from before."""

    folder: Path
    index: Path
    names: tuple[str, ...]
    before: dict[str, bytes]
    placed: dict[str, bytes]


@pytest.fixture(params=["exif", "sidecar"])
def tagged(tmp_path: Path, request: pytest.FixtureRequest) -> Tagged:
    scene = walk_through_town(tmp_path / "photos", photos=6, size=32)
    before = bytes_of(scene.folder)
    writing = Writing(request.param)
    tag(TagOptions((str(scene.folder),), model="none", writing=writing), tmp_path / "index.db", quietly())
    return Tagged(
        scene.folder, tmp_path / "index.db", tuple(sorted(scene.stripped)), before, bytes_of(scene.folder)
    )


def withdraw(tagged: Tagged, said: list[Outcome]) -> None:
    """Takes out the estimate of the first photo, moves that of the second to a lower rung elsewhere."""
    with open_index(tagged.index) as index:
        first, second = (index.photos.find(str(tagged.folder / name)) for name in tagged.names[:2])
        assert first is not None
        assert second is not None
        run = index.runs.begin("tag", {})
        elsewhere = replace(known_place(40.0, -3.0, "visual", 5.0), confidence=0.7)
        Writer(index, run.id, run.name, Writing(), said.append).write(
            [
                Job(first.id, None, Outcome(first.path, "restored", "withdrawn: a test")),
                Job(
                    second.id, elsewhere, Outcome(second.path, "written"), PhotoEstimate(second.id, elsewhere)
                ),
            ]
        )
        index.runs.end(run.id, "done")


def position_of(path: Path) -> tuple[float, float] | None:
    """What the file, or the sidecar beside it, says."""
    fix = read_facts(str(path)).fix
    if fix is not None:
        return round(fix.latitude, 4), round(fix.longitude, 4)
    beside = sidecar_positions(str(path))
    return (round(beside[0].latitude, 4), round(beside[0].longitude, 4)) if beside else None


def in_index(index: Index, path: Path) -> tuple[float, float] | None:
    kept = index.photos.find(str(path))
    assert kept is not None
    if kept.written is None or kept.latitude is None or kept.longitude is None:
        return None
    return round(kept.latitude, 4), round(kept.longitude, 4)


def assert_agreed(tagged: Tagged) -> None:
    with open_index(tagged.index) as index:
        for name in tagged.names:
            path = tagged.folder / name
            assert in_index(index, path) == position_of(path), name


def test_a_withdrawn_estimate_is_in_neither_file_nor_index(tagged: Tagged) -> None:
    said: list[Outcome] = []
    withdraw(tagged, said)
    assert (said[0].status, said[0].reason) == ("restored", "withdrawn: a test")
    assert position_of(tagged.folder / tagged.names[0]) is None
    assert position_of(tagged.folder / tagged.names[1]) == (40.0, -3.0)
    assert_agreed(tagged)


def test_undo_puts_a_withdrawn_estimate_back_and_then_the_photo_as_it_was(tagged: Tagged) -> None:
    withdraw(tagged, [])
    with open_index(tagged.index) as index:
        undo(index, run_to_undo(index, None), (), lambda _: None)
        assert bytes_of(tagged.folder) == tagged.placed
    assert_agreed(tagged)
    with open_index(tagged.index) as index:
        undo(index, run_to_undo(index, None), (), lambda _: None)
    assert bytes_of(tagged.folder) == tagged.before
    assert_agreed(tagged)


def test_the_run_that_placed_it_is_not_undone_under_a_withdrawal(tagged: Tagged) -> None:
    withdraw(tagged, [])
    with open_index(tagged.index) as index:
        tally = undo(index, index.runs.find("1"), (), lambda _: None)
    assert tally.statuses["kept"] == 2
    assert_agreed(tagged)


def test_forget_after_a_withdrawal_leaves_nothing_to_undo(tagged: Tagged) -> None:
    withdraw(tagged, [])
    forget_estimates([str(tagged.folder)], tagged.index, lambda _: None)
    assert bytes_of(tagged.folder) == tagged.before
    assert_agreed(tagged)
    with open_index(tagged.index) as index:
        assert index.runs.latest_undoable() is None


def test_a_photo_without_the_estimate_is_left_alone(tagged: Tagged) -> None:
    for path in tagged.folder.iterdir():
        if path.name.endswith(".xmp"):
            path.unlink()
        else:
            path.write_bytes(tagged.before[path.name])
    said: list[Outcome] = []
    withdraw(tagged, said)
    assert said[0].status == "failed"
    assert "no estimate of ours is in it" in (said[0].reason or "")
    with open_index(tagged.index) as index:
        kept = index.photos.find(str(tagged.folder / tagged.names[0]))
        assert kept is not None
        assert kept.written is not None  # the next survey finds out


def test_a_kill_at_any_step_leaves_file_and_index_agreed(tmp_path: Path, tagged: Tagged) -> None:
    """After what the next run settles first."""

    def laid_out(name: str) -> Tagged:
        shutil.rmtree(tagged.folder)
        tagged.folder.mkdir()
        for file, content in tagged.placed.items():
            (tagged.folder / file).write_bytes(content)
        shutil.copy(tmp_path / "kept.db", tmp_path / f"{name}.db")
        return replace(tagged, index=tmp_path / f"{name}.db")

    shutil.copy(tagged.index, tmp_path / "kept.db")
    measured = laid_out("measured")
    steps = steps_of(lambda: withdraw(measured, []))
    assert steps > 10
    for after in (False, True):
        for step in range(1, steps + 1, 2):
            scene = laid_out(f"{after}{step}")
            assert run_and_kill(lambda scene=scene: withdraw(scene, []), step, after)  # type: ignore[misc]
            with open_index(scene.index) as index:
                repair(index, [str(scene.folder)], lambda _: None)
            assert_agreed(scene)
