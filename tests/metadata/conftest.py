"""Positions to write and photos to write them into."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from geotagger.marks import Mark
from geotagger.metadata import Position

ESTIMATE = Position(-33.8567844, 151.2152967, Mark("visual", 0.82, 12.5, "rn101-5k500", "7", "6b12ae"))
OWNERS = Position(48.8584, 2.2945, Mark("manual"))

Copied = Callable[[str], Path]


@pytest.fixture
def copied(shared_data: Path, tmp_path: Path) -> Copied:
    """Copies a sample, named by its path below photos/, to a place where it can be written."""

    def copy(name: str) -> Path:
        target = tmp_path / Path(name).name
        shutil.copyfile(shared_data / "photos" / name, target)
        return target

    return copy


@pytest.fixture
def plain_jpeg(tmp_path: Path) -> Path:
    """A JPEG with a JFIF header and no metadata."""
    path = tmp_path / "plain.jpg"
    Image.effect_noise((64, 48), 60).convert("RGB").save(path, quality=80)
    return path
