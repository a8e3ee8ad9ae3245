"""What `--device` and `--engine` may say, and which device numbers it stands for.

Takes the text, gives a kind and numbers. Knows the names, not whether they work: whoever opens a
session finds that out.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from geotagger.errors import UsageError

ENGINES = ("auto", "onnxruntime", "openvino", "mxnet")
KINDS = ("cpu", "cuda", "tensorrt", "coreml", "directml", "openvino")
_NUMBERED = frozenset({"cuda", "tensorrt", "directml"})


@dataclass(frozen=True, slots=True)
class Device:
    """`number` is None where the kind has only one."""

    kind: str
    number: int | None = None

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number}"


def check_engine(name: str) -> None:
    """UsageError unless the name is one of ENGINES."""
    if name not in ENGINES:
        raise UsageError(f"--engine {name}: unknown; known are {', '.join(ENGINES)}")


def parse_devices(text: str) -> tuple[Device, ...]:
    """`cpu`, `cuda` (all of them), `cuda:0,2`, … → devices; () for `auto`. UsageError for
    anything else."""
    kind, _, numbers = text.strip().lower().partition(":")
    if kind == "auto" and not numbers:
        return ()
    if kind not in KINDS:
        raise UsageError(f"--device {text}: unknown; known are auto, {', '.join(KINDS)}")
    if not numbers:
        if kind in ("cuda", "tensorrt"):
            return tuple(Device(kind, n) for n in range(max(1, nvidia_gpus())))
        return (Device(kind, 0 if kind in _NUMBERED else None),)
    if kind not in _NUMBERED:
        raise UsageError(f"--device {text}: there is only one {kind}; leave the numbers out")
    chosen = numbers.split(",")
    if not all(number.strip().isdecimal() for number in chosen):
        raise UsageError(f"--device {text}: device numbers look like {kind}:0,2")
    return tuple(Device(kind, number) for number in dict.fromkeys(int(number) for number in chosen))


def nvidia_gpus() -> int:
    """How many NVIDIA GPUs this process may see."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return sum(1 for entry in visible.split(",") if entry.strip() not in ("", "-1"))
    listed = Path("/proc/driver/nvidia/gpus")
    if listed.is_dir():
        return sum(1 for _ in listed.iterdir())
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return listing.stdout.count("GPU ") if listing.returncode == 0 else 0
