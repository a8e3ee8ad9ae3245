"""Batch statistics of a step: the mean of those of its micro-batches, on all processes.

Takes a network, gives what its normalisations remember, and keeps count of it during a step. Knows nothing
of losses.
"""

import torch
from torch import Tensor, nn

from training.fit.processes import share_statistics


class StepStatistics:
    """`values`: the network's own buffers. Of a step of one micro-batch they are what they should be already,
    and nothing is done."""

    def __init__(self, network: nn.Module, micro_batches: int) -> None:
        self.values: list[Tensor] = [b for b in network.buffers() if b.is_floating_point()]
        self._micro_batches = micro_batches
        self._is_counted = bool(self.values) and micro_batches > 1
        counted = self.values if self._is_counted else []
        self._before, self._sums = ([torch.zeros_like(b) for b in counted] for _ in range(2))

    def begin(self) -> None:
        if self._is_counted:
            torch._foreach_copy_(self._before, self.values)
            torch._foreach_zero_(self._sums)

    def add(self) -> None:
        """A micro-batch is through; the next begins from where this one did."""
        if self._is_counted:
            torch._foreach_add_(self._sums, self.values)
            torch._foreach_copy_(self.values, self._before)

    def finish(self) -> None:
        if self._is_counted:
            share_statistics(self.values, self._sums, self._micro_batches)
