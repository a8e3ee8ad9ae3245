"""A disk that fails: at any one step of a run or an undo the system answers EIO, as of a worn-out card.

    python -m tests.fuzz.faults [--faults 2000] [--seconds S] [--seed 0] [--photos 12]

The run may end in an error of ours or go on without that photo; then `undo` must bring back every byte of
every photo and leave no temporary file.
"""

import argparse
import errno
import os
import random
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geotagger.errors import GeotaggerError
from tests.fuzz.kills import undo_everything
from tests.fuzz.verdict import BrokenRuleError
from tests.tag import killing
from tests.tag.scenes import bytes_of, walk_through_town
from tests.tag.test_crash import learn_once, put_back, tag_scene


class Failing(killing.Killer):
    """Answers EIO at step `at`, once."""

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        is_of_sqlite = getattr(function, "__name__", "") == "execute"

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._turn:
                self.steps += 1
                mine = self.steps == self._at
            if mine and is_of_sqlite:
                raise sqlite3.OperationalError("disk I/O error")
            if mine:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return function(*args, **kwargs)

        return call


def run_and_fail(work: Callable[[], object], at: int) -> str:
    """Runs `work` in a child whose disk fails at that step; the traceback of what is no error of ours."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        failing, said = Failing(at, False), b""
        write = os.write
        for name in killing._CHANGING:
            setattr(os, name, failing.counted(getattr(os, name)))
        killing._count_statements(failing)
        try:
            work()
        except GeotaggerError:
            pass
        except BaseException:
            said = traceback.format_exc().encode()
        write(writer, said)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said.decode()


def fail_again_and_again(folder: Path, numbers: range, seconds: float, seed: int, photos: int) -> int:
    """How many faults were tried. BrokenRuleError names the first that did harm."""
    began, tried = time.monotonic(), 0
    with pytest.MonkeyPatch.context() as state:
        state.setenv("XDG_STATE_HOME", str(folder / "state"))
        learn_once(state)
        scene = walk_through_town(folder / "photos", photos, size=32)
        old, index = bytes_of(scene.folder), folder / "index.db"
        works = (lambda: tag_scene(scene, index), lambda: undo_everything(index))
        tag_scene(scene, index)
        put_back(scene, old, index)
        steps = [killing.steps_of(work) for work in works]
        for number in numbers:
            if time.monotonic() - began > seconds:
                break
            draw = random.Random(f"{seed}/{number}")
            which = draw.randrange(2)
            put_back(scene, old, index)
            if which:
                tag_scene(scene, index)
            at = draw.randint(1, steps[which])
            what = f"fault {number} of seed {seed}: EIO at step {at} of {('tag', 'undo')[which]}"
            if said := run_and_fail(works[which], at):
                raise BrokenRuleError(f"{what}\n{said}")
            undo_everything(index)
            now = bytes_of(scene.folder)
            if now != old:
                names = [name for name in {*now, *old} if now.get(name) != old.get(name)]
                raise BrokenRuleError(f"{what}: {names[:5]} are not as they were")
            tried += 1
    return tried


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--faults", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="start at fault number N")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        numbers = range(options.first, options.first + options.faults)
        try:
            tried = fail_again_and_again(Path(folder), numbers, options.seconds, options.seed, options.photos)
        except BrokenRuleError as error:
            sys.exit(str(error))
    print(f"{tried} failures of the disk, undo straight after each: every byte came back")


if __name__ == "__main__":
    main()
