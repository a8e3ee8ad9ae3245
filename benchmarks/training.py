"""Images a second in training: blank images, shard images, the data path alone, and timm beside them.

    python -m benchmarks.training --device cuda --network resnet101 [--timm-benchmark timm/benchmark.py]
    python -m benchmarks.training --device cpu --network resnet18 --size 64 --micro-batch 32 --precision fp32

All in one run on one device. timm's own benchmark is a script of its repository (benchmark.py, not in
its package): with its path it is run as it is, `--bench train`, for the same network, batch and precision;
without, and with timm installed, timm's network is timed in our loop; without timm this is left out.
The hours for 33.9 million photos × 12 epochs assume that GPUs add up, which they do not quite.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from geotagger.cells import CellTable
from geotagger.geo import unit_vectors
from geotagger.partition import Thresholds, partition
from training.data.images import training_jpeg
from training.data.shard_writer import write_shards
from training.data.shards import ShardManifest, ShardSet
from training.fit.checkpoint import Identity
from training.fit.feeding import MicroBatches, Plan, ShardPictures, loader
from training.fit.loop import Labelled, TrainingSettings, fit
from training.fit.networks import build
from training.fit.objectives import Objective, class_vectors
from training.fit.recipe import Recipe, preset

PHOTOS, EPOCHS = 33.9e6, 12
CLASSES = 15_527
_IMAGES = 2048


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--device", default="cuda")
    words.add_argument("--network", default="resnet101")
    words.add_argument("--size", type=int, default=224)
    words.add_argument("--micro-batch", type=int, default=256)
    words.add_argument("--precision", default="bf16")
    words.add_argument("--workers", type=int, default=0)
    words.add_argument("--seconds", type=float, default=20)
    words.add_argument("--timm-benchmark", type=Path)
    args = words.parse_args()
    recipe = preset(
        "own", network=args.network, input_size=args.size, short_side=256 if args.size > 96 else 96,
        batch=args.micro_batch, micro_batch=args.micro_batch, precision=args.precision, tau_km=0.0,
        ema=0.0,
        compiled=args.device.startswith("cuda"),
    )  # fmt: skip
    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else "CPU"
    print(f"{args.network}, {CLASSES:,} classes, {args.size} px, {args.precision}, "
          f"micro-batch {args.micro_batch}, {name}, PyTorch {torch.__version__}\n")  # fmt: skip
    print("| what | images/s |\n|---|---|")
    blank = tell("training, blank images", blank_images(recipe, args.device, args.seconds))
    with tempfile.TemporaryDirectory() as folder:
        shards = made_shards(Path(folder) / "shards", recipe)
        tell(f"data path alone, {args.workers or 'no'} loader processes", data_path(shards, recipe, args))
        real, waited = from_shards(shards, recipe, args, Path(folder), blank)
    tell(f"training, shard images ({waited:.1%} of the time waiting for them)", real)
    timm_speed(args, recipe)
    print(f"\nat {real:,.0f} images/s, {PHOTOS / 1e6:.1f} M photos × {EPOCHS} epochs take", end=" ")
    print(
        ", ".join(f"{PHOTOS * EPOCHS / real / n / 3600:,.0f} hours on {n}" for n in (1, 8, 16)),
        "such devices",
    )
    print(f"(the published model: 216 hours on 16 K80); shards reach {real / blank:.0%} of blank images")


def tell(what: str, speed: float) -> float:
    print(f"| {what} | {speed:,.1f} |", flush=True)
    return speed


def blank_images(recipe: Recipe, device: str, seconds: float, network: Any = None) -> float:
    """Forward, backward and the optimizer's step, the images already on the device."""
    torch.manual_seed(0)
    model = (network or build(recipe.network, CLASSES)).to(device, memory_format=torch.channels_last)
    if recipe.compiled:
        model.compile()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    size, edge = recipe.micro_batch, recipe.input_size
    pixels = torch.zeros(size, 3, edge, edge, device=device).contiguous(memory_format=torch.channels_last)
    classes = torch.arange(size, device=device)

    def step() -> None:
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=recipe.precision == "bf16"):
            scores = model(pixels)
        scores = scores[0] if isinstance(scores, list) else scores
        torch.nn.functional.cross_entropy(scores.float(), classes).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return timed(step, size, device, seconds)


def timed(step: Any, images: int, device: str, seconds: float) -> float:
    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    for _ in range(3):
        step()
    wait()
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        steps += 1
        if steps % 10 == 0:
            wait()
    wait()
    return steps * images / (time.perf_counter() - started)


