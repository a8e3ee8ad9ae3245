"""Bare networks, and a pack of the published shape, on random data."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.bench import Bench
from geotagger.model.manifest import Manifest
from geotagger.model.pack import ModelPack, find_pack, write_pack
from geotagger.partition import Thresholds, partition
from training.fit.networks import build
from training.pack.export import network_writer, preprocessing_of


def timm_version() -> str | None:
    """None where it is not installed, or does not load beside this PyTorch."""
    try:
        import timm
    except (ImportError, RuntimeError):
        return None
    return str(timm.__version__)


def bare(bench: Bench) -> None:
    """timm's network, where timm is there, without anything of ours around it."""
    for trains in (True, False):
        try:
            import timm

            network, whose = timm.create_model(bench.network, num_classes=bench.classes), "timm's"
        except (ImportError, RuntimeError):
            network, whose = build(bench.network, bench.classes), "our"
        network = network.to(bench.device, memory_format=torch.channels_last).train(trains)
        if bench.on_gpu:
            network.compile()
        data = torch.randn(bench.batch, 3, bench.edge, bench.edge, device=bench.device)
        data = data.contiguous(memory_format=torch.channels_last)
        step = _training_step(bench, network, data) if trains else _looking_step(bench, network, data)
        speed = bench.rate(step, bench.batch)
        what = "training step" if trains else "forward pass"
        how = "bf16, compiled" if bench.on_gpu else "fp32"
        bench.tell(
            f"bare {what}: {whose} {bench.network}, {how}, batch {bench.batch}", f"{speed:,.0f} images/s"
        )
        if trains:
            bench.bare_step = speed
        else:
            bench.bare_forward = speed


def _training_step(bench: Bench, network: Any, data: torch.Tensor) -> Callable[[], None]:
    classes = torch.randint(bench.classes, (len(data),), device=bench.device)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True)

    def step() -> None:
        with torch.autocast(bench.device.split(":")[0], torch.bfloat16, enabled=bench.on_gpu):
            scores = network(data)
        scores = scores[0] if isinstance(scores, list) else scores
        torch.autograd.backward(torch.nn.functional.cross_entropy(scores.float(), classes))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def _looking_step(bench: Bench, network: Any, data: torch.Tensor) -> Callable[[], None]:
    @torch.inference_mode()
    def step() -> None:
        with torch.autocast(bench.device.split(":")[0], torch.bfloat16, enabled=bench.on_gpu):
            network(data)

    return step


def random_pack(bench: Bench) -> ModelPack:
    """Made once a run."""
    if (bench.folder / "pack").exists():
        return find_pack(str(bench.folder / "pack"))
    rng = np.random.default_rng(1)
    lat, lng = rng.uniform(-60, 60, 40 * bench.classes), rng.uniform(-180, 180, 40 * bench.classes)
    table = partition(lat, lng, Thresholds(40, 1))
    recipe = bench.recipe(network=f"{bench.network}-v2")
    manifest = Manifest(name="check", version="1", licence="none", preprocessing=preprocessing_of(recipe))
    network = build(recipe.network, len(table))
    return write_pack(bench.folder / "pack", manifest, table, network_writer(network, bench.edge))
