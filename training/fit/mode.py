"""How PyTorch computes in this process: deterministic or fast, how exactly, and from which seed."""

import os

import numpy as np
import torch

from training.fit.recipe import Recipe


def seed_of(*numbers: int) -> int:
    """A seed for torch that the numbers alone decide."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def set_mode(deterministic: bool, recipe: Recipe) -> None:
    """Of this process, from here on."""
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    # a convenience for debugging that fills every new tensor: an eighth of a step
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not deterministic
    # CUDA rounds factors to 10 bits unless told otherwise, and then fp32 would not be fp32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = recipe.precision != "fp32"
    torch.manual_seed(recipe.seed)
