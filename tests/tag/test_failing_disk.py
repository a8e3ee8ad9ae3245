"""A disk that answers EIO, to the command and to every library below it: no byte of a photo is lost.

`python -m tests.fuzz.faults` does the same inside one process, many times as often.
"""

import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from geotagger.index import open_index
from tests import preload
from tests.commands import Geotagger
from tests.tag.scenes import bytes_of, walk_through_town

MANY = pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(900)])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return preload.compiled(tmp_path_factory.mktemp("preload"))


class FailingDisk:
    """Runs commands on `folder` with the library before the system's. The index lies there, too."""

    def __init__(self, geotagger: Geotagger, library: Path, folder: Path) -> None:
        self.sound, self.folder, self._library = geotagger, folder, library
        folder.mkdir()
        self.index = folder / "index.db"
        self.photos = walk_through_town(folder / "photos", 6, size=32).folder
        self.before = bytes_of(self.photos)

    def tell_steps(self, *words: object, reads: bool = False) -> int:
        """How often the command dealt with the disk; it went well."""
        told = self.folder.parent / "told"
        self._failing({"TELL": str(told)}, reads)(*words, "--index", self.index)
        return int(told.read_text().split()[0])

    def __call__(self, at: int, *words: object, reads: bool = False, for_ever: bool = False) -> int:
        more = {"FAILS_AT": str(at), **({"FOR_EVER": "1"} if for_ever else {})}
        said = self._failing(more, reads)(*words, "--index", self.index, code=None)
        assert said.code in (0, 1, 2, 5), (at, said.err)
        return said.code

    def _failing(self, more: dict[str, str], reads: bool) -> Geotagger:
        failing = Geotagger(self.sound.home)
        failing.environment |= {"LD_PRELOAD": str(self._library), "DISK": str(self.folder), **more}
        failing.environment |= {"PYTHONDONTWRITEBYTECODE": "1", **({"READS": "1"} if reads else {})}
        return failing

    def put_back(self) -> None:
        """Archive and index as before any run."""
        shutil.rmtree(self.photos)
        self.photos.mkdir()
        for name, content in self.before.items():
            (self.photos / name).write_bytes(content)
        for part in self.folder.glob("index.db*"):
            part.unlink()

    def check_undone(self) -> None:
        """On a sound disk `undo` brings every byte back, and leaves nothing else."""
        for _ in range(4):
            if self.sound("undo", "--yes", "--index", self.index, code=None).code == 2:
                break
        else:
            raise AssertionError("there is always something more to undo")
        assert bytes_of(self.photos) == self.before
        if self.index.exists() and self.index.stat().st_size:
            with open_index(self.index) as index:
                assert index.journal.pending() == []


@pytest.fixture
def disk(geotagger: Geotagger, library: Path, tmp_path: Path) -> FailingDisk:
    return FailingDisk(geotagger, library, tmp_path.resolve() / "disk")


def some(steps: int, tries: int) -> Iterator[int]:
    """Always the same, spread over all."""
    draw = random.Random(steps)
    return (1 + round(draw.uniform(n, n + 1) * (steps - 1) / tries) for n in range(tries))


@pytest.mark.parametrize("tries", [2, MANY])
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "from then on"])
def test_a_disk_that_cannot_be_written_while_tag_runs_costs_no_byte(
    disk: FailingDisk, tries: int, for_ever: bool
) -> None:
    words: Sequence[object] = ("tag", disk.photos, "--model", "none")
    steps = disk.tell_steps(*words)
    assert steps > 50
    codes = set()
    for at in some(steps, tries):
        disk.put_back()
        codes.add(disk(at, *words, for_ever=for_ever))
        disk.check_undone()
    assert codes - {0}, "no failure was met"


@pytest.mark.parametrize("tries", [2, MANY])
def test_a_disk_that_cannot_be_written_while_undo_runs_costs_no_byte(disk: FailingDisk, tries: int) -> None:
    disk.sound("tag", disk.photos, "--model", "none", "--index", disk.index)
    steps = disk.tell_steps("undo", "--yes")
    assert steps > 20
    for at in some(steps, tries):
        disk.put_back()
        disk.sound("tag", disk.photos, "--model", "none", "--index", disk.index)
        disk(at, "undo", "--yes")
        disk.check_undone()


@pytest.mark.parametrize("tries", [2, MANY])
def test_a_disk_that_cannot_be_read_costs_no_byte(disk: FailingDisk, tries: int) -> None:
    words: Sequence[object] = ("tag", disk.photos, "--model", "none")
    steps = disk.tell_steps(*words, reads=True)
    assert steps > 20
    for at in some(steps, tries):
        disk.put_back()
        disk(at, *words, reads=True)
        disk.check_undone()
