"""Photos in, what a network says of each out, in the same order: reading and decoding on
several threads, the network on its own, and whoever asks for the results on a third.

Takes any reader and any batch function. Knows nothing of files, models or places. Memory is
bounded by the photos under way, a few batches, whatever the length of the stream.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
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

MOST_PASSING = 1024
"""Photos a batch may hold in all, those included that only pass through."""


def overlapped(
    photos: Iterable[Photo],
    wanted: Callable[[Photo], bool],
    read: Callable[[Photo], Pixels],
    say_of_batch: Callable[[Pixels], Sequence[Said]],
    *,
    batch_size: Callable[[], int],
    readers: int,
) -> Iterator[tuple[Photo, Said | PhotoError | None]]:
    """Yields every photo, in the order given, with what `say_of_batch` said of its pixels, with
    the PhotoError that `read` raised, or with None where it was not `wanted`. `read` returns
    float32 (3, S, S); `say_of_batch` takes (n, 3, S, S), n ≤ batch_size(), and returns n values.
    batch_size is asked when the first photo is wanted, not before."""
    with (
        ThreadPoolExecutor(readers, thread_name_prefix="read") as reading,
        ThreadPoolExecutor(1, thread_name_prefix="network") as network,
    ):

        def begin(photo: Photo) -> tuple[Photo, Future[Pixels] | None]:
            return photo, reading.submit(read, photo) if wanted(photo) else None

        batches = _batches(map(begin, photos), batch_size)
        ahead: deque[_Batch[Photo]] = deque()
        running: deque[Future[list[tuple[Photo, Said | PhotoError | None]]]] = deque()
        try:
            while True:
                ahead.extend(islice(batches, BATCHES_AHEAD - len(ahead)))
                while ahead and len(running) < BATCHES_RUNNING:
                    running.append(network.submit(_run, ahead.popleft(), say_of_batch))
                if not running:
                    return
                yield from running.popleft().result()
        finally:
            # an error, or a consumer that stopped: nothing that has not begun is begun
            for waiting in running:
                waiting.cancel()
            for batch in ahead:
                for _, pixels in batch:
                    if pixels is not None:
                        pixels.cancel()


_Batch = list[tuple[Photo, Future[Pixels] | None]]


def _batches(
    begun: Iterable[tuple[Photo, Future[Pixels] | None]], batch_size: Callable[[], int]
) -> Iterator[_Batch[Photo]]:
    batch: _Batch[Photo] = []
    pictures = 0
    for photo, pixels in begun:
        batch.append((photo, pixels))
        pictures += pixels is not None
        full = pixels is not None and pictures >= batch_size()
        if full or len(batch) == MOST_PASSING:
            yield batch
            batch, pictures = [], 0
    if batch:
        yield batch


def _run(
    batch: _Batch[Photo], say_of_batch: Callable[[Pixels], Sequence[Said]]
) -> list[tuple[Photo, Said | PhotoError | None]]:
    readable: list[Pixels] = []
    outcomes: list[int | PhotoError | None] = []
    for _, pixels in batch:
        try:
            outcomes.append(None if pixels is None else len(readable))
            if pixels is not None:
                readable.append(pixels.result())
        except PhotoError as error:
            outcomes[-1] = error
    said = say_of_batch(np.stack(readable)) if readable else ()
    return [
        (photo, said[outcome] if isinstance(outcome, int) else outcome)
        for (photo, _), outcome in zip(batch, outcomes, strict=True)
    ]
