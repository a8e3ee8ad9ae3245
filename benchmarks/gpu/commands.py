"""What a person types, on this device, over the made-up world of the tests."""

import torch

from benchmarks.gpu.bench import Bench, CommandFailedError
from benchmarks.gpu.networks import timm_version


def commands(bench: Bench) -> None:
    """Training whole, a head, a timm network, all cards by torchrun, and `tag`."""
    device = "cuda" if bench.on_gpu else "cpu"
    world = bench.folder / "try"

    failed = []

    def call(name: str, *words: object) -> None:
        try:
            seconds, output, complaints = bench.call(*words)
        except CommandFailedError as error:
            failed.append(name)
            bench.tell(name, str(error))
        else:
            bench.tell(f"{name}: {seconds:.1f} s", " / ".join((*output, *complaints)[-2:])[-300:])

    call("a made-up world", "tests.training.places", world)
    photos, base = world / "photos", world / "model"
    train = ("geotagger", "train", photos, "--device", device)
    call("train", *train, "--out", base, "--epochs", 1 if bench.tiny else 8)
    call("train --head-only", *train, "--out", world / "head", "--head-only", "--from", base)
    timm = ("--network", "timm/resnet18", "--randaugment", 9, "--drop-path", 0.1, "--epochs", 1)
    if timm_version():
        call("train timm/resnet18", *train, "--out", world / "timm", *timm)
    else:
        bench.tell("train timm/resnet18", "left out: timm does not load here")
    # on a GPU as many as there are: NCCL runs only where there are several
    processes = torch.cuda.device_count() if bench.on_gpu else 2
    torchrun = ("torch.distributed.run", "--nproc-per-node", processes, "-m")
    small = ("--epochs", 1, "--micro-batch", 32 // processes)
    call(f"torchrun, {processes} processes", *torchrun, *train, "--out", world / "several", *small)
    for where in dict.fromkeys(("auto", device)):
        words = ("--device", where, "--index", world / f"{where}.db", "--dry-run", "--profile")
        call(f"tag --device {where}", "geotagger", "tag", world / "unseen", "--model", base, *words)
    if failed:
        raise CommandFailedError(f"{len(failed)} of them failed: {', '.join(failed)}")
