"""Boxes around text, from a map of probabilities."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from geotagger.text.detecting import LONGEST, boxes_of, connected, network_size


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_parts_are_those_that_a_walk_from_pixel_to_pixel_finds(marked: np.ndarray) -> None:
    found = {frozenset(zip(ys.tolist(), xs.tolist(), strict=True)) for ys, xs in connected(marked)}
    assert found == _walked(marked)


def _walked(marked: np.ndarray) -> set[frozenset[tuple[int, int]]]:
    left = {(int(y), int(x)) for y, x in np.argwhere(marked)}
    parts = set()
    while left:
        part, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            part.add((y, x))
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if near in left:
                    left.remove(near)
                    edge.append(near)
        parts.add(frozenset(part))
    return parts


def test_noise_has_no_parts_and_takes_no_time() -> None:
    assert connected(np.indices((800, 800)).sum(axis=0) % 2 == 0) == []


def test_a_level_line_and_a_leaning_one_are_boxes_along_them() -> None:
    answer = np.zeros((320, 480), dtype=np.float32)
    answer[40:60, 60:260] = 0.9
    for n in range(200):
        answer[150 + n // 2 : 170 + n // 2, 100 + n] = 0.9
    level, leaning = boxes_of(answer, (960, 640))
    assert np.allclose(level.corners.mean(axis=0), (320, 100), atol=6)
    assert level.length > 400 > 110 > level.height
    direction = leaning.corners[3] - leaning.corners[0]
    assert 0.4 < direction[1] / direction[0] < 0.6


def test_pictures_of_any_shape_stay_within_bounds() -> None:
    for size in ((1, 1), (300, 20000), (20000, 300), (480, 640), (4000, 3000)):
        width, height = network_size(*size)
        assert width % 32 == height % 32 == 0
        assert 32 <= max(width, height) <= LONGEST + 16
