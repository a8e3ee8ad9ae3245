"""`geotagger train`: from geotagged photos to a model pack, all stages or one of them.

The group has a command of its own: `geotagger train PHOTOS --out PACK` is `geotagger train run PHOTOS …`.
Needs the extra `train` (PyTorch).
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from geotagger.cli.common import JsonOption, check_training, emit, ends_cleanly, say, screen
from geotagger.cli.options import grouped
from geotagger.cli.train_bar import training_voice
from geotagger.cli.train_options import (
    DeviceOption,
    ForceOption,
    MachineOptions,
    OutOption,
    PhotoOptions,
    RecipeOptions,
    ShardsOption,
    ThreadsOption,
    WorkOption,
    request_of,
)
from geotagger.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from geotagger.cells import CellTable
    from training.fit.loop import TrainingSettings
    from training.fit.recipe import Recipe
    from training.fitting import Trained
    from training.stages import TrainingRequest, TrainingRun


class _WithDefaultCommand(TyperGroup):
    """Words that begin with none of the group's commands are the arguments of `run`. A SOURCE that is
    called like a command is written ./cells."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        name="train",
        cls=_WithDefaultCommand,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help="Train a model on geotagged photos.\n\n"
        "All stages: `geotagger train PHOTOS --out PACK` (options: `geotagger train run --help`). "
        "One stage: `geotagger train cells|shards|fit|pack`. "
        "A SOURCE named like a stage is written `./cells`.",
    )
    for name, function in (("run", run), ("cells", cells), ("shards", shards), ("fit", fit), ("pack", pack)):
        group.command(name)(grouped(ends_cleanly(function)))
    app.add_typer(group)


def run(
    *,
    photos: PhotoOptions,
    out: OutOption,
    work: Annotated[
        Path | None,
        typer.Option("--work", metavar="DIR", help="Where stages keep what they made. [default: OUT.work]"),
    ] = None,
    recipe: RecipeOptions,
    machine: MachineOptions,
    threads: ThreadsOption = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate images, cells, time and memory; train nothing.")
    ] = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model: list → cells → shards → fit → pack. What is done already is kept; run again to go on.

    Example: `geotagger train run ~/Photos --out my-model`, or without the word `run`:
    `geotagger train ~/Photos --out my-model`.

    Several GPUs: `torchrun --nproc-per-node 8 -m geotagger train YFCC.bz2 --fetch https://… --out PACK`.
    """
    _need("torch", "pyarrow")
    from training import fitting, stages
    from training.fit import processes

    request = request_of(photos, recipe, work or out.with_name(out.name + ".work"))
    settings = _settings(machine)
    if dry_run:
        _estimate(request, settings.device, as_json)
        return
    _check_free(out, force)

    def prepared() -> "tuple[TrainingRun, CellTable]":
        decided, _ = stages.list_photos(request, settings.device.startswith("cuda"), say)
        _tell_recipe(decided.recipe)
        table = stages.make_cells(request.work, decided, say)
        _check_machine(decided.recipe, settings.device)
        stages.make_shards(request.work, decided, threads, say)
        return decided, table

    with processes.together(settings.device):
        decided, table = processes.first_does(prepared)
        with training_voice() as voice:
            made = fitting.train(request, decided, table, replace(settings, count=voice.count), voice)
    if processes.is_first():
        _write_pack(request, decided, table, made, out, force, settings.device, as_json)


def cells(
    photos: PhotoOptions,
    work: WorkOption,
    recipe: RecipeOptions,
    as_json: JsonOption = False,
) -> None:
    """List the photos of SOURCE and cut the Earth into classes; settles the recipe for later stages.

    Example: `geotagger train cells yfcc100m_dataset.bz2 --preset rn101-5k500 --work yfcc`
    """
    _need("pyarrow")
    from training import stages

    decided, summary = stages.list_photos(request_of(photos, recipe, work), _has_gpu(), say)
    table = stages.make_cells(work, decided, say)
    _tell_recipe(decided.recipe)
    if as_json:
        emit({"stage": "cells", "work": str(work), "cells": len(table), "photos": summary.kept})


def shards(
    work: WorkOption,
    threads: ThreadsOption = 0,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every shard and compare its checksum.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch, decode and store the images of the list at training size, as WebDataset tar files.

    Example: `geotagger train shards --work yfcc --threads 64`
    """
    _need("pyarrow")
    from training import stages
    from training.data import rows
    from training.data.shards import ShardSet

    made = stages.make_shards(work, stages.load_run(work), threads, say)
    if verify:
        for split in rows.SPLITS:
            ShardSet(str(work / "shards"), split).verify()
        say(f"all {len(made.shards):,} shards are as they were written")
    if as_json:
        images = {split: made.samples(split) for split in rows.SPLITS}
        emit({"stage": "shards", "work": str(work), "shards": len(made.shards), "images": images,
              "left_out": dict(made.skipped)})  # fmt: skip


