"""The stages `fit` and `pack`: from shards and cells to weights, and from weights to a measured pack."""

import hashlib
import os
import zipfile
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

import geotagger
from geotagger.cells import CellTable
from geotagger.engine.opening import open_engine
from geotagger.errors import ModelNotInstalledError, TrainingError, UsageError
from geotagger.model.manifest import Manifest
from geotagger.model.pack import ModelPack, find_pack, installed_packs, write_pack
from geotagger.partition import coarsened
from training import accuracy, checkpoint, evaluate, rows
from training.checkpoint import Identity
from training.export import Writer, head_writer, network_writer, pixel_statistics, preprocessing_of
from training.from_pack import classifier_of, with_classes
from training.head import features_of, fit_head, network_input
from training.loop import Settings, fit
from training.networks import Classifier, build
from training.objectives import Objective, cell_vectors, class_vectors
from training.recipe import Recipe
from training.runlog import Say
from training.shards import ShardSet
from training.stages import Asked, Run, address_of_shards, labelled

_MEASURED_PHOTOS = 10_000


@dataclass(frozen=True, slots=True)
class Trained:
    """What a pack is written from: how to write its network, how its input is made, and what to tell."""

    writer: Writer
    recipe: Recipe
    told: dict[str, Any]
    base: ModelPack | None = None


def device_of(asked: str) -> str:
    """A torch device: `auto` takes this process's GPU where there is one."""
    if asked == "auto":
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    if asked.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"--device {asked}: PyTorch sees no NVIDIA GPU here; use --device cpu")
    return asked


