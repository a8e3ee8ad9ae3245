"""Which image is shown when, and its pixels: the data path of the loop.

The order of an epoch follows from the seed alone, and every image's crop from the seed, the epoch and
the image. So the same step sees the same pixels however many loader processes or GPUs there
are, and a run can go on at any step. Knows nothing of networks.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from geotagger.errors import TrainingError
from training.data.images import evaluation_crop, training_crop
from training.data.shards import INDEX, ShardSet
from training.fit.timm_networks import randomly_augmented

_WINDOW = 64
"""Shards shuffled into each other: what a reader touches at a time, so that disks and caches keep up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """samples: numbers of the usable samples in a ShardSet, int64 (n,). A step shows `batch` images in
    micro-batches of `micro_batch`, which batch statistics and memory are a matter of."""

    samples: NDArray[np.int64]
    first: NDArray[np.int64]  # of each shard, as ShardSet has it
    batch: int
    micro_batch: int
    seed: int

    @property
    def steps_an_epoch(self) -> int:
        return max(1, len(self.samples) // self.batch)

    @property
    def micro_batches(self) -> int:
        return self.batch // self.micro_batch


def epoch_order(plan: Plan, epoch: int) -> NDArray[np.int64]:
    """The samples in the order this epoch shows them: shards shuffled, and samples shuffled among
    `_WINDOW` shards at a time."""
    rng = np.random.default_rng([plan.seed, epoch])
    shards = rng.permutation(len(plan.first) - 1)
    shard_of = np.searchsorted(plan.first, plan.samples, side="right") - 1
    by_shard = np.argsort(shard_of, kind="stable")
    bounds = np.searchsorted(shard_of[by_shard], np.arange(len(plan.first)))
    parts = []
    for start in range(0, len(shards), _WINDOW):
        members = [by_shard[bounds[s] : bounds[s + 1]] for s in shards[start : start + _WINDOW]]
        parts.append(rng.permutation(np.concatenate(members)))
    order = plan.samples[np.concatenate(parts)]
    wanted = plan.steps_an_epoch * plan.batch
    return np.resize(order, wanted)  # fewer photos than a batch are shown again


Request = tuple[int, NDArray[np.int64]]
"""The epoch, −1 for evaluation, and the numbers of the samples."""


class MicroBatches(Sampler[Request]):
    """The micro-batches that one of `world` processes shows from step `start` to step `stop`."""

    def __init__(self, plan: Plan, start: int, stop: int, rank: int = 0, world: int = 1) -> None:
        self._plan, self._start, self._stop, self._rank, self._world = plan, start, stop, rank, world

    def __iter__(self) -> Iterator[Request]:
        plan = self._plan
        mine = plan.micro_batches // self._world
        epoch_shown, order = -1, np.empty(0, dtype=np.int64)
        for step in range(self._start, self._stop):
            epoch, within = divmod(step, plan.steps_an_epoch)
            if epoch != epoch_shown:
                epoch_shown, order = epoch, epoch_order(plan, epoch)
            for micro in range(self._rank * mine, (self._rank + 1) * mine):
                first = within * plan.batch + micro * plan.micro_batch
                yield epoch, order[first : first + plan.micro_batch]

    def __len__(self) -> int:
        return (self._stop - self._start) * self._plan.micro_batches // self._world


class InOrder(Sampler[Request]):
    """Every one of `samples` once, for evaluation; one of `world` processes takes every world-th batch."""

    def __init__(self, samples: NDArray[np.int64], size: int, rank: int = 0, world: int = 1) -> None:
        self._batches = [samples[i : i + size] for i in range(0, len(samples), size)][rank::world]

    def __iter__(self) -> Iterator[Request]:
        return iter((-1, batch) for batch in self._batches)

    def __len__(self) -> int:
        return len(self._batches)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a request has no answer. A value: what is raised in a loader process comes out of it as text."""

    reason: str


class ShardPictures(Dataset[tuple[Tensor, Tensor] | Unanswered]):
    """uint8 pixels (n, S, S, 3) and sample numbers (n,) for a request. resampling, randaugment: as a recipe
    has them; the latter is for training only."""

    def __init__(
        self, shards: ShardSet, size: int, seed: int, resampling: str = "bilinear", randaugment: int = 0
    ) -> None:
        self._shards, self._size, self._seed = shards, size, seed
        self._resampling, self._randaugment = resampling, randaugment
        self._index: Tensor | None = None

    def __getstate__(self) -> dict[str, Any]:
        """For a loader process: the index goes as a tensor, whose memory PyTorch shares among all of them
        instead of copying it to each (1.2 GB for 34 million images)."""
        if self._index is None:
            self._index = torch.from_numpy(np.array(self._shards.index).view(np.uint8))
        shards = copy.copy(self._shards)
        shards.index = shards.index[:0]
        return {**self.__dict__, "_shards": shards}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        assert self._index is not None
        self._shards.index = self._index.numpy().view(INDEX)

    def __getitem__(self, request: Any) -> tuple[Tensor, Tensor] | Unanswered:
        try:
            return self._answer(*request)
        except TrainingError as error:
            return Unanswered(str(error))

    def _answer(self, epoch: int, samples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        pixels = np.empty((len(samples), self._size, self._size, 3), dtype=np.uint8)
        augment = partial(randomly_augmented, self._randaugment) if self._randaugment else None
        for row, sample in enumerate(samples.tolist()):
            jpeg = self._shards.jpeg(sample)
            try:
                if epoch < 0:
                    pixels[row] = evaluation_crop(jpeg, self._size, self._resampling)
                else:
                    rng = np.random.default_rng([self._seed, epoch, sample])
                    pixels[row] = training_crop(jpeg, self._size, rng, self._resampling, augment)
            except (OSError, SyntaxError, ValueError) as error:
                raise TrainingError(
                    f"{self._shards.address}: image {sample} of split {self._shards.split} cannot be decoded "
                    f"({error}): a broken shard; run `geotagger train shards --verify`"
                ) from error
        return torch.from_numpy(pixels), torch.from_numpy(np.asarray(samples))


class DeviceCopies:
    """Batches onto a device. On a GPU they are copied beside what it still computes, not after it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __call__(self, pixels: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Of pinned memory; nothing waits for the copies but what is computed of them."""
        if self._stream is None:
            return pixels, samples
        with torch.cuda.stream(self._stream):
            made = (
                pixels.to(self._device, non_blocking=True),
                samples.to(self._device, non_blocking=True),
            )
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._stream)
        for tensor in made:
            tensor.record_stream(computing)  # its memory is not given away before that is over
        return made


def loader(pictures: ShardPictures, requests: Sampler[Request], workers: int, pinned: bool) -> Iterator[Any]:
    """The answers to all requests, in their order; TrainingError for one that has none."""
    batches: DataLoader[Any] = DataLoader(
        pictures,
        batch_size=None,
        sampler=requests,
        num_workers=workers,
        pin_memory=pinned,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,
    )
    for batch in batches:
        if isinstance(batch, Unanswered):
            raise TrainingError(batch.reason)
        yield batch
