"""`geotagger train`: from geotagged photos to a model pack, all stages or one of them.

The group has a command of its own: `geotagger train PHOTOS --out PACK` is `geotagger train run PHOTOS …`.
Needs the extra `train` (PyTorch).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, say
from geotagger.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from training.fitting import Trained
    from training.loop import Settings
    from training.recipe import Recipe
    from training.stages import Asked, Run

SourceArgument = Annotated[
    str | None,
    typer.Argument(
        help="A folder of geotagged photos, a CSV or Parquet list with columns path, latitude, longitude"
        "[, user], or YFCC100M metadata (plain, gzip, bzip2, zstd, SQLite)."
    ),
]
WorkOption = Annotated[
    Path | None,
    typer.Option("--work", metavar="DIR", help="Where stages keep what they made. [default: OUT.work]"),
]
StageWork = Annotated[Path, typer.Option("--work", metavar="DIR", help="Where stages keep what they made.")]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="PACK", help="The folder of the model pack to write.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a pack that is there.")]
PresetOption = Annotated[
    str | None,
    typer.Option(
        help="rn101-5k500, planet, own, try, head. [default: by the number of photos and the hardware]"
    ),
]
T1Option = Annotated[int | None, typer.Option("--t1", help="Split a cell while it holds more photos.")]
T2Option = Annotated[int | None, typer.Option("--t2", help="Drop cells with fewer photos.")]
LevelOption = Annotated[int | None, typer.Option("--max-level", help="The finest S2 level of a cell.")]
NetworkOption = Annotated[
    str | None,
    typer.Option(help="resnet18, resnet50, resnet101, each also as …-v2, googlenet, timm/NAME."),
]
StartOption = Annotated[
    str | None,
    typer.Option("--from", metavar="PACK|FILE.pt", help="Begin with the weights of a model or a checkpoint."),
]
HeadOption = Annotated[
    bool | None,
    typer.Option("--head-only", help="Leave the backbone of --from as it is: minutes on a CPU."),
]
HierarchyOption = Annotated[
    list[int] | None,
    typer.Option(metavar="T1", help="Another head over coarser cells of at most so many photos; repeatable."),
]
EmaOption = Annotated[float | None, typer.Option(help="Memory of the averaged weights, 0 for none.")]
EpochsOption = Annotated[float | None, typer.Option(help="How often each photo is shown.")]
BatchOption = Annotated[int | None, typer.Option(help="Photos a step, over all GPUs.")]
MicroOption = Annotated[int | None, typer.Option(help="Photos at once on one GPU; must divide --batch.")]
RateOption = Annotated[float | None, typer.Option("--learning-rate", help="The highest learning rate.")]
TauOption = Annotated[
    float | None, typer.Option("--tau", help="Label smoothing by distance, in km; 0 for plain cross-entropy.")
]
SizeOption = Annotated[int | None, typer.Option(help="Edge of the network's input, pixels.")]
ShortOption = Annotated[int | None, typer.Option(help="Short side of the stored images, pixels.")]
PrecisionOption = Annotated[str | None, typer.Option(help="fp32 or bf16.")]
SeedOption = Annotated[int | None, typer.Option(help="Equal seeds give equal weights.")]
AccuracyOption = Annotated[int, typer.Option(help="Least accuracy (1-16) of YFCC100M positions.")]
ExcludeOption = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="List of photos to leave out, such as a test set; repeatable."),
]
ValOption = Annotated[float, typer.Option("--val", help="Share of photographers kept for validation.")]
TestOption = Annotated[float, typer.Option("--test", help="Share of photographers kept for testing.")]
FetchOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="Where images lie that are named without: http(s)://, s3://, a folder."
    ),
]
ThreadsOption = Annotated[int, typer.Option(help="Images fetched and decoded at once. [default: by cores]")]
LicenceOption = Annotated[str, typer.Option(help="The licence that the pack shall state.")]
ShardsOption = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Train on these shards: a folder, http(s)://, s3://.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda.")]
WorkersOption = Annotated[int | None, typer.Option(help="Processes that decode images. [default: by cores]")]
SaveOption = Annotated[
    float, typer.Option("--checkpoint-minutes", help="Save this often, and after each epoch.")
]
CompileOption = Annotated[
    bool | None, typer.Option("--compile/--no-compile", help="Compile the network first.")
]


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
        group.command(name)(ends_cleanly(function))
    app.add_typer(group)


def run(
    out: OutOption,
    source: SourceArgument = None,
    work: WorkOption = None,
    preset: PresetOption = None,
    from_index: Annotated[
        bool,
        typer.Option("--from-index", help="Train on your own geotagged photos, as the index knows them."),
    ] = False,
    index: IndexOption = None,
    start: StartOption = None,
    head_only: HeadOption = None,
    network: NetworkOption = None,
    t1: T1Option = None,
    t2: T2Option = None,
    max_level: LevelOption = None,
    hierarchy: HierarchyOption = None,
    epochs: EpochsOption = None,
    batch: BatchOption = None,
    micro_batch: MicroOption = None,
    learning_rate: RateOption = None,
    tau: TauOption = None,
    ema: EmaOption = None,
    input_size: SizeOption = None,
    short_side: ShortOption = None,
    precision: PrecisionOption = None,
    compiled: CompileOption = None,
    seed: SeedOption = None,
    min_accuracy: AccuracyOption = 1,
    exclude: ExcludeOption = None,
    val: ValOption = 0.05,
    test: TestOption = 0.05,
    fetch: FetchOption = "",
    threads: ThreadsOption = 0,
    licence: LicenceOption = "",
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    checkpoint_minutes: SaveOption = 15.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate images, cells, time and memory; train nothing.")
    ] = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model: list → cells → shards → fit → pack. What is done already is kept; run again to go on.

    Example: `geotagger train run ~/Photos --out my-model`, or without the word `run`:
    `geotagger train ~/Photos --out my-model`.

    Several GPUs: `torchrun --nproc-per-node 8 -m training YFCC.bz2 --fetch https://… --out PACK`.
    """
    _need("torch", "pyarrow")
    from training import fitting, stages

    if from_index:
        head_only, start = _personal(head_only, start, preset, network)
    changes = _changes(
        start=start, head_only=head_only, network=network, t1=t1, t2=t2, max_level=max_level,
        hierarchy=hierarchy, epochs=epochs, batch=batch, micro_batch=micro_batch, learning_rate=learning_rate,
        tau_km=tau, ema=ema, input_size=input_size, short_side=short_side, precision=precision,
        compiled=compiled, seed=seed,
    )  # fmt: skip
    asked = stages.Asked(
        source=source, work=work or out.with_name(out.name + ".work"), preset=preset, changes=changes,
        from_index=from_index, index=index, min_accuracy=min_accuracy, exclude=tuple(exclude or ()),
        shares=_shares(val, test), fetch=fetch, threads=threads, licence=licence,
    )  # fmt: skip
    device = fitting.device_of(device)
    settings = _settings(device, workers, checkpoint_minutes)
    if dry_run:
        _estimate(asked, device, as_json)
        return
    _check_free(out, force)
    fitting.join_processes(device)
    if fitting.is_first():
        decided, _ = stages.list_photos(asked, device.startswith("cuda"), say)
        _tell_recipe(decided.recipe)
        stages.make_cells(asked.work, decided, say)
        stages.make_shards(asked.work, decided, threads, say)
    fitting.wait_for_first()
    decided = stages.load_run(asked.work)
    table = stages.make_cells(asked.work, decided, say if fitting.is_first() else _quiet)
    made = fitting.train(asked, decided, table, settings, say)
    if fitting.is_first():
        _write_pack(asked, decided, table, made, out, force, device, as_json)


