"""The stage `fit`: from shards and cells to weights."""

import hashlib
import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geotagger.cells import CellTable
from geotagger.errors import TrainingError
from geotagger.model.manifest import Manifest
from geotagger.model.pack import ModelPack, load_pack, write_pack
from geotagger.partition import coarsened
from training.data.shards import write_whole
from training.fit import checkpoint
from training.fit.checkpoint import Identity
from training.fit.from_pack import classifier_of, with_classes
from training.fit.head import features_of, fit_head
from training.fit.loop import TrainingSettings, fit
from training.fit.networks import Classifier, build
from training.fit.objectives import Objective, cell_vectors, class_vectors
from training.fit.processes import is_first, rank, world_size
from training.fit.recipe import AS_PUBLISHED, TIMM, Recipe, is_for_timm
from training.fit.runlog import Say
from training.fit.timm_networks import expected_input
from training.pack.export import Writer, head_writer, network_writer, pixel_statistics, preprocessing_of
from training.stages import (
    TrainingRequest,
    TrainingRun,
    address_of_shards,
    base_pack,
    check_size,
    labelled,
)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a pack is written from: how to write its network, how its input is made, what to tell, and the
    network itself, None where only the pack's own graph is there."""

    writer: Writer
    recipe: Recipe
    summary: dict[str, Any]
    network: Classifier | None
    base: ModelPack | None = None


def train(
    request: TrainingRequest, run: TrainingRun, table: CellTable, settings: TrainingSettings, say: Say
) -> Trained:
    """The weights for this run: trained now, or as far as the checkpoints in the work folder are whole."""
    if run.recipe.head_only:
        return _train_head(request, run, table, settings, say)
    network, recipe, parents, coarse = _network(run.recipe, table)
    cache = request.work / "cache"
    address = address_of_shards(request)
    objective = Objective([class_vectors(table), *coarse], parents, recipe.tau_km or None)
    examples = labelled(address, "train", table, cache)
    check_size(examples.shards, recipe)
    # a batch of more images than there are would show some of them twice in a step
    share = recipe.micro_batch * world_size()
    while recipe.batch > max(len(examples.samples), 1) and recipe.batch > share:
        recipe = replace(recipe, batch=recipe.batch - share)
    fitted = fit(
        network,
        objective,
        examples,
        labelled(address, "val", table, cache),
        recipe,
        settings,
        _identity(run.recipe, table, settings.mode),
        request.work,
        say,
    )
    summary: dict[str, Any] = {"steps": fitted.steps, "photos": len(examples.samples), **_base_said(recipe)}
    if fitted.images_per_s:
        summary |= {
            "images_per_s": round(fitted.images_per_s, 1),
            "waited_for_data": round(fitted.waited_for_data, 3),
        }
    return Trained(network_writer(fitted.network, recipe.input_size), recipe, summary, fitted.network)


def trained(request: TrainingRequest, run: TrainingRun, table: CellTable, say: Say) -> Trained:
    """The weights that an earlier `fit` left in the work folder; TrainingError when there are none."""
    if run.recipe.head_only:
        path = request.work / "head.npz"
        if not path.exists():
            raise TrainingError(f"{path}: not there; run `geotagger train fit --work {request.work}` first")
        return _with_head(request, run.recipe, table, *_load_head(path, run.recipe, table), say)
    network, recipe, _, _ = _network(run.recipe, table, is_begun=False)
    state = checkpoint.load_latest(request.work / "checkpoints", _identity(run.recipe, table))
    if state is None:
        raise TrainingError(
            f"{request.work / 'checkpoints'}: no whole checkpoint; "
            f"run `geotagger train fit --work {request.work}` first"
        )
    network.load_state_dict(state["ema"] or state["model"])
    summary = {"steps": state["step"], **_base_said(recipe)}
    return Trained(network_writer(network, recipe.input_size), recipe, summary, network)


def _network(
    recipe: Recipe, table: CellTable, is_begun: bool = True
) -> tuple[Classifier, Recipe, list[Tensor], list[Tensor]]:
    """The network with its first weights (of no consequence unless `is_begun`), the recipe with what a pack
    decides, the rows of the coarser heads and the places of their cells."""
    torch.manual_seed(recipe.seed)
    parents, coarse = [], []
    for t1 in sorted(recipe.hierarchy):
        ids, of_class = coarsened(table, t1)
        if 1 < len(ids) < len(table):
            parents.append(torch.from_numpy(of_class))
            coarse.append(cell_vectors(ids))
    if recipe.network != "pack":
        start = recipe.start if is_begun else ""
        of_timm = start if is_for_timm(start) else ""
        network = build(
            recipe.network,
            len(table),
            parents,
            recipe.input_size,
            start=of_timm,
            drop_path=recipe.drop_path,
        )
        if start and not of_timm:
            weights = checkpoint.load_weights(Path(start), recipe.network, len(table))
            network.load_state_dict(weights, strict=False)
        return network, recipe, parents, coarse
    pack = base_pack(recipe)
    network = classifier_of(pack)
    same_cells = len(pack.cells) == len(table) and bool(np.array_equal(pack.cells.ids, table.ids))
    if not same_cells or parents:
        network = with_classes(network, len(table), parents)
    mean, std = pixel_statistics(pack.preprocessing)
    size = pack.preprocessing.input_size
    short_side = max(recipe.short_side, size)
    resampling = pack.preprocessing.resampling
    recipe = replace(
        recipe,
        input_size=size,
        short_side=short_side,
        mean=mean,
        std=std,
        resampling="bilinear" if resampling == "bilinear-unfiltered" else resampling,
    )
    return network, recipe, parents, coarse


