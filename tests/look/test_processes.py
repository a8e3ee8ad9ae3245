"""One process a device: two of them on a processor give what one run gives, and may be killed."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from geotagger.errors import EngineError, StoppedError, UnreadablePhotoError, UsageError
from geotagger.look import processes as apart
from geotagger.look import shares
from geotagger.look.overlap import Pixels
from geotagger.look.processes import LookProcesses, seen_by_processes
from geotagger.look.shares import Share, shares_of
from tests.commands import Geotagger
from tests.look.same import assert_same
from tests.tag.scenes import START, exif_of
from tests.tag.test_pictures import COLOURS, PLACES, colour_pack, colour_photo, pictures

FIELDS = ("status", "reason", "latitude", "longitude", "radius_km", "confidence", "rung", "cell")


def estimates(geotagger: Geotagger, *words: Any) -> tuple[dict[str, tuple[Any, ...]], str]:
    said = geotagger("tag", *words, "--write", "none", "--json", code=None)
    return {name: tuple(row[field] for field in FIELDS) for name, row in said.by_name().items()}, said.err


def test_two_processes_give_the_estimates_of_the_plain_run(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 30)
    (folder / "broken.jpg").write_bytes((folder / "red-0.jpg").read_bytes()[:3000])
    for n, (colour, place) in enumerate(PLACES.items()):
        exif = exif_of(START + timedelta(days=n), place)
        (folder / f"known-{colour}.jpg").write_bytes(colour_photo(COLOURS[colour], exif))
    common = (folder, "--model", pack, "--batch-size", "4", "--with", "reference")
    plain, _ = estimates(geotagger, *common, "--index", tmp_path / "plain.db")
    many, complaints = estimates(
        geotagger, *common, "--index", tmp_path / "many.db", "--look-processes", "2", "--profile"
    )
    assert_same(many, plain)
    assert sum(row[0] == "indexed" for row in many.values()) >= 80
    assert "network" in complaints
    assert "started again" not in complaints


def test_a_process_that_is_killed_costs_a_line_and_no_photo(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 40)
    plain, _ = estimates(geotagger, folder, "--model", pack, "--index", tmp_path / "plain.db")
    run = geotagger.start(
        "tag", folder, "--model", pack, "--index", tmp_path / "many.db", "--write", "none", "--json",
        "--look-processes", "2", "--batch-size", "4",
    )  # fmt: skip
    until = time.monotonic() + 60
    while not (looking := _looking(run.pid)):
        assert run.poll() is None
        assert time.monotonic() < until
    os.kill(looking[0], signal.SIGKILL)
    out, complaints = run.communicate(timeout=120)
    assert run.returncode == 0, complaints
    killed = r"the process that looks on cpu was ended by SIGKILL, .* are free\); it is started"
    assert len(re.findall(killed, complaints.decode())) == 1
    again = geotagger(
        "tag", folder, "--model", pack, "--index", tmp_path / "many.db", "--dry-run", "--json"
    ).by_name()
    assert out.decode().count("indexed") == sum(row[0] == "indexed" for row in plain.values())
    assert {name: tuple(row[field] for field in FIELDS)[2:] for name, row in again.items()} == {
        name: row[2:] for name, row in plain.items()
    }


def _looking(pid: int) -> list[int]:
    try:
        return [
            child
            for thread in Path(f"/proc/{pid}/task").iterdir()
            for child in map(int, (thread / "children").read_text().split())
            if b"look.serving" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []


class Plain:
    """Says of a picture its first number, which `read` takes from the path; some paths end the process, some
    devices cannot be opened."""

    def __init__(self, share: Share, note: Callable[[str], None]) -> None:
        if share.device == "broken":
            raise EngineError("broken: no such card")
        note(f"{share.device} is open")

    def batch_size(self) -> int:
        return 4

    def lanes(self) -> int:
        return 2

    def read(self, path: str) -> Pixels:
        if path.endswith("kills"):
            if os.environ.get("HERE") != str(os.getpid()):
                os.kill(os.getpid(), signal.SIGKILL)
        elif path.startswith("-"):
            raise UnreadablePhotoError(path, "truncated")
        elif path == "prints":
            os.write(1, b"a library's own words")
        return np.full((3, 2, 2), float(path) if path[:1].isdigit() else -1.0, np.float32)

    def say(self, batch: Pixels) -> list[float]:
        return [float(pixels[0, 0, 0]) for pixels in batch]

    def close(self) -> None: ...


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[LookProcesses[float], list[str]]]]:
    monkeypatch.setenv("HERE", str(os.getpid()))
    opened: list[LookProcesses[float]] = []

    def start(*devices: str, goes_without: bool = True) -> tuple[LookProcesses[float], list[str]]:
        notes: list[str] = []
        shares = [Share(device, 1) for device in devices]
        here = Plain(Share("here", 1), lambda _: None)
        one: LookProcesses[float] = LookProcesses(
            Plain, shares, here, notes.append, lambda *_: None, Event(), goes_without=goes_without
        )
        opened.append(one)
        return one, notes

    yield start
    for one in opened:
        one.close()


def looked_at(processes: LookProcesses[float], paths: list[str]) -> list[Any]:
    seen = seen_by_processes(paths, lambda path: path != "passes", lambda path: path, processes)
    pairs = list(seen)
    assert [path for path, _ in pairs] == paths
    return [said for _, said in pairs]


def test_the_order_is_kept_and_errors_stay_with_their_photo(crew: Callable[..., Any]) -> None:
    processes, notes = crew("a", "b")
    numbers = [str(n) for n in range(100)]
    said = looked_at(processes, [*numbers, "-1", "passes", "prints", "7"])
    assert said[:100] == [float(n) for n in numbers]
    assert isinstance(said[100], UnreadablePhotoError)
    assert said[101:] == [None, -1.0, 7.0]
    assert sorted(notes) == ["a is open", "b is open"]


def test_a_photo_that_ends_every_process_is_looked_at_here(crew: Callable[..., Any]) -> None:
    processes, notes = crew("a", "b")
    paths = [str(n) for n in range(40)]
    paths[21] = "kills"
    assert looked_at(processes, paths) == [-1.0 if path == "kills" else float(path) for path in paths]
    assert 1 <= sum("ended by SIGKILL" in note and "it is started again" in note for note in notes) <= 4


def test_where_none_is_left_this_process_goes_on(crew: Callable[..., Any]) -> None:
    processes, notes = crew("a")
    paths = [f"{n} kills" if n % 4 == 0 else str(n) for n in range(40)]
    paths = ["kills" if "kills" in path else path for path in paths]
    for _ in range(2):
        assert looked_at(processes, paths) == [-1.0 if path == "kills" else float(path) for path in paths]
    assert any("this process goes on alone" in note for note in notes)


def test_a_process_that_is_held_up_holds_nobody_up_who_asks(
    crew: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is asked of it than its pipe holds; a request to stop is heard all the same."""
    monkeypatch.setattr(apart, "AFTER_STOP_S", 1)
    processes, _ = crew("a")
    assert processes.sizes == (4, 4)
    (looking,) = _looking(os.getpid())
    os.kill(looking, signal.SIGSTOP)
    asked = threading.Thread(
        target=lambda: [processes.look_at(["9" * 200_000]) for _ in range(4)], daemon=True
    )
    asked.start()
    asked.join(timeout=30)
    assert not asked.is_alive()
    processes._stop.set()
    with pytest.raises(StoppedError):
        processes.awaited(processes.look_at(["1"]))