def cells(
    source: SourceArgument = None,
    work: StageWork = ...,  # type: ignore[assignment]
    preset: PresetOption = None,
    from_index: Annotated[
        bool, typer.Option("--from-index", help="Take your own geotagged photos, as the index knows them.")
    ] = False,
    index: IndexOption = None,
    start: StartOption = None,
    head_only: HeadOption = None,
    network: NetworkOption = None,
    t1: T1Option = None,
    t2: T2Option = None,
    max_level: LevelOption = None,
    hierarchy: HierarchyOption = None,
    epochs: EpochsOption = None,
    batch: BatchOption = None,
    micro_batch: MicroOption = None,
    learning_rate: RateOption = None,
    tau: TauOption = None,
    ema: EmaOption = None,
    input_size: SizeOption = None,
    short_side: ShortOption = None,
    precision: PrecisionOption = None,
    compiled: CompileOption = None,
    seed: SeedOption = None,
    min_accuracy: AccuracyOption = 1,
    exclude: ExcludeOption = None,
    val: ValOption = 0.05,
    test: TestOption = 0.05,
    fetch: FetchOption = "",
    licence: LicenceOption = "",
    as_json: JsonOption = False,
) -> None:
    """List the photos of SOURCE and cut the Earth into classes; settles the recipe for later stages.

    Example: `geotagger train cells yfcc100m_dataset.bz2 --preset rn101-5k500 --work yfcc`
    """
    _need("pyarrow")
    from training import stages

    if from_index:
        head_only, start = _personal(head_only, start, preset, network)
    changes = _changes(
        start=start, head_only=head_only, network=network, t1=t1, t2=t2, max_level=max_level,
        hierarchy=hierarchy, epochs=epochs, batch=batch, micro_batch=micro_batch, learning_rate=learning_rate,
        tau_km=tau, ema=ema, input_size=input_size, short_side=short_side, precision=precision,
        compiled=compiled, seed=seed,
    )  # fmt: skip
    asked = stages.Asked(
        source=source, work=work, preset=preset, changes=changes, from_index=from_index, index=index,
        min_accuracy=min_accuracy, exclude=tuple(exclude or ()), shares=_shares(val, test), fetch=fetch,
        licence=licence,
    )  # fmt: skip
    decided, summary = stages.list_photos(asked, _has_gpu(), say)
    table = stages.make_cells(work, decided, say)
    _tell_recipe(decided.recipe)
    if as_json:
        emit({"stage": "cells", "work": str(work), "cells": len(table), "photos": summary.kept})


