"""OpenVINO on this machine's processor: the fastest INT8 there is for CPUs with VNNI or AMX.

Takes an ONNX file or OpenVINO's own, gives a Runner. An optional dependency: EngineError says how to get it.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from geotagger.engine.cores import usable_cores
from geotagger.engine.values import Batch, OutOfMemoryError, Outputs
from geotagger.errors import EngineError

HOW_TO_GET = 'pip install "geotagger[openvino]"'


def is_installed() -> bool:
    return importlib.util.find_spec("openvino") is not None


class OpenVinoRunner:
    """A Runner over one compiled model."""

    device = "cpu"

    def __init__(self, network: Path, threads: int | None = None) -> None:
        if not is_installed():
            raise EngineError(f"--engine openvino: OpenVINO is not installed; {HOW_TO_GET}, or leave it out")
        openvino = importlib.import_module("openvino")
        # Its own choices would be bfloat16 where the processor has it, slower and less exact here,
        # and a thread for each core of the machine, whatever the cgroup allows.
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads or usable_cores(),
        }
        try:
            self._model = openvino.Core().compile_model(network, "CPU", options)
            self._has_features = any("features" in port.get_names() for port in self._model.outputs)
        except Exception as error:  # OpenVINO raises RuntimeError of its own making
            raise EngineError(f"{network}: OpenVINO cannot run it: {_first_line(error)}") from None

    def run(self, batch: Batch) -> Outputs:
        try:
            values = self._model(batch, share_outputs=False)
        except Exception as error:
            if "alloc" in str(error).lower():
                raise OutOfMemoryError(_first_line(error)) from None
            raise EngineError(f"{self.device}: OpenVINO failed: {_first_line(error)}") from None
        features = np.asarray(values["features"]) if self._has_features else None
        return Outputs(np.asarray(values["probabilities"]), features)


def _first_line(error: Exception) -> str:
    # OpenVINO's first lines name its own source files; the last one says what happened
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
