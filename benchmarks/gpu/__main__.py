"""Everything that only a GPU shows, once over, on random data: a line a figure, FAILED where a part fails.

    python -m benchmarks.gpu [--device cuda] [--parts machine,commands,…] [--seconds 4] [--stop 380] [--tiny]

Each part stands alone; no new one begins after --stop seconds. Beside each figure of ours stands a bare one
of the same run: a network's forward pass, and its compiled training step, without our loop and data. Lines
that begin with AIM say whether what was aimed at is met. `--device cpu --tiny` goes over the script itself.
Needs PyTorch; to look on a GPU, ONNX Runtime for CUDA.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path

import torch

from benchmarks.gpu import looking, trainings
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.commands import commands
from benchmarks.gpu.networks import bare, timm_version


def machine(bench: Bench) -> None:
    """Card, cores, versions."""
    import onnxruntime

    card = torch.cuda.get_device_name() if bench.on_gpu else "CPU"
    cards = f"{torch.cuda.device_count()} × {card}" if bench.on_gpu else card
    no_timm = "does not load: the bare networks are ours"
    versions = f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}"
    bench.tell("machine", f"{cards}, {bench.cores} cores, {versions}, timm {timm_version() or no_timm}")
    bench.tell(
        "ONNX Runtime", f"{onnxruntime.__version__}, {', '.join(onnxruntime.get_available_providers())}"
    )


PARTS = (
    *(machine, bare, trainings.training, looking.look_apart, trainings.packing, looking.engine),
    *(looking.tagging, trainings.waits, trainings.memory, trainings.seeds, trainings.repeatable),
    *(trainings.small_batches, trainings.two_processes, commands),
)
"""What is aimed at first: time may end."""


def main() -> None:
    """Runs the parts and prints their lines, and all of them once more in JSON."""
    parser = argparse.ArgumentParser(description="Everything that only a GPU shows, once over.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--parts", default=",".join(part.__name__ for part in PARTS))
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--stop", type=float, default=380)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    device = "cuda:0" if arguments.device == "cuda" else arguments.device
    wanted = arguments.parts.split(",")
    unknown = set(wanted) - {part.__name__ for part in PARTS}
    if unknown:
        parser.error(f"no such parts: {', '.join(sorted(unknown))}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("PyTorch sees no NVIDIA GPU here; --device cpu --tiny goes over the script itself")
    with tempfile.TemporaryDirectory() as folder:
        seconds = 0.1 if arguments.tiny else arguments.seconds
        bench = Bench(device, seconds, arguments.tiny, Path(folder))
        has_failed = False
        for part in PARTS:
            if part.__name__ not in wanted:
                continue
            if time.monotonic() - bench.began > arguments.stop:
                bench.tell(part.__name__, "left out: out of time")
                continue
            try:
                part(bench)
            except Exception as error:
                has_failed = True
                bench.tell(part.__name__, f"FAILED {type(error).__name__}: {str(error).splitlines()[:1]}")
                traceback.print_exc(limit=-4)
        print(json.dumps(bench.rows))
    sys.exit(has_failed)


if __name__ == "__main__":
    main()