def _frozen(
    request: TrainingRequest, recipe: Recipe, table: CellTable, say: Say
) -> tuple[ModelPack, Classifier | None]:
    """What a head is put on, as a pack: the one to begin from, or a network with the weights to begin with,
    which is made a pack in the work folder. The network of that is given, too."""
    if recipe.network == "pack":
        return base_pack(recipe), None
    network, recipe, _, _ = _network(recipe, table)
    folder = request.work / ("backbone" if is_first() else f"backbone-{rank()}")  # no two write one
    if folder.exists():
        pack = load_pack(folder)
        if pack.manifest.training.get("recipe") == recipe.digest and len(pack.cells) == len(table):
            return pack, network.eval()
    say(f"{recipe.network}: made a pack to look with")
    manifest = Manifest(
        name=recipe.network.removeprefix(TIMM),
        version="1",
        licence=_licence_of(recipe) or "none stated by its makers",
        preprocessing=preprocessing_of(recipe),
        description=f"{recipe.network} with the weights of {recipe.start}; its classes say nothing",
        training={"recipe": recipe.digest},
    )
    writer = network_writer(network, recipe.input_size)
    return write_pack(folder, manifest, table, writer, replace=True), network.eval()


def _base_said(recipe: Recipe) -> dict[str, str]:
    """For the pack: whose weights it begins with, and their licence."""
    if not is_for_timm(recipe.start):
        return {}
    where = "timm" if recipe.start == AS_PUBLISHED else Path(recipe.start).name
    licence = _licence_of(recipe) or "none stated by its makers"
    return {"base": f"{recipe.network} of {where} (licence: {licence})"}


def _licence_of(recipe: Recipe) -> str:
    return expected_input(recipe.network).licence if is_for_timm(recipe.start) else ""


def _identity(recipe: Recipe, table: CellTable, mode: str = "") -> Identity:
    name = recipe.network if recipe.network != "pack" else f"the network of {Path(recipe.start).name}"
    cells = hashlib.sha256(np.ascontiguousarray(table.ids).tobytes()).hexdigest()[:12]
    return Identity(name, len(table), cells, recipe.digest, mode)


def _train_head(
    request: TrainingRequest, run: TrainingRun, table: CellTable, settings: TrainingSettings, say: Say
) -> Trained:
    path = request.work / "head.npz"
    if path.exists():
        head = _load_head(path, run.recipe, table)
        say("head: fitted before (kept)")
        return _with_head(request, run.recipe, table, *head, say)
    pack, network = _frozen(request, run.recipe, table, say)
    examples = labelled(address_of_shards(request), "train", table, request.work / "cache")
    check_size(examples.shards, run.recipe)
    features = features_of(
        pack, examples.shards, request.work / "features", settings.device, say, network, settings.count
    )
    objective = Objective([class_vectors(table)], [], run.recipe.tau_km or None)
    weight, bias = fit_head(features, examples, objective, run.recipe, say)
    content = io.BytesIO()
    np.savez(content, weight=weight, bias=bias, key=np.array(_head_key(run.recipe, table)))
    write_whole(path, content.getvalue())
    return _with_head(request, run.recipe, table, weight, bias, say)


def _load_head(
    path: Path, recipe: Recipe, table: CellTable
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    try:
        with np.load(path) as arrays:
            weight, bias, key = arrays["weight"], arrays["bias"], str(arrays["key"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: damaged ({error}); delete it and run again") from None
    if key != _head_key(recipe, table):
        raise TrainingError(f"{path}: a head of another recipe or other cells; delete it and run again")
    return weight, bias


def _head_key(recipe: Recipe, table: CellTable) -> str:
    identity = _identity(recipe, table)
    return f"{identity.cells} {identity.recipe}"


def _with_head(
    request: TrainingRequest,
    recipe: Recipe,
    table: CellTable,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    say: Say,
) -> Trained:
    pack, backbone = _frozen(request, recipe, table, say)
    try:
        network = with_classes(backbone or classifier_of(pack), len(weight))
    except TrainingError:  # operators that only ONNX Runtime has
        return Trained(head_writer(pack.onnx_path, weight, bias), recipe, {}, None, pack)
    head = cast(nn.Linear, network.heads[0])
    head.weight.data.copy_(torch.from_numpy(weight))
    head.bias.data.copy_(torch.from_numpy(bias))
    return Trained(head_writer(pack.onnx_path, weight, bias), recipe, {}, network, pack)
