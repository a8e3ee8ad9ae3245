"""ONNX Runtime on one device: a session that surely runs where it was asked to.

ONNX Runtime falls back to the CPU without a word when a provider cannot start, so the session is
asked what it became. Takes an ONNX file and a Device, gives a Runner.
"""

from pathlib import Path
from typing import Any

import onnxruntime as ort  # type: ignore[import-untyped]

from geotagger.engine.devices import Device
from geotagger.engine.memory import is_of_memory, lack_of
from geotagger.engine.onnx_build import HOW_TO_GET_GPU, load_gpu_libraries, why_not_cuda
from geotagger.engine.values import (
    OUTPUT_NAMES,
    Batch,
    CannotOpenError,
    NoRoomError,
    OutOfMemoryError,
    Outputs,
    first_line,
)
from geotagger.errors import EngineError, PackError
from geotagger.model.onnx_levels import PIXELS, with_levels
from geotagger.photo.levels import Levels

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}

_HOW_TO_GET = {
    "cuda": HOW_TO_GET_GPU,
    "tensorrt": f"{HOW_TO_GET_GPU} tensorrt",
    "coreml": "a macOS build of onnxruntime",
    "directml": "pip install onnxruntime-directml (Windows)",
    "openvino": "pip install openvino, and use --engine openvino",
}

_SILENT = 4
"""ONNX Runtime's own messages: nothing but fatal. What matters comes as an exception."""


class OnnxRunner:
    """A Runner over one InferenceSession, which several lanes of a CPU may share. `threads`: of a
    CPU session, those that one batch keeps busy. levels: it takes uint8, and looks them up on the device."""

    def __init__(
        self, network: Path, device: Device, threads: int = 1, *, levels: Levels | None = None
    ) -> None:
        self.device, self._network = str(device), network
        self._input = "data" if levels is None else PIXELS
        self._session = _open(network, device, threads, levels)
        self._names = [output.name for output in self._session.get_outputs()]
        self._run_options = ort.RunOptions()

    def run(self, batch: Batch) -> Outputs:
        try:
            values = self._session.run(self._names, {self._input: batch}, self._run_options)
        except Exception as error:  # ONNX Runtime's exceptions share no public base
            if is_of_memory(error):
                raise OutOfMemoryError(
                    f"{lack_of(self._network, self.device == 'cpu')}; {first_line(error)}"
                ) from None
            raise EngineError(f"{self.device}: ONNX Runtime failed: {first_line(error)}") from None
        by_name: dict[str, Any] = dict(zip(self._names, values, strict=True))
        return Outputs(*(by_name.get(name) for name in OUTPUT_NAMES))  # type: ignore[arg-type]

    def stop(self) -> None:
        """In all lanes, for good, after the operator that each is at."""
        self._run_options.terminate = True


def available(kind: str) -> bool:
    """Whether the installed ONNX Runtime was built with this kind of device."""
    return PROVIDERS[kind] in ort.get_available_providers()


def _open(network: Path, device: Device, threads: int, levels: Levels | None) -> ort.InferenceSession:
    provider = PROVIDERS[device.kind]
    if not available(device.kind):
        raise EngineError(
            f"--device {device}: the installed ONNX Runtime {ort.__version__} has no {provider}; "
            f"get it by: {_HOW_TO_GET.get(device.kind, 'pip install onnxruntime')}; or use --device cpu"
        )
    if device.kind in ("cuda", "tensorrt"):
        load_gpu_libraries()
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads
    # threads that wait by spinning take their time from decoders on the same cores
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(
            str(network) if levels is None else with_levels(network, levels),
            options,
            providers=[(provider, _provider_options(device))],
            enable_fallback=0,
        )
    except PackError:
        raise
    except Exception as error:
        if is_of_memory(error):
            raise NoRoomError(network, f"{device}: {lack_of(network, device.kind == 'cpu')}") from None
        said = first_line(error).replace(str(network), network.name)  # the line has it already
        raise CannotOpenError(network, f"ONNX Runtime cannot run it on {device}: {said}") from None
    became = session.get_providers()
    if not became or became[0] != provider:
        reason = why_not_cuda() if device.kind in ("cuda", "tensorrt") else ""
        raise EngineError(
            f"--device {device}: ONNX Runtime fell back to {', '.join(became) or 'nothing'}, because "
            f"{reason or 'the device, its driver or its libraries cannot be used'}; get the libraries by: "
            f"{_HOW_TO_GET.get(device.kind, 'a driver')}; or use --device cpu"
        )
    return session


def _provider_options(device: Device) -> dict[str, Any]:
    if device.number is None:
        return {}
    options: dict[str, Any] = {"device_id": str(device.number)}
    if device.kind == "cuda":
        # the default search tries every algorithm on every new shape and takes minutes
        options["cudnn_conv_algo_search"] = "HEURISTIC"
        # by default CUDA rounds the factors of fp32 to 10 bits, and then it is not what a CPU gives
        options["use_tf32"] = "0"
    return options
