import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "kills", [40, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_whenever_a_writer_is_killed_the_index_opens_and_holds_whole_batches(
    tmp_path: Path, kills: int
) -> None:
    command = [sys.executable, "-m", "tests.index.crashes", str(tmp_path), str(kills), "7"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
