"""What a training will take, from a few steps with blank images on this machine."""

import torch

from training.fit.networks import build
from training.fit.recipe import Recipe


def speed_and_memory(recipe: Recipe, classes: int, device: str) -> tuple[float, float]:
    """Images a second and gigabytes of a few steps with blank images, on this machine."""
    import resource
    import time

    name = recipe.network if recipe.network != "pack" else "resnet101-v2"
    network = build(name, classes, input_size=recipe.input_size, drop_path=recipe.drop_path).to(device)
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
