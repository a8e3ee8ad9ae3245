"""A small archive on disk and an index of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from geotagger.archive import walk
from geotagger.estimate.values import Estimate
from geotagger.index import Index, open_index
from geotagger.index.photos import Record
from geotagger.index.roots import Root
from geotagger.photo.values import Facts

FACTS = Facts("jpeg", 4000, 3000)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with open_index(tmp_path / "state" / "index.db") as opened:
        yield opened


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Six photos in three folders, each of another size and time."""
    root = tmp_path / "archive"
    for number, name in enumerate(
        ["a.jpg", "2023/b.jpg", "2023/c.heic", "2024/d.jpg", "2024/e.cr2", "2024/deep/f.png"]
    ):
        make_photo(root / name, size=100 + number, mtime_s=1_700_000_000 + number)
    return root


def make_photo(path: Path, *, size: int = 10, mtime_s: int = 1_600_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((os.fsencode(path.name) * size)[:size])
    os.utime(path, (mtime_s, mtime_s))
    return path


@pytest.fixture
def recorded(index: Index, archive: Path) -> Root:
    """The root of the archive, all of whose photos the index knows."""
    return record_all(index, archive)


def record_all(index: Index, archive: Path) -> Root:
    root = index.roots.root_for(str(archive))
    index.photos.record(root, [Record(entry, FACTS) for entry in walk([str(archive)])])
    return root


def estimate(
    rung: str = "visual", latitude: float = 48.0, longitude: float = 2.0, **more: object
) -> Estimate:
    told: dict[str, object] = {"radius_km": 3.0, "confidence": 0.5, "rungs": (rung,), "cell": "", **more}
    return Estimate(latitude, longitude, rung=rung, **told)  # type: ignore[arg-type]