def test_a_device_that_cannot_be_opened_is_left_out_only_where_nobody_named_it(
    crew: Callable[..., Any],
) -> None:
    processes, notes = crew("broken", "b")
    assert looked_at(processes, ["1", "2"]) == [1.0, 2.0]
    assert "broken is left out: broken: no such card" in notes
    processes, notes = crew("broken", "b", goes_without=False)
    with pytest.raises(EngineError, match="no such card"):
        looked_at(processes, ["1", "2"])
    processes, notes = crew("broken")
    assert looked_at(processes, ["1", "2"]) == [1.0, 2.0]


def test_each_gpu_has_a_process_and_its_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    monkeypatch.setattr("geotagger.engine.onnx_runner.available", lambda kind: kind == "cuda")
    monkeypatch.setattr(shares, "usable_cores", lambda: 10)
    assert shares_of("auto") == [
        Share("cuda:0", 3), Share("cuda:1", 3), Share("cuda:2", 2), Share("cuda:3", 2)
    ]  # fmt: skip
    assert shares_of("cuda:1,3") == [Share("cuda:1", 5), Share("cuda:3", 5)]
    assert shares_of("cuda", 2) == [Share("cuda:0,2", 5), Share("cuda:1,3", 5)]
    assert shares_of("cuda:2", 2) == [Share("cuda:2", 5)] * 2, "two processes may share a card"
    assert shares_of("cuda:2") == shares_of("cpu") == shares_of("cuda", 1) == []
    assert shares_of("cpu", 2) == [Share("cpu", 5)] * 2
    assert shares_of("tensorrt:0") == [Share("tensorrt:0", 10)], "it prints to standard output"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert shares_of("auto") == []
    with pytest.raises(UsageError):
        shares_of("foo")


@pytest.mark.parametrize("device", ["tensorrt", "cuda:0,1"])
def test_a_device_that_is_not_here_is_one_line_also_from_another_process(
    geotagger: Geotagger, tmp_path: Path, device: str
) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 1)
    said = geotagger("tag", folder, "--model", pack, "--device", device, "--write", "none", code=3)
    assert said.err.count("\n") == 1
    assert "the installed ONNX Runtime" in said.err
