"""Kills runs and undos at any step, and asks `undo` for everything straight after.

    python -m tests.fuzz.kills [--kills 10000] [--seconds S] [--seed 0] [--photos 12]

Every second kill hits a `tag`, the others an `undo`. After each, with no other command between, `undo` must
bring back every byte of every photo and leave no temporary file, and the journal must be settled. The seed
and the number of a kill make it again.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import pytest

from geotagger.api.runs import undo
from geotagger.errors import UsageError
from geotagger.index import open_index
from tests.fuzz.verdict import BrokenRuleError
from tests.tag.killing import run_and_kill, steps_of
from tests.tag.scenes import Scene, bytes_of, walk_through_town
from tests.tag.test_crash import check_old_or_new, learn_once, put_back, tag_scene


def undo_everything(index: Path) -> None:
    """As `geotagger undo` does it, until there is nothing to undo."""
    while True:
        try:
            undo(index=index)
        except UsageError:
            return


class Kills:
    """An archive in `folder` whose runs are killed."""

    def __init__(self, folder: Path, photos: int) -> None:
        self._scene: Scene = walk_through_town(folder / "photos", photos, size=32)
        self._old, self._index = bytes_of(self._scene.folder), folder / "index.db"
        self._tag()
        self._put_back()
        self._tag_steps = steps_of(self._tag)
        self._undo_steps = steps_of(self._undo)

    def kill(self, draw: random.Random) -> bool:
        """One kill and its undo; whether it came before the end. BrokenRuleError for a byte that is lost."""
        self._put_back()
        is_of_tag = draw.random() < 0.5
        if not is_of_tag:
            self._tag()
        work, steps = (self._tag, self._tag_steps) if is_of_tag else (self._undo, self._undo_steps)
        at, after = draw.randint(1, steps), draw.random() < 0.5
        killed = run_and_kill(work, at, after)
        try:
            check_old_or_new(self._scene, self._old, self._index)
            self._undo()
            if bytes_of(self._scene.folder) != self._old:
                raise AssertionError("a photo is not as it was, or something is left beside it")
            if self._index.exists():
                with open_index(self._index) as index:
                    if index.journal.pending():
                        raise AssertionError("the journal is not settled")
        except Exception as error:
            what = f"{'tag' if is_of_tag else 'undo'} killed {'after' if after else 'before'} step {at}"
            raise BrokenRuleError(f"{what} of {steps}: {type(error).__name__}: {error}") from error
        return killed

    def _tag(self) -> None:
        tag_scene(self._scene, self._index)

    def _undo(self) -> None:
        undo_everything(self._index)

    def _put_back(self) -> None:
        put_back(self._scene, self._old, self._index)


def kill_all(folder: Path, numbers: range, seconds: float, seed: int, photos: int) -> tuple[int, int]:
    """How many were tried and how many hit. BrokenRuleError names the first that lost something."""
    began, tried, hits = time.monotonic(), 0, 0
    with pytest.MonkeyPatch.context() as state:
        state.setenv("XDG_STATE_HOME", str(folder / "state"))
        learn_once(state)
        archive = Kills(folder, photos)
        for number in numbers:
            if time.monotonic() - began > seconds:
                break
            try:
                hits += archive.kill(random.Random(f"{seed}/{number}"))
            except BrokenRuleError as error:
                raise BrokenRuleError(f"kill {number} of seed {seed}: {error}") from error
            tried += 1
    return tried, hits


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="start at kill number N")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=int, default=12)
    options = parser.parse_args()
    scratch = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        numbers = range(options.first, options.first + options.kills)
        try:
            tried, hits = kill_all(Path(folder), numbers, options.seconds, options.seed, options.photos)
        except BrokenRuleError as error:
            sys.exit(str(error))
    print(f"{tried} kills, {hits} before the end, undo straight after each: every byte came back")


if __name__ == "__main__":
    main()
