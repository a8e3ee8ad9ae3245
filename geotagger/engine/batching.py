"""Photos onto devices, in batches of one constant size.

A runtime may choose another kernel for another batch size, and then the same photo comes out
differently in its last bits. So every batch is padded to one size, and the size changes only when
a device runs out of memory. Takes runners, gives an Engine. Knows nothing of runtimes.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from geotagger.engine.values import Batch, OutOfMemoryError, Outputs, Runner
from geotagger.errors import EngineError


class BatchedEngine:
    """An Engine over one runner a device. Devices take the next batch when they are free, so equal
    ones are fed evenly and a slow one does not hold up the others."""

    def __init__(
        self,
        name: str,
        runners: Sequence[Runner],
        batch_size: int,
        notes: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.devices = tuple(runner.device for runner in runners)
        self._notes = list(notes)
        self._runners = runners
        self._size = batch_size
        self._pool = ThreadPoolExecutor(len(runners), thread_name_prefix="device")
        self._lock = threading.Lock()

    @property
    def batch_size(self) -> int:
        """Of all devices together."""
        return self._size * len(self._runners)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def run(self, batch: Batch) -> Outputs:
        starts = iter(range(0, len(batch), self._size))
        done: dict[int, Outputs] = {}
        taking = threading.Lock()
        size = self._size

        def work(runner: Runner) -> None:
            while True:
                with taking:
                    start = next(starts, None)
                if start is None:
                    return
                done[start] = self._run_within_memory(runner, batch[start : start + size])

        if len(self._runners) == 1:
            work(self._runners[0])
        else:
            for future in [self._pool.submit(work, runner) for runner in self._runners]:
                future.result()
        return _joined([done[start] for start in sorted(done)])

    def close(self) -> None:
        self._pool.shutdown()

    def _run_within_memory(self, runner: Runner, batch: Batch) -> Outputs:
        while True:
            size = self._size
            try:
                return _joined([_padded(runner, part, size) for part in _parts(batch, size)])
            except OutOfMemoryError as error:
                self._halve(size, runner.device, error)

    def _halve(self, size: int, device: str, error: OutOfMemoryError) -> None:
        with self._lock:
            if self._size < size:
                return  # another device ran into the same wall
            if size == 1:
                raise EngineError(f"{device}: not enough memory for a single photo ({error})") from None
            self._size = size // 2
            self._notes.append(f"{device}: out of memory, going on with batches of {self._size}")


def best_batch_size(
    runner: Runner, shape: tuple[int, int, int], sizes: Sequence[int], clock: Callable[[], float]
) -> int:
    """The smallest of `sizes` (ascending) whose rate is within 3 % of the best, by trial; sizes
    that do not fit end it. At least the first is tried twice: the first run also compiles."""
    rates: dict[int, float] = {}
    for size in sizes:
        batch = np.zeros((size, *shape), dtype=np.float32)
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


def _padded(runner: Runner, batch: Batch, size: int) -> Outputs:
    n = len(batch)
    if n < size:
        padding = np.zeros((size - n, *batch.shape[1:]), dtype=np.float32)
        outputs = runner.run(np.concatenate([batch, padding]))
        features = outputs.features
        return Outputs(outputs.probabilities[:n], None if features is None else features[:n])
    return runner.run(np.ascontiguousarray(batch))


def _joined(parts: Sequence[Outputs]) -> Outputs:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        raise ValueError("an engine needs at least one photo to run")
    features = [part.features for part in parts if part.features is not None]
    return Outputs(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate(features) if len(features) == len(parts) else None,
    )
