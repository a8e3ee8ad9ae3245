"""How many photos a second a model may be expected to look at on this machine, before anybody has it.

A second of large matrix products, as a transformer's layers are made of, is timed once for each precision, in
the processor's own time, and kept beside the user's other caches; what a model costs a photo is measured in
these. Where a model has been run here, its last rate stands instead. Takes names and costs, gives rates.
Knows nothing of packs.
"""

import json
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import platformdirs
from onnx import TensorProto, helper

from geotagger.engine.cores import lanes_of, usable_cores

_ROWS, _IN, _OUT = 257, 1024, 4096
"""The larger product of a layer of CLIP's ViT-L/14: 256 patches and the class token."""
_PROBE_S, _LONGEST_S = 1.0, 5.0
_WINDOW_S = 0.05


def kept_rate(name: str, *precisions: str) -> float | None:
    """Photos a second of the last run of `name` here in one of the precisions; None where there was none."""
    wanted = {f"{name} {precision}" for precision in precisions}
    rates = [rate for run, rate in _kept().get("runs", {}).items() if run in wanted]
    return rates[-1] if rates else None


def expected_rate(name: str, gflop: float, precision: str) -> float | None:
    """Photos a second: of the last run of `name` here, or from the probe, which takes a second the first
    time; None where the cost is not known. gflop: of a photo, in 10⁹ operations of the probe."""
    if (rate := kept_rate(name, precision)) is not None:
        return rate
    if not gflop:
        return None
    kind = "int8" if precision == "int8" else "fp32"
    if (speed := _kept().get("products", {}).get(kind)) is None:
        speed = gflop_per_second(kind)
        _keep("products", kind, speed)
    return speed / gflop


def remember_rate(name: str, precision: str, rate: float) -> None:
    """The rate of a run of `name`, for the next time somebody asks."""
    _keep("runs", f"{name} {precision}", rate)


def gflop_per_second(kind: str) -> float:
    """Of a second's products in as many lanes as a run has, in time of the processor's own: what else the
    machine does just now is no property of it. kind: fp32 or int8."""
    lanes, threads = lanes_of(usable_cores())
    network = _product(kind)
    with ThreadPoolExecutor(lanes) as pool:
        seconds = list(pool.map(lambda _: _seconds_of_product(network), range(lanes)))
    return 2e-9 * _ROWS * _IN * _OUT * threads * sum(1 / each for each in seconds)


def _seconds_of_product(network: bytes) -> float:
    """What one takes a core: the median of windows of several, since the clock of a thread may be coarse. A
    second of the core's own time, of which a busy machine gives less within the longest that is waited."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    given = {"x": np.random.default_rng(0).normal(size=(_ROWS, _IN)).astype(np.float32)}
    session.run(None, given)
    windows: list[float] = []
    since, until = time.thread_time(), time.perf_counter() + _LONGEST_S
    while not windows or (time.thread_time() - since < _PROBE_S and time.perf_counter() < until):
        count, begun = 0, time.thread_time()
        while (taken := time.thread_time() - begun) < _WINDOW_S:
            session.run(None, given)
            count += 1
        windows.append(taken / count)
    return float(np.median(windows))


def _product(kind: str) -> bytes:
    weights = np.random.default_rng(1).integers(-64, 64, size=(_IN, _OUT))
    if kind == "int8":
        nodes = [
            helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
            helper.make_node("MatMulInteger", ["q", "w", "zero"], ["whole"]),
            helper.make_node("Cast", ["whole"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["float", "scale"], ["y"]),
        ]
        stored = onnx.numpy_helper.from_array(weights.astype(np.int8), "w")
    else:
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        stored = onnx.numpy_helper.from_array(weights.astype(np.float32), "w")
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [_ROWS, _IN])
    taken = helper.make_tensor_value_info("y", TensorProto.FLOAT, [_ROWS, _OUT])
    graph = helper.make_graph(nodes, "probe", [given], [taken], [stored])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _file() -> Path:
    return platformdirs.user_cache_path("geotagger", appauthor=False) / "speed.json"


def _machine() -> str:
    return f"{platform.machine()} {_processor()}, {usable_cores()} cores, ONNX Runtime {ort.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _kept() -> dict[str, dict[str, float]]:
    """What was kept of this machine; nothing where the file is missing, damaged or of another machine."""
    try:
        table = json.loads(_file().read_bytes())
        return {
            section: {key: float(rate) for key, rate in rates.items()}
            for section, rates in table[_machine()].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _keep(section: str, key: str, value: float) -> None:
    """A cache that cannot be written is no reason to stop."""
    kept = _kept()
    others = {name: one for name, one in kept.get(section, {}).items() if name != key}
    kept[section] = {**others, key: value}  # the newest last
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.json")
        unfinished.write_text(json.dumps({_machine(): kept}), encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        return
