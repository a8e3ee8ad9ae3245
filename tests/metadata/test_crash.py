"""A process that is killed at any step leaves the exact old or the exact new file."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from geotagger.metadata import (
    Edit,
    commit,
    forget,
    prepare,
    restore,
    settle,
    sweep_temporaries,
    sync_folders,
)
from geotagger.writing import Writing
from tests.metadata.conftest import ESTIMATE, Copied
from tests.metadata.killing import Moment, killed_at

PHOTO = "exif-samples/jpg/Canon_40D.jpg"
MOMENTS: tuple[Moment, ...] = ("before", "within", "after")


def _write(photo: Path, mode: str = "auto") -> None:
    prepared = prepare(str(photo), ESTIMATE, Writing(mode))  # type: ignore[arg-type]
    commit(prepared)
    sync_folders([prepared.folder])


def _versions(photo: Path, target: Path, work: Callable[[], None]) -> tuple[bytes | None, bytes | None]:
    """The target before and after undisturbed work."""
    old = target.read_bytes() if target.exists() else None
    spare = photo.read_bytes()
    work()
    new = target.read_bytes() if target.exists() else None
    photo.write_bytes(spare)
    if target != photo:
        target.unlink(missing_ok=True)
        if old is not None:
            target.write_bytes(old)
    return old, new


@pytest.mark.parametrize("mode", ["exif", "sidecar"])
def test_killed_at_every_step_of_a_write(copied: Copied, mode: str) -> None:
    photo = copied(PHOTO)
    target = photo if mode == "exif" else photo.with_name(photo.name + ".xmp")
    old, new = _versions(photo, target, lambda: _write(photo, mode))
    whole = photo.read_bytes()
    step, seen = 0, set()
    killed = True
    while killed:
        step += 1
        for moment in MOMENTS:
            killed = killed_at(step, moment, lambda: _write(photo, mode))
            found = target.read_bytes() if target.exists() else None
            assert found in (old, new), f"neither old nor new after step {step}, {moment}"
            seen.add(found == new)
            if mode == "sidecar":
                assert photo.read_bytes() == whole
            swept = sweep_temporaries(str(photo.parent))
            assert len(swept) <= 1
            assert sorted(p.name for p in photo.parent.iterdir()) == sorted(
                {photo.name} | ({target.name} if found is not None else set())
            )
            if found == new:
                target.unlink()
                if old is not None:
                    target.write_bytes(old)
            if not killed:
                break
    assert seen == {True, False}
    assert step > 8


def test_killed_at_every_step_of_an_undo(copied: Copied) -> None:
    photo = copied(PHOTO)
    old = photo.read_bytes()
    prepared = prepare(str(photo), ESTIMATE)
    commit(prepared)
    new = photo.read_bytes()
    edit = Edit.from_json(prepared.edit.to_json())
    step, killed = 0, True
    while killed:
        step += 1
        for moment in MOMENTS:
            killed = killed_at(step, moment, lambda: restore(edit))
            assert photo.read_bytes() in (old, new)
            assert settle(edit) == ("old" if photo.read_bytes() == old else "new")
            sweep_temporaries(str(photo.parent))
            assert [p.name for p in photo.parent.iterdir()] == [photo.name]
            photo.write_bytes(new)
            if not killed:
                break
    assert step > 8


def test_killed_at_every_step_of_forgetting(copied: Copied) -> None:
    photo = copied(PHOTO)
    _write(photo)
    with_position = photo.read_bytes()
    forget(str(photo))
    without = photo.read_bytes()
    photo.write_bytes(with_position)
    step, killed = 0, True
    while killed:
        step += 1
        killed = killed_at(step, "after", lambda: forget(str(photo)))
        assert photo.read_bytes() in (with_position, without)
        sweep_temporaries(str(photo.parent))
        photo.write_bytes(with_position)
    assert step > 8


def test_settle_tells_what_a_crash_left(copied: Copied) -> None:
    photo = copied(PHOTO)
    prepared = prepare(str(photo), ESTIMATE)
    assert settle(prepared.edit) == "old"
    commit(prepared)
    assert settle(prepared.edit) == "new"
    photo.write_bytes(photo.read_bytes() + b"x")
    assert settle(prepared.edit) == "other"
    photo.unlink()
    assert settle(prepared.edit) == "missing"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_thousands_of_times_at_random(shared_data: Path, tmp_path: Path) -> None:
    """Hundreds of photos written one after the other, killed anywhere: each is old or new."""
    draw = random.Random(6)
    photos = sorted((shared_data / "photos/exif-samples/jpg").rglob("*.jp*g"))[:60]
    old: dict[Path, bytes] = {}
    new: dict[Path, bytes] = {}
    for number, photo in enumerate(photos):
        copy = tmp_path / f"{number:03d}.jpg"
        shutil.copyfile(photo, copy)
        old[copy] = copy.read_bytes()
        commit(prepare(str(copy), ESTIMATE, Writing(overwrite=True, durable=False)))
        new[copy] = copy.read_bytes()
        copy.write_bytes(old[copy])

    def run() -> None:
        for copy in old:
            commit(prepare(str(copy), ESTIMATE, Writing(overwrite=True, durable=False)))

    for _ in range(2000):
        killed_at(draw.randrange(1, 20 * len(photos)), draw.choice(MOMENTS), run)
        for copy in old:
            size = copy.stat().st_size
            assert size in (len(old[copy]), len(new[copy]))
            if size != len(old[copy]):
                assert copy.read_bytes() == new[copy]
                copy.write_bytes(old[copy])
        assert len(sweep_temporaries(str(tmp_path))) <= 1
        assert len(list(tmp_path.iterdir())) == len(photos)
