"""Where in a picture is text: boxes around lines, by a network that tells for each pixel.

Takes an RGB image, gives boxes in its pixels. The network is a differentiable binarisation detector (Liao et
al. 2020): its map is cut at a threshold, each connected part becomes a rectangle along its main axis,
and is grown by what the map was shrunk by in training. Knows nothing of letters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_EDGE, LONGEST = 736, 1600
"""Pixels: smaller pictures are enlarged until their shorter edge has so many, as in the network's own
configuration; the longer one never has more."""
_STEP = 32
_PIXEL_IS_TEXT, _PART_IS_TEXT = 0.3, 0.5
_GROWN = 1.6
"""The unclip ratio of the network's configuration."""
_LEAST_PIXELS = 12
_MOST_RUNS = 60_000
"""Of noise: a picture with more runs of marked pixels than this has no text that could be read."""
_UPRIGHT = 0.12
_LONG = 4.0


@dataclass(frozen=True, slots=True)
class TextBox:
    """A rectangle, however turned: its corners (4, 2) as x and y of the upper left, lower left, lower right
    and upper right, the length of its lines and their height, all in pixels of the picture."""

    corners: Floats
    length: float
    height: float


def network_size(width: int, height: int) -> tuple[int, int]:
    """What the picture is scaled to."""
    scale = min(max(1.0, LEAST_EDGE / min(width, height)), LONGEST / max(width, height))
    return tuple(max(_STEP, round(edge * scale / _STEP) * _STEP) for edge in (width, height))  # type: ignore[return-value]


def network_input(image: Image.Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """float32 (1, 3, height, width), BGR in −1…1."""
    values = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)[:, :, ::-1]
    return np.ascontiguousarray((values / 127.5 - 1.0).transpose(2, 0, 1)[None])


def boxes_of(probabilities: NDArray[np.float32], image_size: tuple[int, int]) -> list[TextBox]:
    """The boxes in a map of probabilities (h, w) of a picture of that size, from above to below."""
    height, width = probabilities.shape
    # half the resolution is enough to place a line
    half = (
        probabilities[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2).max((1, 3))
    )
    scale = np.array([image_size[0] / width, image_size[1] / height]) * 2
    boxes = []
    for ys, xs in connected(half > _PIXEL_IS_TEXT):
        if len(ys) < _LEAST_PIXELS or float(half[ys, xs].mean()) < _PART_IS_TEXT:
            continue
        box = _rectangle(xs, ys, scale)
        if box is not None:
            boxes.append(box)
    return sorted(boxes, key=lambda box: (round(box.corners[:, 1].min() / 20), box.corners[:, 0].min()))


def connected(marked: NDArray[np.bool_]) -> list[tuple[Ints, Ints]]:
    """The rows and columns of each part of an image whose pixels touch along an edge. Empty where there are
    more runs than `_MOST_RUNS`."""
    padded = np.zeros((marked.shape[0], marked.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = marked
    step = np.diff(padded, axis=1)
    row, start = np.nonzero(step == 1)
    end = np.nonzero(step == -1)[1]
    if not 0 < len(row) <= _MOST_RUNS:
        return []
    above, below = _touching(row, start, end, marked.shape[1] + 1)
    label = np.arange(len(row))
    while True:  # each round halves what is left of the longest way
        least = np.minimum(label[above], label[below])
        new = label.copy()
        np.minimum.at(new, label[above], least)
        np.minimum.at(new, label[below], least)
        new = new[new]
        if np.array_equal(new, label):
            break
        label = new
    order = np.argsort(label, kind="stable")
    edges = np.flatnonzero(np.diff(label[order])) + 1
    return [_pixels(row[part], start[part], end[part]) for part in np.split(order, edges)]


def _touching(row: Ints, start: Ints, end: Ints, stride: int) -> tuple[Ints, Ints]:
    """Pairs of runs of one row and the next that share a column."""
    first, last = row * stride + start, row * stride + end - 1
    low = np.searchsorted(last, first + stride)
    high = np.searchsorted(first, last + stride, side="right")
    count = np.maximum(high - low, 0)
    above = np.repeat(np.arange(len(row)), count)
    offset = np.arange(len(above)) - np.repeat(np.cumsum(count) - count, count)
    return above, low[above] + offset


def _pixels(row: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    count = end - start
    ys = np.repeat(row, count)
    return ys, np.arange(len(ys)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(start, count)


def _rectangle(xs: Ints, ys: Ints, scale: Floats) -> TextBox | None:
    points = np.stack([xs, ys], axis=1) + 0.5
    middle = points.mean(axis=0)
    away = points - middle
    along, across = _axes(away)
    a, b = away @ along, away @ across
    low_a, high_a, low_b, high_b = a.min() - 0.5, a.max() + 0.5, b.min() - 0.5, b.max() + 0.5
    length, height = high_a - low_a, high_b - low_b
    if min(length, height) < 2:
        return None
    grown = length * height * _GROWN / (2 * (length + height))
    low_a, high_a, low_b, high_b = low_a - grown, high_a + grown, low_b - grown, high_b + grown
    ways = ((low_a, low_b), (low_a, high_b), (high_a, high_b), (high_a, low_b))
    corners = np.array([middle + i * along + j * across for i, j in ways]) * scale
    edge: Any = np.linalg.norm
    return TextBox(corners, float(edge(corners[3] - corners[0])), float(edge(corners[1] - corners[0])))


def _axes(away: Floats) -> tuple[Floats, Floats]:
    """Along the line and across it. What is hardly longer than high, or hardly turned, is taken as level."""
    spread, axes = np.linalg.eigh(np.cov(away.T) + 1e-6 * np.eye(2))
    along = axes[:, 1] if axes[0, 1] >= 0 else -axes[:, 1]
    if abs(along[1]) < _UPRIGHT or spread[1] < _LONG * spread[0]:
        along = np.array([1.0, 0.0])
    return along, np.array([-along[1], along[0]])
