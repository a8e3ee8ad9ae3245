"""Runs that nobody watches: time limits, recipes, and an index that is read while a run writes."""

import plistlib
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from geotagger.index import open_index
from tests.commands import Geotagger
from tests.tag.scenes import walk_through_town

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cron.md").read_text(encoding="utf-8")


def test_a_run_ends_when_its_time_is_over_and_the_next_goes_on(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 10)
    said = geotagger("tag", scene.folder, "--model", "none", "--max-time", "0.000001s")
    assert "the time of --max-time 0.000001s is over" in said.err
    (run,) = geotagger("runs", "--json").records
    assert run["status"] == "interrupted"
    geotagger("tag", scene.folder, "--model", "none", "--max-time", "1h30m")
    assert geotagger("runs", "--json").records[0]["counts"]["written"] == 5


@pytest.mark.parametrize("text", ["", "2", "two hours", "0s", "-1h", "9999999h", "1m1h"])
def test_a_time_that_is_none_is_wrong_usage(geotagger: Geotagger, tmp_path: Path, text: str) -> None:
    assert "as in 2h, 90m or 1h30m" in geotagger("tag", tmp_path, f"--max-time={text}", code=2).err


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_recipe_for_systemd_is_valid(tmp_path: Path) -> None:
    units = re.findall(r"```ini\n# (\S+)\n(.*?)```", DOCUMENT, re.S)
    assert [name for name, _ in units] == ["geotagger.service", "geotagger.timer"]
    for name, content in units:
        (tmp_path / name).write_text(content)
    files = [str(tmp_path / name) for name, _ in units]
    done = subprocess.run(["systemd-analyze", "--man=no", "verify", *files], capture_output=True, text=True)
    about_ours = [line for line in done.stderr.splitlines() if "geotagger." in line]
    assert (done.returncode, about_ours) == (0, []), done.stderr


def test_the_recipe_for_launchd_is_a_property_list() -> None:
    (content,) = re.findall(r"```xml\n(.*?)```", DOCUMENT, re.S)
    told = plistlib.loads(content.encode())
    assert told["ProgramArguments"][1:5] == ["tag", "--quiet", "--max-time", "2h"]
    assert told["StartCalendarInterval"] == {"Hour": 3, "Minute": 0}


def test_the_index_is_read_while_a_run_writes(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 10)
    geotagger("tag", scene.folder, "--model", "none")
    with open_index(geotagger.index) as writing, writing.batch():
        photo = writing.photos.find(str(scene.folder / "IMG_0000.jpg"))
        assert photo is not None
        writing.estimates.drop([photo.id])
        # the last batch that was finished answers, at once
        assert len(geotagger("query", "--near", "48.2082,16.3738", "--json", timeout=20).records) == 10
        assert geotagger("status", "--json", timeout=20).records[0]["placed"] == 10
        assert len(geotagger("export", timeout=20).out.splitlines()) > 10
        plain = sqlite3.connect(f"file:{geotagger.index}?mode=ro", uri=True)
        assert plain.execute("select count(*) from positions").fetchone() == (10,)
        plain.close()
