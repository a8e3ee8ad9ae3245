"""The clock of the machine is wrong, or jumps: what is placed and written does not depend on it."""

from pathlib import Path
from typing import Any

import pytest

from tests import preload
from tests.commands import Geotagger, Said
from tests.tag.scenes import bytes_of, walk_through_town

YEARS_S = 365 * 86_400
FIELDS = ("status", "latitude", "longitude", "radius_km", "confidence", "rung")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return preload.compiled(tmp_path_factory.mktemp("preload"))


def at_a_shifted_clock(
    geotagger: Geotagger, library: Path, seconds: int, *words: object, after: int = 0, code: int = 0
) -> Said:
    """The command as of `seconds` from now; from its `after`-th look at the clock on."""
    shifted = Geotagger(geotagger.home)
    shift = {"CLOCK_SHIFT": str(seconds), "JUMPS_AT": str(after)}
    shifted.environment |= {"LD_PRELOAD": str(library), **shift}
    return shifted(*words, code=code)


def places(said: Said) -> dict[str, Any]:
    return {name: [row[field] for field in FIELDS] for name, row in said.by_name().items()}


@pytest.mark.parametrize(
    "years",
    [
        pytest.param(-56, id="lost"),
        pytest.param(-20, id="back", marks=pytest.mark.slow),
        pytest.param(60, id="forward"),
    ],
)
def test_photos_are_placed_the_same_by_a_clock_that_is_wrong(
    geotagger: Geotagger, library: Path, tmp_path: Path, years: int
) -> None:
    folder = walk_through_town(tmp_path / "photos", 8, size=32).folder
    before = bytes_of(folder)
    words = ("tag", folder, "--model", "none", "--json")
    right = places(geotagger(*words, "--dry-run"))
    said = at_a_shifted_clock(geotagger, library, years * YEARS_S, *words)
    planned = {"written": "planned"}
    assert {name: [planned.get(row[0], row[0]), *row[1:]] for name, row in places(said).items()} == right
    assert ("clock" in said.err) == (years < 0)
    written = bytes_of(folder)
    assert "written" not in {row[0] for row in places(geotagger(*words)).values()}
    assert bytes_of(folder) == written, "the next run, by the right clock, changes nothing"
    geotagger("undo", "--yes")
    assert bytes_of(folder) == before


def test_runs_stand_in_their_order_though_the_clock_went_back_between_them(
    geotagger: Geotagger, library: Path, tmp_path: Path
) -> None:
    first = walk_through_town(tmp_path / "photos" / "a", 6, size=32).folder
    geotagger("tag", tmp_path / "photos", "--model", "none")
    then = bytes_of(first)
    second = walk_through_town(tmp_path / "photos" / "b", 6, size=32).folder
    new = bytes_of(second)
    at_a_shifted_clock(geotagger, library, -2 * YEARS_S, "tag", tmp_path / "photos", "--model", "none")
    newest, oldest = geotagger("runs", "--json").records
    assert (newest["run"], oldest["run"]) == (2, 1)
    assert newest["started"] < oldest["started"]
    assert bytes_of(second) != new
    geotagger("undo", "--yes")
    assert (bytes_of(first), bytes_of(second)) == (then, new)


@pytest.mark.parametrize(
    ("after", "years"),
    [
        (3, -10),
        (40, 10),
        pytest.param(3, 10, marks=pytest.mark.slow),
        pytest.param(40, -10, marks=pytest.mark.slow),
    ],
)
def test_a_clock_that_jumps_while_a_run_is_at_work_does_no_harm(
    geotagger: Geotagger, library: Path, tmp_path: Path, years: int, after: int
) -> None:
    folder = walk_through_town(tmp_path / "photos", 8, size=32).folder
    before = bytes_of(folder)
    words = ("tag", folder, "--model", "none", "--json")
    right = places(geotagger(*words, "--dry-run"))
    said = at_a_shifted_clock(geotagger, library, years * YEARS_S, *words, after=after)
    assert {name: row[1:] for name, row in places(said).items()} == {n: row[1:] for n, row in right.items()}
    geotagger("undo", "--yes")
    assert bytes_of(folder) == before
