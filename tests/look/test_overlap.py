"""The overlapped reader and network: order, errors, bounds and stopping."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import UnreadablePhotoError
from geotagger.look.overlap import BATCHES_AHEAD, MOST_PASSING, PHOTOS_AHEAD, Pixels, overlapped


def read(photo: int) -> Pixels:
    if photo < 0:
        raise UnreadablePhotoError(str(photo), "truncated")
    return np.full((3, 2, 2), photo, dtype=np.float32)


def first_values(batch: Pixels) -> list[float]:
    return [float(pixels[0, 0, 0]) for pixels in batch]


def always(_: int) -> bool:
    return True


@given(st.lists(st.integers(-50, 1000)), st.integers(1, 7), st.integers(1, 3), st.integers(1, 4))
def test_order_is_kept_and_errors_stay_with_their_photo(
    photos: list[int], batch_size: int, lanes: int, readers: int
) -> None:
    def wanted(photo: int) -> bool:
        return photo % 3 != 0

    results = list(
        overlapped(
            photos,
            wanted,
            read,
            first_values,
            batch_size=lambda: batch_size,
            lanes=lambda: lanes,
            readers=readers,
        )
    )
    assert [photo for photo, _ in results] == photos
    for photo, said in results:
        if not wanted(photo):
            assert said is None
        else:
            assert isinstance(said, UnreadablePhotoError) if photo < 0 else said == photo


def test_no_batch_is_larger_than_asked() -> None:
    sizes: list[int] = []

    def note(batch: Pixels) -> list[float]:
        sizes.append(len(batch))
        return first_values(batch)

    list(overlapped(range(23), always, read, note, batch_size=lambda: 8, lanes=lambda: 1, readers=2))
    assert sizes == [8, 8, 7]


@pytest.mark.parametrize("wanted_every", [1, 1_000_000])
def test_a_long_stream_is_taken_only_so_far_ahead(wanted_every: int) -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for photo in range(100_000):
            taken += 1
            yield photo

    results = overlapped(
        source(),
        lambda p: p % wanted_every == 0,
        read,
        first_values,
        batch_size=lambda: 4,
        lanes=lambda: 2,
        readers=2,
    )
    for _ in range(4):
        next(results)
    assert taken <= PHOTOS_AHEAD + MOST_PASSING
    results.close()  # type: ignore[attr-defined]


def test_pixels_are_made_for_a_few_batches_only() -> None:
    turn, held, most = threading.Lock(), 0, 0

    def counted(photo: int) -> Pixels:
        nonlocal held, most
        with turn:
            held += 1
            most = max(most, held)
        return read(photo)

    def looked_at(batch: Pixels) -> list[float]:
        nonlocal held
        time.sleep(0.001)
        with turn:
            held -= len(batch)
        return first_values(batch)

    seen = overlapped(
        range(500), always, counted, looked_at, batch_size=lambda: 4, lanes=lambda: 2, readers=3
    )
    assert [said for _, said in seen] == list(range(500))
    assert 4 <= most <= 4 * (2 + BATCHES_AHEAD)


def test_the_network_goes_on_while_whoever_asks_is_busy() -> None:
    all_seen = threading.Event()

    def looked_at(batch: Pixels) -> list[float]:
        if batch[-1, 0, 0, 0] == 399:
            all_seen.set()
        return first_values(batch)

    results = overlapped(
        range(400), always, read, looked_at, batch_size=lambda: 4, lanes=lambda: 1, readers=2
    )
    assert next(results) == (0, 0.0)
    assert all_seen.wait(10)
    assert len(list(results)) == 399


def test_every_lane_is_used_at_once() -> None:
    meeting = threading.Barrier(3)  # passes only when three batches are looked at together

    def looked_at(batch: Pixels) -> list[float]:
        meeting.wait(timeout=10)
        return first_values(batch)

    seen = overlapped(range(36), always, read, looked_at, batch_size=lambda: 4, lanes=lambda: 3, readers=2)
    assert [said for _, said in seen] == list(range(36))


def test_a_consumer_that_stops_leaves_no_threads() -> None:
    before = threading.active_count()
    results = overlapped(
        range(5000), always, read, first_values, batch_size=lambda: 4, lanes=lambda: 2, readers=2
    )
    for _ in range(10):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_an_error_of_the_network_reaches_the_caller_and_leaves_no_threads() -> None:
    def break_down(_: Pixels) -> list[float]:
        raise MemoryError("out of memory")

    before = threading.active_count()
    with pytest.raises(MemoryError):
        list(
            overlapped(range(100), always, read, break_down, batch_size=lambda: 4, lanes=lambda: 2, readers=2)
        )
    assert threading.active_count() == before
