"""The overlapped reader and network: order, errors, bounds and stopping."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import UnreadablePhotoError
from geotagger.tag.overlap import BATCHES_AHEAD, BATCHES_RUNNING, MOST_PASSING, Pixels, overlapped


def read(photo: int) -> Pixels:
    if photo < 0:
        raise UnreadablePhotoError(f"{photo} is truncated")
    return np.full((3, 2, 2), photo, dtype=np.float32)


def first_values(batch: Pixels) -> list[float]:
    return [float(pixels[0, 0, 0]) for pixels in batch]


def always(_: int) -> bool:
    return True


@given(st.lists(st.integers(-50, 1000)), st.integers(1, 7), st.integers(1, 4))
def test_order_is_kept_and_errors_stay_with_their_photo(
    photos: list[int], batch_size: int, readers: int
) -> None:
    def wanted(photo: int) -> bool:
        return photo % 3 != 0

    results = list(
        overlapped(photos, wanted, read, first_values, batch_size=lambda: batch_size, readers=readers)
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

    list(overlapped(range(23), always, read, note, batch_size=lambda: 8, readers=2))
    assert sizes == [8, 8, 7]


@pytest.mark.parametrize("wanted_every", [1, 1_000_000])
def test_a_long_stream_is_taken_only_a_few_batches_ahead(wanted_every: int) -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for photo in range(100_000):
            taken += 1
            yield photo

    results = overlapped(
        source(), lambda p: p % wanted_every == 0, read, first_values, batch_size=lambda: 4, readers=2
    )
    for _ in range(4):
        next(results)
    most = 4 if wanted_every == 1 else MOST_PASSING
    assert taken <= most * (BATCHES_AHEAD + BATCHES_RUNNING + 1)
    results.close()  # type: ignore[attr-defined]


def test_an_error_of_the_network_reaches_the_caller_and_leaves_no_threads() -> None:
    def break_down(_: Pixels) -> list[float]:
        raise MemoryError("out of memory")

    before = threading.active_count()
    with pytest.raises(MemoryError):
        list(overlapped(range(100), always, read, break_down, batch_size=lambda: 4, readers=2))
    assert threading.active_count() == before
