"""The processes that torchrun starts: which device is whose, and how they wait for the first.

Takes the environment that torchrun gives. Knows nothing of what is trained.
"""

import os
from datetime import timedelta

import torch
import torch.distributed as dist

from geotagger.errors import UsageError


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
