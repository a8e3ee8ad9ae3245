"""Opens a model pack on this machine: which runtime, which devices, which precision, which batch."""

import time
from pathlib import Path

from geotagger.engine.batching import BatchedEngine, best_batch_size
from geotagger.engine.devices import Device, nvidia_gpus, parse_devices
from geotagger.engine.onnx_runner import OnnxRunner, available
from geotagger.engine.values import Engine
from geotagger.errors import EngineError, UsageError
from geotagger.model.pack import ModelPack

ENGINES = ("auto", "onnxruntime")

_CPU_BATCH = 4
"""A CPU gains nothing past it (benchmarks/engines.py), and a lone photo pays for the padding."""

_GPU_BATCHES = (16, 32, 64, 128, 256)


def open_engine(
    pack: ModelPack,
    device: str = "auto",
    batch_size: int | None = None,
    *,
    engine: str = "auto",
    threads: int | None = None,
) -> Engine:
    """The pack, ready to run. device: see `parse_devices`; `auto` takes all NVIDIA GPUs that ONNX
    Runtime can use, else the CPU. batch_size: photos a device, found by trial unless given.
    threads: of a CPU session, the cores this process may use unless given. EngineError where the
    machine lacks what is asked for."""
    if engine not in ENGINES:
        raise UsageError(f"--engine {engine}: unknown; known are {', '.join(ENGINES)}")
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"--batch-size {batch_size}: must be at least 1")
    devices = parse_devices(device)
    notes: list[str] = []
    if not devices:
        runners, notes = _automatic(pack.onnx_path, threads)
    else:
        runners = [OnnxRunner(pack.onnx_path, one, threads) for one in devices]
    size = batch_size or _batch_size(runners[0], pack)
    return BatchedEngine("onnxruntime fp32", runners, size, notes)


def _automatic(network: Path, threads: int | None) -> tuple[list[OnnxRunner], list[str]]:
    notes = []
    if available("cuda") and nvidia_gpus():
        try:
            return [OnnxRunner(network, gpu, threads) for gpu in parse_devices("cuda")], []
        except EngineError as error:
            notes.append(f"running on the CPU: {error}")
    return [OnnxRunner(network, Device("cpu"), threads)], notes


def _batch_size(runner: OnnxRunner, pack: ModelPack) -> int:
    if runner.device == "cpu":
        return _CPU_BATCH
    edge = pack.preprocessing.input_size
    return best_batch_size(runner, (3, edge, edge), _GPU_BATCHES, time.perf_counter)