def join_processes(device: str) -> None:
    """Join the processes that torchrun started; alone, nothing happens."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if device.startswith("cuda"):
            torch.cuda.set_device(device)
        # the first process may make cells and shards for hours while the others wait
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=timedelta(days=3))


def is_first() -> bool:
    return not dist.is_initialized() or dist.get_rank() == 0


def wait_for_first() -> None:
    if dist.is_initialized():
        dist.barrier()


def train(asked: Asked, run: Run, table: CellTable, settings: Settings, say: Say) -> Trained:
    """The weights for this run: trained now, or as far as the checkpoints in the work folder are whole."""
    if run.recipe.head_only:
        return _train_head(asked, run, table, settings, say)
    network, recipe, parents, coarse = _network(run.recipe, table)
    cache = asked.work / "cache"
    address = address_of_shards(asked)
    objective = Objective([class_vectors(table), *coarse], parents, recipe.tau_km or None)
    examples = labelled(address, "train", table, cache)
    # a batch of more images than there are would show some of them twice in a step
    while recipe.batch > max(len(examples.samples), 1) and recipe.batch > recipe.micro_batch:
        recipe = replace(recipe, batch=recipe.batch - recipe.micro_batch)
    fitted = fit(
        network,
        objective,
        examples,
        labelled(address, "val", table, cache),
        recipe,
        settings,
        _identity(run.recipe, table),
        asked.work,
        say,
    )
    told: dict[str, Any] = {"steps": fitted.steps, "photos": len(examples.samples)}
    if fitted.images_per_s:
        told |= {
            "images_per_s": round(fitted.images_per_s, 1),
            "waited_for_data": round(fitted.waited_for_data, 3),
        }
    return Trained(network_writer(fitted.network, recipe.input_size), recipe, told)


def trained(asked: Asked, run: Run, table: CellTable) -> Trained:
    """The weights that an earlier `fit` left in the work folder; TrainingError when there are none."""
    if run.recipe.head_only:
        path = asked.work / "head.npz"
        if not path.exists():
            raise TrainingError(f"{path}: not there; run `geotagger train fit --work {asked.work}` first")
        return _with_head(run.recipe, *_load_head(path, run.recipe, table))
    network, recipe, _, _ = _network(run.recipe, table)
    state = checkpoint.load_latest(asked.work / "checkpoints", _identity(run.recipe, table))
    if state is None:
        raise TrainingError(
            f"{asked.work / 'checkpoints'}: no whole checkpoint; "
            f"run `geotagger train fit --work {asked.work}` first"
        )
    network.load_state_dict(state["ema"] or state["model"])
    return Trained(network_writer(network, recipe.input_size), recipe, {"steps": state["step"]})


def make_pack(
    asked: Asked, run: Run, table: CellTable, made: Trained, out: Path, replaced: bool, device: str, say: Say
) -> tuple[ModelPack, evaluate.Report | None]:
    """Write the pack, then measure it the way `tag` will run it, and store what was measured."""
    summary = rows.load_summary(asked.work)
    preprocessing = made.base.preprocessing if made.base else preprocessing_of(made.recipe)
    training: dict[str, Any] = {
        "source": Path(run.source).name,
        "kind": run.kind,
        "program": f"geotagger {geotagger.__version__}, PyTorch {torch.__version__}",
        "photographers": summary.photographers,
        "listed": summary.kept,
        "photo_licences": summary.licences,
        "recipe": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(made.recipe).items()},
        **made.told,
    }
    if made.base:
        training["base"] = f"{made.base.name} {made.base.version} (licence: {made.base.licence})"
    manifest = Manifest(
        name=out.name,
        version="1",
        licence=run.licence,
        preprocessing=preprocessing,
        description=f"{made.recipe.network} over {len(table):,} cells, trained on {run.kind}",
        training=training,
    )
    pack = write_pack(out, manifest, table, made.writer, replace=replaced)
    report = _measure(asked, pack, device, say)
    return (find_pack(out), report) if report else (pack, None)


def speed_and_memory(recipe: Recipe, classes: int, device: str) -> tuple[float, float]:
    """Images a second and gigabytes of a few steps with blank images, on this machine."""
    import resource
    import time

    name = recipe.network if recipe.network != "pack" else "resnet101-v2"
    network = build(name, classes, input_size=recipe.input_size).to(device)
    size = min(recipe.micro_batch, 64 if device.startswith("cuda") else 16)
    data = torch.zeros(size, 3, recipe.input_size, recipe.input_size, device=device)
    network.train()

    def step() -> None:
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=recipe.precision == "bf16"):
            loss = network(data)[0].float().logsumexp(1).sum()
        loss.backward()
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    step()
    started, steps = time.monotonic(), 0
    while time.monotonic() - started < 2 or steps < 2:
        step()
        steps += 1
    speed = steps * size / (time.monotonic() - started)
    weights = 16e-9 * sum(p.numel() for p in network.parameters())
    if device.startswith("cuda"):
        activations = torch.cuda.max_memory_allocated() / 1e9 / size
    else:
        activations = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6 / size
    return speed, weights + activations * recipe.micro_batch


def _network(recipe: Recipe, table: CellTable) -> tuple[Classifier, Recipe, list[Tensor], list[Tensor]]:
    """The network with its first weights, the recipe with what a pack decides, the rows of the
    coarser heads and the places of their cells."""
    torch.manual_seed(recipe.seed)
    parents, coarse = [], []
    for t1 in sorted(recipe.hierarchy):
        ids, of_class = coarsened(table, t1)
        if 1 < len(ids) < len(table):
            parents.append(torch.from_numpy(of_class))
            coarse.append(cell_vectors(ids))
    if recipe.network != "pack":
        network = build(recipe.network, len(table), parents, recipe.input_size)
        if recipe.start:
            weights = checkpoint.load_weights(Path(recipe.start), recipe.network, len(table))
            network.load_state_dict(weights, strict=False)
        return network, recipe, parents, coarse
    pack = _base(recipe)
    network = classifier_of(pack)
    same_cells = len(pack.cells) == len(table) and bool(np.array_equal(pack.cells.ids, table.ids))
    if not same_cells or parents:
        network = with_classes(network, len(table), parents)
    mean, std = pixel_statistics(pack.preprocessing)
    size = pack.preprocessing.input_size
    short_side = max(recipe.short_side, size)
    return (
        network,
        replace(recipe, input_size=size, short_side=short_side, mean=mean, std=std),
        parents,
        coarse,
    )


def _base(recipe: Recipe) -> ModelPack:
    """The pack to train on from; "installed" takes the only one there is."""
    name = recipe.start
    if name == "installed":
        folders = installed_packs()
        if len(folders) != 1:
            raise ModelNotInstalledError(
                f"{len(folders)} models are installed; name the one to train on from with --from, "
                "or get one with `geotagger models pull rn101-5k500`"
            )
        name = str(folders[0])
    pack = find_pack(name)
    if pack.preprocessing.channels != "RGB":
        raise TrainingError(
            f"{pack.folder}: takes {pack.preprocessing.channels}; only RGB packs can be trained on"
        )
    return pack


def _identity(recipe: Recipe, table: CellTable) -> Identity:
    name = recipe.network if recipe.network != "pack" else f"the network of {Path(recipe.start).name}"
    cells = hashlib.sha256(np.ascontiguousarray(table.ids).tobytes()).hexdigest()[:12]
    return Identity(name, len(table), cells, recipe.digest)


def _train_head(asked: Asked, run: Run, table: CellTable, settings: Settings, say: Say) -> Trained:
    path = asked.work / "head.npz"
    if path.exists():
        held = _load_head(path, run.recipe, table)
        say("head: fitted before (kept)")
        return _with_head(run.recipe, *held)
    pack = _base(run.recipe)
    examples = labelled(address_of_shards(asked), "train", table, asked.work / "cache")
    device = "cuda" if settings.device.startswith("cuda") else settings.device
    features = features_of(pack, examples.shards, asked.work / "features", device, say)
    objective = Objective([class_vectors(table)], [], run.recipe.tau_km or None)
    weight, bias = fit_head(features, examples, objective, run.recipe, say)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, weight=weight, bias=bias, key=np.array(_head_key(run.recipe, table)))
    unfinished.replace(path)
    return _with_head(run.recipe, weight, bias)


def _load_head(
    path: Path, recipe: Recipe, table: CellTable
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    try:
        with np.load(path) as held:
            weight, bias, key = held["weight"], held["bias"], str(held["key"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: damaged ({error}); delete it and run again") from None
    if key != _head_key(recipe, table):
        raise TrainingError(f"{path}: a head of another recipe or other cells; delete it and run again")
    return weight, bias


def _head_key(recipe: Recipe, table: CellTable) -> str:
    identity = _identity(recipe, table)
    return f"{identity.cells} {identity.recipe}"


def _with_head(recipe: Recipe, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Trained:
    pack = _base(recipe)
    return Trained(head_writer(pack.onnx_path, weight, bias), recipe, {}, pack)


def _measure(asked: Asked, pack: ModelPack, device: str, say: Say) -> evaluate.Report | None:
    """Temperature from the validation photos, accuracy from the test photos."""
    address, cache = address_of_shards(asked), asked.work / "cache"
    sets = {split: ShardSet(address, split, cache=cache) for split in ("val", "test")}
    fit_on = "val" if len(sets["val"]) else "test"
    told_on = "test" if len(sets["test"]) else "val"
    if not len(sets[fit_on]):
        say("no photo was kept apart for validation or testing: the pack's accuracy was not measured")
        return None
    engine_device = "cuda" if device.startswith("cuda") else "cpu"
    engine = open_engine(pack, engine_device)
    heard: dict[str, tuple[evaluate.Labels, NDArray[np.float32]]] = {}
    for split in {fit_on, told_on}:
        found = sets[split]
        some = np.random.default_rng(0).permutation(len(found))[:_MEASURED_PHOTOS]
        outputs = []
        for start in range(0, len(some), 64):
            batch = np.stack([network_input(found.jpeg(int(i)), pack) for i in some[start : start + 64]])
            outputs.append(engine.run(batch).probabilities)
        labels = evaluate.Labels(
            f"{split} photos of its own source",
            tuple(str(i) for i in some),
            found.index["latitude"][some].astype(np.float64),
            found.index["longitude"][some].astype(np.float64),
        )
        heard[split] = labels, np.concatenate(outputs)
    engine.close()
    labels, probabilities = heard[fit_on]
    classes = pack.cells.classes_of(labels.lat, labels.lng)
    temperature, before, after = accuracy.fit_temperature(probabilities, classes)
    labels, probabilities = heard[told_on]
    report = evaluate.report_of(pack, labels, probabilities, temperature=temperature)
    evaluate.store(pack, report, temperature, before, after, len(classes))
    return report
