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


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Weights decay; biases and the scales of normalisations do not."""
    decayed = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)
