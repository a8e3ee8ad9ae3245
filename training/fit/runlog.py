"""The log of a training: a CSV, TensorBoard where tensorboardX is installed, and lines to read.

A run that goes on from a checkpoint cuts the CSV back to it, so that the log tells each step once.
"""

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.accuracy import THRESHOLDS_KM

COLUMNS = [
    "step", "epoch", "split", "loss", "accuracy", *(f"within_{km:g}_km" for km in THRESHOLDS_KM),
    "learning_rate", "images_per_s", "waited_for_data", "seconds",
]  # fmt: skip

Say = Callable[[str], None]

Count = Callable[[str, int, int, str], None]
"""Is told of a long piece of work, and often: what is done, how much of it, of how much, and how fast."""


def quiet(_: str) -> None:
    """Of several processes only the first speaks."""


class RunLog:
    """`say` is given one line for each row. Only one process of a training has a log."""

    def __init__(self, folder: Path, start: int, total: int, say: Say) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._total, self._say = folder / "log.csv", total, say
        self._before = 0.0
        rows = [row for row in self._rows() if int(row["step"]) <= start]
        if rows:
            self._before = float(rows[-1]["seconds"])
        with self._path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        self._board = _board(folder / "tensorboard", start)
        self._started, self._first = time.monotonic(), start

    def row(self, step: int, split: str, values: dict[str, float], is_said: bool = True) -> None:
        """One row; `values` are COLUMNS by name, without step, split and seconds."""
        seconds = time.monotonic() - self._started
        row: dict[str, Any] = {name: f"{value:.6g}" for name, value in values.items()}
        row |= {"step": step, "split": split, "seconds": f"{self._before + seconds:.1f}"}
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{split}/{name}", value, step)
        if is_said:
            self._say(self._line(step, split, values, seconds))

    def close(self) -> None:
        if self._board is not None:
            self._board.close()

    def _line(self, step: int, split: str, values: dict[str, float], seconds: float) -> str:
        left = (self._total - step) * seconds / max(step - self._first, 1)
        near = " ".join(f"{100 * values[f'within_{km:g}_km']:.1f}" for km in THRESHOLDS_KM)
        speed = f", {values['images_per_s']:.0f} images/s" if "images_per_s" in values else ""
        return (
            f"step {step:,} of {self._total:,}, epoch {values['epoch']:.2f}, {split} "
            f"loss {values['loss']:.3f}, cell right {100 * values['accuracy']:.1f} %, "
            f"within 1/25/200/750/2500 km {near} %{speed}, "
            f"{_duration(left)} left"
        )

    def _rows(self) -> list[dict[str, str]]:
        try:
            with self._path.open(newline="", encoding="utf-8") as file:
                return [row for row in csv.DictReader(file) if row["seconds"]]
        except (FileNotFoundError, KeyError):
            return []


def _board(folder: Path, start: int) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=start + 1)


def _duration(seconds: float) -> str:
    minutes = int(seconds + 30) // 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
