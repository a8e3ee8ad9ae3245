"""A run that is killed at any step loses nothing: every photo is the exact old or the exact new
file, the next run finds its way, and undo still brings back every byte.

    pytest tests/tag/test_crash.py                      a few dozen kills
    pytest tests/tag/test_crash.py -m slow              a thousand and more
"""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geotagger.estimate import timeline
from geotagger.estimate.learning import learn_movement
from geotagger.estimate.movement import Movement
from geotagger.index import open_index
from geotagger.metadata import Edit, settle
from geotagger.photo.facts import read_facts
from geotagger.tag.corridor import tag
from geotagger.tag.listener import Listener
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import Tally
from geotagger.tag.undo import undo
from geotagger.tag.undoable import run_to_undo
from tests.tag.killing import run_and_kill, steps_of
from tests.tag.scenes import Scene, bytes_of, walk_through_town


def tag_scene(scene: Scene, index: Path) -> Tally:
    return tag(TagOptions((str(scene.folder),), model="none", readers=2), index, Listener()).tally


def undo_all(index: Path) -> None:
    with open_index(index) as opened:
        while opened.runs.latest_undoable() is not None:
            undo(opened, run_to_undo(opened, None), (), lambda _: None)


def put_back(scene: Scene, old: dict[str, bytes], index: Path) -> None:
    """The archive and the index as before any run; the times of the photos too."""
    for path in scene.folder.iterdir():
        if path.name not in old:
            path.unlink()
    for n, (name, content) in enumerate(sorted(old.items())):
        path = scene.folder / name
        if path.read_bytes() != content:
            path.write_bytes(content)
        os.utime(path, (1_700_000_000 + n, 1_700_000_000 + n))
    for part in index.parent.glob(index.name + "*"):
        part.unlink()


def check_old_or_new(scene: Scene, old: dict[str, bytes], index: Path) -> None:
    """Every photo has its old bytes, or exactly those that the journal intended."""
    intended: dict[str, list[Edit]] = {}
    if index.exists():
        with open_index(index) as opened:
            for path, edit in opened.store.rows("select path, edit from journal where state <> 'abandoned'"):
                intended.setdefault(os.path.basename(path), []).append(Edit.from_json(edit.decode()))
    for name, content in old.items():
        if (scene.folder / name).read_bytes() != content:
            assert any(settle(edit) == "new" for edit in intended.get(name, [])), name


def check_agrees(scene: Scene, index: Path) -> None:
    """After the next run: no temporary file, everything placed, index and files say the same."""
    tally = tag_scene(scene, index)
    assert not [name for name in os.listdir(scene.folder) if name.startswith(".geotagger-")]
    assert tally.statuses["failed"] == 0
    with open_index(index) as opened:
        assert opened.journal.pending() == []
        for name in scene.stripped:
            known = opened.photos.find(str(scene.folder / name))
            fix = read_facts(scene.folder / name).fix
            assert known is not None
            assert fix is not None
            assert known.written == "exif"
            assert fix.mark is not None
            assert known.latitude == pytest.approx(fix.latitude, abs=1e-6)
            assert known.longitude == pytest.approx(fix.longitude, abs=1e-6)
    assert tag_scene(scene, index).statuses["written"] == 0


def learn_once(state: pytest.MonkeyPatch) -> None:
    """How the archive moves is the same each time; learning it anew takes ten times as long as the
    dealings with the disk, which alone can be killed."""
    learned: dict[int, Movement] = {}

    def remembered(utc: np.ndarray, *others: Any, **more: Any) -> Movement:
        if len(utc) not in learned:
            learned[len(utc)] = learn_movement(utc, *others, **more)
        return learned[len(utc)]

    state.setattr(timeline, "learn_movement", remembered)


def kill_again_and_again(folder: Path, photos: int, kills: int, seed: int, state: pytest.MonkeyPatch) -> None:
    state.setenv("XDG_STATE_HOME", str(folder / "state"))
    learn_once(state)
    scene = walk_through_town(folder / "photos", photos, size=32)
    old, index = bytes_of(scene.folder), folder / "index.db"
    choose = random.Random(seed)
    tag_scene(scene, index)
    put_back(scene, old, index)
    work: Callable[[], object] = lambda: tag_scene(scene, index)  # noqa: E731
    steps = steps_of(work)
    undo_all(index)
    killed = 0
    for _ in range(kills):
        put_back(scene, old, index)
        killed += run_and_kill(work, choose.randint(1, steps), choose.random() < 0.5)
        check_old_or_new(scene, old, index)
        check_agrees(scene, index)
        # the way back is as safe as the way there
        run_and_kill(lambda: undo_all(index), choose.randint(1, 4 * photos), choose.random() < 0.5)
        check_old_or_new(scene, old, index)
        undo_all(index)
        now = bytes_of(scene.folder)
        # an undo killed on its last photo may leave a temporary file to the next run of `tag`
        assert {name: now[name] for name in now if not name.startswith(".geotagger-")} == old
    assert killed > kills * 0.9
    shutil.rmtree(scene.folder)


def test_a_run_killed_at_any_step_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_again_and_again(tmp_path, photos=24, kills=12, seed=0, state=monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_kills_over_hundreds_of_photos_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    kill_again_and_again(tmp_path, photos=300, kills=300, seed=seed, state=monkeypatch)
