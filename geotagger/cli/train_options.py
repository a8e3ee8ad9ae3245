"""The options of `geotagger train`, each declared once.

Groups as in cli/options.py. The names in `RecipeOptions` are those of `training.fit.recipe.Recipe`.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from geotagger.cli.common import IndexOption
from geotagger.cli.distances import distance_reader
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from training.stages import TrainingRequest

WorkOption = Annotated[Path, typer.Option("--work", metavar="DIR", help="Where stages keep what they made.")]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="PACK", help="The folder of the model pack to write.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a pack that is there.")]
ThreadsOption = Annotated[
    int,
    typer.Option(
        metavar="N", help="Images fetched and decoded at once. [default: by cores]", show_default=False
    ),
]
DeviceOption = Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda.")]
ShardsOption = Annotated[
    str, typer.Option("--shards", metavar="ADDRESS", help="Take these shards: a folder, http(s)://, s3://.")
]


@dataclass(frozen=True)
class PhotoOptions:
    """Which photos to train on."""

    panel: ClassVar = "Photos to learn from"
    common: ClassVar = ("source", "from_index", "val", "test")

    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of geotagged photos, a CSV or Parquet list with columns path, latitude, longitude"
            "[, user], or YFCC100M metadata (plain, gzip, bzip2, zstd, SQLite).",
        ),
    ] = None
    from_index: Annotated[
        bool, typer.Option("--from-index", help="Take your own geotagged photos, as the index knows them.")
    ] = False
    index: IndexOption = None
    min_accuracy: Annotated[
        int, typer.Option(metavar="1–16", help="Least accuracy of YFCC100M positions.")
    ] = 1
    exclude: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="List of photos to leave out, such as a test set; repeatable."),
    ] = None
    val: Annotated[float, typer.Option(metavar="0–1", help="Share of photographers kept for validation.")] = (
        0.05
    )
    test: Annotated[float, typer.Option(metavar="0–1", help="Share of photographers kept for testing.")] = (
        0.05
    )
    fetch: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Where images lie that are named without: http(s)://, s3://, a folder."
        ),
    ] = ""
    licence: Annotated[str, typer.Option(metavar="TEXT", help="The licence that the pack shall state.")] = ""


@dataclass(frozen=True)
class RecipeOptions:
    """What the training shall be; None leaves it to the preset."""

    panel: ClassVar = "Recipe"
    common: ClassVar = ("preset", "start", "head_only", "epochs")

    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="rn101-5k500, planet, own, try, head. [default: by the number of photos and the hardware]",
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PACK|FILE|timm",
            help="Begin with the weights of a model, a checkpoint (.pt), a file for --network timm/NAME "
            "(.safetensors), or those that timm publishes for it.",
        ),
    ] = None
    head_only: Annotated[
        bool | None,
        typer.Option("--head-only", help="Leave the backbone of --from as it is: minutes on a CPU."),
    ] = None
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="resnet10, resnet18, resnet50, resnet101, each also as …-v2, googlenet, timm/NAME.",
        ),
    ] = None
    t1: Annotated[
        int | None, typer.Option("--t1", metavar="N", help="Split a cell while it holds more photos.")
    ] = None
    t2: Annotated[int | None, typer.Option("--t2", metavar="N", help="Drop cells with fewer photos.")] = None
    max_level: Annotated[int | None, typer.Option(metavar="LEVEL", help="The finest S2 level of a cell.")] = (
        None
    )
    hierarchy: Annotated[
        list[int] | None,
        typer.Option(
            metavar="T1", help="Another head over coarser cells of at most so many photos; repeatable."
        ),
    ] = None
    epochs: Annotated[float | None, typer.Option(metavar="NUMBER", help="How often each photo is shown.")] = (
        None
    )
    batch: Annotated[int | None, typer.Option(metavar="N", help="Photos a step, over all GPUs.")] = None
    micro_batch: Annotated[
        int | None, typer.Option(metavar="N", help="Photos at once on one GPU; must divide --batch.")
    ] = None
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="The highest learning rate. [default: the preset's, by the batch]"
        ),
    ] = None
    tau_km: Annotated[
        float | None,
        typer.Option(
            "--tau",
            metavar="KM",
            parser=distance_reader(),
            help="Label smoothing by distance; 0 for plain cross-entropy.",
        ),
    ] = None
    ema: Annotated[
        float | None, typer.Option(metavar="0–1", help="Memory of the averaged weights, 0 for none.")
    ] = None
    clip: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="The longest gradient of a step, 0 for any.")
    ] = None
    layer_decay: Annotated[
        float | None,
        typer.Option(metavar="0–1", help="A layer's learning rate as a share of the next one's."),
    ] = None
    mixup: Annotated[
        float | None, typer.Option(metavar="ALPHA", help="Mix pictures two by two; 0 for not.")
    ] = None
    drop_path: Annotated[
        float | None,
        typer.Option(metavar="0–1", help="Residual branches skipped at random; of timm/NAME only."),
    ] = None
    randaugment: Annotated[
        int | None, typer.Option(metavar="0–30", help="Magnitude of RandAugment; 0 for none.")
    ] = None
    input_size: Annotated[int | None, typer.Option(metavar="PIXELS", help="Edge of the network's input.")] = (
        None
    )
    short_side: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Short side of the stored images.")
    ] = None
    precision: Annotated[str | None, typer.Option(metavar="fp32|bf16", help="What is computed with.")] = None
    compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the network first.")
    ] = None
    seed: Annotated[int | None, typer.Option(metavar="N", help="Equal seeds give equal weights.")] = None


@dataclass(frozen=True)
class MachineOptions:
    """Where and how to compute; the weights do not depend on it."""

    panel: ClassVar = "Machine"
    common: ClassVar = ("device",)

    device: DeviceOption = "auto"
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes that decode images. [default: by cores]")
    ] = None
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="Equal seeds give equal bits; slower on a GPU."),
    ] = False
    checkpoint_minutes: Annotated[
        float, typer.Option(metavar="MINUTES", help="Save this often, and after each epoch.")
    ] = 15.0


def request_of(photos: PhotoOptions, recipe: RecipeOptions, work: Path) -> "TrainingRequest":
    """What the stages are to do; UsageError when no share is left to train on."""
    from training.data.rows import Shares
    from training.stages import TrainingRequest

    val, test = photos.val, photos.test
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise UsageError(f"--val {val} and --test {test} must be shares that leave something to train on")
    if photos.from_index:
        recipe = _personal(recipe)
    changes = asdict(recipe)
    preset, hierarchy = changes.pop("preset"), changes.pop("hierarchy")
    return TrainingRequest(
        source=photos.source,
        work=work,
        preset=preset,
        changes={**changes, "hierarchy": tuple(hierarchy) if hierarchy else None},
        from_index=photos.from_index,
        index=photos.index,
        min_accuracy=photos.min_accuracy,
        exclude=tuple(photos.exclude or ()),
        shares=Shares(val, test),
        fetch=photos.fetch,
        licence=photos.licence,
    )


def _personal(recipe: RecipeOptions) -> RecipeOptions:
    """What suits a person's photos unless told otherwise: thousands of them, a CPU, and a model
    that knows the world."""
    if recipe.head_only is None and not recipe.preset and not recipe.network:
        recipe = replace(recipe, head_only=True)
    return replace(recipe, start=recipe.start or "installed") if recipe.head_only else recipe
