"""tag, place, undo and forget from Python."""

import logging
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import geotagger
from geotagger import Progress, Writing
from tests.tag.scenes import Scene, bytes_of, walk_through_town

PHASES = ["Reading", "Learning how the archive moves", "Placing"]


def undo_all() -> None:
    with suppress(geotagger.UsageError):
        while True:
            geotagger.undo()


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(town: Scene, home: Path) -> None:
    before = bytes_of(town.folder)
    result = geotagger.tag(town.folder, dry_run=True)
    assert result.run is None
    assert result.is_complete
    assert result.tally.statuses == {"planned": 6, "kept": 6}
    assert bytes_of(town.folder) == before
    assert not (home / "data").exists()


def test_what_tag_writes_undo_takes_back_to_the_byte(town: Scene, tmp_path: Path) -> None:
    before, index = bytes_of(town.folder), tmp_path / "an.index"
    result = geotagger.tag([town.folder], index=index)
    assert result.tally.statuses == {"written": 6, "kept": 6}
    for name, (latitude, longitude) in town.truth.items():
        fix = geotagger.read_facts(town.folder / name).fix
        assert fix is not None
        assert (fix.latitude, fix.longitude) == pytest.approx((latitude, longitude), abs=0.01)
    undone = geotagger.undo(result.run, index=str(index))
    assert undone.run == result.run
    assert undone.tally.statuses == {"restored": 6}
    assert bytes_of(town.folder) == before
    with pytest.raises(geotagger.UsageError, match="nothing to undo"):
        geotagger.undo(index=index)


def test_a_whole_number_of_kilometres_is_no_other_distance_than_the_same_with_a_point(
    town: Scene, tmp_path: Path
) -> None:
    radii = {}
    for within_km in (25, 25.0):
        outcomes: list[geotagger.Outcome] = []

        def hear(progress: Progress, outcomes: list[geotagger.Outcome] = outcomes) -> None:
            if progress.outcome is not None:
                outcomes.append(progress.outcome)

        geotagger.tag(town.folder, within_km=within_km, dry_run=True, progress=hear, index=tmp_path / "i.db")
        radii[type(within_km)] = [outcome.radius_km for outcome in outcomes]
    assert radii[int] == radii[float]
    assert min(filter(None, radii[int])) > 0


def test_an_undo_that_is_not_agreed_to_changes_nothing(town: Scene) -> None:
    result = geotagger.tag(town.folder)
    written = bytes_of(town.folder)
    asked: list[int] = []
    undone = geotagger.undo(agree=lambda run: bool(asked.append(run.id)))
    assert undone.run is None
    assert asked == [result.run]
    assert bytes_of(town.folder) == written


def test_a_place_that_the_owner_knows_reaches_its_neighbours_with_the_next_tag(town: Scene) -> None:
    name = sorted(town.stripped)[0]
    result = geotagger.place(town.folder / name, 48.3, 16.4, radius_km=0.5)
    assert result.tally.statuses == {"written": 1}
    geotagger.tag(town.folder)
    found = {Path(photo.path).name: photo for photo in geotagger.query()}
    assert found[name].rung == "manual"
    assert (found[name].latitude, found[name].longitude) == (48.3, 16.4)
    assert len(found) == 12


def test_a_position_of_a_camera_is_replaced_only_when_that_is_said(town: Scene) -> None:
    photo = town.folder / min(set(town.truth) - town.stripped)
    before = photo.read_bytes()
    assert geotagger.place(photo, 1.0, 2.0).tally.statuses == {"kept": 1}
    assert photo.read_bytes() == before
    assert geotagger.place(photo, 1.0, 2.0, writing=Writing(overwrite=True)).tally.statuses == {"written": 1}
    fix = geotagger.read_facts(photo).fix
    assert fix is not None
    assert fix.latitude == pytest.approx(1.0)


def test_forget_takes_out_what_was_estimated(town: Scene) -> None:
    before = bytes_of(town.folder)
    geotagger.tag(town.folder, writing=Writing("sidecar"))
    assert len(bytes_of(town.folder)) == 18
    assert geotagger.forget(town.folder, dry_run=True).tally.statuses["planned"] == 6
    assert geotagger.forget(town.folder).tally.statuses["restored"] == 6
    assert bytes_of(town.folder) == before


