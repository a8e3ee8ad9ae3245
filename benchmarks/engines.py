"""ResNet-101 with 15,527 classes on this CPU: MXNet, ONNX Runtime, OpenVINO, PyTorch, photos a second.

    python -m benchmarks.engines PACK --photos DIR [--mxnet-python PY --mxnet-files DIR] [--rounds 3]
                                 [--batches 1 8 32] [--per-core]

PACK is the imported network; its INT8 variant is made from the photos where it has none. One batch takes
all cores, or, "a batch a core", each core runs one of its own, as geotagger does. MXNet runs in
the Python that has it, on the original symbol and params in DIR. Every engine is a process of its own, all
take turns round after round, and the best of the rounds counts: what else the machine does, or a
cloud neighbour, can only slow them down. With --per-core every engine gets one thread and processor time
counts instead of the clock: the ratios to trust on a machine that is busy. Peak memory is that of the
process.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.engine.cores import usable_cores
from geotagger.engine.values import Runner

SECONDS_EACH = 2.0

Forward = Callable[[NDArray[np.float32]], object]
Open = Callable[[Path, int | None], tuple[Forward, int]]
"""A pack's folder and a number of threads, None for all cores → what runs a batch, and on how many
lanes side by side."""

MXNET = """
import json, resource, sys, time
import numpy as np
np.__dict__.setdefault("bool", bool)
import mxnet as mx
symbol, args, aux = mx.sym.load(sys.argv[1]), {}, {}
for name, value in mx.nd.load(sys.argv[2]).items():
    (args if name.startswith("arg:") else aux)[name[4:]] = value
photos, rates = np.load(sys.argv[3]), {}
clock = time.process_time if sys.argv[6] == "1" else time.perf_counter
for batch in json.loads(sys.argv[4]):
    known = {"data": (batch, 3, 224, 224)}
    known.update({n: (batch,) for n in symbol.list_arguments() if n.endswith("label")})
    run = symbol.simple_bind(mx.cpu(), grad_req="null", **known)
    run.copy_params_from(args, aux, allow_extra_params=True)
    run.forward(is_train=False, data=mx.nd.array(photos[:batch]))
    run.outputs[0].asnumpy()
    best, begun = 1e9, clock()
    while clock() - begun < float(sys.argv[5]):
        start = clock()
        run.forward(is_train=False, data=mx.nd.array(photos[:batch]))
        run.outputs[0].asnumpy()
        best = min(best, clock() - start)
    rates[batch] = batch / best
