"""A new head on a frozen backbone: a pack's features of every photo once, then one linear layer.

Minutes on a CPU for thousands of photos, and nearly all of that is the network's forward pass, which is kept
on disk as it goes. Takes shards and a pack, gives the weights of the layer.
"""

import io
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geotagger.errors import TrainingError
from geotagger.model.pack import ModelPack
from training.data.shards import ShardSet, write_whole
from training.fit.frozen import looking, network_input
from training.fit.loop import Labelled
from training.fit.networks import Classifier
from training.fit.objectives import Objective
from training.fit.processes import is_first, rank, world_size
from training.fit.recipe import Recipe
from training.fit.runlog import Count, Say
from training.fit.schedule import learning_rate

FloatArray = NDArray[np.float32]
_CHUNK = 256


def features_of(
    pack: ModelPack,
    shards: ShardSet,
    folder: Path,
    device: str,
    say: Say,
    network: Classifier | None = None,
    count: Count | None = None,
) -> FloatArray:
    """The pack's features of every image, float32 (n, d); parts that lie in `folder` are kept. network: the
    pack's, where it is at hand. count: is told of every part, in place of a line. Of several processes each
    begins elsewhere, and takes what another has made in the same folder meanwhile."""
    if pack.feature_size is None:
        raise TrainingError(
            f"{pack.folder}: gives no features to train a head on; import or pull the model again"
        )
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(shards), _CHUNK)
    paths = [
        folder / f"{shards.split}-{shards.manifest.source}-{pack.digest}-{start:09d}.npy" for start in starts
    ]
    missing = [(start, path) for start, path in zip(starts, paths, strict=True) if not path.exists()]
    if missing:
        own = len(missing) * rank() // world_size()
        with looking(pack, device, network) as look:
            for start, path in (*missing[own:], *missing[:own]):
                if path.exists():
                    continue
                stop = min(start + _CHUNK, len(shards))
                batch = np.stack([network_input(shards.jpeg(i), pack) for i in range(start, stop)])
                features = look(batch).features
                assert features is not None
                content = io.BytesIO()
                np.save(content, features)
                write_whole(path, content.getvalue())
                if not is_first():
                    continue
                there = set(os.listdir(folder))  # one question, however many parts there are
                done = sum(path.name in there for _, path in missing)
                if count:
                    count(f"Looking ({shards.split})", done, len(missing), f"parts of {_CHUNK} photos")
                else:
                    say(f"features of {shards.split}: {done} of {len(missing)} parts of {_CHUNK} photos")
    parts = [np.load(path) for path in paths]
    return np.concatenate(parts) if parts else np.empty((0, pack.feature_size), np.float32)


def fit_head(
    features: FloatArray, labelled: Labelled, objective: Objective, recipe: Recipe, say: Say
) -> tuple[FloatArray, FloatArray]:
    """Weight (classes, d) and bias (classes,) of the layer, to be applied to features as they are."""
    if not len(labelled.samples):
        raise TrainingError(
            "no photo of the shards lies in a cell of the partition: there is nothing to learn"
        )
    torch.manual_seed(recipe.seed)
    x = torch.from_numpy(features[labelled.samples])
    mean, deviation = x.mean(0), x.std(0, correction=0).clamp_min(1e-3)
    x = (x - mean) / deviation
    classes, truth = labelled.classes[labelled.samples], labelled.truth[labelled.samples]
    head = nn.Linear(x.shape[1], len(objective.places[0]))
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    batch = min(recipe.batch, len(x))
    steps_an_epoch = len(x) // batch
    steps = max(1, round(recipe.epochs * steps_an_epoch))
    order = torch.empty(0, dtype=torch.int64)
    loss = torch.zeros(())
    for step in range(steps):
        if step % steps_an_epoch == 0:
            order = torch.randperm(len(x))
        rows = order[(step % steps_an_epoch) * batch :][:batch]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step, steps_an_epoch, steps)
        loss = objective([head(x[rows])], classes[rows], truth[rows])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    if not bool(torch.isfinite(loss)):
        raise TrainingError("the loss of the head became no number; train with a lower --learning-rate")
    if is_first():
        what = f"head of {len(objective.places[0]):,} classes"
        say(f"{what} fitted to {len(x):,} photos, loss {loss.item():.3f}")
    return _unstandardised(head, mean, deviation)


def _unstandardised(head: nn.Linear, mean: Tensor, deviation: Tensor) -> tuple[FloatArray, FloatArray]:
    with torch.no_grad():
        weight = head.weight / deviation
        bias = head.bias - weight @ mean
    return weight.numpy(), bias.numpy()