def test_progress_comes_in_the_thread_of_the_caller_and_ends_with_all_photos(town: Scene) -> None:
    heard: list[tuple[int, Progress]] = []
    geotagger.tag(
        town.folder, progress=lambda p: heard.append((threading.get_ident(), p)), every=True, count=True
    )
    assert {thread for thread, _ in heard} == {threading.get_ident()}
    outcomes = [p.outcome for _, p in heard if p.outcome is not None]
    assert sorted(Path(outcome.path).name for outcome in outcomes) == sorted(town.truth)
    assert list(dict.fromkeys(p.phase for _, p in heard if p.phase)) == PHASES
    last = [p for _, p in heard if p.phase == "Placing"][-1]
    assert (last.done, last.total) == (12, 12)
    assert all(p.total is None or p.done <= p.total for _, p in heard)


def test_nothing_is_printed_no_signal_caught_and_no_log_set_up(
    town: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers], list(logging.root.handlers)
    assert logging.getLogger("exifread").level == logging.NOTSET
    during: list[Any] = []
    (town.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    result = geotagger.tag(
        town.folder, progress=lambda _: during.append([signal.getsignal(number) for number in numbers])
    )
    geotagger.undo(result.run)
    assert result.tally.failures == 1
    assert ([signal.getsignal(number) for number in numbers], list(logging.root.handlers)) == before
    assert all(handlers == before[0] for handlers in during)
    assert capfd.readouterr() == ("", "")


def test_a_run_works_in_a_thread_that_is_not_the_main_one(town: Scene) -> None:
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(geotagger.tag, town.folder).result()
    assert result.tally.statuses["written"] == 6


def test_one_archive_has_one_run_at_a_time(town: Scene) -> None:
    """A second one is refused while the first goes on, or waits for it."""
    refused: list[BaseException] = []

    def second(progress: Progress) -> None:
        if progress.phase == "Placing" and not refused:
            with ThreadPoolExecutor(1) as pool:
                refused.append(pool.submit(geotagger.tag, town.folder).exception() or AssertionError())

    assert geotagger.tag(town.folder, progress=second).tally.statuses["written"] == 6
    assert isinstance(refused[0], geotagger.ArchiveBusyError)
    geotagger.undo()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(geotagger.tag, town.folder, wait=True) for _ in range(2)]
        counts = sorted(run.result().tally.statuses["written"] for run in both)
    assert counts == [0, 6]


def test_two_archives_are_tagged_by_two_threads_with_one_index(town: Scene, tmp_path: Path) -> None:
    from tests.tag.scenes import walk_through_town

    other = walk_through_town(tmp_path / "others", 12)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(geotagger.tag, [town.folder, other.folder]))
    assert [run.tally.statuses["written"] for run in runs] == [6, 6]
    assert len({run.run for run in runs}) == 2
    assert sum(1 for _ in geotagger.query()) == 24


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("phase", ["Reading", "Placing"])
def test_what_a_callback_raises_ends_the_run_and_leaves_all_in_order(
    town: Scene, error: type[BaseException], phase: str
) -> None:
    before = bytes_of(town.folder)

    def raising(progress: Progress) -> None:
        if progress.phase == phase and (phase == "Reading" or progress.outcome is not None):
            raise error("enough")

    with pytest.raises(error, match="enough"):
        geotagger.tag(town.folder, progress=raising)
    assert bytes_of(town.folder).keys() == before.keys()
    assert geotagger.tag(town.folder).tally.failures == 0  # the lock is free, and the index whole
    undo_all()
    assert bytes_of(town.folder) == before


def test_a_run_that_is_asked_to_stop_keeps_what_it_finished(town: Scene) -> None:
    stop = threading.Event()
    result = geotagger.tag(town.folder, stop=stop, progress=lambda _: stop.set())
    assert not result.is_complete
    assert geotagger.tag(town.folder).is_complete


