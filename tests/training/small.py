"""A training small enough for a test, and how to run it: also in a process of its own, so that it can be
killed, and as a program, so that torchrun can start it."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from geotagger.cells import CellTable
from geotagger.errors import TrainingError
from tests.training.places import make_world
from training import stages
from training.fit.loop import TrainingSettings
from training.fit.processes import is_first, join_processes
from training.fitting import train
from training.stages import TrainingRequest, TrainingRun

RECIPE = {
    "network": "resnet10", "input_size": 64, "short_side": 72, "epochs": 4.0, "batch": 16, "micro_batch": 4,
    "optimizer": "sgd", "learning_rate": 0.02,
}  # fmt: skip


def prepare(folder: Path, **changes: object) -> TrainingRequest:
    """Photos, list, cells and shards in `folder`."""
    make_world(folder / "photos", photos_a_place=12, places=4)
    asked = TrainingRequest(
        str(folder / "photos"), folder / "work", preset="try", changes={**RECIPE, **changes}
    )
    run, _ = stages.list_photos(asked, False, quiet)
    stages.make_cells(asked.work, run, quiet)
    stages.make_shards(asked.work, run, 2, quiet)
    return asked


def decided(work: Path) -> tuple[TrainingRun, CellTable]:
    run = stages.load_run(work)
    return run, stages.make_cells(work, run, quiet)


def fit(work: Path, **settings: object) -> None:
    run, table = decided(work)
    repeatable = TrainingSettings(checkpoint_steps=3, deterministic=True)
    train(TrainingRequest(None, work), run, table, replace(repeatable, **settings), quiet)  # type: ignore[arg-type]


def quiet(_: str) -> None:
    pass


def start(work: Path, workers: int = 0, log: Path | None = None, **environment: str) -> BaseProcess:
    """Begins `fit` in a process of its own, which a server forks that has imported PyTorch once."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([__name__])
    process = forking.Process(target=_apart, args=(work, workers, log or work / "output.txt", environment))
    process.start()
    return process


def end(process: BaseProcess, timeout: float = 200) -> int | None:
    """Waits for it: its exit code, minus the signal's number where it was killed, None where it goes on."""
    process.join(timeout)
    return process.exitcode


def _apart(work: Path, workers: int, log: Path, environment: Mapping[str, str]) -> None:
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    main(work, workers)


def main(work: Path, workers: int) -> None:
    torch.set_num_threads(1)
    join_processes("cpu")
    try:
        fit(work, workers=workers)
    except (TrainingError, KeyboardInterrupt) as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(1)
    if is_first():
        print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
