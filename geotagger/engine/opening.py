"""Opens a model pack on this machine: which runtime, which devices, which precision, which batch."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from geotagger.engine.agreement import is_worth_using
from geotagger.engine.batching import BatchedEngine, best_batch_size
from geotagger.engine.cores import lanes_of, usable_cores
from geotagger.engine.devices import Device, check_engine, nvidia_gpus, parse_devices
from geotagger.engine.memory import check_room
from geotagger.engine.onnx_build import HOW_TO_GET_GPU, note_of_several
from geotagger.engine.onnx_runner import OnnxRunner, available
from geotagger.engine.openvino_runner import is_installed, open_lanes
from geotagger.engine.values import Engine, Runner
from geotagger.engine.waiting import Waiting
from geotagger.engine.watch import Watch
from geotagger.errors import EngineError, UsageError
from geotagger.model.manifest import FULL_PRECISION
from geotagger.model.pack import ModelPack
from geotagger.photo.levels import Levels, levels_of
from geotagger.photo.prepare import is_eight_bit

_CPU_BATCH = 4
"""A CPU gains nothing past it (benchmarks/engines.py), and a lone photo pays for the padding."""

_GPU_BATCHES = (16, 32, 64, 128, 256)

_LANES_A_GPU = 2
"""While one batch is computed the next is copied: 3,118 photos/s became 3,707 (benchmarks/RESULTS.md)."""

_FITTING = {"cpu": "int8", "cuda": "fp16", "tensorrt": "fp16"}
"""The precision that each kind of device is fast in."""


def open_engine(
    pack: ModelPack,
    device: str = "auto",
    batch_size: int | None = None,
    *,
    engine: str = "auto",
    variant: str | None = None,
    threads: int | None = None,
    eight_bit: bool = False,
    stop: threading.Event | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Engine:
    """The pack, ready to run. device: see `parse_devices`; `auto` takes all NVIDIA GPUs that ONNX
    Runtime can use, else the CPU. engine: one of ENGINES; `auto` is ONNX Runtime, or OpenVINO for
    INT8 on a CPU where it is installed. variant: "fp32" or the name of a variant in the pack; None
    takes the one that suits the device, passed its checks and was faster, else fp32. batch_size: photos a
    device, found by trial unless given. threads: of a CPU session, the cores this process may use
    unless given. eight_bit: it is given pixels as `read_unscaled` makes them; a GPU looks them up within the
    network, so that a quarter of the bytes goes there. When `stop` is set, what does not open or answer is
    given up (StoppedError). note: takes a line when that takes long. EngineError where the machine or the
    pack lacks what is asked for."""
    check_engine(engine)
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"--batch-size {batch_size}: must be at least 1")
    waiting = Waiting(pack.name, stop, note)
    levels = levels_of(pack.preprocessing) if eight_bit and is_eight_bit(pack.preprocessing) else None
    opened, _ = waiting.answer(
        lambda: _opened(pack, device, batch_size, engine, variant, threads, levels, waiting),
        "it has not opened",
    )
    return opened


def _opened(
    pack: ModelPack,
    device: str,
    batch_size: int | None,
    engine: str,
    variant: str | None,
    threads: int | None,
    levels: Levels | None,
    waiting: Waiting,
) -> Engine:
    notes = [note for note in (note_of_several(),) if note]
    chosen = parse_devices(device)
    devices = chosen or _automatic(engine, notes)
    precision, network = _network(pack, variant, devices[0].kind, engine)
    if not chosen and devices[0].kind == "cuda":
        runtime, runners = "onnxruntime", _working(network, devices, levels, notes)
        if not runners:
            devices = (Device("cpu"),)
            precision, network = _network(pack, variant, "cpu", engine)
    else:
        runners = []
    if not runners:
        if devices[0].kind == "cpu":
            check_room(pack.name, network)
        runtime, runners = _runners(pack, network, devices, engine, precision, threads, levels)
    looks_up = _looks_up(devices[0], runtime)
    if _scales_by_batch(pack, network):
        if batch_size not in (None, 1):
            notes.append(f"{precision} of {pack.name} looks at one photo at a time: none may change another")
        size = 1
    else:
        kind = np.uint8 if levels is not None and looks_up else np.float32
        size = batch_size or _batch_size(runners[0], pack, kind)
    watch = Watch(pack.name, pack.manifest.classes, waiting)
    return BatchedEngine(f"{runtime} {precision}", runners, size, notes, watch, None if looks_up else levels)


def _automatic(engine: str, notes: list[str]) -> tuple[Device, ...]:
    """All NVIDIA GPUs, where this ONNX Runtime was built for them."""
    if engine not in ("auto", "onnxruntime") or not nvidia_gpus():
        return (Device("cpu"),)
    if available("cuda"):
        return parse_devices("cuda")
    notes.append(f"running on the CPU: this is ONNX Runtime's CPU build; for the GPU: {HOW_TO_GET_GPU}")
    return (Device("cpu"),)


def _looks_up(device: Device, runtime: str) -> bool:
    """Whether the table for 8-bit pixels is put into the network itself."""
    return device.kind == "cuda" and runtime == "onnxruntime"


def _working(network: Path, gpus: Sequence[Device], levels: Levels | None, notes: list[str]) -> list[Runner]:
    """The lanes of those GPUs that can be used: another program may have filled one of eight."""
    runners: list[Runner] = []
    reasons = []
    for gpu in gpus:
        try:
            runners += [OnnxRunner(network, gpu, levels=levels)] * _LANES_A_GPU
        except EngineError as error:
            reasons.append(f"{gpu} is left out: {error}")
    notes += reasons if runners else [f"running on the CPU: {reasons[0]}"]
    return runners


def _network(pack: ModelPack, variant: str | None, kind: str, engine: str) -> tuple[str, Path]:
    """Precision and file."""
    variants = {one.name: one for one in pack.manifest.variants}
    if engine == "mxnet":
        if variant not in (None, FULL_PRECISION):
            raise UsageError(f"--engine mxnet: runs fp32 only, not {variant}")
        return FULL_PRECISION, pack.folder
    if variant is None:
        fitting = variants.get(_FITTING.get(kind, ""))
        if fitting is None or not is_worth_using(fitting.checks):
            return pack.manifest.precision, pack.onnx_path
        return fitting.precision, pack.folder / fitting.file
    if variant == pack.manifest.precision:
        return variant, pack.onnx_path
    if variant not in variants:
        have = ", ".join([pack.manifest.precision, *variants])
        raise EngineError(
            f"{pack.name} has no variant {variant} (it has {have}); "
            f"`geotagger models quantize {pack.name} --photos DIR` makes one"
        )
    return variants[variant].precision, pack.folder / variants[variant].file


def _runners(
    pack: ModelPack,
    network: Path,
    devices: Sequence[Device],
    engine: str,
    precision: str,
    threads: int | None,
    levels: Levels | None,
) -> tuple[str, list[Runner]]:
    on_cpu = devices[0].kind == "cpu"
    if engine == "mxnet":
        from geotagger.engine.mxnet_runner import MxnetRunner

        edge = pack.preprocessing.input_size
        return "mxnet", [MxnetRunner(pack.folder, one, edge) for one in devices]
    lanes, per_lane = lanes_of(threads or usable_cores())
    if engine == "openvino" and not on_cpu:
        raise UsageError(f"--engine openvino: runs on the CPU, not on {devices[0]}")
    if engine == "openvino" or (engine == "auto" and on_cpu and _is_for_openvino(pack, network, precision)):
        return "openvino", list(open_lanes(network, lanes, per_lane))
    if on_cpu:
        return "onnxruntime", [OnnxRunner(network, devices[0], per_lane)] * lanes
    lanes = _LANES_A_GPU if devices[0].kind == "cuda" else 1
    own = levels if _looks_up(devices[0], "onnxruntime") else None
    opened = [OnnxRunner(network, one, levels=own) for one in devices]
    return "onnxruntime", [runner for runner in opened for _ in range(lanes)]


def _scales_by_batch(pack: ModelPack, network: Path) -> bool:
    """Whether the network scales what it sees by the largest number of a whole batch, so that a photo's
    answer would depend on those beside it."""
    if network == pack.onnx_path:
        return pack.manifest.precision == "int8"
    made = (one for one in pack.manifest.variants if pack.folder / one.file == network)
    return any(one.calibration.get("kind") == "dynamic" for one in made)


def _is_for_openvino(pack: ModelPack, network: Path, precision: str) -> bool:
    """A variant of convolutions that `quantize` made: its integer kernels are fastest there. One that came
    quantised, or of a transformer, has operators of ONNX Runtime's own quantiser."""
    is_static = network != pack.onnx_path and not _scales_by_batch(pack, network)
    return precision == "int8" and is_static and is_installed()


def _batch_size(runner: Runner, pack: ModelPack, kind: type[np.float32 | np.uint8]) -> int:
    if runner.device == "cpu":
        return _CPU_BATCH
    edge = pack.preprocessing.input_size
    return best_batch_size(runner, (3, edge, edge), _GPU_BATCHES, time.perf_counter, kind)