WRONG: list[tuple[Callable[..., object], dict[str, Any], str]] = [
    (geotagger.tag, {"min_confidence": 1.5}, "min_confidence is 1.5"),
    (geotagger.tag, {"min_confidence": float("nan")}, "min_confidence is nan"),
    (geotagger.tag, {"precision": -1}, "precision is -1"),
    (geotagger.tag, {"within_km": 0}, "within_km is 0"),
    (geotagger.tag, {"batch_size": 0}, "batch_size is 0"),
    (geotagger.tag, {"kinds": ["tracks", "feelings"]}, "feelings: there is no such kind"),
    (geotagger.tag, {"clocks": "Canon"}, "Canon"),
    (geotagger.tag, {"device": "abacus"}, "abacus"),
    (geotagger.tag, {"engine": "steam"}, "steam"),
    (geotagger.tag, {"writing": Writing("stone")}, "'stone' is not a way to write"),  # type: ignore[arg-type]
    (geotagger.place, {"latitude": 91, "longitude": 0}, "not a place on the Earth"),
    (geotagger.place, {"latitude": float("nan"), "longitude": 0}, "not a place on the Earth"),
    (geotagger.place, {"latitude": 0, "longitude": 0}, "nobody believes it"),
    (geotagger.place, {"latitude": 1, "longitude": 2, "radius_km": -1}, "radius_km is -1"),
    (geotagger.place, {"latitude": 1, "longitude": 2, "radius_km": 1e9}, "at most 20040 km"),
    (geotagger.tag, {"tracks": "a\0b"}, "no path holds a zero byte"),
    (geotagger.tag, {"index": "a\0b"}, "no path holds a zero byte"),
]


@pytest.mark.parametrize(("call", "words", "said"), WRONG)
def test_wrong_values_are_usage_errors_and_nothing_is_done(
    town: Scene, home: Path, call: Callable[..., object], words: dict[str, Any], said: str
) -> None:
    before = bytes_of(town.folder)
    with pytest.raises(geotagger.UsageError, match=said):
        call(town.folder / "IMG_0001.jpg", **words)
    assert bytes_of(town.folder) == before
    assert not (home / "data").exists()


def test_paths_that_are_not_there_or_are_none(town: Scene) -> None:
    with pytest.raises(geotagger.UsageError, match="there is no such file or folder"):
        geotagger.tag(town.folder / "absent")
    with pytest.raises(geotagger.UsageError, match="no path was given"):
        geotagger.tag([])
    for no_path in (None, 7, b"photos", [None]):
        with pytest.raises(TypeError):
            geotagger.tag(no_path)  # type: ignore[arg-type]
    outcomes: list[Progress] = []
    result = geotagger.place([town.folder / "absent.jpg"], 1, 2, progress=outcomes.append)
    assert result.run is None
    assert result.tally.failures == 1
    assert outcomes[0].outcome is not None
    assert "no such file" in (outcomes[0].outcome.reason or "")


