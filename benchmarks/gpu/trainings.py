"""Training on the card: our loop from shards beside the bare step, and what a GPU alone shows of it."""

import csv
import io
import re
import time
import warnings
from collections import Counter
from pathlib import Path
from threading import Event

import numpy as np
import torch
from PIL import Image

from benchmarks.gpu.bench import Bench, hours
from geotagger.cells import CellTable
from geotagger.errors import TrainingError
from geotagger.geo import unit_vectors
from geotagger.partition import Thresholds, partition
from tests.training.places import make_world
from training import fitting, stages
from training.data.shard_writer import write_shards
from training.data.shards import ShardManifest, ShardSet
from training.fit import loop
from training.fit.checkpoint import Identity
from training.fit.feeding import MicroBatches, loader
from training.fit.loop import Labelled, TrainingSettings, fit
from training.fit.networks import build
from training.fit.objectives import Objective, class_vectors
from training.fit.recipe import Recipe
from training.fit.runlog import quiet
from training.fit.tally import LossTally
from training.packing import make_pack

_TWO = """
import os, sys, torch, torch.distributed as dist
from training.fit.networks import build
dist.init_process_group("gloo")
device, compiled = sys.argv[1], sys.argv[2] == "1"
torch.manual_seed(0)
network = build("resnet18", 10).to(device)
if compiled:
    network.compile()
both = torch.nn.parallel.DistributedDataParallel(network)
torch.manual_seed(dist.get_rank())
both(torch.randn(8, 3, 64, 64, device=device))[0].sum().backward()
total = torch.stack([p.grad.abs().sum() for p in network.parameters()]).sum().cpu()
sums = [torch.zeros(()) for _ in range(2)]
dist.all_gather(sums, total)
if dist.get_rank() == 0:
    print("the same gradients:", bool(torch.allclose(*sums)))
"""


def training(bench: Bench) -> None:
    """Our loop from shards, beside the bare step."""
    speed = _train(bench, "fast", bench.batch)
    reached = speed / bench.bare_step if bench.bare_step else None
    bench.aim("training from shards, over the bare compiled step,", reached, 0.95)
    bench.tell("hours for 33.9 million photos × 12 epochs", hours(speed))