def shards(
    work: StageWork,
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
    from training import rows, stages
    from training.shards import ShardSet

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
    work: StageWork,
    shards_at: Annotated[
        str,
        typer.Option(
            "--shards", metavar="ADDRESS", help="Train on these shards: a folder, http(s)://, s3://."
        ),
    ] = "",
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    checkpoint_minutes: SaveOption = 15.0,
    as_json: JsonOption = False,
) -> None:
    """Train the network on the shards; goes on from the last checkpoint.

    Example: `geotagger train fit --work yfcc`, on several GPUs
    `torchrun --nproc-per-node 8 -m training fit --work yfcc`
    """
    _need("torch", "pyarrow")
    from training import fitting, stages

    asked = stages.Asked(source=None, work=work, shards=shards_at)
    decided = stages.load_run(work)
    device = fitting.device_of(device)
    fitting.join_processes(device)
    table = stages.make_cells(work, decided, say if fitting.is_first() else _quiet)
    made = fitting.train(asked, decided, table, _settings(device, workers, checkpoint_minutes), say)
    if as_json and fitting.is_first():
        emit({"stage": "fit", "work": str(work), **made.told})


def pack(
    work: StageWork,
    out: OutOption,
    shards_at: Annotated[
        str,
        typer.Option(
            "--shards", metavar="ADDRESS", help="Measure on these shards: a folder, http(s)://, s3://."
        ),
    ] = "",
    device: DeviceOption = "auto",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the model pack from the last checkpoint, calibrate it and measure its accuracy.

    Example: `geotagger train pack --work yfcc --out my-model`
    """
    _need("torch", "pyarrow")
    from training import fitting, stages

    _check_free(out, force)
    asked = stages.Asked(source=None, work=work, shards=shards_at)
    decided = stages.load_run(work)
    table = stages.make_cells(work, decided, say)
    made = fitting.trained(asked, decided, table)
    _write_pack(asked, decided, table, made, out, force, fitting.device_of(device), as_json)


def _personal(
    head_only: bool | None, start: str | None, preset: str | None, network: str | None
) -> tuple[bool | None, str | None]:
    """What suits a person's photos unless told otherwise: thousands of them, a CPU, and a model
    that knows the world."""
    if head_only is None and not preset and not network:
        head_only = True
    return head_only, start or ("installed" if head_only else None)


def _changes(hierarchy: list[int] | None, **given: Any) -> dict[str, Any]:
    return {**given, "hierarchy": tuple(hierarchy) if hierarchy else None}


def _write_pack(
    asked: "Asked",
    decided: "Run",
    table: Any,
    made: "Trained",
    out: Path,
    force: bool,
    device: str,
    as_json: bool,
) -> None:
    from training import fitting
    from training.rendering import record_of, show

    written, report = fitting.make_pack(asked, decided, table, made, out, force, device, say)
    say(f"pack: {out} ({len(table):,} cells); try it: geotagger tag PHOTOS --model {out} --dry-run")
    if as_json:
        emit({"stage": "pack", "pack": str(out), "cells": len(table), "temperature": written.temperature,
              **made.told, **(record_of(report) if report else {})})  # fmt: skip
    elif report:
        show(report)


def _estimate(asked: "Asked", device: str, as_json: bool) -> None:
    """`--dry-run`: the list and the cells are really made, in a folder that goes away."""
    import tempfile
    from dataclasses import replace

    from training import fitting, rendering, stages

    with tempfile.TemporaryDirectory() as folder:
        trial = replace(asked, work=Path(folder))
        decided, summary = stages.list_photos(trial, device.startswith("cuda"), say)
        table = stages.make_cells(trial.work, decided, say)
    _tell_recipe(decided.recipe)
    speed, memory = fitting.speed_and_memory(decided.recipe, len(table), device)
    record = rendering.estimate_of(decided.recipe, summary, len(table), speed, memory, device)
    if as_json:
        emit(record)
    else:
        print("\n".join(rendering.lines_of_estimate(record)))


def _tell_recipe(recipe: "Recipe") -> None:
    from dataclasses import asdict

    told = ", ".join(f"{key} {value}" for key, value in asdict(recipe).items() if value not in ("", ()))
    say(f"recipe: {told}")


def _settings(device: str, workers: int | None, checkpoint_minutes: float) -> "Settings":
    from training.loop import Settings

    if workers is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        share = cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        workers = (
            max(2, share - 1) if device.startswith("cuda") else 0
        )  # on a CPU they would fight the network
    return Settings(device=device, workers=workers, checkpoint_seconds=60 * checkpoint_minutes)


def _shares(val: float, test: float) -> Any:
    from training.rows import Shares

    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise UsageError(f"--val {val} and --test {test} must be shares that leave something to train on")
    return Shares(val, test)


def _check_free(out: Path, force: bool) -> None:
    """Said before hours of training, not after."""
    if out.exists() and not (force and (out / "pack.toml").is_file()):
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

    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            raise TrainingError(
                f'training needs {package}: pip install "geotagger[train]"; nothing was changed'
            ) from None


def _quiet(_: str) -> None:
    """Of several processes only the first speaks."""
