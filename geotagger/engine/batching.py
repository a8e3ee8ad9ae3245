"""Photos onto devices, in batches of one constant size, a batch to each lane that is free.

A runtime may choose another kernel for another batch size, and then the same photo comes out
differently in its last bits. So every batch is padded to one size, and the size changes only when
a device runs out of memory. Takes runners, gives an Engine. Knows nothing of runtimes.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from geotagger.engine.cores import usable_cores
from geotagger.engine.pace import Pace
from geotagger.engine.values import Batch, OutOfMemoryError, Outputs, Runner
from geotagger.engine.watch import Watch
from geotagger.errors import EngineError
from geotagger.photo.levels import Levels, looked_up


def _processor_seconds() -> float:
    """How long this process would have taken with all cores to itself: a rate that is remembered is one of
    the machine, not of what else it did just then."""
    return time.process_time() / usable_cores()


class BatchedEngine:
    """An Engine over one runner a lane. A batch goes to the lane that has been free the longest, so
    equal devices are fed evenly and a slow one does not hold up the others. `watch` looks at every answer.
    levels: what 8-bit pixels are looked up in here, for runners that take numbers alone."""

    def __init__(
        self,
        name: str,
        runners: Sequence[Runner],
        batch_size: int,
        notes: Sequence[str] = (),
        watch: Watch | None = None,
        levels: Levels | None = None,
    ) -> None:
        self.name = name
        self._levels = levels
        self._watch = watch
        self.devices = tuple(dict.fromkeys(runner.device for runner in runners))
        self.lanes = len(runners)
        self._notes = list(notes)
        self._free: SimpleQueue[Runner] = SimpleQueue()
        for runner in runners:
            self._free.put(runner)
        self._size = batch_size
        self._pool = ThreadPoolExecutor(self.lanes, thread_name_prefix="lane")
        self._lock = threading.Lock()
        is_on_cpu = all(str(device) == "cpu" for device in self.devices)
        self._pace = Pace(_processor_seconds if is_on_cpu else time.perf_counter)

    @property
    def batch_size(self) -> int:
        return self._size

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    @property
    def rate(self) -> float | None:
        return self._pace.rate

    def run(self, batch: Batch) -> Outputs:
        parts = list(_parts(batch, self._size))
        if len(parts) == 1:
            return self._run_in_a_lane(parts[0])
        return _joined(list(self._pool.map(self._run_in_a_lane, parts)))

    def leave(self) -> None:
        if self._watch is not None:
            self._watch.waiting.leave()

    def close(self) -> None:
        """What still runs is given up."""
        self.leave()
        self._pool.shutdown()

    def _run_in_a_lane(self, batch: Batch) -> Outputs:
        runner = self._free.get()
        try:
            with self._pace.timed(len(batch)):
                return self._run_within_memory(runner, batch)
        finally:
            self._free.put(runner)

    def _run_within_memory(self, runner: Runner, batch: Batch) -> Outputs:
        while True:
            size = self._size
            try:
                return _joined([self._padded(runner, part, size) for part in _parts(batch, size)])
            except OutOfMemoryError as error:
                self._halve(size, runner.device, error)

    def _padded(self, runner: Runner, batch: Batch, size: int) -> Outputs:
        n = len(batch)
        if self._levels is not None:
            batch = looked_up(batch, self._levels)
        padding = np.zeros((size - n, *batch.shape[1:]), dtype=batch.dtype)
        full = np.concatenate([batch, padding]) if n < size else np.ascontiguousarray(batch)
        return runner.run(full)[:n] if self._watch is None else self._watch.answers(runner, full, n)

    def _halve(self, size: int, device: str, error: OutOfMemoryError) -> None:
        with self._lock:
            if self._size < size:
                return  # another device ran into the same wall
            if size == 1:
                raise EngineError(f"{device}: not enough memory for a single photo ({error})") from None
            self._size = size // 2
            self._notes.append(f"{device}: out of memory, going on with batches of {self._size}")


def best_batch_size(
    runner: Runner,
    shape: tuple[int, int, int],
    sizes: Sequence[int],
    clock: Callable[[], float],
    kind: type[np.float32 | np.uint8] = np.float32,
) -> int:
    """The smallest of `sizes` (ascending) whose rate is within 3 % of the best, by trial; sizes
    that do not fit end it. At least the first is tried twice: the first run also compiles. kind: of the
    numbers that the runner takes."""
    rates: dict[int, float] = {}
    for size in sizes:
        batch = np.zeros((size, *shape), dtype=kind)
        try:
            runner.run(batch)
            begun = clock()
            runner.run(batch)
        except OutOfMemoryError:
            break
        rates[size] = size / max(clock() - begun, 1e-9)
        if rates[size] < 0.9 * max(rates.values()):
            break
    if not rates:
        return 1
    return min(size for size, rate in rates.items() if rate >= 0.97 * max(rates.values()))


def _parts(batch: Batch, size: int) -> Iterator[Batch]:
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def _joined(parts: Sequence[Outputs]) -> Outputs:
    if not parts:
        raise ValueError("an engine needs at least one photo to run")
    return Outputs.joined(parts)
