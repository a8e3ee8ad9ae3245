"""What commands say became of photos: statuses, outings, counts."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from geotagger.cli.report import Reporter
from geotagger.tag.outcome import Outcome
from tests.commands import Geotagger
from tests.tag.scenes import START, jpeg, walk_through_town


def two_outings(folder: Path) -> None:
    walk_through_town(folder, 10)
    for n in range(6):
        taken = START + timedelta(days=1, minutes=4 * n)
        place = None if n % 2 else (48.2082, 16.3738)
        (folder / f"DAY2_{n}.jpg").write_bytes(jpeg(taken, place, shade=30 * n))


def on_a_terminal(geotagger: Geotagger, *words: object, columns: int = 80) -> list[str]:
    """What is left on the screen, without the progress bars that were drawn over."""
    command = " ".join(map(str, geotagger.command(*words)))
    done = subprocess.run(
        ["script", "-qec", f"stty cols {columns}; {command}", "/dev/null"],
        env={**geotagger.environment, "TERM": "dumb"},
        cwd=geotagger.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    lines = done.stdout.decode().replace("\r\n", "\n").split("\n")
    return [line.rpartition("\r")[2].rstrip() for line in lines]


needs_script = pytest.mark.skipif(
    shutil.which("script") is None, reason="needs the program script, for a terminal"
)


@needs_script
@pytest.mark.parametrize("columns", [80, 140])
def test_a_dry_run_lists_photos_by_outing_and_tag_ends_with_the_outings(
    geotagger: Geotagger, tmp_path: Path, columns: int
) -> None:
    folder = tmp_path / "photos"
    two_outings(folder)
    screen = on_a_terminal(geotagger, "tag", folder, "--model", "none", "--dry-run", columns=columns)
    first, second = (screen.index(f"{START + timedelta(days=n):%Y-%m-%d %H:%M}, {folder}") for n in (0, 1))
    assert [line.split()[0] for line in screen[first + 1 : first + 6]] == [
        f"IMG_000{n}.jpg" for n in (1, 3, 5, 7, 9)
    ]
    assert [line.split()[0] for line in screen[second + 1 : second + 4]] == [
        f"DAY2_{n}.jpg" for n in (1, 3, 5)
    ]
    assert all(
        "Vienna, Austria, 9" in line and "by neighbours" in line for line in screen[second + 1 : second + 4]
    )
    screen = on_a_terminal(geotagger, "tag", folder, "--model", "none", columns=columns)
    table = screen.index(next(line for line in screen if line.split() == ["outing", "photos", "where"]))
    assert [line.split()[:3] for line in screen[table + 1 : table + 3]] == [
        ["2024-05-18", "09:00", "3"],
        ["2024-05-17", "09:00", "5"],
    ]
    assert "`geotagger undo`" in screen[table + 3] + screen[table + 4]
    assert all(
        len(line) <= columns for line in screen if str(folder) not in line and "geotagger:" not in line
    )


def test_without_a_terminal_the_counts_are_one_line_and_each_outing_its_own(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    two_outings(tmp_path / "photos")
    counts, *outings = geotagger("tag", tmp_path / "photos", "--model", "none").out.splitlines()
    assert counts == "geotagger tag: 16 photos; 8 placed by neighbours; 8 kept: has a position of its own"
    assert [line.split("\t")[:2] for line in outings] == [
        ["2024-05-18 09:00", "3"],
        ["2024-05-17 09:00", "5"],
    ]


def test_statuses_say_what_happens_to_the_file(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 10)

    def statuses(*words: object) -> dict[str, str]:
        said = geotagger(*words, "--json").by_name()
        return {name: record["status"] for name, record in said.items() if name in scene.stripped}

    tag = ("tag", scene.folder, "--model", "none")
    assert set(statuses(*tag, "--dry-run").values()) == {"planned"}
    written = statuses(*tag)
    assert set(written.values()) == {"written"}
    assert statuses("undo", "--dry-run") == dict.fromkeys(written, "planned")
    assert statuses("undo", "--yes") == dict.fromkeys(written, "restored")
    geotagger(*tag)
    assert statuses("forget", "--estimates", scene.folder, "--dry-run") == dict.fromkeys(written, "planned")
    assert statuses("forget", "--estimates", scene.folder, "--yes") == dict.fromkeys(written, "restored")


def test_runs_say_what_was_undone(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 10)
    geotagger("tag", scene.folder, "--model", "none")
    one = scene.folder / min(scene.stripped)

    def state() -> tuple[str, int, int]:
        (run,) = geotagger("runs", "--json").records
        return geotagger("runs").out.split("\t")[5], run["undoable"], run["undone"]

    assert state() == ("done", 5, 0)
    geotagger("undo", "--yes", "--only", one)
    assert state() == ("1 undone", 4, 1)
    geotagger("undo", "--yes")
    assert state() == ("undone", 0, 5)


def test_a_correction_in_a_dry_run_is_planned(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 20)
    geotagger("tag", scene.folder, "--model", "none")
    clock = ("--clock", "Scene One=+6h")
    geotagger("tag", scene.folder, "--model", "none", *clock, "--dry-run")
    for name in scene.truth.keys() - scene.stripped:
        path = scene.folder / name
        number = int(path.stem[4:])
        path.write_bytes(jpeg(START + timedelta(minutes=4 * number), (52.52, 13.405), shade=number))
    said = geotagger("tag", scene.folder, "--model", "none", "--dry-run", "--reconsider", "--json").by_name()
    corrected = {name: said[name] for name in scene.stripped if name in said}
    assert {record["status"] for record in corrected.values()} == {"planned"}, json.dumps(corrected)
    assert all("dry run: it would be" in record["reason"] for record in corrected.values())


def test_photos_of_one_place_are_at_one_place_however_far_from_its_middle() -> None:
    reporter = Reporter(as_json=False)
    for n in range(3):
        at = Outcome(f"/{n}.jpg", "written", latitude=-16.8, longitude=179.9 + n / 100, radius_km=0.1)
        reporter._place(at)
    reporter._place(Outcome("/9.jpg", "written", latitude=38.722, longitude=-9.139, radius_km=0.1))
    ((_, photos, where),) = reporter._placed_outings()
    assert photos == "4"
    assert where.endswith("km from Labasa, Northern, Fiji and 1 more place")
