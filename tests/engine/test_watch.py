"""No answer of a network is believed unseen, and none is waited for without end."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from geotagger.engine.values import Batch, Outputs
from geotagger.engine.waiting import AFTER_STOP_S, LONGEST_FIRST_S, SAID_AFTER_S, Waiting
from geotagger.engine.watch import LEAST_PATIENCE_S, Watch
from geotagger.errors import EngineError, StoppedError
from geotagger.model.manifest import Manifest
from geotagger.model.pack import load_pack, write_pack
from geotagger.model.preprocessing import Preprocessing
from tests.commands import Geotagger
from tests.tag.test_pictures import EDGE, colour_pack, pictures

from . import networks

SOUND = [0.25, 0.75, 0.0]


class Answering:
    device = "cpu"

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def run(self, _: Batch) -> Outputs:
        return self._outputs


def answers(*rows: list[float], features: list[list[float]] | None = None) -> Outputs:
    seen = None if features is None else np.array(features, dtype=np.float32)
    return Outputs(np.array(rows, dtype=np.float32), seen)


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        (answers([-1, 3, -1], SOUND), "negative numbers"),
        (answers(SOUND, [0, 0, 0]), r"sum to 0, not to 1"),
        (answers(SOUND, [0.5, 0.502, 0]), r"sum to 1\.002, not to 1"),
        (answers([float("nan")] * 3, SOUND), "not finite"),
        (answers([float("inf"), 0, 0], SOUND), "not finite"),
        (answers(SOUND), r"\(1, 3\) for 2 pictures"),
        (answers(SOUND, SOUND, SOUND), r"\(3, 3\) for 2 pictures"),
        (answers([0.5, 0.5], [0.5, 0.5]), r"\(2, 2\) for 2 pictures and 3 places"),
        (Outputs(np.full((2, 3), "1"), None), "for 2 pictures"),
        (answers(SOUND, SOUND, features=[[1.0]]), "one row a picture"),
        (answers(SOUND, SOUND, features=[[1.0], [float("nan")]]), "features that are not finite"),
    ],
)
def test_what_is_no_probability_is_refused_in_a_line_that_names_the_model(outputs: Outputs, why: str) -> None:
    with pytest.raises(EngineError, match=rf"^model odd: .*{why}.*$"):
        Watch("odd", 3).answers(Answering(outputs), np.zeros((2, 3, 4, 4), np.float32), 2)


def test_sound_answers_pass_and_what_fills_a_batch_up_is_not_judged() -> None:
    outputs = answers(SOUND, [0.5, 0.5005, 0], [float("nan")] * 3)
    given = Watch("sound", 3).answers(Answering(outputs), np.zeros((3, 3, 4, 4), np.float32), 2)
    assert np.array_equal(given.probabilities, outputs.probabilities[:2])


class Hanging:
    """Answers twice, then no more until it is let go."""

    device = "cpu"

    def __init__(self) -> None:
        self.let_go, self._asked = threading.Event(), 0

    def run(self, _: Batch) -> Outputs:
        self._asked += 1
        if self._asked > 2:
            self.let_go.wait(60)
        return answers(SOUND)


def test_the_watch_ends_what_has_answered_before_and_does_no_more() -> None:
    ticks = 0

    def tick(answered: threading.Event) -> bool:
        nonlocal ticks
        ticks += 1
        return answered.wait(0.05 if ticks <= 2 else 0)

    runner, watch, batch = (
        Hanging(),
        Watch("stuck", 3, Waiting("stuck", tick=tick)),
        np.zeros((1, 3, 4, 4), np.float32),
    )
    for _ in range(2):
        watch.answers(runner, batch, 1)
    with pytest.raises(EngineError, match=f"^model stuck: .*not answered on cpu for {LEAST_PATIENCE_S} s$"):
        watch.answers(runner, batch, 1)
    runner.let_go.set()


def test_a_first_batch_may_take_long() -> None:
    ticks = 0

    def tick(answered: threading.Event) -> bool:
        nonlocal ticks
        ticks += 1
        if ticks == 10 * LEAST_PATIENCE_S:
            runner.let_go.set()
        return answered.wait(10 if runner.let_go.is_set() else 0)

    runner = Hanging()
    runner._asked = 2
    given = Watch("compiled", 3, Waiting("compiled", tick=tick)).answers(
        runner, np.zeros((1, 3, 4, 4), np.float32), 1
    )
    assert given.probabilities.shape == (1, 3)


def test_a_first_batch_that_never_ends_is_told_of_and_ended_after_an_hour() -> None:
    lines: list[tuple[int, str]] = []
    ticks = 0

    def tick(answered: threading.Event) -> bool:
        nonlocal ticks
        ticks += 1
        return answered.is_set()

    runner = Hanging()
    runner._asked = 2
    waiting = Waiting("endless", note=lambda line: lines.append((ticks, line)), tick=tick)
    with pytest.raises(EngineError, match=f"not answered on cpu for {LONGEST_FIRST_S} s$") as raised:
        Watch("endless", 3, waiting).answers(runner, np.zeros((1, 3, 4, 4), np.float32), 1)
    runner.let_go.set()
    assert raised.value.exit_code == 3
    ((when, line),) = lines
    assert when == SAID_AFTER_S
    assert "model endless: its network has not answered on cpu for 60 s" in line


@pytest.mark.parametrize("way", ["asked to stop", "left"])
def test_what_does_not_answer_is_given_up_when_its_owner_asks_for_an_end(way: str) -> None:
    stop, ticks = threading.Event(), 0

    def tick(answered: threading.Event) -> bool:
        nonlocal ticks
        ticks += 1
        if ticks == 3:
            stop.set() if way == "asked to stop" else waiting.leave()
        return answered.is_set()

    runner = Hanging()
    runner._asked = 2
    waiting = Waiting("stuck", stop, tick=tick)
    with pytest.raises(StoppedError, match=r"^model stuck: .* is not waited for; what was finished is kept$"):
        Watch("stuck", 3, waiting).answers(runner, np.zeros((1, 3, 4, 4), np.float32), 1)
    runner.let_go.set()
    assert ticks == (2 + AFTER_STOP_S if way == "asked to stop" else 3)


def test_tag_writes_nothing_that_a_network_of_logits_says(geotagger: Geotagger, tmp_path: Path) -> None:
    sound, folder = load_pack(colour_pack(tmp_path)), pictures(tmp_path / "photos", each=1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    network = onnx.load(str(sound.onnx_path))
    network.graph.node[-1].CopyFrom(helper.make_node("Neg", ["logits"], ["probabilities"]))
    manifest = Manifest("colours", "1", "none", Preprocessing(input_size=EDGE))
    write_pack(tmp_path / "logits", manifest, sound.cells, lambda to: onnx.save(network, str(to)))
    done = geotagger("tag", folder, "--model", tmp_path / "logits", code=3)
    assert "model colours: its network gives answers with negative numbers" in done.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def looping_pack(folder: Path) -> Path:
    """Answers for dark pictures; for bright ones it turns in a circle for some centuries."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Neg", ["was"], ["is"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("was", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("is", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("ReduceMax", ["data"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "many"], ["turns"]),
        helper.make_node("Cast", ["turns"], ["count"], to=TensorProto.INT64),
        helper.make_node("GlobalAveragePool", ["data"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Loop", ["count", "yes", "flat"], ["logits"], body=body),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "looping",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, EDGE, EDGE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [
            numpy_helper.from_array(np.array(1e15, dtype=np.float32), "many"),
            numpy_helper.from_array(np.array(True), "yes"),
        ],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    cells = networks.pack(folder / "cells", 3).cells
    manifest = Manifest("looping", "1", "none", Preprocessing(input_size=EDGE))
    return write_pack(folder / "looping", manifest, cells, lambda to: onnx.save(network, str(to))).folder


RUN = """
import sys
from pathlib import Path
import numpy as np
from geotagger.engine import watch
from geotagger.engine.opening import open_engine
from geotagger.errors import EngineError, StoppedError
from geotagger.model.pack import load_pack
watch.LEAST_PATIENCE_S = 2
engine = open_engine(load_pack(Path(sys.argv[1])), "cpu", 1)
engine.run(np.zeros((1, 3, 16, 16), np.float32))
try:
    engine.run(np.ones((1, 3, 16, 16), np.float32))
except EngineError as error:
    engine.close()
    print(error)
    sys.exit(3)
"""


def test_a_program_ends_though_its_runtime_turns_in_a_circle(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(looping_pack(tmp_path))], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout == "model looping: its network has not answered on cpu for 2 s\n"


COMMAND = """
import sys
from geotagger.cli import main
from geotagger.engine import waiting
waiting.AFTER_STOP_S = waiting.TO_STOP_S = 1
main(sys.argv[1:])
"""


def ended_by(
    geotagger: Geotagger, number: signal.Signals, *arguments: object, times: int = 1
) -> tuple[int, str, float]:
    """The exit code of a command that a runtime holds for ever, once it is at work; what it said; how long
    the end took."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(os.fspath, arguments)],  # type: ignore[call-overload]
        env=geotagger.environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline, ticks = time.monotonic() + 60, os.sysconf("SC_CLK_TCK")
    while time.monotonic() < deadline:  # until one of its threads has turned in its circle for a second
        if max(_ticks_of_threads(process.pid), default=0) > ticks:
            break
        time.sleep(0.2)
    begun = time.monotonic()
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.3)
    try:
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, said, time.monotonic() - begun


def _ticks_of_threads(process: int) -> Iterator[int]:
    """How long each thread has been at work, but for the first of a process; of its children, too."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            if task.name != str(process):
                yield int((task / "stat").read_text().rsplit(")", 1)[1].split()[11])
            for child in (task / "children").read_text().split():
                yield from _ticks_of_threads(int(child))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for the thread that turns in a circle")
@pytest.mark.parametrize(("number", "times"), [(signal.SIGTERM, 1), (signal.SIGINT, 2), (signal.SIGKILL, 1)])
def test_a_network_without_end_in_processes_that_look_is_ended_by_a_signal(
    geotagger: Geotagger, tmp_path: Path, number: signal.Signals, times: int
) -> None:
    folder = pictures(tmp_path / "photos", each=1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    pack = looping_pack(tmp_path)
    words = ("tag", folder, "--model", pack, "--look-processes", "2", "--batch-size", "1")
    code, said, seconds = ended_by(geotagger, number, *words, times=times)
    # a second Ctrl-C may meet a program that is through with the first: to a shell both are 130
    assert code in ((-9,) if number == signal.SIGKILL else (130, -signal.SIGINT)), said
    assert "Traceback" not in said, said
    assert seconds < 20
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    deadline = time.monotonic() + 10
    while (left := _processes_of(geotagger.home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left, "a process that looked outlived the run"


def _processes_of(home: Path) -> list[str]:
    """Those that were started with this home folder."""
    processes = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"HOME={home}\0".encode() in environment.read_bytes():
                processes.append(environment.parent.name)
    return processes


class UntilStopped:
    """A runtime that computes for ever, and gives up all it is at when it is told to."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def run(self) -> None:
        self._told.wait(30)
        raise EngineError("Exiting due to terminate flag being set to true")

    def stop(self) -> None:
        self._told.set()


def test_what_ends_with_a_runner_that_is_given_up_says_why_it_was() -> None:
    runner, waiting = UntilStopped(), Waiting("m", tick=lambda event: event.wait(0.01))
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(waiting.answer, runner.run, "it has not answered", None, runner)
        with pytest.raises(EngineError, match="it has not answered for 5 s"):
            waiting.answer(runner.run, "it has not answered", 5, runner)
        with pytest.raises(EngineError, match="it has not answered for 5 s"):
            beside.result()


IN_PROCESSES = """
import sys
from geotagger.cli import main
from geotagger.look import processes
processes._START = "from geotagger.engine import watch; watch.LEAST_PATIENCE_S = 2; " + processes._START
main(sys.argv[1:])
"""


def test_a_process_that_looks_and_stops_answering_ends_the_run_with_3(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "photos", each=1)
    early = Image.Exif()
    early.get_ifd(0x8769)[0x9003] = "2001:01:01 10:00:00"
    for number in range(6):  # these are answered, and before the others
        Image.new("RGB", (16, 16)).save(folder / f"dark-{number}.jpg", exif=early)
    pack = looping_pack(tmp_path)
    words = ("tag", folder, "--model", pack, "--look-processes", "2", "--batch-size", "1")
    done = subprocess.run(
        [sys.executable, "-c", IN_PROCESSES, *map(os.fspath, words)],
        env=geotagger.environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 3, done.stderr
    assert "model looping: its network has not answered on cpu for " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for the thread that turns in a circle")
@pytest.mark.parametrize(
    ("engine", "number", "times"),
    [("onnxruntime", signal.SIGTERM, 1), ("onnxruntime", signal.SIGINT, 2), ("openvino", signal.SIGTERM, 1)],
)
def test_a_first_batch_without_end_is_ended_by_a_signal(
    geotagger: Geotagger, tmp_path: Path, engine: str, number: signal.Signals, times: int
) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    folder = pictures(tmp_path / "photos", each=1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, said, seconds = ended_by(
        geotagger, number, "tag", folder, "--model", looping_pack(tmp_path), "--engine", engine, times=times
    )
    # a second Ctrl-C may meet a program that has ended its run and is taken down by it: 130 to a shell, too
    assert code == 130 or (times, code) == (2, -signal.SIGINT), said
    assert "Traceback" not in said
    assert seconds < 20
    assert "kept" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert geotagger("runs", "--json").records[0]["status"] != "running"
    geotagger("undo", "--yes", code=2)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for the thread that turns in a circle")
def test_the_trial_of_a_network_without_end_is_ended_by_a_signal(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    pack = looping_pack(tmp_path)
    code, said, seconds = ended_by(
        geotagger,
        signal.SIGINT,
        *("models", "import", "--onnx", pack / "model.onnx", "--cells", pack / "cells.csv"),
        *("--pixels", "imagenet", "--input-size", str(EDGE)),
    )
    assert (code, "Traceback" in said) == (130, False), said
    assert seconds < 20