print(json.dumps({"rates": rates, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--mxnet-python", type=Path)
    parser.add_argument("--mxnet-files", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--per-core", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--inputs", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        forward, lanes = ENGINES[given.one](given.pack, 1 if given.per_core else None)
        print(json.dumps(measured(forward, lanes, np.load(given.inputs), given.batches, given.per_core)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch) / "inputs.npy"
        np.save(inputs, photos_for(given.pack, given.photos, max(given.batches)))
        base = [sys.executable, "-m", "benchmarks.engines", str(given.pack), "--photos", str(given.photos)]
        base += ["--batches", *map(str, given.batches), *(["--per-core"] if given.per_core else [])]
        commands = {name: [*base, "--one", name, "--inputs", str(inputs)] for name in ENGINES}
        # said outright, since MXNet takes only half of the processors for cores
        os.environ["OMP_NUM_THREADS"] = "1" if given.per_core else str(usable_cores())
        if given.mxnet_python and given.mxnet_files:
            symbol = next(given.mxnet_files.glob("*-symbol.json"))
            params = next(given.mxnet_files.glob("*.params"))
            commands["MXNet 1.9.1 fp32"] = [str(given.mxnet_python), "-W", "ignore", "-c", MXNET]
            commands["MXNet 1.9.1 fp32"] += [str(symbol), str(params), str(inputs), json.dumps(given.batches)]
            commands["MXNet 1.9.1 fp32"] += [str(SECONDS_EACH), str(int(given.per_core))]
        results: dict[str, dict[str, Any]] = {}
        for _ in range(given.rounds):
            for name, command in commands.items():
                take(results, name, subprocess.run(command, capture_output=True, text=True, check=False))
            tell(results, given.batches, given.per_core)


def take(results: dict[str, dict[str, Any]], name: str, done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        complaint = (done.stderr.strip() or "failed").splitlines()[-1]
        results[name] = {"failed": complaint[:100]}
        return
    now = json.loads(done.stdout.splitlines()[-1])
    best = results.setdefault(name, now)
    for batch, rate in now["rates"].items():
        best["rates"][batch] = max(best["rates"][batch], rate)


def measured(
    forward: Forward, lanes: int, photos: NDArray[np.float32], batches: Sequence[int], per_core: bool
) -> dict[str, Any]:
    clock = time.process_time if per_core else time.perf_counter
    rates = {}
    for batch in batches:
        some = np.ascontiguousarray(photos[:batch])
        forward(some)
        best, begun = float("inf"), clock()
        while clock() - begun < SECONDS_EACH:
            start = clock()
            forward(some)
            best = min(best, clock() - start)
        rates[str(batch)] = lanes * batch / best
    return {"rates": rates, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def photos_for(folder: Path, photos: Path, count: int) -> NDArray[np.float32]:
    """Real photos as the pack wants them; makes the INT8 variant of the pack where it is missing."""
    from geotagger.archive.listing import walk
    from geotagger.model.pack import load_pack
    from geotagger.photo.pixels import read_pixels

    pack = load_pack(folder)
    if not any(variant.name == "int8" for variant in pack.manifest.variants):
        made = [sys.executable, "-m", "geotagger", "models", "quantize", str(folder), "--photos", str(photos)]
        subprocess.run(made, check=True, stdout=sys.stderr)
    paths = [entry.path for entry in walk([str(photos)])][:count]
    return np.stack([read_pixels(path, pack.preprocessing) for path in paths])


def _runner(engine: str, variant: str, batch_a_core: bool = False) -> Open:
    def open_one(folder: Path, threads: int | None) -> tuple[Forward, int]:
        from geotagger.engine.cores import lanes_of
        from geotagger.engine.devices import Device
        from geotagger.engine.onnx_runner import OnnxRunner
        from geotagger.engine.openvino_runner import open_lanes

        network = folder / ("model.onnx" if variant == "fp32" else f"model.{variant}.onnx")
        cores = threads or usable_cores()
        lanes, per_lane = lanes_of(cores) if batch_a_core else (1, cores)
        runners: Sequence[Runner]
        if engine == "openvino":
            runners = open_lanes(network, lanes, per_lane)
        else:
            runners = [OnnxRunner(network, Device("cpu"), per_lane)] * lanes
        pool = ThreadPoolExecutor(lanes)
        return lambda photos: list(pool.map(lambda runner: runner.run(photos), runners)), lanes

    return open_one


def _pytorch(compiled: bool) -> Open:
    def open_one(_: Path, threads: int | None) -> tuple[Forward, int]:
        import torch

        from training.fit.networks import build

        if threads is not None:
            torch.set_num_threads(threads)
        network: Any = build("resnet101-v2", 15_527).eval()
        if compiled:
            network = torch.compile(network)

        def forward(photos: NDArray[np.float32]) -> object:
            with torch.inference_mode():
                return network(torch.from_numpy(photos))

        return forward, 1

    return open_one


ENGINES: dict[str, Open] = {
    "ONNX Runtime fp32": _runner("onnxruntime", "fp32"),
    "ONNX Runtime INT8": _runner("onnxruntime", "int8"),
    "OpenVINO fp32": _runner("openvino", "fp32"),
    "OpenVINO INT8": _runner("openvino", "int8"),
    "ONNX Runtime fp32, a batch a core": _runner("onnxruntime", "fp32", batch_a_core=True),
    "ONNX Runtime INT8, a batch a core": _runner("onnxruntime", "int8", batch_a_core=True),
    "OpenVINO INT8, a batch a core": _runner("openvino", "int8", batch_a_core=True),
    "PyTorch fp32": _pytorch(compiled=False),
    "PyTorch fp32 compiled": _pytorch(compiled=True),
}


def tell(results: dict[str, dict[str, Any]], batches: Sequence[int], per_core: bool) -> None:
    cores = len(os.sched_getaffinity(0))
    unit = "photos a second of one core" if per_core else "photos a second"
    print(f"\n{platform.system()} {platform.machine()}, {cores} cores, {time.strftime('%F')}, {unit}\n")
    print(
        "| runtime | " + " | ".join(f"batch {batch}" for batch in batches) + " | × MXNet, best | peak MiB |"
    )
    print("|---|" + "---|" * (len(batches) + 2))
    reference = results.get("MXNet 1.9.1 fp32", {}).get("rates")
    for name, result in results.items():
        if "failed" in result:
            print(f"| {name} | {result['failed']} |")
            continue
        rates = [float(result["rates"][str(batch)]) for batch in batches]
        ratio = f"{max(rates) / max(reference.values()):.2f}" if reference else "–"
        print(f"| {name} | {' | '.join(f'{rate:.1f}' for rate in rates)} | {ratio} | {result['mib']:.0f} |")


if __name__ == "__main__":
    main()
