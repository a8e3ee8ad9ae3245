"""What the parts share: where they run, how large things are, the lines they tell, and what was aimed at."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from training.fit.recipe import Recipe, preset

_PUBLISHED_CLASSES = 15_527
IMAGES = 33.9e6
EPOCHS = 12
"""The published training of ResNet-101."""


class CommandFailedError(Exception):
    """A command did not end with 0."""


@dataclass
class Bench:
    """rows: what was told. bare_step, bare_forward: images a second of a network with nothing of ours around
    it, 0 where that part did not run."""

    device: str
    seconds: float
    tiny: bool
    folder: Path
    rows: list[tuple[str, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    bare_step: float = 0.0
    bare_forward: float = 0.0

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def network(self) -> str:
        return "resnet10" if self.tiny else "resnet101"

    @property
    def edge(self) -> int:
        return 64 if self.tiny else 224

    @property
    def batch(self) -> int:
        return 8 if self.tiny else 256

    @property
    def classes(self) -> int:
        return 200 if self.tiny else _PUBLISHED_CLASSES

    @property
    def cores(self) -> int:
        return len(os.sched_getaffinity(0))

    def tell(self, what: str, value: str) -> None:
        self.rows.append((what, value))
        print(f"{time.monotonic() - self.began:6.0f} s | {what} | {value}", flush=True)

    def aim(self, what: str, reached: float | None, least: float) -> None:
        """Whether what was aimed at is met. reached: None where that part did not run."""
        if reached is None:
            value = "not measured: what it is held against did not run"
        else:
            value = f"{math.floor(1000 * reached) / 1000:.3f}: {'met' if reached >= least else 'not met'}"
            value += " (tiny: says nothing)" if self.tiny else ""
        self.tell(f"AIM {what} at least {least:g}", value)

    def rate(self, step: Callable[[], object], images: int) -> float:
        """Images a second: after three steps, for `seconds`."""
        for _ in range(0 if self.tiny else 3):
            step()
        self.wait()
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < self.seconds:
            for _ in range(1 if self.tiny else 5):
                step()
                steps += 1
            self.wait()
        return steps * images / (time.perf_counter() - begun)

    def wait(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    def recipe(self, **changes: Any) -> Recipe:
        ours = {
            "network": self.network, "input_size": self.edge, "batch": self.batch,
            "micro_batch": self.batch, "tau_km": 25.0, "compiled": self.on_gpu,
            "precision": "bf16" if self.on_gpu else "fp32",
        }  # fmt: skip
        return preset("own", **(ours | changes))

    def call(self, *words: object) -> tuple[float, list[str], list[str]]:
        """`python -m` of these words: seconds, lines of output and of errors.

        CommandFailedError unless it ends with 0."""
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)], capture_output=True, text=True, check=False,
            timeout=200 if self.on_gpu else None,  # one that hangs must not use up the card's time
        )  # fmt: skip
        complaints = [line for line in done.stderr.splitlines() if line.strip()]
        if done.returncode:
            told = " / ".join(complaints[-3:])[-300:]
            raise CommandFailedError(f"exit code {done.returncode} of {' '.join(map(str, words))}: {told}")
        return time.monotonic() - begun, done.stdout.splitlines(), complaints


def hours(images_a_second: float) -> str:
    """Of the published training, on 1 card at this rate, and computed from it on several."""
    alone = IMAGES * EPOCHS / images_a_second / 3600
    return (
        f"{alone:,.1f} on 1 card; computed, were nothing lost between cards: "
        f"{alone / 8:,.1f} on 8, {alone / 16:,.1f} on 16"
    )
