"""How many photos a second a model may be expected to look at on this machine, before anybody has it.

A second of large matrix products, as a transformer's layers are made of, is timed once for each precision
and kept beside the user's other caches; what a model costs a photo is measured in these. Where a model has
been run here, its last rate stands instead. Takes names and costs, gives rates. Knows nothing of packs.
"""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import platformdirs
from onnx import TensorProto, helper

from geotagger.engine.cores import usable_cores

_ROWS, _IN, _OUT = 257, 1024, 4096
"""The larger product of a layer of CLIP's ViT-L/14: 256 patches and the class token."""
_PROBE_S = 1.0


def kept_rate(name: str, precision: str) -> float | None:
    """Photos a second of the last run of `name` here; None where there was none."""
    rate = _kept().get("runs", {}).get(f"{name} {precision}")
    return None if rate is None else float(rate)


def expected_rate(name: str, gflop: float, precision: str) -> float | None:
    """Photos a second: of the last run of `name` here, or from the probe, which takes a second the first
    time; None where the cost is not known. gflop: of a photo, in 10⁹ operations of the probe."""
    if (rate := kept_rate(name, precision)) is not None:
        return rate
    if not gflop:
        return None
    kind = "int8" if precision == "int8" else "fp32"
    if (speed := _kept().get("probes", {}).get(kind)) is None:
        speed = gflop_per_second(kind)
        _keep("probes", kind, speed)
    return float(speed) / gflop


def remember_rate(name: str, precision: str, rate: float) -> None:
    """The rate of a run of `name`, for the next time somebody asks."""
    _keep("runs", f"{name} {precision}", rate)


def gflop_per_second(kind: str) -> float:
    """The best of a second's products on the cores that this process may use. kind: fp32 or int8."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = usable_cores()
    session = ort.InferenceSession(_product(kind), options, providers=["CPUExecutionProvider"])
    given = {"x": np.random.default_rng(0).normal(size=(_ROWS, _IN)).astype(np.float32)}
    best, until = np.inf, time.perf_counter() + _PROBE_S
    while time.perf_counter() < until:
        begun = time.perf_counter()
        session.run(None, given)
        best = min(best, time.perf_counter() - begun)
    return 2e-9 * _ROWS * _IN * _OUT / best


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


def _kept() -> dict[str, Any]:
    """What was kept of this machine; nothing where the file is missing, damaged or of another machine."""
    try:
        table = json.loads(_file().read_bytes())
        return dict(table[_machine()])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _keep(section: str, key: str, value: float) -> None:
    """A cache that cannot be written is no reason to stop."""
    kept = _kept()
    kept[section] = {**kept.get(section, {}), key: value}
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.json")
        unfinished.write_text(json.dumps({_machine(): kept}), encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        return
