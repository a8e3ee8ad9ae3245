"""Photos in, what a network says of each out, in the same order: reading and decoding on
several threads, the network on its own, and whoever asks for the results on a third.

Takes any reader and any batch function. Knows nothing of files, models or places. Memory is
bounded by the photos under way, a few batches, whatever the length of the stream.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import PhotoError

Photo = TypeVar("Photo")
Said = TypeVar("Said")
Pixels = NDArray[np.float32]

BATCHES_AHEAD = 3
"""Batches read ahead of the network: enough to hide a slow disk, few enough to stay small."""

BATCHES_RUNNING = 2
"""Batches handed to the network at once, so that it need not wait for whoever takes results."""


def overlapped(
    photos: Iterable[Photo | None],
    read: Callable[[Photo], Pixels],
    say_of_batch: Callable[[Pixels], Sequence[Said]],
    *,
    batch_size: int,
    readers: int,
) -> Iterator[tuple[Photo, Said | PhotoError]]:
    """Yields each photo with what `say_of_batch` said of its pixels, or with the PhotoError that
    `read` raised, in the order given. `read` returns float32 (3, S, S); `say_of_batch` takes
    (n, 3, S, S), n ≤ batch_size, and returns n values. A None among the photos closes the batch
    under way, for a source that wants its answers before it gives more."""
    with (
        ThreadPoolExecutor(readers, thread_name_prefix="read") as reading,
        ThreadPoolExecutor(1, thread_name_prefix="network") as network,
    ):
        batches: deque[list[tuple[Photo, Future[Pixels]]]] = deque()
        running: deque[Future[list[tuple[Photo, Said | PhotoError]]]] = deque()
        source = iter(photos)
        exhausted = False
        try:
            while True:
                while not exhausted and len(batches) < BATCHES_AHEAD:
                    batch, exhausted = _next_batch(source, batch_size, lambda p: reading.submit(read, p))
                    if batch:
                        batches.append(batch)
                while batches and len(running) < BATCHES_RUNNING:
                    running.append(network.submit(_run, batches.popleft(), say_of_batch))
                if not running:
                    return
                yield from running.popleft().result()
        finally:
            # an error or a consumer that stopped: nothing that has not begun is begun
            for batch in batches:
                for _, pixels in batch:
                    pixels.cancel()
            for waiting in running:
                waiting.cancel()


def _next_batch(
    source: Iterator[Photo | None], batch_size: int, start: Callable[[Photo], Future[Pixels]]
) -> tuple[list[tuple[Photo, Future[Pixels]]], bool]:
    """The next photos, their reading begun, and whether the source has ended."""
    batch: list[tuple[Photo, Future[Pixels]]] = []
    for photo in source:
        if photo is None:
            return batch, False
        batch.append((photo, start(photo)))
        if len(batch) == batch_size:
            return batch, False
    return batch, True


def _run(
    batch: Sequence[tuple[Photo, Future[Pixels]]], say_of_batch: Callable[[Pixels], Sequence[Said]]
) -> list[tuple[Photo, Said | PhotoError]]:
    outcomes: list[Pixels | PhotoError] = []
    for _, pixels in batch:
        try:
            outcomes.append(pixels.result())
        except PhotoError as error:
            outcomes.append(error)
    readable = [outcome for outcome in outcomes if not isinstance(outcome, PhotoError)]
    said = iter(say_of_batch(np.stack(readable)) if readable else ())
    return [
        (photo, outcome if isinstance(outcome, PhotoError) else next(said))
        for (photo, _), outcome in zip(batch, outcomes, strict=True)
    ]
