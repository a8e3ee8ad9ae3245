"""Photos in, what a network says of each out, in the same order: reading and decoding on
several threads, the network on its own, and whoever asks for the results on yet another.

Takes any reader and any batch function. Knows nothing of files, models or places. Memory is
bounded, whatever the length of the stream: a few batches of pixels, and PHOTOS_AHEAD results.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import PhotoError

Photo = TypeVar("Photo")
Answer = TypeVar("Answer")
Mark = TypeVar("Mark")
Pixels = NDArray[np.float32 | np.uint8]

BATCHES_AHEAD = 2
"""Batches whose pixels wait for the network: enough to hide a slow disk, few enough to stay small."""

PHOTOS_AHEAD = 2048
"""Photos taken from the stream before the results of the first are fetched. Results are small, and
whoever fetches them does so in bursts: it writes for seconds, and the network goes on meanwhile."""

_IDLE_S = 1.0

MOST_PASSING = 1024
"""Photos a batch may hold in all, those included that only pass through."""


def overlapped(
    photos: Iterable[Photo],
    wanted: Callable[[Photo], bool],
    read: Callable[[Photo], Pixels],
    say_of_batch: Callable[[Pixels], Sequence[Answer]],
    *,
    batch_size: Callable[[], int],
    lanes: Callable[[], int],
    readers: int,
    idle: Callable[[], None] = lambda: None,
    let_go: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Photo, Answer | PhotoError | None]]:
    """Yields every photo, in the order given, with what `say_of_batch` said of its pixels, with
    the PhotoError that `read` raised, or with None where it was not `wanted`. `read` returns
    (3, S, S), all of one type; `say_of_batch` takes (n, 3, S, S), n ≤ batch_size(), returns n values, and is
    called from `lanes()` threads at once. Both are asked when the first photo is wanted, not before.
    `photos` and `wanted` are only used on the thread that asks for results; `idle` is called there every
    second while it waits. `let_go` tells those who say that no more results are wanted."""
    line = _Line(read, say_of_batch, batch_size, lanes, readers)
    batches = batches_of(photos, lambda photo: line.begin(photo) if wanted(photo) else None, line.batch_size)
    under_way: deque[tuple[int, Future[_Results[Photo, Answer]]]] = deque()
    taken = 0
    try:
        while True:
            while taken < PHOTOS_AHEAD and (batch := next(batches, None)):
                under_way.append((len(batch), line.run(batch)))
                taken += len(batch)
            if not under_way:
                return
            count, results = under_way.popleft()
            while not wait([results], _IDLE_S).done:
                idle()
            yield from results.result()
            taken -= count
    except BaseException:
        let_go()
        raise
    finally:
        line.close()


_Batch = list[tuple[Photo, Future[Pixels] | None]]
_Results = list[tuple[Photo, Answer | PhotoError | None]]


class _Line(Generic[Photo, Answer]):
    """The threads. Pixels are made in the order of the stream, and only while there is room for
    them: the batch that comes next never waits for room that later ones hold."""

    def __init__(
        self,
        read: Callable[[Photo], Pixels],
        say_of_batch: Callable[[Pixels], Sequence[Answer]],
        batch_size: Callable[[], int],
        lanes: Callable[[], int],
        readers: int,
    ) -> None:
        self._read, self._say_of_batch = read, say_of_batch
        self.batch_size, self._lanes = batch_size, lanes
        self._reading = ThreadPoolExecutor(readers, thread_name_prefix="read")
        self._network: ThreadPoolExecutor | None = None
        self._room = 0
        self._waiting: deque[tuple[Photo, Future[Pixels]]] = deque()
        self._turn = Lock()
        self._is_closed = False

    def begin(self, photo: Photo) -> Future[Pixels]:
        """Has a photo read, when there is room for its pixels."""
        pixels: Future[Pixels] = Future()
        self._waiting.append((photo, pixels))
        if self._network is None:
            lanes = self._lanes()
            self._network = ThreadPoolExecutor(lanes, thread_name_prefix="network")
            self._let_in(self.batch_size() * (lanes + BATCHES_AHEAD))
        else:
            self._let_in(0)
        return pixels

    def run(self, batch: _Batch[Photo]) -> "Future[_Results[Photo, Answer]]":
        """Has the network look at a batch, when its pixels are there."""
        return (self._network or self._reading).submit(self._results, batch)

    def close(self) -> None:
        """Nothing that has not begun is begun; returns when what has begun is over."""
        with self._turn:
            self._is_closed = True
            for _, pixels in self._waiting:
                pixels.cancel()
            self._waiting.clear()
        self._reading.shutdown()
        if self._network is not None:
            self._network.shutdown(cancel_futures=True)

    def _let_in(self, more_room: int) -> None:
        with self._turn:
            self._room += more_room
            while self._room and self._waiting:
                self._room -= 1
                self._reading.submit(self._fill, *self._waiting.popleft())

    def _fill(self, photo: Photo, pixels: Future[Pixels]) -> None:
        if self._is_closed:
            pixels.cancel()
            return
        try:
            pixels.set_result(self._read(photo))
        except BaseException as error:
            pixels.set_exception(error)

    def _results(self, batch: _Batch[Photo]) -> _Results[Photo, Answer]:
        readable: list[Pixels] = []
        outcomes: list[int | PhotoError | None] = []
        try:
            for _, pixels in batch:
                try:
                    outcomes.append(None if pixels is None else len(readable))
                    if pixels is not None:
                        readable.append(pixels.result())
                except PhotoError as error:
                    outcomes[-1] = error
            said = self._say_of_batch(np.stack(readable)) if readable else ()
        finally:
            self._let_in(sum(pixels is not None for _, pixels in batch))
        return [
            (photo, said[outcome] if isinstance(outcome, int) else outcome)
            for (photo, _), outcome in zip(batch, outcomes, strict=True)
        ]


def batches_of(
    photos: Iterable[Photo], marked: Callable[[Photo], Mark], size: Callable[[], int]
) -> Iterator[list[tuple[Photo, Mark]]]:
    """Photos in order, each with what is said of it; a batch is full with so many of which that is true, or
    with MOST_PASSING in all."""
    batch: list[tuple[Photo, Mark]] = []
    pictures = 0
    for photo in photos:
        mark = marked(photo)
        batch.append((photo, mark))
        pictures += bool(mark)
        if (mark and pictures >= size()) or len(batch) == MOST_PASSING:
            yield batch
            batch, pictures = [], 0
    if batch:
        yield batch
