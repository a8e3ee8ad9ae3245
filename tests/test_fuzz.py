"""A little of what is fuzzed every night, always the same: `python -m tests.fuzz` does it at length."""

from pathlib import Path

import pytest

from tests.fuzz.faults import fail_again_and_again
from tests.fuzz.kills import kill_all
from tests.fuzz.readers import READERS, fuzz

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")


@pytest.mark.parametrize("name", READERS)
def test_spoiled_files_are_read_or_refused_within_bounds(name: str, tmp_path: Path) -> None:
    outcomes = fuzz(name, tmp_path / "no samples", range(120), float("inf"))
    assert sum(outcomes.values()) == 120
    assert outcomes["refused"]


@pytest.mark.parametrize("first", [14, 1000])
def test_undo_straight_after_a_kill_brings_back_every_byte(tmp_path: Path, first: int) -> None:
    """Kill 14 left a half-made file: it came before anything stood in the journal."""
    tried, hits = kill_all(tmp_path, range(first, first + 4), float("inf"), seed=0, photos=12)
    assert (tried, hits) == (4, 4)


def test_a_disk_that_fails_at_any_step_costs_no_byte(tmp_path: Path) -> None:
    assert fail_again_and_again(tmp_path, range(4), float("inf"), seed=0, photos=12) == 4
