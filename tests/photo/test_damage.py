"""Real files with bytes changed or cut off: facts and pixels, or one line that names the file."""

import random
from pathlib import Path

import numpy as np
import pytest

from geotagger.errors import UnreadablePhotoError
from geotagger.photo.pixels import read_photo

from .pictures import Recipe

LARGEST = 1 << 20


def damaged(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    near = min(len(data), chance.choice((200, 2000, len(data))))
    for _ in range(chance.choice((1, 2, 5, 20, 100))):
        changed[chance.randrange(near)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(changed[: chance.randrange(1, len(changed))] if chance.random() < 0.2 else changed)


def sample(shared_data: Path) -> list[Path]:
    files = [
        p for p in sorted((shared_data / "photos").rglob("*")) if p.is_file() and "dog-signs" not in p.parts
    ]
    return [p for p in files if p.suffix not in (".xmp", ".gpx") and 0 < p.stat().st_size < LARGEST]


@pytest.mark.parametrize("cases", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_no_damage_makes_anything_but_one_line(tmp_path: Path, shared_data: Path, cases: int) -> None:
    files, chance = sample(shared_data), random.Random(cases)
    path = tmp_path / "damaged"
    read = 0
    for _ in range(cases):
        path.write_bytes(damaged(chance.choice(files).read_bytes(), chance))
        try:
            facts, pixels = read_photo(path, Recipe())
        except UnreadablePhotoError as error:
            told = str(error)
            if not told.startswith(f"{path}: ") or "\n" in told:
                pytest.fail(told)
        else:
            read += 1
            assert facts.orientation in range(1, 9)
            assert pixels.shape == (3, 32, 32)
            assert np.isfinite(pixels).all()
    assert read > cases // 10