NOT_ASKED_SO = [
    ("Lyon", TypeError, "a Query is wanted"),
    (geotagger.Query(near=(48, 16)), TypeError, "a Near is wanted"),  # type: ignore[arg-type]
    (geotagger.Query(since="2024"), TypeError, "a datetime is wanted"),  # type: ignore[arg-type]
    (geotagger.Query(near=geotagger.Near(float("nan"), 16, 3)), geotagger.UsageError, "not a place"),
    (geotagger.Query(near=geotagger.Near(100, 16, 3)), geotagger.UsageError, "not a place"),
    (geotagger.Query(near=geotagger.Near(48, 16, -1)), geotagger.UsageError, "radius_km is -1"),
    (geotagger.Query(limit=0), geotagger.UsageError, "limit is 0"),
    (geotagger.Query(limit=10**30), geotagger.UsageError, "limit is 1"),
    (geotagger.Query(sort="size"), geotagger.UsageError, "'size' is no order"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("query", "error", "said"), NOT_ASKED_SO)
def test_what_no_index_can_answer_is_said_at_once(query: Any, error: type[Exception], said: str) -> None:
    """Also where there is no index."""
    with pytest.raises(error, match=said):
        geotagger.query(query)


def test_values_of_another_kind_are_type_errors(town: Scene) -> None:
    before = bytes_of(town.folder)
    for call in (
        lambda: geotagger.tag(town.folder, writing="sidecar"),  # type: ignore[arg-type]
        lambda: geotagger.tag(town.folder, min_confidence="high"),  # type: ignore[arg-type]
        lambda: geotagger.place(town.folder, "1", 2),  # type: ignore[arg-type]
        lambda: geotagger.restore("an edit"),  # type: ignore[arg-type]
        lambda: geotagger.write_position(town.folder, 1, 2, mark=None),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()
    assert bytes_of(town.folder) == before


KILLED = """
import signal, sys, threading, time, os
import geotagger

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without it

def interrupt(progress):
    if progress.phase == sys.argv[2]:
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
        time.sleep(0.05)

geotagger.tag(sys.argv[1], progress=interrupt)
"""


@pytest.mark.parametrize("phase", ["Reading", "Placing"])
def test_an_interrupt_of_the_program_is_its_own_and_the_next_run_goes_on(town: Scene, phase: str) -> None:
    before = bytes_of(town.folder)
    done = subprocess.run([sys.executable, "-c", KILLED, town.folder, phase], capture_output=True, text=True)
    assert "KeyboardInterrupt" in done.stderr
    assert geotagger.tag(town.folder).tally.failures == 0
    undo_all()
    assert bytes_of(town.folder) == before


def test_an_index_that_is_none_is_told_and_left_alone(town: Scene, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.db"
    with sqlite3.connect(stranger) as connection:
        connection.execute("create table recipes (name)")
    connection.close()
    before = stranger.read_bytes()
    for call in (
        lambda: geotagger.tag(town.folder, index=stranger),
        lambda: geotagger.query(index=stranger),
        lambda: geotagger.undo(index=stranger),
    ):
        with pytest.raises(geotagger.IndexUnusableError, match=r"stranger\.db"):
            call()
    assert stranger.read_bytes() == before
    with pytest.raises(geotagger.IndexUnusableError):
        geotagger.query(index=tmp_path / "absent.db")


def test_an_answer_that_is_let_go_of_leaves_nothing_open(town: Scene) -> None:
    geotagger.tag(town.folder)
    with warnings.catch_warnings(action="error"):
        answer = geotagger.query()
        next(answer)
        del answer
        geotagger.query()


def test_an_evaluation_hides_and_predicts_and_may_be_kept_for_tag(tmp_path: Path) -> None:
    from tests.tag.scenes import walk_through_town

    scene = walk_through_town(tmp_path / "photos", 24, without_gps=0)
    before, notes = bytes_of(scene.folder), list[Progress]()
    found = geotagger.evaluate(
        scene.folder, ways=("single",), seeds=(1,), calibrate=True, progress=notes.append
    )
    assert [(one.way, one.placed, len(one.hidden)) for one in found] == [("single", 24, 7)]
    assert all(hidden.error_km("fused") < 1 for hidden in found[0].hidden)
    assert bytes_of(scene.folder) == before
    assert "calibrated on 7 hidden photos" in (notes[-1].note or "")
    geotagger.tag(scene.folder, dry_run=True, precision=0.9)
    wrong: tuple[dict[str, Any], ...] = (
        *({"share": 0}, {"share": 1}, {"seeds": ()}, {"seeds": (-1,)}, {"ways": ("weeks",)}),
        {"ways": ("timeless",), "calibrate": True},
    )
    for words in wrong:
        with pytest.raises(geotagger.UsageError):
            geotagger.evaluate(scene.folder, **words)


def test_a_query_asks_by_place_and_time(town: Scene) -> None:
    geotagger.tag(town.folder)
    near = geotagger.Query(near=geotagger.Near(48.2082, 16.3738, 0.12), rungs=("camera",))
    names = [Path(photo.path).name for photo in geotagger.query(near)]
    assert names == ["IMG_0000.jpg", "IMG_0002.jpg"]
    with pytest.raises(geotagger.UsageError, match="cell"):
        geotagger.query(geotagger.Query(cell="no cell"))


def test_totals_are_right_with_several_folders_exclusions_and_after_an_interruption(tmp_path: Path) -> None:
    first = walk_through_town(tmp_path / "a", 12)
    second = walk_through_town(tmp_path / "b", 8)
    helping = walk_through_town(tmp_path / "c", 6)
    (tmp_path / "b" / "Exports").mkdir()
    (tmp_path / "b" / "Exports" / "x.jpg").write_bytes((second.folder / "IMG_0000.jpg").read_bytes())
    stop = Event()

    def stop_at_once(progress: Progress) -> None:
        if progress.phase == "Reading" and progress.done:
            stop.set()

    geotagger.tag(first.folder, progress=stop_at_once, stop=stop, count=True)
    for _ in range(2):  # the second finds all unchanged but for the clocks
        heard: list[Progress] = []
        geotagger.tag(
            [first.folder, second.folder],
            with_roots=[helping.folder],
            exclude="Exports",
            progress=heard.append,
            count=True,
            again=True,
        )
        placing = [p for p in heard if p.phase == "Placing"]
        assert (placing[-1].done, placing[-1].total) == (20, 20)
        totals = {p.total for p in heard if p.phase == "Reading" and p.total is not None}
        assert totals <= {12, 20, 26}  # of the folders begun so far, the helping one last
