"""The training loop: one process or many (torchrun), one micro-batch after the other.

A step is a fixed batch of fixed micro-batches, shared out among the processes; batch statistics are
those of micro-batches, averaged over the step. So what is learned does not depend on how
many processes or loaders work, beyond the order of sums, and a run stopped at any moment
goes on from its last checkpoint: to the same weights, bit by bit, where it is deterministic. Knows nothing of
packs or partitions.
"""

import gc
import time
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from geotagger.engine.memory import is_of_memory
from geotagger.errors import TrainingError
from training.data.shards import ShardSet
from training.fit import checkpoint
from training.fit.checkpoint import Identity
from training.fit.compiling import can_compile, is_of_compiler
from training.fit.feeding import DeviceCopies, InOrder, MicroBatches, Plan, ShardPictures, loader
from training.fit.mode import seed_of, set_mode
from training.fit.networks import Classifier
from training.fit.objectives import Objective, mixed
from training.fit.processes import check_alike, check_shares, shared_state
from training.fit.recipe import Recipe
from training.fit.runlog import Count, RunLog, Say, quiet
from training.fit.schedule import learning_rate, optimizer_of
from training.fit.statistics import StepStatistics
from training.fit.stopping import stop_requests
from training.fit.tally import LossTally

_ASK_EVERY = 8
"""Steps between the questions of several processes to each other whether one was asked to stop."""


