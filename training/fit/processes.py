"""The processes that torchrun starts: which device is whose, what they share, how they wait for the first.

Takes the environment that torchrun gives. Whatever may take long (listing, shards) is waited for through
the store, so that a collective operation never has to wait for more than minutes. Knows nothing of what is
trained.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from geotagger.engine.values import first_line
from geotagger.errors import TrainingError, UsageError
from training.fit.recipe import Recipe

T = TypeVar("T")

_DEVICE = re.compile(r"(cpu|cuda)(?::(\d+))?")
_TIMEOUT = timedelta(minutes=10)
_ASK_AGAIN = timedelta(minutes=1)
_OF_CONNECTION = re.compile(r"gloo|connection (closed|reset|refused)|broken pipe|timed out", re.I)
"""gloo's errors have no class of their own."""
_IN_FRONT = re.compile(r"^\[[^]]*\] *")
"""Where in PyTorch's sources an error was raised."""
_turns = iter(range(1_000_000))


def world_size() -> int:
    """How many processes train together: as torchrun says it, also before they have joined."""
    return dist.get_world_size() if dist.is_initialized() else int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else int(os.environ.get("RANK", "0"))


def device_of(wanted: str) -> str:
    """A torch device: "cpu" or "cuda:N". `auto` and `cuda` take this process's GPU.

    UsageError for what is no device, for GPUs that are not there, and for one GPU under several processes."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    match = _DEVICE.fullmatch(wanted)
    if match is None or (match[1] == "cpu" and match[2]):
        raise UsageError(f"--device {wanted}: unknown; known are auto, cpu, cuda, cuda:0, cuda:1, …")
    if match[1] == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        raise UsageError(f"--device {wanted}: PyTorch sees no NVIDIA GPU here; use --device cpu")
    here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if here > 1 and match[2]:
        raise UsageError(
            f"--device {wanted}: would put all {here} processes on one GPU; "
            "say --device cuda, and each takes its own"
        )
    if here > gpus:
        raise UsageError(
            f"torchrun started {here} processes on this machine, where PyTorch sees {gpus} GPUs; "
            f"use --nproc-per-node {gpus}"
        )
    number = int(match[2] or os.environ.get("LOCAL_RANK", "0"))
    if number >= gpus:
        raise UsageError(f"--device {wanted}: PyTorch sees {gpus} GPUs here, cuda:0 to cuda:{gpus - 1}")
    return f"cuda:{number}"


def check_precision(precision: str, device: str) -> None:
    """UsageError where the GPU cannot compute what the recipe asks for; else a step fails, or crawls."""
    if precision != "bf16" or not device.startswith("cuda"):
        return
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        name = torch.cuda.get_device_name(device)
        raise UsageError(f"{device}: {name} has no bf16 arithmetic; add --precision fp32")


def check_shares(recipe: Recipe, world: int) -> None:
    """TrainingError where so many processes cannot share the micro-batches of a step."""
    if not recipe.batch // recipe.micro_batch % world:
        return
    even = [size for size in range(1, recipe.micro_batch) if not recipe.batch % (size * world)]
    if even:
        advice = f"add --micro-batch {even[-1]}"
    else:
        whole = world * recipe.micro_batch
        batch = whole * max(1, round(recipe.batch / whole))
        advice = f"add --batch {batch}, or use another number of processes"
    raise TrainingError(
        f"a batch of {recipe.batch} in micro-batches of {recipe.micro_batch} cannot be shared evenly by "
        f"{world} processes; {advice}"
    )


def join_processes(device: str) -> None:
    """Join the processes that torchrun started; alone, nothing happens."""
    if world_size() == 1 or dist.is_initialized():
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    dist.init_process_group(backend, timeout=_TIMEOUT)


@contextmanager
def together(device: str) -> Iterator[None]:
    """Join the others, and leave them at the end, after which they may go and the first goes on alone.

    TrainingError where another process goes away or keeps silent in between."""
    try:
        join_processes(device)
        yield
        if dist.is_initialized():
            dist.barrier()
            dist.destroy_process_group()
    except RuntimeError as error:
        if world_size() == 1 or not (isinstance(error, dist.DistError) or _OF_CONNECTION.search(str(error))):
            raise
        reason = _IN_FRONT.sub("", first_line(error)).split(". ")[0][:150]
        raise TrainingError(
            f"another process of this training went away, or did not answer in time ({reason}); run the same "
            "command on every node again, and it goes on from the last checkpoint"
        ) from None


def is_first() -> bool:
    return rank() == 0


def first_does(work: Callable[[], T]) -> T:
    """What the first process makes, however long it takes, for all of them. The others wait in the
    store, where no time runs out as long as the first lives; its error is theirs, in one line."""
    if not dist.is_initialized():
        return work()
    store = dist.distributed_c10d._get_default_store()
    key = f"geotagger-{next(_turns)}"
    if is_first():
        try:
            made = work()
        except BaseException:
            store.set(key, "failed")
            raise
        store.set(key, "made")
        return cast(T, _from_first(made))
    while True:
        try:
            store.wait([key], _ASK_AGAIN)
            break
        except dist.DistStoreError:
            continue
        except RuntimeError as error:
            raise TrainingError("the first process is gone; what it made is kept, run again") from error
    if store.get(key) == b"failed":
        raise TrainingError("the first process ended with an error, which it tells")
    return cast(T, _from_first(None))


def _from_first(value: Any) -> Any:
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def check_alike(what: Mapping[str, Any]) -> None:
    """TrainingError unless every process trains the same: `what` by name, as it is told."""
    if world_size() == 1 or not dist.is_initialized():
        return
    everyone: list[Any] = [None] * world_size()
    dist.all_gather_object(everyone, dict(what))
    for number, theirs in enumerate(everyone):
        for name, value in everyone[0].items():
            if theirs.get(name) != value:
                raise TrainingError(
                    f"process {number} has another {name} ({theirs.get(name)}) than process 0 ({value}): "
                    "they would train different things; give every node the same files and the same geotagger"
                )


@dataclass(frozen=True, slots=True)
class _ProcessPlace:
    """Where a tensor stood in a state. layout: fused optimizers walk a weight and its momentum side by side
    in memory, so these have to lie there alike."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    layout: torch.memory_format