def small_batches(bench: Bench) -> None:
    """A step in four micro-batches."""
    _train(bench, "fast", bench.batch // 4)


def repeatable(bench: Bench) -> None:
    """The same where equal seeds give equal bits."""
    _train(bench, "deterministic", bench.batch)


def _train(bench: Bench, mode: str, micro_batch: int) -> float:
    labelled, table = _labelled(bench, epochs_long=100)
    steps = 12 if bench.tiny else max(30, int(bench.seconds * 4000 / bench.batch))
    recipe = bench.recipe(micro_batch=micro_batch, epochs=steps * bench.batch / len(labelled.samples))
    workers = 0 if bench.tiny else max(2, bench.cores - 1)
    settings = TrainingSettings(bench.device, workers, deterministic=mode == "deterministic", log_seconds=2)
    name = f"{mode} {micro_batch}"
    _fit(bench, recipe, labelled, table, settings, name)
    with (bench.folder / name / "log.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    speed, waited = float(last["images_per_s"]), float(last["waited_for_data"])
    share = f" = {speed / bench.bare_step:.0%} of the bare step" if bench.bare_step else ""
    rate = f"{speed:,.0f} images/s{share}, waited for data {waited:.0%}"
    bench.tell(f"training from shards, {mode}, micro-batches of {micro_batch}", rate)
    return speed


def _fit(
    bench: Bench, recipe: Recipe, labelled: Labelled, table: CellTable, settings: TrainingSettings, name: str
) -> torch.nn.Module:
    torch.manual_seed(recipe.seed)
    network, objective = build(recipe.network, len(table)), Objective([class_vectors(table)], [], 25.0)
    identity = Identity("check", len(table), "", "", settings.mode)
    return fit(
        network, objective, labelled, None, recipe, settings, identity, bench.folder / name, quiet
    ).network


def _labelled(bench: Bench, epochs_long: int) -> tuple[Labelled, CellTable]:
    """Random images, each `epochs_long` times in an epoch, so that no epoch ends while time is taken."""
    rng, count = np.random.default_rng(2), 256 if bench.tiny else 4096

    def fetch(number: str) -> bytes:
        pixels = np.random.default_rng(int(number)).integers(0, 256, (32, 42, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).resize((341, 256), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        return out.getvalue()

    folder = bench.folder / "shards"
    if not folder.exists():
        rows = ({"key": str(n), "address": str(n), "latitude": float(rng.uniform(-60, 60)),
                 "longitude": float(rng.uniform(-180, 180)), "user": "", "licence": "", "credit": ""}
                for n in range(count))  # fmt: skip
        write_shards(folder, {"train": rows}, ShardManifest("check", 256, 1024), fetch=fetch)
    shards = ShardSet(str(folder), "train")
    lat, lng = shards.index["latitude"].astype(float), shards.index["longitude"].astype(float)
    few = partition(lat, lng, Thresholds(4, 1))
    repeated = np.minimum(np.arange(bench.classes), len(few) - 1)
    table = CellTable(few.ids[repeated], few.lat[repeated], few.lng[repeated])
    classes = torch.from_numpy(np.maximum(few.classes_of(lat, lng), 0).astype(np.int64) % bench.classes)
    truth = torch.from_numpy(unit_vectors(lat, lng).astype(np.float32))
    return Labelled(shards, np.tile(np.arange(count), epochs_long), classes, truth), table


def waits(bench: Bench) -> None:
    """Where in a step the processor waits for the GPU: PyTorch warns of each."""
    labelled, table = _labelled(bench, epochs_long=1)
    recipe = bench.recipe(compiled=False, epochs=1)
    network, objective = build(recipe.network, len(table)), Objective([class_vectors(table)], [], 25.0)
    run = loop._Run(
        network, objective, labelled, None, recipe,
        TrainingSettings(bench.device), Identity("check", len(table), "", ""), bench.folder / "waits", quiet,
        Event(),
    )  # fmt: skip
    batches = loader(run._pictures(labelled), MicroBatches(run.plan, 0, 9), 0, bench.on_gpu)
    tally = LossTally(run.device)
    run._step(0, batches, tally)
    if not bench.on_gpu:
        bench.tell("waits of the processor in a step", "a step ran; only a GPU is waited for")
        return
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run._step(1, batches, tally)
    torch.cuda.set_sync_debug_mode("default")
    places = Counter(f"{Path(seen.filename).name}:{seen.lineno}" for seen in caught)
    bench.tell("waits of the processor in a step", str(dict(places)) if places else "none")


def packing(bench: Bench) -> None:
    """From photos to a measured pack, by the stages themselves."""
    make_world(bench.folder / "world", photos_a_place=40)
    small = {"network": "resnet10", "epochs": 1.0}
    changes = small if bench.tiny else {"network": "resnet18", "epochs": 10.0}
    for name, more in (("whole", {}), ("head", {"head_only": True, "start": str(bench.folder / "whole")})):
        begun = time.monotonic()
        chosen = "head" if more else "try"
        request = stages.TrainingRequest(
            str(bench.folder / "world"), bench.folder / f"{name}.work", preset=chosen, changes=more or changes
        )
        run, _ = stages.list_photos(request, bench.on_gpu, quiet)
        table = stages.make_cells(request.work, run, quiet)
        stages.make_shards(request.work, run, 4, quiet)
        made = fitting.train(request, run, table, TrainingSettings(bench.device), quiet)
        _, report = make_pack(request, run, table, made, bench.folder / name, False, bench.device, quiet)
        assert report is not None
        percent = next(iter(report.scores.values())).percent
        took = time.monotonic() - begun
        bench.tell(f"{name}: trained, packed, measured on {bench.device} in {took:.1f} s", f"{percent}")


def memory(bench: Bench) -> None:
    """What is told when a batch does not fit, and whether what it advises does."""
    labelled, table = _labelled(bench, epochs_long=20)
    size = 16_384 if bench.on_gpu else bench.batch
    while size:
        recipe = bench.recipe(
            batch=size, micro_batch=size, compiled=False, epochs=size / len(labelled.samples)
        )
        try:
            _fit(bench, recipe, labelled, table, TrainingSettings(bench.device), f"memory {size}")
            bench.tell(f"micro-batch {size}", "fits")
            return
        except TrainingError as error:
            bench.tell(f"micro-batch {size}", str(error))
            advised = re.search(r"--micro-batch (\d+)", str(error))
            size = int(advised[1]) if advised else 0


def seeds(bench: Bench) -> None:
    """Equal seeds, equal bits, where --deterministic asks for it; and what PyTorch cannot promise of it."""
    labelled, table = _labelled(bench, epochs_long=1)
    recipe = bench.recipe(compiled=False, epochs=4 * bench.batch / len(labelled.samples))
    settings = TrainingSettings(bench.device, deterministic=True)
    weights = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("one", "other"):
            network = _fit(bench, recipe, labelled, table, settings, name)
            weights.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    doubtful = {
        words.split(" does not")[0][:70] for seen in caught if "deterministic" in (words := str(seen.message))
    }
    apart = float((weights[0] - weights[1]).abs().max())
    bench.tell(
        "--deterministic: equal seeds, equal bits",
        f"{bool(torch.equal(*weights))}, largest difference {apart:.1e}; "
        f"PyTorch warns of {sorted(doubtful) or 'nothing'}",
    )


def two_processes(bench: Bench) -> None:
    """A compiled network under two processes that share this device, over gloo."""
    script = bench.folder / "two.py"
    script.write_text(_TWO)
    words = ["--nproc-per-node", "2", script, bench.device, int(bench.on_gpu)]
    seconds, output, _ = bench.call("torch.distributed.run", *words)
    compiled = "compiled " if bench.on_gpu else ""
    bench.tell(f"two processes, one {compiled}network: {seconds:.1f} s", " / ".join(output))
