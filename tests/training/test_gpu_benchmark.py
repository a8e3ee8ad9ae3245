"""benchmarks/gpu goes on fitting the program, and says what was aimed at."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")

from benchmarks.gpu.__main__ import PARTS
from benchmarks.gpu.bench import Bench, hours


def test_each_aim_is_a_line_that_says_whether_it_is_met(tmp_path: Path) -> None:
    bench = Bench("cuda:0", 4, False, tmp_path)
    for reached in (0.9, 0.8996, None):
        bench.aim("look", reached, 0.9)
    assert [what for what, _ in bench.rows] == ["AIM look at least 0.9"] * 3
    assert [value.split(":")[:2] for _, value in bench.rows] == [
        ["0.900", " met"],
        ["0.899", " not met"],
        ["not measured", " what it is held against did not run"],
    ]


def test_hours_of_the_published_training_follow_from_a_rate() -> None:
    assert hours(33.9e6 * 12 / 3600 / 8).startswith("8.0 on 1 card; computed")
    assert hours(33.9e6 * 12 / 3600 / 8).endswith("1.0 on 8, 0.5 on 16")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_of_it_runs_small_on_a_processor() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--tiny", "--stop", "1e9"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "FAILED" not in done.stdout
    assert "out of time" not in done.stdout
    assert done.stdout.count("| AIM ") == 3
    assert "hours for 33.9 million photos × 12 epochs" in done.stdout


def test_parts_have_names_of_their_own() -> None:
    names = [part.__name__ for part in PARTS]
    assert len(set(names)) == len(names)