def shared_state(state: dict[str, Any] | None, device: torch.device) -> dict[str, Any] | None:
    """The state that the first process loaded, in all of them: dicts and lists with tensors in them. What
    the others loaded does not count."""
    if not dist.is_initialized():
        return state
    tensors: list[Tensor] = []
    skeleton = _from_first(_without_tensors(state, tensors) if is_first() else None)
    if skeleton is None:
        return None
    return cast(dict[str, Any], _with_tensors(skeleton, iter(tensors), device))


def _without_tensors(value: Any, tensors: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors.append(value)
        by_channels = value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if by_channels else torch.contiguous_format
        return _ProcessPlace(tuple(value.shape), value.dtype, layout)
    if isinstance(value, dict):
        return {key: _without_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_tensors(item, tensors) for item in value]
    return value


def _with_tensors(value: Any, tensors: Any, device: torch.device) -> Any:
    if isinstance(value, _ProcessPlace):
        empty = torch.empty(value.shape, dtype=value.dtype, device=device)
        whole = next(tensors).to(device).contiguous() if is_first() else empty
        dist.broadcast(whole, src=0)
        return whole.cpu().contiguous(memory_format=value.layout)
    if isinstance(value, dict):
        return {key: _with_tensors(item, tensors, device) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_tensors(item, tensors, device) for item in value]
    return value


def share_statistics(statistics: list[Tensor], sums: list[Tensor], micro_batches: int) -> None:
    """Puts the mean over all micro-batches of a step, on all processes, in place of the statistics: hundreds
    of small tensors in one operation."""
    flat = torch.cat([total.flatten() for total in sums])
    if dist.is_initialized():
        dist.all_reduce(flat)
    flat /= micro_batches
    parts = torch.split(flat, [total.numel() for total in sums])
    torch._foreach_copy_(statistics, [part.view_as(total) for part, total in zip(parts, sums, strict=True)])
