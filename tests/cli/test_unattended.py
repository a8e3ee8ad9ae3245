"""Runs that nobody watches: time limits, recipes, and an index that is read while a run writes."""

import json
import os
import plistlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import geotagger as library
from geotagger.cli.summary import RunSummary
from geotagger.errors import PhotoError
from geotagger.index import open_index
from geotagger.photo.facts import read_facts
from geotagger.tag.listener import Progress
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
    assert [name for name, _ in units] == ["geotagger.service", "geotagger.timer", "geotagger-watch.service"]
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


def test_photos_that_come_are_tagged_while_it_watches(geotagger: Geotagger, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    scene = walk_through_town(tmp_path / "photos", 10)
    later = tmp_path / "later"
    later.mkdir()
    for name in ("IMG_0003.jpg", "IMG_0005.jpg"):
        (scene.folder / name).rename(later / name)
    summary = scene.folder / "summary.json"  # what a run itself writes is no change
    process = geotagger.start("tag", scene.folder, "--model", "none", "--watch", "--summary", summary)
    try:
        _wait(lambda: summary.exists() and json.loads(summary.read_text())["photos"] == 8)
        (later / "IMG_0003.jpg").rename(scene.folder / "IMG_0003.jpg")
        _wait(lambda: _is_placed(scene.folder / "IMG_0003.jpg"))
        later.rename(scene.folder / "later")  # a folder comes as a whole
        _wait(lambda: _is_placed(scene.folder / "later" / "IMG_0005.jpg"))
        _wait(lambda: json.loads(summary.read_text())["counts"] == {"kept": 10})  # it has seen its own writes
        time.sleep(3)
        runs = len(geotagger("runs", "--json").records)
        time.sleep(3)
        assert len(geotagger("runs", "--json").records) == runs  # and rests then
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert b"waiting for photos that come or change" in said
    assert b"photos in hand" not in said


def test_a_name_that_is_no_utf_8_ends_no_watch(geotagger: Geotagger, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    scene = walk_through_town(tmp_path / "photos", 10)
    summary, later = tmp_path / "summary.json", tmp_path / "later.jpg"
    (scene.folder / "IMG_0003.jpg").rename(later)
    process = geotagger.start("tag", scene.folder, "--model", "none", "--watch", "--summary", summary)
    try:
        _wait(lambda: summary.exists() and json.loads(summary.read_text())["photos"] == 9)
        came = os.fsencode(scene.folder) + b"/latin\xe9.jpg"
        os.rename(later, came)
        _wait(lambda: json.loads(summary.read_text())["counts"] == {"kept": 10})  # it has seen its own write
        time.sleep(3)
        runs = len(geotagger("runs", "--json").records)
        time.sleep(3)
        assert len(geotagger("runs", "--json").records) == runs
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert _is_placed(Path(os.fsdecode(came)))


@pytest.mark.slow
def test_a_folder_whose_name_is_no_utf_8_is_watched(geotagger: Geotagger, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    scene = walk_through_town(tmp_path / "photos", 10)
    later = tmp_path / "later.jpg"
    (scene.folder / "IMG_0003.jpg").rename(later)
    odd = os.fsencode(scene.folder) + b"/latin\xe9"
    os.mkdir(odd)
    process = geotagger.start("tag", scene.folder, "--model", "none", "--watch")
    try:
        time.sleep(8)
        os.rename(later, odd + b"/later.jpg")
        _wait(lambda: _is_placed(Path(os.fsdecode(odd + b"/later.jpg"))))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (0, 130)  # 130 in the middle of its own next run


def _is_placed(photo: Path) -> bool:
    try:
        return read_facts(str(photo)).fix is not None
    except PhotoError:
        return False


def _wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_what_a_run_did_is_one_object_in_a_file(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    (scene.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    file = tmp_path / "summary.json"
    geotagger("tag", scene.folder, "--model", "none", "--quiet", "--summary", file, code=1)
    told = json.loads(file.read_text())
    assert (told["exit_code"], told["is_complete"], told["error"]) == (1, True, None)
    assert told["counts"] == {"written": 3, "kept": 3, "failed": 1}
    assert told["placed_by"] == {"neighbours": 3}
    assert [failure["path"] for failure in told["failures"]] == [str(scene.folder / "broken.jpg")]
    assert {"status": "kept", "reason": "has a position of its own", "photos": 3} in told["reasons"]
    assert told["run"] == geotagger("runs", "--json").records[0]["run"]
    geotagger("tag", scene.folder, "--model", "no-such-model", "--quiet", "--summary", file, code=3)
    told = json.loads(file.read_text())
    assert (told["exit_code"], told["run"]) == (3, None)
    assert "no-such-model" in told["error"]


def test_a_run_that_nobody_foresaw_to_end_so_is_no_success_in_the_file(tmp_path: Path) -> None:
    summary = RunSummary(tmp_path / "summary.json", ["photos"], dry_run=False)
    with pytest.raises(KeyError), summary.written():
        raise KeyError("cell")
    record = json.loads((tmp_path / "summary.json").read_text())
    assert (record["exit_code"], record["error"], record["is_complete"]) == (1, "KeyError: 'cell'", False)


def test_a_summary_replaces_no_other_file(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 2)
    photo = scene.folder / "IMG_0000.jpg"
    before = photo.read_bytes()
    said = geotagger("tag", scene.folder, "--model", "none", "--dry-run", "--summary", photo, code=1)
    assert "a photo is there" in said.err
    assert photo.read_bytes() == before


def test_verbose_says_of_each_photo_what_became_of_it(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    said = geotagger("tag", scene.folder, "--model", "none", "-v").err
    for name in scene.truth:
        (line,) = [line for line in said.splitlines() if name in line]
        assert ("written; " in line and "by neighbours" in line) == (name in scene.stripped)
        assert ("has a position of its own" in line) == (name not in scene.stripped)
    again = geotagger("tag", scene.folder, "--model", "none", "-v").err
    assert again.count("unchanged since the last run") == 4
    assert "give one of them" in geotagger("tag", scene.folder, "-v", "-q", code=2).err


def test_the_line_for_cron_runs_where_cron_runs_it(tmp_path: Path) -> None:
    """As cron does: by sh, with next to no environment, without a terminal; silent when all went well."""
    scene = walk_through_town(tmp_path / "photos", 4)
    (line,) = re.findall(r"^0 3 \* \* \*\s+(.*)$", DOCUMENT, re.M)
    line = line.replace("/srv/photos", str(scene.folder))
    (path,) = re.findall(r"^PATH=(.*)$", DOCUMENT, re.M)
    path = path.replace("/home/me/.local/bin", str(Path(sys.executable).parent))
    home = tmp_path / "cron"
    home.mkdir()
    environment = [f"HOME={home}", f"PATH={path}", "SHELL=/bin/sh", "LOGNAME=me"]
    command = ["env", "-i", *environment, "sh", "-c", line]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert all(_is_placed(scene.folder / name) for name in scene.truth)
    (scene.folder / "brökén.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 1
    assert "brökén.jpg" in done.stderr.decode()


@pytest.mark.parametrize("when", ["Reading", "Placing"])
def test_photos_that_are_deleted_meanwhile_are_gone_and_not_failed(tmp_path: Path, when: str) -> None:
    scene = walk_through_town(tmp_path / "photos", 2)
    # enough that some are read, and some are written, long after they were listed
    photos = [scene.folder / f"copy_{n:04d}.jpg" for n in range(900)]
    content = (scene.folder / "IMG_0001.jpg").read_bytes()
    for photo in photos:
        photo.write_bytes(content)
    deleted = False

    def hear(progress: Progress) -> None:
        nonlocal deleted
        if progress.phase == when and not deleted and (when == "Placing" or progress.done):
            deleted = True
            photos[-1].unlink()

    result = library.tag(scene.folder, model="none", index=tmp_path / "index.db", progress=hear)
    assert deleted
    assert result.tally.failures == 0
    assert result.tally.groups["skipped", "gone: deleted or moved while the run went on"] == 1
    assert result.tally.statuses["written"] == len(photos)
