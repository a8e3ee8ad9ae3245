"""A recipe: every number that decides what a training gives. Values only; knows nothing of files.

`PRESETS` are the recipes with a name, `chosen` picks one by how many photos and what hardware there are.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from geotagger.errors import UsageError
from geotagger.partition import PRESETS as PARTITIONS
from geotagger.partition import Thresholds, thresholds_for

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
PUBLISHED_MEAN = (123.68, 116.779, 103.939)

Filter = Literal["bilinear", "box", "hamming", "bicubic", "lanczos"]

TIMM = "timm/"
"""What the names of timm's networks begin with here."""
AS_PUBLISHED = "timm"
"""A `start`: the weights that timm publishes for the network."""
WEIGHT_FILES = ".safetensors"


def is_for_timm(start: str) -> bool:
    """Whether a `start` names weights of a network of timm, and not a pack or a checkpoint of ours."""
    return start == AS_PUBLISHED or start.endswith(WEIGHT_FILES)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise UsageError(message)


@dataclass(frozen=True, slots=True)
class Recipe:
    """network: a name of `networks.build`, or "pack" for the one of `start`. start: a pack, a checkpoint,
    a safetensors file or "timm" (what it publishes), whose weights to begin with; start_digest: of a file's
    bytes, so that others under its name are another recipe. head_only: the backbone stays as it is.
    t1, t2, max_level: the partition; 0 lets the number of photos decide. hierarchy: t1 of
    coarser heads. batch: images a step, shown in micro-batches; the learning rate holds for
    the batch. tau_km: haversine label smoothing, 0 for plain cross-entropy. ema: the averaged
    weights' memory, 0 for none. clip: the longest gradient of a step, 0 for any. layer_decay: what
    the learning rate of a layer is of that of the next one, 1 for the same everywhere. mixup: the
    α of Zhang et al. 2018, 0 for none. drop_path: of the residual branches of a timm network.
    randaugment: the magnitude, 0 to 30, of Cubuk et al. 2020. resampling: the filter that shrinks
    pictures. mean, std: of pixels 0…255."""

    name: str
    network: str
    start: str = ""
    start_digest: str = ""
    head_only: bool = False
    input_size: int = 224
    short_side: int = 256
    t1: int = 0
    t2: int = 0
    max_level: int = 30
    hierarchy: tuple[int, ...] = ()
    epochs: float = 12.0
    batch: int = 256
    micro_batch: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 1e-4
    warmup_epochs: float = 0.5
    tau_km: float = 0.0
    ema: float = 0.0
    clip: float = 0.0
    layer_decay: float = 1.0
    mixup: float = 0.0
    drop_path: float = 0.0
    randaugment: int = 0
    precision: Literal["fp32", "bf16"] = "bf16"
    compiled: bool = True
    seed: int = 0
    resampling: Filter = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        _require(self.epochs > 0, f"--epochs must be above 0, not {self.epochs}")
        _require(self.batch > 0 and self.micro_batch > 0, "--batch and --micro-batch must be above 0")
        _require(
            self.batch % self.micro_batch == 0,
            f"--batch {self.batch} must be a multiple of --micro-batch {self.micro_batch}",
        )
        _require(self.t1 >= 0 and self.t2 >= 0, "--t1 and --t2 must not be negative")
        _require(not self.t1 or self.t2 <= self.t1, f"--t2 {self.t2} must not be above --t1 {self.t1}")
        _require(0 <= self.max_level <= 30, f"--max-level must be 0 to 30, not {self.max_level}")
        _require(32 <= self.input_size <= self.short_side, "--input-size must be from 32 to --short-side")
        _require(0 <= self.ema < 1, f"--ema must be at least 0 and under 1, not {self.ema}")
        _require(self.clip >= 0, f"--clip must not be negative, not {self.clip}")
        _require(
            0 < self.layer_decay <= 1, f"--layer-decay must be above 0 and at most 1, not {self.layer_decay}"
        )
        _require(0 <= self.mixup <= 10, f"--mixup must be from 0 to 10, not {self.mixup}")
        _require(0 <= self.drop_path < 1, f"--drop-path must be at least 0 and under 1, not {self.drop_path}")
        _require(
            not self.drop_path or self.network.startswith(TIMM),
            f"--drop-path goes with a network of timm (--network timm/NAME), not with {self.network}",
        )
        _require(0 <= self.randaugment <= 30, f"--randaugment must be from 0 to 30, not {self.randaugment}")
        _require(
            not is_for_timm(self.start) or self.network.startswith(TIMM),
            f"--from {self.start}: are weights of a network of timm; name it with --network timm/NAME",
        )
        _require(self.tau_km >= 0, f"--tau must not be negative, not {self.tau_km}")
        _require(self.precision in ("fp32", "bf16"), f"--precision is fp32 or bf16, not {self.precision}")
        _require(self.optimizer in ("sgd", "adamw"), f"--optimizer is sgd or adamw, not {self.optimizer}")

    def thresholds(self, photos: int) -> Thresholds:
        suited = thresholds_for(photos)
        if not self.t1:
            return replace(suited, max_level=min(suited.max_level, self.max_level))
        return Thresholds(self.t1, self.t2, self.max_level)

    @property
    def digest(self) -> str:
        """Changes with anything that would change the weights."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


_PLANET = PARTITIONS["planet"]
_5K500 = PARTITIONS["rn101-5k500"]

PRESETS = {
    # FACTS: ResNet-101, 12 epochs, SGD; the schedule of Goyal et al. 2017 for this batch
    "rn101-5k500": Recipe(
        "rn101-5k500", "resnet101-v2", t1=_5K500.t1, t2=_5K500.t2, epochs=12, batch=1024, micro_batch=64,
        learning_rate=0.4, mean=PUBLISHED_MEAN, std=(1.0, 1.0, 1.0),
    ),
    # PlaNet's cells over an Inception network, with what was found since to help
    "planet": Recipe(
        "planet", "googlenet", t1=_PLANET.t1, t2=_PLANET.t2, epochs=12, batch=1024, micro_batch=64,
        learning_rate=0.2, hierarchy=(100_000, 1_000_000), tau_km=75.0, ema=0.9999,
    ),
    # thousands to hundreds of thousands of own photos, one GPU
    "own": Recipe(
        "own", "resnet50", epochs=60, batch=256, micro_batch=64, learning_rate=0.1, tau_km=25.0, ema=0.999,
    ),
    # a try on a CPU, in minutes
    "try": Recipe(
        "try", "resnet10", input_size=64, short_side=96, epochs=12, batch=32, micro_batch=32,
        optimizer="adamw", learning_rate=2e-3, weight_decay=0.05, warmup_epochs=1, ema=0.98, precision="fp32",
        compiled=False,
    ),
    # the classifier of one's own places over the features of a pack that is there
    "head": Recipe(
        "head", "pack", head_only=True, epochs=100, batch=256, micro_batch=256, optimizer="adamw",
        learning_rate=1e-3, weight_decay=0.05, warmup_epochs=0, precision="fp32", compiled=False,
    ),
}  # fmt: skip


def chosen(photos: int, has_gpu: bool) -> str:
    """The preset for so many photos on this machine when none was asked for."""
    if photos >= 1_000_000:
        return "rn101-5k500"
    return "own" if has_gpu and photos >= 5_000 else "try"


def preset(name: str, **changes: Any) -> Recipe:
    """The preset with what is not None among `changes` put in its place. Its learning rate holds for its
    batch: of another one it is in proportion for SGD (Goyal et al. 2017), and by the root for AdamW (Malladi
    et al. 2022), unless it is among the changes, too."""
    if name not in PRESETS:
        raise UsageError(f"preset {name!r} is not known; known are {', '.join(PRESETS)}")
    given = {key: value for key, value in changes.items() if value is not None}
    usual = PRESETS[name]
    if "batch" in given and "learning_rate" not in given and given["batch"] > 0:
        optimizer = given.get("optimizer", usual.optimizer)
        ratio = given["batch"] / usual.batch
        given["learning_rate"] = usual.learning_rate * (ratio if optimizer == "sgd" else ratio**0.5)
    return replace(usual, **given)


def recipe_of(table: dict[str, Any]) -> Recipe:
    """The inverse of `dataclasses.asdict`, from JSON or TOML."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return Recipe(**values)
