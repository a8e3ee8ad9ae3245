"""What a run sees of an archive: what is counted, what is told, what is left for the next."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from geotagger.archive import count_photos
from geotagger.tag.survey import Survey
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, jpeg, walk_through_town

DIES_AFTER_READING = """
import os, sys
from geotagger.tag import clocks
clocks.set_times = lambda *_: os._exit(77)
from geotagger.cli import main
main(["tag", sys.argv[1]])
"""


def test_a_run_that_died_above_leaves_a_folder_below_something_to_do(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos" / "vienna")
    geotagger("tag", scene.folder)
    (scene.folder / "late.jpg").write_bytes(jpeg(START))
    died = subprocess.run(
        [sys.executable, "-c", DIES_AFTER_READING, tmp_path / "photos"], env=geotagger.environment
    )
    assert died.returncode == 77
    assert geotagger("tag", scene.folder, "--json").by_name()["late.jpg"]["status"] == "written"


def test_photos_are_read_once_more_by_a_version_that_reads_more(geotagger: Geotagger, tmp_path: Path) -> None:
    """What an older version could not read comes into the index, place by place; no file is touched by it."""
    scene = walk_through_town(tmp_path / "photos" / "vienna", 4)
    (tmp_path / "photos" / "late.jpg").write_bytes(jpeg(START, (LATITUDE, LONGITUDE)))
    geotagger("tag", tmp_path / "photos")
    files = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.jpg")}
    database = sqlite3.connect(geotagger.index)
    with database:
        database.execute("update photos set fix_latitude = null, fix_longitude = null")
        database.execute("update learned set value = '{}' where key = 'reader'")

    def with_fix() -> int:
        return int(database.execute("select count(fix_latitude) from photos").fetchone()[0])

    geotagger("tag", scene.folder)
    assert with_fix() == 4, "two of cameras, two of ours"
    geotagger("tag", tmp_path / "photos")
    assert with_fix() == 5
    with database:
        database.execute("update photos set fix_latitude = null")
    geotagger("tag", tmp_path / "photos")
    assert with_fix() == 0, "they were read already"
    assert files == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.jpg")}
    database.close()


def test_folders_and_links_are_told_but_are_no_photos(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    (scene.folder / "round").symlink_to(scene.folder)
    (scene.folder / "gone.jpg").symlink_to("nowhere")
    said = geotagger("tag", scene.folder)
    assert "4 photos" in said.out
    assert "2 links lead nowhere or back; left alone" in said.out
    records = geotagger("tag", scene.folder, "--json").by_name()
    assert records["round"]["status"] == "skipped"
    assert "is_photo" not in records["round"]


def test_photos_are_counted_by_their_names(tmp_path: Path) -> None:
    for name in ("a.jpg", "B.HEIC", "deep/c.dng", "deep/note.txt", ".hidden/d.jpg", "@eaDir/e.jpg", ".f.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "round").symlink_to(tmp_path)
    assert count_photos([str(tmp_path)], lambda: False) == 3
    assert count_photos([str(tmp_path / "a.jpg"), str(tmp_path / "gone")], lambda: False) == 1
    assert count_photos([str(tmp_path)], lambda: True) == 0


def test_a_survey_remembers_what_it_touched() -> None:
    found = Survey()
    assert not found.touches(7)
    found.touch([])
    found.touch([3, 7])
    found.touch([5])
    assert [n for n in range(100) if found.touches(n)] == [3, 5, 7]
    assert found.changed == 3
