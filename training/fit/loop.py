"""The training loop: one process or many (torchrun), one micro-batch after the other.

A step is a fixed batch of fixed micro-batches, shared out among the processes; batch statistics are
those of micro-batches, averaged over the step. So what is learned does not depend on how
many processes or loaders work, beyond the order of sums, and a run stopped at any moment
goes on from its last checkpoint to the same weights. Knows nothing of packs or partitions.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from geotagger.errors import TrainingError
from training.accuracy import THRESHOLDS_KM
from training.data.shards import ShardSet
from training.fit import checkpoint
from training.fit.checkpoint import Identity
from training.fit.feeding import InOrder, MicroBatches, Pictures, Plan, loader
from training.fit.networks import Classifier
from training.fit.objectives import Objective, within
from training.fit.recipe import Recipe
from training.fit.runlog import RunLog, Say


@dataclass(frozen=True)
class Labelled:
    """The samples of a split that have a class. samples: their numbers in `shards`; classes int64 and
    truth float32 unit vectors for every sample of `shards`, classes −1 where no cell holds it."""

    shards: ShardSet
    samples: NDArray[np.int64]
    classes: Tensor
    truth: Tensor


@dataclass(frozen=True, slots=True)
class Settings:
    """What does not change the result: where to compute, how many loaders, when to save."""

    device: str = "cpu"
    workers: int = 0
    checkpoint_seconds: float = 900.0
    checkpoint_steps: int = 0
    log_seconds: float = 20.0


@dataclass(frozen=True)
class Fitted:
    """network: on the CPU, with the averaged weights where the recipe has them. images_per_s: over
    the whole run, without the first step. resumed_at: the step it went on from, 0 when new."""

    network: Classifier
    steps: int
    images_per_s: float
    waited_for_data: float
    resumed_at: int


def fit(
    network: Classifier,
    objective: Objective,
    train: Labelled,
    val: Labelled | None,
    recipe: Recipe,
    settings: Settings,
    identity: Identity,
    folder: Path,
    say: Say,
) -> Fitted:
    """Train `network` by the recipe, checkpoints and logs in `folder`.

    Raises TrainingError with the batch that fits when a GPU runs out of memory, when no photo has a
    class, and as checkpoint does.
    """
    return _Run(network, objective, train, val, recipe, settings, identity, folder, say).run()


class _Run:
    def __init__(
        self,
        network: Classifier,
        objective: Objective,
        train: Labelled,
        val: Labelled | None,
        recipe: Recipe,
        settings: Settings,
        identity: Identity,
        folder: Path,
        say: Say,
    ) -> None:
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        self.device = torch.device(settings.device)
        self.recipe, self.settings, self.identity = recipe, settings, identity
        self.train, self.val, self.folder, self.say = train, val, folder, say
        if not len(train.samples):
            raise TrainingError(
                "no photo of the shards lies in a cell of the partition: there is nothing to learn"
            )
        self.plan = Plan(train.samples, train.shards.first, recipe.batch, recipe.micro_batch, recipe.seed)
        if self.plan.micro_batches % self.world:
            raise TrainingError(
                f"a batch of {recipe.batch} has {self.plan.micro_batches} micro-batches of "
                f"{recipe.micro_batch}, which {self.world} processes cannot share evenly; "
                "choose --micro-batch so that they can"
            )
        self.steps = max(1, round(recipe.epochs * self.plan.steps_an_epoch))
        _be_repeatable(recipe.seed)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = objective.to(self.device)
        self.statistics = [b for b in self.network.buffers() if b.is_floating_point()]
        self.averaged = [p.detach().clone() for p in self.network.parameters()] if recipe.ema else []
        self.optimizer = _optimizer(self.network, recipe)
        self.start = self._resume()
        self.run_network: Any = self.network
        if recipe.compiled:
            self.network.compile()
        if self.world > 1:
            ids = [self.device.index] if self.device.type == "cuda" else None
            self.run_network = torch.nn.parallel.DistributedDataParallel(
                self.network, device_ids=ids, broadcast_buffers=False
            )

    def run(self) -> Fitted:
        log = RunLog(self.folder, self.start, self.steps, self.say) if self.rank == 0 else None
        tally, waited, shown, began = _Tally(self.device), 0.0, 0, time.monotonic()
        saved = logged = began
        pictures = Pictures(self.train.shards, self.recipe.input_size, self.recipe.seed)
        requests = MicroBatches(self.plan, self.start, self.steps, self.rank, self.world)
        batches = loader(pictures, requests, self.settings.workers, self.device.type == "cuda")
        step = self.start
        while step < self.steps:
            try:
                waited += self._step(step, batches, tally)
            except torch.OutOfMemoryError as error:
                raise self._too_big() from error
            step += 1
            now = time.monotonic()
            if step == self.start + 1:
                began, waited = now, 0.0  # the first step loads and compiles
            else:
                shown += self.recipe.batch
            is_end = step == self.steps or step % self.plan.steps_an_epoch == 0
            if log and (is_end or now - logged > self.settings.log_seconds):
                speed = {"images_per_s": shown / max(now - began, 1e-9)} if shown else {}
                share = {"waited_for_data": waited / max(now - began, 1e-9)} if shown else {}
                log.row(step, "train", tally.told() | self._where(step) | speed | share)
                tally, logged = _Tally(self.device), now
            if is_end and self.val is not None and len(self.val.samples):
                told = self._evaluate(self.val)
                if log:
                    log.row(step, "val", told | self._where(step))
            every = self.settings.checkpoint_steps
            due = now - saved > self.settings.checkpoint_seconds or bool(every and step % every == 0)
            if self.rank == 0 and (due or is_end):
                checkpoint.save(self.folder / "checkpoints", step, self.identity, self._state())
                saved = time.monotonic()
        if log:
            log.close()
        if self.world > 1:
            dist.barrier()
        seconds = max(time.monotonic() - began, 1e-9)
        self._take_averaged()
        return Fitted(self.network.cpu(), self.steps, shown / seconds, waited / seconds, self.start)

    def _step(self, step: int, batches: Iterator[Any], tally: "_Tally") -> float:
        """One step of the optimizer; gives the seconds spent waiting for images."""
        mine = self.plan.micro_batches // self.world
        self.network.train()
        before = [b.clone() for b in self.statistics]
        sums = [torch.zeros_like(b) for b in self.statistics]
        waited = 0.0
        for micro in range(mine):
            asked = time.monotonic()
            pixels, samples = next(batches)
            waited += time.monotonic() - asked
            torch.manual_seed(_seed(self.recipe.seed, step, self.rank * mine + micro))  # for dropout
            last = micro == mine - 1
            with nullcontext() if last or self.world == 1 else self.run_network.no_sync():
                classes, truth = self.train.classes[samples], self.train.truth[samples]
                loss, logits = self._forward(pixels, classes.to(self.device), truth.to(self.device))
                torch.autograd.backward(loss / mine)
            tally.add(loss, self.network.combined(logits).detach(), classes, truth, self.objective)
            for total, now, was in zip(sums, self.statistics, before, strict=True):
                total += now
                now.copy_(was)
        for total, now in zip(sums, self.statistics, strict=True):
            if self.world > 1:
                dist.all_reduce(total)
            now.copy_(total / self.plan.micro_batches)
        rate = learning_rate(self.recipe, step, self.plan.steps_an_epoch, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.averaged:
            # a young average leans on what is there (as timm and TensorFlow do)
            memory = min(self.recipe.ema, (1 + step) / (10 + step))
            torch._foreach_lerp_(self.averaged, [p.detach() for p in self.network.parameters()], 1 - memory)
        return waited

    def _forward(self, pixels: Tensor, classes: Tensor, truth: Tensor) -> tuple[Tensor, list[Tensor]]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            logits = self.run_network(self._input(pixels))
        logits = [scores.float() for scores in logits]
        return self.objective(logits, classes, truth), logits

    def _input(self, pixels: Tensor) -> Tensor:
        data = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        mean = torch.tensor(self.recipe.mean, device=self.device).view(1, 3, 1, 1)
        std = torch.tensor(self.recipe.std, device=self.device).view(1, 3, 1, 1)
        return ((data - mean) / std).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _evaluate(self, labelled: Labelled) -> dict[str, float]:
        """Over all photos with a class, with the averaged weights, on all processes together."""
        kept = [p.detach().clone() for p in self.network.parameters()]
        self._take_averaged()
        self.network.eval()
        tally = _Tally(self.device)
        requests = InOrder(labelled.samples, self.recipe.micro_batch, self.rank, self.world)
        pictures = Pictures(labelled.shards, self.recipe.input_size, self.recipe.seed)
        # for a few batches, starting processes takes longer than decoding
        workers = min(self.settings.workers, len(requests) // 8)
        for pixels, samples in loader(pictures, requests, workers, self.device.type == "cuda"):
            classes, truth = labelled.classes[samples], labelled.truth[samples]
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
                logits = self.network(self._input(pixels))
            logits = [scores.float() for scores in logits]
            loss = self.objective(logits, classes.to(self.device), truth.to(self.device))
            tally.add(loss, self.network.combined(logits), classes, truth, self.objective)
        if self.world > 1:
            dist.all_reduce(tally.sums)
        for parameter, value in zip(self.network.parameters(), kept, strict=True):
            parameter.data.copy_(value)
        return tally.told()

    def _take_averaged(self) -> None:
        for parameter, value in zip(self.network.parameters(), self.averaged, strict=False):
            parameter.data.copy_(value)

    def _where(self, step: int) -> dict[str, float]:
        rate = learning_rate(self.recipe, step - 1, self.plan.steps_an_epoch, self.steps)
        return {"epoch": step / self.plan.steps_an_epoch, "learning_rate": rate}

    def _state(self) -> dict[str, Any]:
        model = self.network.state_dict()
        names = [name for name, _ in self.network.named_parameters()]
        ema = model | dict(zip(names, self.averaged, strict=True)) if self.averaged else None
        return {"model": model, "ema": ema, "optimizer": self.optimizer.state_dict()}

    def _resume(self) -> int:
        state = checkpoint.load_latest(self.folder / "checkpoints", self.identity)
        if state is None:
            return 0
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.averaged:
            names = [name for name, _ in self.network.named_parameters()]
            for value, name in zip(self.averaged, names, strict=True):
                value.copy_(state["ema"][name])
        if self.rank == 0 and state["step"] < self.steps:
            self.say(f"goes on from step {state['step']:,} of {self.steps:,}")
        return int(state["step"])

    def _too_big(self) -> TrainingError:
        size = self.recipe.micro_batch
        self.optimizer.zero_grad(set_to_none=True)
        fits = size // 2
        while fits and not self._fits(fits):
            fits //= 2
        advice = (
            f"{fits} fit: add --micro-batch {fits} (--batch {self.recipe.batch} can stay)"
            if fits
            else "not even one image fits; choose a smaller --network or --input-size"
        )
        return TrainingError(
            f"{self.device}: out of memory with {size} images of {self.recipe.input_size} pixels at once; "
            f"{advice}"
        )

    def _fits(self, size: int) -> bool:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        edge = self.recipe.input_size
        pixels = torch.zeros(size, edge, edge, 3, dtype=torch.uint8)
        classes = torch.zeros(size, dtype=torch.int64, device=self.device)
        truth = torch.zeros(size, 3, device=self.device)
        truth[:, 0] = 1
        try:
            torch.autograd.backward(self._forward(pixels, classes, truth)[0])
        except torch.OutOfMemoryError:
            return False
        finally:
            self.optimizer.zero_grad(set_to_none=True)
        return True


class _Tally:
    """Sums of loss, photos, right cells and places within the thresholds; kept on the device, so
    that nothing waits for it until it is told."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(3 + len(THRESHOLDS_KM), dtype=torch.float64, device=device)

    def add(self, loss: Tensor, scores: Tensor, classes: Tensor, truth: Tensor, objective: Objective) -> None:
        device = self.sums.device
        best = scores.argmax(1)
        near = within(objective.places[0][best], truth.to(device))
        n = torch.tensor(len(best), dtype=torch.float64, device=device)
        right = (best == classes.to(device)).sum().double()
        self.sums += torch.cat([torch.stack([loss.detach().double() * n, n, right]), near.double()])

    def told(self) -> dict[str, float]:
        loss, n, right, *near = self.sums.tolist()
        n = max(n, 1.0)
        shares = {f"within_{km:g}_km": count / n for km, count in zip(THRESHOLDS_KM, near, strict=True)}
        return {"loss": loss / n, "accuracy": right / n, **shares}


def learning_rate(recipe: Recipe, step: int, steps_an_epoch: int, steps: int) -> float:
    """Rises linearly over the warm-up, then falls along half a cosine to nothing at the end."""
    warm = min(round(recipe.warmup_epochs * steps_an_epoch), steps - 1)
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def _optimizer(network: Classifier, recipe: Recipe) -> torch.optim.Optimizer:
    decayed = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _be_repeatable(seed: int) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.manual_seed(seed)
