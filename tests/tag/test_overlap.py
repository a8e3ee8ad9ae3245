"""The overlapped reader and network: order, errors, bounds and stopping."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import UnreadablePhotoError
from geotagger.tag.overlap import BATCHES_AHEAD, BATCHES_RUNNING, Pixels, overlapped


def read(photo: int) -> Pixels:
    if photo < 0:
        raise UnreadablePhotoError(f"{photo} is truncated")
    return np.full((3, 2, 2), photo, dtype=np.float32)


def first_values(batch: Pixels) -> list[float]:
    return [float(pixels[0, 0, 0]) for pixels in batch]


@given(st.lists(st.one_of(st.none(), st.integers(-50, 1000))), st.integers(1, 7), st.integers(1, 4))
def test_order_is_kept_and_errors_stay_with_their_photo(
    photos: list[int | None], batch_size: int, readers: int
) -> None:
    results = list(overlapped(photos, read, first_values, batch_size=batch_size, readers=readers))
    assert [photo for photo, _ in results] == [photo for photo in photos if photo is not None]
    for photo, said in results:
        assert isinstance(said, UnreadablePhotoError) if photo < 0 else said == photo


def test_no_batch_is_larger_than_asked() -> None:
    sizes: list[int] = []

    def note(batch: Pixels) -> list[float]:
        sizes.append(len(batch))
        return first_values(batch)

    list(overlapped(range(23), read, note, batch_size=8, readers=2))
    assert sizes == [8, 8, 7]


def test_none_closes_the_batch_under_way() -> None:
    sizes: list[int] = []

    def note(batch: Pixels) -> list[float]:
        sizes.append(len(batch))
        return first_values(batch)

    list(overlapped([1, 2, None, 3, 4, 5], read, note, batch_size=4, readers=2))
    assert sizes == [2, 3]


def test_a_long_stream_is_read_only_a_few_batches_ahead() -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for photo in range(10_000):
            taken += 1
            yield photo

    results = overlapped(source(), read, first_values, batch_size=4, readers=2)
    for _ in range(4):
        next(results)
    assert taken <= 4 * (BATCHES_AHEAD + BATCHES_RUNNING + 1)
    results.close()


def test_an_error_of_the_network_reaches_the_caller_and_leaves_no_threads() -> None:
    def break_down(batch: Pixels) -> list[float]:
        raise MemoryError("out of memory")

    before = threading.active_count()
    with pytest.raises(MemoryError):
        list(overlapped(range(100), read, break_down, batch_size=4, readers=2))
    assert threading.active_count() == before
