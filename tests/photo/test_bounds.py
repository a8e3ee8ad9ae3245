"""What one file may take: 1 GiB of memory beyond the program's own, and a few seconds of a processor,
whatever it is, for facts, pixels and writing. What is large for a reason is served.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.photo import bombs
from tests.photo.measuring import STEPS

MOST_BYTES = 1 << 30
MOST_SECONDS = 15.0
"""Ten for the picture on a quiet machine; these are seconds of a busy one."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by /proc")


def measured(step: str, path: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.photo.measuring", step, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    print(path.name, step, result)
    return result


def check_bounds(step: str, path: Path) -> str:
    result = measured(step, path)
    assert isinstance(result["bytes"], int)
    assert isinstance(result["seconds"], float)
    assert result["bytes"] <= MOST_BYTES, result
    assert result["seconds"] <= MOST_SECONDS, result
    return str(result["said"])


@pytest.mark.parametrize("bomb", [bombs.png_16_bit_rgba, bombs.png_16_bit_grey, bombs.tiff_long_tag])
def test_the_copy_of_a_bomb_takes_no_more_than_the_bound(
    tmp_path: Path, bomb: Callable[[Path], Path]
) -> None:
    check_bounds("copy", bomb(tmp_path))


def test_the_copy_of_a_jpeg_that_is_followed_by_gigabytes_is_made(tmp_path: Path) -> None:
    hole = next(path for path in bombs.sparse_of_every_format(tmp_path) if path.suffix == ".jpeg")
    assert check_bounds("copy", hole) == "done"
    (copy,) = (tmp_path / "hole.jpeg.copy").iterdir()
    assert copy.stat().st_size < 10_000


QUICK = (
    bombs.png_of_long_chunks,
    bombs.jpeg_exif_of_long_texts,
    bombs.tiff_long_tag,
    bombs.two_frames,
    bombs.webp_of_one_long_chunk,
)


@pytest.mark.parametrize("bomb", QUICK)
def test_a_small_file_takes_little(tmp_path: Path, bomb: Callable[[Path], Path]) -> None:
    path = bomb(tmp_path)
    for step in ("facts", "pixels"):
        check_bounds(step, path)


@pytest.mark.slow
@pytest.mark.parametrize("bomb", bombs.BOMBS)
def test_no_bomb_takes_more_than_the_bound(tmp_path: Path, bomb: Callable[[Path], Path]) -> None:
    path = bomb(tmp_path)
    for step in STEPS:
        said = check_bounds(step, path)
        if step == "facts":
            assert said == "done"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff", "avif", *bombs.HEADS])
def test_three_gigabytes_of_hole_are_not_read(tmp_path: Path, name: str) -> None:
    for path in bombs.sparse_of_every_format(tmp_path):
        if path.suffix == f".{name}":
            for step in STEPS:
                check_bounds(step, path)
        path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("make", bombs.SERVED)
def test_what_is_large_for_a_reason_is_looked_at(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    for step in ("facts", "pixels", "published"):
        assert check_bounds(step, path) == "done"


def test_a_heic_that_lies_about_its_size_takes_no_more_than_it_would(
    shared_data: Path, tmp_path: Path
) -> None:
    real = (shared_data / "photos/exif-samples/heic/mobile/iphone_13_pro_max.HEIC").read_bytes()
    path = tmp_path / "a.heic"
    path.write_bytes(bombs.heic_that_lies(real))
    check_bounds("pixels", path)
