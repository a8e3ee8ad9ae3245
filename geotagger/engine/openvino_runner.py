"""OpenVINO on this machine's processor: the fastest INT8 there is for CPUs with VNNI or AMX.

Takes an ONNX file or OpenVINO's own, gives a Runner. An optional dependency: EngineError says how to get it.
"""

import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from geotagger.engine.values import OUTPUT_NAMES, Batch, OutOfMemoryError, Outputs
from geotagger.errors import EngineError

_setting_up, _is_set_up = threading.Lock(), threading.Event()
"""OpenVINO's bindings set themselves up in the first inference of a process, and two threads that
come there together wait for ever: one holds the GIL, the other what is being set up (2026.4)."""

HOW_TO_GET = "pip install openvino"


def is_installed() -> bool:
    return importlib.util.find_spec("openvino") is not None


def open_lanes(network: Path, lanes: int, threads: int) -> "list[OpenVinoRunner]":
    """One compiled model, and a Runner for each of its lanes of so many threads."""
    if not is_installed():
        raise EngineError(f"--engine openvino: OpenVINO is not installed; {HOW_TO_GET}, or leave it out")
    # what tells Intel and Google of each use; without it OpenVINO tells nobody
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    openvino = importlib.import_module("openvino")
    options: dict[str, Any] = {
        # its own choice would be bfloat16 where the processor has it, slower and less exact here
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": lanes,
        # and a thread for each core of the machine, whatever the cgroup allows
        "INFERENCE_NUM_THREADS": lanes * threads,
        # decoders share these cores: only the scheduler knows which is free
        "ENABLE_CPU_PINNING": False,
    }
    try:
        model = openvino.Core().compile_model(network, "CPU", options)
        return [OpenVinoRunner(model) for _ in range(lanes)]
    except Exception as error:  # OpenVINO raises RuntimeError of its own making
        raise EngineError(f"{network}: OpenVINO cannot run it: {_first_line(error)}") from None


class OpenVinoRunner:
    """A Runner over one request to a compiled model."""

    device = "cpu"

    def __init__(self, model: Any) -> None:
        self._request = model.create_infer_request()
        self._names = {name for port in model.outputs for name in port.get_names()}

    def run(self, batch: Batch) -> Outputs:
        try:
            values = self._infer(batch)
        except Exception as error:
            if "alloc" in str(error).lower():
                raise OutOfMemoryError(_first_line(error)) from None
            raise EngineError(f"{self.device}: OpenVINO failed: {_first_line(error)}") from None
        return Outputs(
            *(np.asarray(values[name]) if name in self._names else None for name in OUTPUT_NAMES)  # type: ignore[arg-type]
        )

    def stop(self) -> None:
        """After the operator that it is at."""
        self._request.cancel()

    def _infer(self, batch: Batch) -> Any:
        if _is_set_up.is_set():
            return self._request.infer({0: batch}, share_inputs=True, share_outputs=False)
        with _setting_up:
            values = self._request.infer({0: batch}, share_inputs=True, share_outputs=False)
            _is_set_up.set()
            return values


def _first_line(error: Exception) -> str:
    # OpenVINO's first lines name its own source files; the last one says what happened
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
