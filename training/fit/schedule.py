"""The optimizer of a recipe, and its learning rate at every step."""

import math

import torch
from torch import nn

from training.fit.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, steps_an_epoch: int, steps: int) -> float:
    """Rises linearly over the warm-up, then falls along half a cosine to nothing at the end."""
    warm = min(round(recipe.warmup_epochs * steps_an_epoch), steps - 1)
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def _depths(network: nn.Module) -> dict[str, int]:
    """How far each parameter is from the heads, which are 0, in layers of the backbone: what its parts are
    called up to the first number, in their order."""
    names = [name for name, _ in network.named_parameters()]
    layers = list(dict.fromkeys(_layer(name) for name in names if not name.startswith("heads.")))
    return {
        name: 0 if name.startswith("heads.") else len(layers) - layers.index(_layer(name)) for name in names
    }


def _layer(name: str) -> str:
    parts = name.split(".")[1:-1]
    numbered = next((n for n, part in enumerate(parts) if any(c.isdecimal() for c in part)), 0)
    return ".".join(parts[: numbered + 1]).partition("_")[0]


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Weights decay; biases and the scales of normalisations do not. With `layer_decay` each layer has
    groups of its own, whose `share` of the learning rate falls from the heads down."""
    if recipe.layer_decay < 1:
        depths = _depths(network)
    else:
        depths = dict.fromkeys((name for name, _ in network.named_parameters()), 0)
    groups = []
    for depth in sorted(set(depths.values())):
        mine = [p for name, p in network.named_parameters() if p.requires_grad and depths[name] == depth]
        share = recipe.layer_decay**depth
        for is_weight, decay in ((True, recipe.weight_decay), (False, 0.0)):
            params = [p for p in mine if (p.ndim > 1) == is_weight]
            if params or len(set(depths.values())) == 1:
                groups.append({"params": params, "weight_decay": decay, "share": share})
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True, fused=True)