def made_shards(folder: Path, recipe: Recipe) -> ShardSet:
    """Noise at several scales, which JPEG finds as hard as photographs: about 25 KB at 256 pixels."""
    edge = recipe.short_side

    def fetch(address: str) -> bytes:
        rng = np.random.default_rng(int(address))
        layers = [
            Image.fromarray(rng.integers(0, 256, (edge // k, edge * 4 // 3 // k, 3), dtype=np.uint8)).resize(
                (edge * 4 // 3, edge), Image.Resampling.BICUBIC
            )
            for k in (4, 16, 64)
        ]
        mixed = np.mean([np.asarray(layer, dtype=np.float32) for layer in layers], axis=0)
        out = io.BytesIO()
        Image.fromarray(mixed.astype(np.uint8)).save(out, "JPEG", quality=95)
        return out.getvalue()

    rng = np.random.default_rng(0)
    rows = (
        {"key": str(n), "address": str(n), "latitude": rng.uniform(-60, 60),
         "longitude": rng.uniform(-180, 180), "user": "", "licence": "", "credit": ""}
        for n in range(_IMAGES)
    )  # fmt: skip
    write_shards(folder, {"train": rows}, ShardManifest("benchmark", edge, 1024), fetch=fetch)
    mean = np.mean([len(training_jpeg(fetch(str(n)), edge)) for n in range(20)])
    shards = ShardSet(str(folder), "train")
    print(f"| (shard images are {mean / 1000:.0f} KB at short side {edge}) | |")
    return shards


def data_path(shards: ShardSet, recipe: Recipe, arguments: argparse.Namespace) -> float:
    plan = Plan(np.arange(len(shards)), shards.first, recipe.batch, recipe.micro_batch, 0)
    batches = loader(
        ShardPictures(shards, recipe.input_size, 0), MicroBatches(plan, 0, 10_000), arguments.workers,
        arguments.device.startswith("cuda"),
    )  # fmt: skip
    return timed(lambda: next(batches), recipe.micro_batch, "cpu", arguments.seconds)


def from_shards(
    shards: ShardSet, recipe: Recipe, arguments: argparse.Namespace, folder: Path, blank: float
) -> tuple[float, float]:
    """The training loop itself, with everything it does."""
    lat, lng = shards.index["latitude"].astype(float), shards.index["longitude"].astype(float)
    table = with_classes(partition(lat, lng, Thresholds(4, 1)), CLASSES)
    labelled = Labelled(
        shards,
        np.arange(len(shards)),
        torch.from_numpy(np.maximum(table.classes_of(lat, lng), 0).astype(np.int64)),
        torch.from_numpy(unit_vectors(lat, lng).astype(np.float32)),
    )
    # as many steps as take about the time asked for
    epochs = max(2 * recipe.batch / _IMAGES, arguments.seconds * blank / _IMAGES)
    timed_recipe = replace(recipe, epochs=epochs)
    settings = TrainingSettings(arguments.device, arguments.workers, checkpoint_seconds=1e9)
    fitted = fit(
        build(recipe.network, CLASSES), Objective([class_vectors(table)], [], None), labelled, None,
        timed_recipe, settings, Identity("benchmark", CLASSES, "", ""), folder / "work", lambda _: None,
    )  # fmt: skip
    return fitted.images_per_s, fitted.waited_for_data


def with_classes(table: CellTable, classes: int) -> CellTable:
    """The table with as many rows as the published model, the last of them copies."""
    rows = np.minimum(np.arange(classes), len(table) - 1)
    return CellTable(table.ids[rows], table.lat[rows], table.lng[rows])


def timm_speed(arguments: argparse.Namespace, recipe: Recipe) -> None:
    if arguments.timm_benchmark:
        command = [
            sys.executable, str(arguments.timm_benchmark), "--bench", "train", "--model", arguments.network,
            "--batch-size", str(arguments.micro_batch), "--img-size", str(arguments.size),
            "--num-classes", str(CLASSES),
            "--channels-last", "--device", arguments.device,
            *(["--amp", "--amp-dtype", "bfloat16"] if arguments.precision == "bf16" else []),
            *(["--torchcompile"] if recipe.compiled else []),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        report = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
        tell("timm's own training benchmark, blank images", float(report["train_samples_per_sec"]))
        return
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        print(f"| timm: not here ({str(error).splitlines()[0]}) | |")
        return
    network = timm.create_model(arguments.network, num_classes=CLASSES)
    tell(
        "timm's network in our loop, blank images",
        blank_images(recipe, arguments.device, arguments.seconds, network),
    )


if __name__ == "__main__":
    main()