def fit(
    work: WorkOption, machine: MachineOptions, shards_at: ShardsOption = "", as_json: JsonOption = False
) -> None:
    """Train the network on the shards; goes on from the last checkpoint.

    Example: `geotagger train fit --work yfcc`, on several GPUs
    `torchrun --nproc-per-node 8 -m geotagger train fit --work yfcc`
    """
    _need("torch", "pyarrow")
    from training import fitting, stages
    from training.fit import processes
    from training.fit.runlog import quiet

    request = stages.TrainingRequest(source=None, work=work, shards=shards_at)
    decided = stages.load_run(work)
    settings = _settings(machine)
    with processes.together(settings.device):
        _check_machine(decided.recipe, settings.device)
        table = stages.make_cells(work, decided, say if processes.is_first() else quiet)
        with training_voice() as voice:
            made = fitting.train(request, decided, table, replace(settings, count=voice.count), voice)
    if as_json and processes.is_first():
        emit({"stage": "fit", "work": str(work), **made.summary})


def pack(
    work: WorkOption,
    out: OutOption,
    shards_at: ShardsOption = "",
    device: DeviceOption = "auto",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the model pack from the last checkpoint, calibrate it and measure its accuracy.

    Example: `geotagger train pack --work yfcc --out my-model`
    """
    _need("torch", "pyarrow")
    from training import fitting, stages
    from training.fit import processes

    _check_free(out, force)
    request = stages.TrainingRequest(source=None, work=work, shards=shards_at)
    decided = stages.load_run(work)
    table = stages.make_cells(work, decided, say)
    made = fitting.trained(request, decided, table, say)
    _write_pack(request, decided, table, made, out, force, processes.device_of(device), as_json)


def _write_pack(
    request: "TrainingRequest",
    decided: "TrainingRun",
    table: "CellTable",
    made: "Trained",
    out: Path,
    force: bool,
    device: str,
    as_json: bool,
) -> None:
    from training import packing
    from training.pack.rendering import record_of, show

    with training_voice() as voice:
        written, report = packing.make_pack(
            request, decided, table, made, out, force, device, voice, voice.count
        )
    say(f"pack: {out} ({len(table):,} cells); try it: geotagger tag PHOTOS --model {out} --dry-run")
    if as_json:
        emit({"stage": "pack", "pack": str(out), "cells": len(table), "temperature": written.temperature,
              **made.summary, **(record_of(report) if report else {})})  # fmt: skip
    elif report:
        show(report, screen())


def _estimate(request: "TrainingRequest", device: str, as_json: bool) -> None:
    """`--dry-run`: the list and the cells are really made, in a folder that goes away."""
    import tempfile

    from training import stages
    from training.fit.speed import speed_and_memory
    from training.pack import rendering

    with tempfile.TemporaryDirectory() as folder:
        trial = replace(request, work=Path(folder))
        decided, summary = stages.list_photos(trial, device.startswith("cuda"), say)
        table = stages.make_cells(trial.work, decided, say, draw=False)
    _tell_recipe(decided.recipe)
    speed, memory = speed_and_memory(decided.recipe, len(table), device)
    record = rendering.estimate_of(decided.recipe, summary, len(table), speed, memory, device)
    if as_json:
        emit(record)
    else:
        print("\n".join(rendering.lines_of_estimate(record)))


def _tell_recipe(recipe: "Recipe") -> None:
    from dataclasses import asdict

    values = ", ".join(f"{key} {value}" for key, value in asdict(recipe).items() if value not in ("", ()))
    say(f"recipe: {values}")


def _settings(machine: MachineOptions) -> "TrainingSettings":
    from geotagger.engine.cores import usable_cores
    from training.fit.loop import TrainingSettings
    from training.fit.processes import device_of

    device, workers = device_of(machine.device), machine.workers
    if workers is None:
        share = usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        # on a CPU they would fight the network
        workers = max(2, share - 1) if device.startswith("cuda") else 0
    return TrainingSettings(
        device=device,
        workers=workers,
        checkpoint_seconds=60 * machine.checkpoint_minutes,
        deterministic=machine.deterministic,
    )


def _check_machine(recipe: "Recipe", device: str) -> None:
    """Said before hours of shards, not after."""
    from training.fit import processes, timm_networks

    if not recipe.head_only:
        processes.check_shares(recipe, processes.world_size())
        processes.check_precision(recipe.precision, device)
    if recipe.randaugment:
        timm_networks.transforms()


def _check_free(out: Path, force: bool) -> None:
    """Said before hours of training, not after."""
    if os.path.exists(out) and not (force and os.path.isfile(out / "pack.toml")):
        raise UsageError(
            f"{out}: exists; it was left as it is, choose another --out, or --force to replace a pack"
        )


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def _need(*packages: str) -> None:
    """Said in one line before anything is imported that lacks them."""
    import importlib

    check_training()

    # PyTorch's threads spin while they wait for each other; beside other programs, which then
    # lack the core, that made training on two cores four times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            raise TrainingError(
                f"training needs {package}: `pip install '.[train]'` in the checkout of geotagger; "
                "nothing was changed"
            ) from None