@dataclass(frozen=True)
class Labelled:
    """The samples of a split that have a class. samples: their numbers in `shards`; classes int64 and
    truth float32 unit vectors for every sample of `shards`, classes −1 where no cell holds it."""

    shards: ShardSet
    samples: NDArray[np.int64]
    classes: Tensor
    truth: Tensor


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What does not change the result but in its last bits: where to compute, how many loaders, when to save.
    deterministic: equal seeds give equal bits, some 15 % slower on a GPU. count: is told of every step, and
    then only the ends of epochs have lines."""

    device: str = "cpu"
    workers: int = 0
    checkpoint_seconds: float = 900.0
    checkpoint_steps: int = 0
    log_seconds: float = 20.0
    deterministic: bool = False
    count: Count | None = None

    @property
    def mode(self) -> str:
        return "deterministic" if self.deterministic else "fast"


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
    settings: TrainingSettings,
    identity: Identity,
    folder: Path,
    say: Say,
) -> Fitted:
    """Train `network` by the recipe, checkpoints and logs in `folder`.

    Raises TrainingError with the batch that fits when memory runs out, when no photo has a
    class, when a loss is no number, when processes differ, and as checkpoint does; KeyboardInterrupt
    when it was asked to stop, after a checkpoint.
    """
    with stop_requests() as stop:
        return _Run(network, objective, train, val, recipe, settings, identity, folder, say, stop).run()


class _Run:
    def __init__(
        self,
        network: Classifier,
        objective: Objective,
        train: Labelled,
        val: Labelled | None,
        recipe: Recipe,
        settings: TrainingSettings,
        identity: Identity,
        folder: Path,
        say: Say,
        stop: Event,
    ) -> None:
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        self.stop = stop
        self.device = torch.device(settings.device)
        self.copies = DeviceCopies(self.device)
        self.recipe, self.settings, self.identity = recipe, settings, identity
        self.train, self.val, self.folder, self.say = train, val, folder, say
        if not len(train.samples):
            raise TrainingError(
                "no photo of the shards lies in a cell of the partition: there is nothing to learn"
            )
        self.plan = Plan(train.samples, train.shards.first, recipe.batch, recipe.micro_batch, recipe.seed)
        check_shares(recipe, self.world)
        self.steps = max(1, round(recipe.epochs * self.plan.steps_an_epoch))
        set_mode(settings.deterministic, recipe)
        check_alike(
            {
                "training": f"{identity.network}, {identity.classes} classes, recipe {identity.recipe}",
                "partition": identity.cells,
                "set of images": f"{len(train.samples)} of {train.shards.digest}",
                "number of steps": self.steps,
                "mode": settings.mode,
                "PyTorch": torch.__version__,
            }
        )
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = objective.to(self.device)
        self.classes, self.truth = train.classes.to(self.device), train.truth.to(self.device)
        self.mean, self.std = (
            torch.tensor(values, device=self.device).view(1, 3, 1, 1) for values in (recipe.mean, recipe.std)
        )
        self.statistics = StepStatistics(self.network, self.plan.micro_batches)
        # of averaged weights the batch statistics are averaged, too: those of the last step are not theirs
        self.learned = [*(p.detach() for p in self.network.parameters()), *self.statistics.values]
        self.averaged = [value.clone() for value in self.learned] if recipe.ema else []
        self.optimizer = optimizer_of(self.network, recipe)
        self.start = self.saved_step = self._resume()
        self.run_network: Any = self.network
        if recipe.compiled and can_compile(self.device, say if self.rank == 0 else quiet):
            self.network.compile()
        if self.world > 1:
            ids = [self.device.index] if self.device.type == "cuda" else None
            self.run_network = torch.nn.parallel.DistributedDataParallel(
                self.network, device_ids=ids, broadcast_buffers=False
            )

    def run(self) -> Fitted:
        log = RunLog(self.folder, self.start, self.steps, self.say) if self.rank == 0 else None
        tally, waited, shown, began = LossTally(self.device), 0.0, 0, time.monotonic()
        saved = logged = began
        pictures = self._pictures(self.train)
        requests = MicroBatches(self.plan, self.start, self.steps, self.rank, self.world)
        batches = loader(pictures, requests, self.settings.workers, self.device.type == "cuda")
        step = self.start
        while step < self.steps:
            waited += self._step_within_memory(step, batches, tally)
            step += 1
            now = time.monotonic()
            if step == self.start + 1:
                began, waited = now, 0.0  # the first step loads and compiles
            else:
                shown += self.recipe.batch
            is_end = step == self.steps or step % self.plan.steps_an_epoch == 0
            is_last = self._is_stopped(step)
            every = self.settings.checkpoint_steps
            due = now - saved > self.settings.checkpoint_seconds or bool(every and step % every == 0)
            is_told = is_end or now - logged > self.settings.log_seconds
            if is_told or due or is_last:
                tally.check(step, self.saved_step)
            if self.rank == 0 and self.settings.count:
                rate = f"{shown / max(now - began, 1e-9):,.0f} images/s" if shown else ""
                self.settings.count("Training", step, self.steps, rate)
            if log and is_told:
                speed = {"images_per_s": shown / max(now - began, 1e-9)} if shown else {}
                share = {"waited_for_data": waited / max(now - began, 1e-9)} if shown else {}
                values = tally.averages() | self._where(step) | speed | share
                log.row(step, "train", values, is_said=is_end or not self.settings.count)
            if is_told:
                tally, logged = LossTally(self.device), now
            if is_end and not is_last and self.val is not None and len(self.val.samples):
                scores = self._evaluate(self.val)
                if log:
                    log.row(step, "val", scores | self._where(step))
            if due or is_end or is_last:
                if self.rank == 0:
                    checkpoint.save(self.folder / "checkpoints", step, self.identity, self._state())
                saved, self.saved_step = time.monotonic(), step
            if is_last and step < self.steps:
                if log:
                    log.close()
                    self.say(f"asked to stop: step {step:,} of {self.steps:,} is saved; run again to go on")
                raise KeyboardInterrupt
        if log:
            log.close()
        if self.world > 1:
            dist.barrier()
        seconds = max(time.monotonic() - began, 1e-9)
        self._take_averaged()
        return Fitted(self.network, self.steps, shown / seconds, waited / seconds, self.start)

    def _is_stopped(self, step: int) -> bool:
        """Whether any process was asked to stop: all must end after the same step."""
        if self.world == 1:
            return self.stop.is_set()
        if step % _ASK_EVERY:
            return False
        wanted = torch.tensor(float(self.stop.is_set()), device=self.device)
        dist.all_reduce(wanted)
        return bool(wanted.item())

    def _step_within_memory(self, step: int, batches: Iterator[Any], tally: LossTally) -> float:
        failed = ""
        try:
            return self._step(step, batches, tally)
        except Exception as error:
            if is_of_memory(error):
                # the frames of the failed step hold what it had computed; what fits is tried without that
                traceback.clear_frames(error.__traceback__)
            elif step > self.start or not is_of_compiler(error):
                raise
            else:
                failed = str(error).strip().splitlines()[0][:200]
        if failed:
            raise TrainingError(f"the network could not be compiled here ({failed}); add --no-compile")
        raise self._too_big()

    def _step(self, step: int, batches: Iterator[Any], tally: LossTally) -> float:
        """One step of the optimizer; gives the seconds spent waiting for images."""
        mine = self.plan.micro_batches // self.world
        self.network.train()
        self.statistics.begin()
        waited = 0.0
        for micro in range(mine):
            began_waiting = time.monotonic()
            pixels, rows = next(batches)
            waited += time.monotonic() - began_waiting
            torch.manual_seed(seed_of(self.recipe.seed, step, self.rank * mine + micro))  # for dropout
            last = micro == mine - 1
            with nullcontext() if last or self.world == 1 else self.run_network.no_sync():
                pixels, rows = self.copies(pixels, rows)
                classes, truth = self.classes[rows], self.truth[rows]
                loss, logits = self._forward(self.run_network, pixels, classes, truth, self.recipe.mixup)
                torch.autograd.backward(loss / mine)
            tally.add(loss, self.network.combined(logits).detach(), classes, truth, self.objective)
            self.statistics.add()
        self.statistics.finish()
        rate = learning_rate(self.recipe, step, self.plan.steps_an_epoch, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.averaged:
            # a young average leans on what is there (as timm and TensorFlow do)
            memory = min(self.recipe.ema, (1 + step) / (10 + step))
            torch._foreach_lerp_(self.averaged, self.learned, 1 - memory)
        return waited

    def _forward(
        self, network: Any, pixels: Tensor, classes: Tensor, truth: Tensor, mixup: float = 0.0
    ) -> tuple[Tensor, list[Tensor]]:
        """mixup: each picture is mixed with another of the micro-batch, and so is its loss."""
        data, share, others = mixed(self._input(pixels), mixup)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            logits = network(data)
        logits = [scores.float() for scores in logits]
        loss = self.objective(logits, classes, truth)
        if others is not None:
            loss = share * loss + (1 - share) * self.objective(logits, classes[others], truth[others])
        return loss, logits

    def _input(self, pixels: Tensor) -> Tensor:
        data = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        return ((data - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _evaluate(self, labelled: Labelled) -> dict[str, float]:
        """Over all photos with a class, with the averaged weights, on all processes together."""
        kept = [value.clone() for value in self.learned]
        self._take_averaged()
        self.network.eval()
        tally = LossTally(self.device)
        label_of, truth_of = labelled.classes.to(self.device), labelled.truth.to(self.device)
        requests = InOrder(labelled.samples, self.recipe.micro_batch, self.rank, self.world)
        pictures = self._pictures(labelled)
        # for a few batches, starting processes takes longer than decoding
        workers = min(self.settings.workers, len(requests) // 8)
        for pixels, rows in loader(pictures, requests, workers, self.device.type == "cuda"):
            pixels, rows = self.copies(pixels, rows)
            classes, truth = label_of[rows], truth_of[rows]
            loss, logits = self._forward(self.network, pixels, classes, truth)
            tally.add(loss, self.network.combined(logits), classes, truth, self.objective)
        if self.world > 1:
            dist.all_reduce(tally.sums)
        torch._foreach_copy_(self.learned, kept)
        return tally.averages()

    def _pictures(self, labelled: Labelled) -> ShardPictures:
        recipe = self.recipe
        return ShardPictures(
            labelled.shards, recipe.input_size, recipe.seed, recipe.resampling, recipe.randaugment
        )

    def _take_averaged(self) -> None:
        if self.averaged:
            torch._foreach_copy_(self.learned, self.averaged)

    def _where(self, step: int) -> dict[str, float]:
        rate = learning_rate(self.recipe, step - 1, self.plan.steps_an_epoch, self.steps)
        return {"epoch": step / self.plan.steps_an_epoch, "learning_rate": rate}

    def _state(self) -> dict[str, Any]:
        model = self.network.state_dict()
        ema = model | dict(zip(self._names(), self.averaged, strict=True)) if self.averaged else None
        return {"model": model, "ema": ema, "optimizer": self.optimizer.state_dict()}

    def _names(self) -> list[str]:
        """Of what is learned, in its order."""
        statistics = [name for name, value in self.network.named_buffers() if value.is_floating_point()]
        return [*(name for name, _ in self.network.named_parameters()), *statistics]

    def _resume(self) -> int:
        state = None
        if self.rank == 0:
            state = checkpoint.load_latest(self.folder / "checkpoints", self.identity)
        state = shared_state(state, self.device)
        if state is None:
            return 0
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.averaged:
            for value, name in zip(self.averaged, self._names(), strict=True):
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
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        edge = self.recipe.input_size
        pixels = torch.zeros(size, edge, edge, 3, dtype=torch.uint8)
        classes = torch.zeros(size, dtype=torch.int64, device=self.device)
        truth = torch.zeros(size, 3, device=self.device)
        truth[:, 0] = 1
        try:
            torch.autograd.backward(self._forward(self.network, pixels, classes, truth)[0])
        except (RuntimeError, MemoryError) as error:
            if not is_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)
            return False
        finally:
            self.optimizer.zero_grad(set_to_none=True)
        return True
