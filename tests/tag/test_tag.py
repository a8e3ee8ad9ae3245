"""`geotagger tag` from end to end, as a user runs it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from geotagger.geo import distance_km
from geotagger.photo.facts import read_facts
from tests.commands import Geotagger, interrupt
from tests.tag.scenes import LATITUDE, LONGITUDE, START, bytes_of, jpeg, walk_through_town

DIES_AFTER_READING = """
import os, sys
from pathlib import Path
from geotagger.tag import clocks, corridor
from geotagger.tag.options import TagOptions
from geotagger.tag.listener import Listener
clocks.set_times = lambda *_: os._exit(77)
listener = Listener()
corridor.tag(TagOptions((sys.argv[1],), model="none"), Path(sys.argv[2]), listener)
"""


def test_photos_without_gps_take_their_place_from_their_neighbours(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos")
    said = geotagger("tag", scene.folder, "--model", "none", "--json").by_name()
    assert {name for name, record in said.items() if record["status"] == "written"} == scene.stripped
    for name, (latitude, longitude) in scene.truth.items():
        record = said[name]
        assert distance_km(record["latitude"], record["longitude"], latitude, longitude) < 0.1
        fix = read_facts(scene.folder / name).fix
        assert fix is not None
        assert fix.latitude == pytest.approx(record["latitude"], abs=1e-6)
        assert fix.longitude == pytest.approx(record["longitude"], abs=1e-6)
        if name in scene.stripped:
            assert record["rung"] == "neighbours"
            assert fix.mark is not None
            assert fix.mark.is_estimate
            assert fix.mark.rung == "neighbours"
            assert fix.error_m == pytest.approx(record["radius_km"] * 1000, rel=0.01)
        else:
            assert (record["status"], record["rung"], fix.mark) == ("kept", "camera", None)


def test_every_record_has_the_promised_fields(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    (scene.folder / "broken.jpg").write_bytes(b"not a photo")
    place = {"latitude", "longitude", "radius_km", "confidence", "rung", "cell", "model"}
    promised = {"path", "status", "reason"} | place
    for record in geotagger("tag", scene.folder, "--json", code=1).records:
        assert promised <= record.keys()
        assert record["status"] in {"written", "indexed", "kept", "skipped", "failed"}


def test_a_second_run_writes_nothing_and_says_so(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    geotagger("tag", scene.folder)
    before = bytes_of(scene.folder), {p.name: p.stat().st_mtime_ns for p in scene.folder.iterdir()}
    assert {record["status"] for record in geotagger("tag", scene.folder, "--json").records} == {"kept"}
    assert "24 kept: unchanged" in geotagger("tag", scene.folder).out
    assert before == (bytes_of(scene.folder), {p.name: p.stat().st_mtime_ns for p in scene.folder.iterdir()})


def test_undo_restores_the_exact_bytes_and_times(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    before = bytes_of(scene.folder), {p.name: p.stat().st_mtime_ns for p in scene.folder.iterdir()}
    geotagger("tag", scene.folder)
    assert bytes_of(scene.folder) != before[0]
    geotagger("undo", "--yes")
    assert before == (bytes_of(scene.folder), {p.name: p.stat().st_mtime_ns for p in scene.folder.iterdir()})
    again = geotagger("tag", scene.folder, "--json").by_name()
    assert {name for name, record in again.items() if record["status"] == "written"} == scene.stripped


def test_a_dry_undo_says_what_would_be_and_changes_nothing(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    geotagger("tag", scene.folder)
    after = bytes_of(scene.folder)
    said = geotagger("undo", "--dry-run", "--json").by_name()
    assert said.keys() == scene.stripped
    assert {record["reason"] for record in said.values()} == {"dry run: it would be as it was before"}
    assert bytes_of(scene.folder) == after
    assert "planned: it would be as it was before" in geotagger("undo", "--dry-run").out


def test_undo_of_some_leaves_the_others(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder)
    after = bytes_of(scene.folder)
    one = sorted(scene.stripped)[0]
    geotagger("undo", "--yes", "--only", scene.folder / one)
    assert bytes_of(scene.folder) == after | {one: before[one]}
    geotagger("undo", "1", "--yes")
    assert bytes_of(scene.folder) == before


def test_undo_that_cannot_reach_a_photo_leaves_it_to_be_undone(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder)
    away, there = sorted(scene.stripped)[0], tmp_path / "away.jpg"
    (scene.folder / away).rename(there)
    said = geotagger("undo", "--yes", "--json").by_name()
    assert said[away]["status"] == "kept"
    assert "no longer there" in said[away]["reason"]
    there.rename(scene.folder / away)
    geotagger("undo", "--yes")
    assert bytes_of(scene.folder) == before


def test_undo_asks_and_nobody_there_means_no(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 6)
    geotagger("tag", scene.folder)
    after = bytes_of(scene.folder)
    assert "--yes" in geotagger("undo", code=2).err
    assert bytes_of(scene.folder) == after
    assert (
        "nothing to undo"
        in Geotagger(geotagger.home)("undo", "--yes", "--index", tmp_path / "new.db", code=2).err
    )


def test_a_dry_run_writes_nothing_not_even_the_index(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    before = bytes_of(scene.folder)
    said = geotagger("tag", scene.folder, "--dry-run", "--json").by_name()
    assert {name for name, r in said.items() if r["status"] == "planned"} == scene.stripped
    assert all(said[name]["country"] == "AT" for name in scene.stripped)
    shown = geotagger("tag", scene.folder, "--dry-run")
    assert all(f"{name}: near " in shown.err or f"{name}: " in shown.err for name in scene.stripped)
    assert "would write" in shown.err
    assert bytes_of(scene.folder) == before
    assert not geotagger.index.exists()


def test_what_is_not_certain_enough_stays_in_the_index(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    before = bytes_of(scene.folder)
    said = geotagger("tag", scene.folder, "--min-confidence", "0.99", "--within", "0.02", "--json").by_name()
    assert {said[name]["status"] for name in scene.stripped} == {"indexed"}
    assert bytes_of(scene.folder) == before
    # asked for less, the same guesses are written without another look
    said = geotagger("tag", scene.folder, "--json").by_name()
    assert {said[name]["status"] for name in scene.stripped} == {"written"}


@pytest.mark.parametrize("mode", ["sidecar", "none"])
def test_write_modes_leave_the_photos_alone(geotagger: Geotagger, tmp_path: Path, mode: str) -> None:
    scene = walk_through_town(tmp_path / "photos")
    before = bytes_of(scene.folder)
    geotagger("tag", scene.folder, "--write", mode)
    after = bytes_of(scene.folder)
    assert {name: after[name] for name in before} == before
    sidecars = {f"{name}.xmp" for name in scene.stripped} if mode == "sidecar" else set()
    assert after.keys() - before.keys() == sidecars
    assert {r["status"] for r in geotagger("tag", scene.folder, "--write", mode, "--json").records} <= {
        "kept", "indexed",
    }  # fmt: skip
    geotagger("undo", "--yes", code=0 if sidecars else 2)
    assert bytes_of(scene.folder) == before


def test_a_changed_a_moved_and_a_deleted_photo_are_noticed(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    geotagger("tag", scene.folder)
    (scene.folder / "sub").mkdir()
    (scene.folder / "IMG_0003.jpg").rename(scene.folder / "sub" / "renamed.jpg")
    (scene.folder / "IMG_0005.jpg").unlink()
    (scene.folder / "IMG_0007.jpg").write_bytes(jpeg(START + timedelta(minutes=28)))
    said = geotagger("tag", scene.folder, "--json").by_name()
    assert "IMG_0005.jpg" not in said
    assert said["renamed.jpg"]["status"] == "kept"
    assert said["IMG_0007.jpg"]["status"] == "written"
    assert "IMG_0005.jpg" not in geotagger("query", "--near", "48.21,16.37", "--json").by_name()


def test_an_archive_on_another_mount_keeps_its_records(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    geotagger("tag", scene.folder)
    moved = tmp_path / "mnt" / "other"
    moved.parent.mkdir()
    scene.folder.rename(moved)
    assert {r["status"] for r in geotagger("tag", moved, "--json").records} == {"kept"}
    geotagger("undo", "1", "--yes")
    assert read_facts(moved / sorted(scene.stripped)[0]).fix is None


def test_a_new_fix_places_photos_that_had_no_evidence(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(START))
    assert geotagger("tag", folder, "--json").by_name()["a.jpg"]["status"] == "skipped"
    (folder / "b.jpg").write_bytes(jpeg(START + timedelta(minutes=2), (48.2, 16.37)))
    said = geotagger("tag", folder, "--json").by_name()
    assert said["a.jpg"]["status"] == "written"
    assert said["a.jpg"]["rung"] == "neighbours"


def test_a_place_given_by_the_owner_is_never_replaced(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    one, fixed = sorted(scene.stripped)[0], sorted(scene.truth.keys() - scene.stripped)[0]
    said = geotagger(
        "place", "-33.8568,151.2153", scene.folder / one, scene.folder / fixed, "--json"
    ).by_name()
    assert said[one]["status"] == "written"
    assert said[one]["rung"] == "manual"
    assert said[fixed]["status"] == "kept"
    assert geotagger("tag", scene.folder, "--again", "--json").by_name()[one]["status"] == "kept"
    fix = read_facts(scene.folder / one).fix
    assert fix is not None
    assert (round(fix.latitude, 4), round(fix.longitude, 4)) == (-33.8568, 151.2153)
    over = geotagger("place", "1.5,2.5", scene.folder / fixed, "--overwrite", "--json").by_name()
    assert over[fixed]["status"] == "written"
    assert read_facts(scene.folder / fixed).fix.latitude == pytest.approx(1.5)  # type: ignore[union-attr]


def test_another_index_recognises_estimates_by_their_marks(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    geotagger("tag", scene.folder)
    said = geotagger("tag", scene.folder, "--index", tmp_path / "fresh.db", "--json").by_name()
    kept = {(said[name]["status"], said[name]["reason"]) for name in scene.stripped}
    assert kept == {("kept", "holds an estimate already")}
    assert {said[name]["rung"] for name in scene.stripped} == {"neighbours"}


def test_forget_takes_estimates_out_without_an_index(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    geotagger("place", "1,2", scene.folder / "IMG_0001.jpg")
    geotagger("tag", scene.folder)
    before = {path.name: path.read_bytes() for path in scene.folder.iterdir()}
    said = geotagger("forget", "--estimates", scene.folder, "--dry-run", "--json").by_name()
    would_go = {name for name, record in said.items() if str(record["reason"]).startswith("dry run")}
    assert would_go == scene.stripped - {"IMG_0001.jpg"}
    assert {path.name: path.read_bytes() for path in scene.folder.iterdir()} == before
    geotagger("forget", "--estimates", scene.folder, "--yes", "--index", tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    left = {name for name in scene.stripped if read_facts(scene.folder / name).fix is not None}
    assert left == {"IMG_0001.jpg"}
    assert all(read_facts(scene.folder / n).fix for n in scene.truth.keys() - scene.stripped)


def test_bad_files_are_named_left_alone_and_do_not_stop_the_run(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos")
    good = (scene.folder / "IMG_0000.jpg").read_bytes()
    bad = {
        b"empty.jpg": b"",
        b"truncated.jpg": good[:300],
        b"lying.jpg": b"MZ this is a program",
        b"text.png": b"hello",
        b"caf\xe9 \xff.jpg": b"\x00" * 64,
    }
    for name, content in bad.items():
        with open(os.path.join(os.fsencode(scene.folder), name), "wb") as file:
            file.write(content)
    (scene.folder / "loop").symlink_to(scene.folder)
    (scene.folder / "nowhere.jpg").symlink_to(tmp_path / "nothing")
    os.mkfifo(scene.folder / "pipe.jpg")
    said = geotagger("tag", scene.folder, "--json", code=1)
    failed = {os.fsencode(os.path.basename(r["path"])) for r in said.records if r["status"] == "failed"}
    assert bad.keys() <= failed
    for name, content in bad.items():
        with open(os.path.join(os.fsencode(scene.folder), name), "rb") as file:
            assert file.read() == content
    written = {r["path"] for r in said.records if r["status"] == "written"}
    assert len(written) == len(scene.stripped)
    plain = geotagger("tag", scene.folder, "--index", tmp_path / "again.db", code=1)
    assert "empty.jpg" in plain.err


def test_interrupting_keeps_what_is_finished(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 100, minutes=500, size=48)
    process = geotagger.start("tag", scene.folder, "--json")
    assert process.stdout is not None
    process.stdout.readline()
    interrupt(process)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (130, 0), err  # 0: it was faster than we
    assert b"Traceback" not in err
    done = geotagger("tag", scene.folder, "--json").by_name()
    assert len(done) == 100
    assert not list(scene.folder.glob(".geotagger-*"))


def test_photos_of_a_run_that_was_cut_off_are_placed_by_the_next(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """A whole run, new photos, a run that dies after reading them: the third must not trust the first."""
    scene = walk_through_town(tmp_path / "photos", 12)
    geotagger("tag", scene.folder)
    late = scene.folder / "late.jpg"
    late.write_bytes(jpeg(START + timedelta(minutes=22)))
    index = {"XDG_STATE_HOME": geotagger.environment["XDG_STATE_HOME"]}
    died = subprocess.run(
        [sys.executable, "-c", DIES_AFTER_READING, scene.folder, geotagger.index],
        env={**os.environ, **index},
        stdin=subprocess.DEVNULL,
    )
    assert died.returncode == 77
    said = geotagger("tag", scene.folder, "--json").by_name()
    assert said["late.jpg"]["status"] == "written"


def test_two_runs_at_once_are_refused_or_wait(geotagger: Geotagger, tmp_path: Path) -> None:
    from geotagger.archive import lock

    scene = walk_through_town(tmp_path / "photos", 4)
    state = Path(geotagger.environment["XDG_STATE_HOME"])
    os.environ["XDG_STATE_HOME"] = str(state)
    try:
        with lock(str(scene.folder)):
            assert str(scene.folder) in geotagger("tag", scene.folder, code=4).err
            waiting = geotagger.start("tag", scene.folder, "--wait", "--json")
            time.sleep(1.5)
            assert waiting.poll() is None
        out, _ = waiting.communicate(timeout=60)
        assert len(out.splitlines()) == 4
    finally:
        del os.environ["XDG_STATE_HOME"]


@pytest.mark.parametrize("kind", ["newer", "corrupt", "foreign"])
def test_an_index_that_cannot_be_used_ends_the_run_untouched(
    geotagger: Geotagger, tmp_path: Path, kind: str
) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    before = bytes_of(scene.folder)
    if kind == "newer":
        geotagger("tag", scene.folder, "--dry-run")
        geotagger("tag", scene.folder, "--write", "none")
        with sqlite3.connect(geotagger.index) as db:
            db.execute("pragma user_version = 999")
        db.close()
    elif kind == "corrupt":
        geotagger.index.write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    else:
        geotagger.index.write_text("my diary")
    content = geotagger.index.read_bytes()
    said = geotagger("tag", scene.folder, code=5)
    assert str(geotagger.index) in said.err
    assert bytes_of(scene.folder) == before
    assert geotagger.index.read_bytes() == content


def test_a_path_that_is_not_there_is_wrong_usage(geotagger: Geotagger, tmp_path: Path) -> None:
    assert "no such" in geotagger("tag", tmp_path / "nothing", code=2).err
    assert "not on the Earth" in geotagger("place", "95,0", tmp_path / "x.jpg", code=2).err


def test_a_model_that_is_not_installed_ends_with_3(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    said = geotagger("tag", scene.folder, "--model", "rn101-5k500", code=3)
    assert "not installed" in said.err
    assert "pull" in geotagger("tag", scene.folder).err


def test_a_read_only_folder_gets_its_sidecars_elsewhere(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos" / "2024")
    before = bytes_of(scene.folder)
    beside = tmp_path / "sidecars"
    geotagger("tag", tmp_path / "photos", "--write", "sidecar", "--sidecar-folder", beside)
    assert bytes_of(scene.folder) == before
    assert {p.name for p in beside.rglob("*.xmp")} == {f"{name}.xmp" for name in scene.stripped}
    shutil.rmtree(beside)


def test_a_folder_and_its_parent_and_a_folder_twice_are_one_archive(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos" / "inside", 6)
    outer = tmp_path / "photos"
    (outer / "more.jpg").write_bytes(jpeg(START))
    assert len(geotagger("tag", scene.folder, outer, outer, "--json").records) == 7
    said = geotagger("place", "1,2", scene.folder / "IMG_0001.jpg", outer / "more.jpg", "--json").records
    assert {record["status"] for record in said} == {"written"}


def test_a_photo_without_a_time_is_not_written_by_habit(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 30, without_gps=0)
    (scene.folder / "received.jpg").write_bytes(jpeg(None))
    said = geotagger("tag", scene.folder, "--json").by_name()["received.jpg"]
    assert said["status"] in ("indexed", "skipped")


def test_a_reader_that_goes_away_does_not_stop_the_work(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 40)
    with geotagger.start("tag", scene.folder, "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert process.returncode == 0
    assert all(read_facts(scene.folder / name).fix is not None for name in scene.truth)


def test_an_archive_that_vanishes_ends_the_run_with_one_line(geotagger: Geotagger, tmp_path: Path) -> None:
    folder, photo = tmp_path / "photos", jpeg(START, (LATITUDE, LONGITUDE), size=16)
    folder.mkdir()
    for n in range(3000):
        (folder / f"{n}.jpg").write_bytes(photo)
    process = geotagger.start("tag", folder)
    _wait_for_photos(geotagger.index)
    folder.rename(tmp_path / "elsewhere")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"vanished" in err
    assert len(err.splitlines()) < 5


def _wait_for_photos(index: Path) -> None:
    """Until a run that was started has recorded the first photos."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as connection:
                if connection.execute("select 1 from photos limit 1").fetchone():
                    return
        except sqlite3.Error:
            pass
        time.sleep(0.02)
