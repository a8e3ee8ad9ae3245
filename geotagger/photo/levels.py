"""What the 256 levels of a pixel's channels become before a network sees them.

Takes what a pack says of its input; gives a table of numbers, and pixels looked up in it. So 8-bit pixels, a
quarter of the bytes, can travel to whoever runs the network, and still become the very numbers that the
decoder would have made. Knows nothing of pictures or runtimes.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

LEVELS = 256

Levels = NDArray[np.float32]
"""float32 (3, 256): of each channel, in the order that the network wants them."""


class LevelRecipe(Protocol):
    """`(p / 255 * scale - mean) / std` for a pixel value p, channel by channel."""

    @property
    def scale(self) -> float: ...
    @property
    def mean(self) -> tuple[float, float, float]: ...
    @property
    def std(self) -> tuple[float, float, float]: ...


def levels_of(recipe: LevelRecipe) -> Levels:
    pixel = np.arange(float(LEVELS)) * (recipe.scale / 255.0)
    mean, std = (np.asarray(values)[:, None] for values in (recipe.mean, recipe.std))
    levels: Levels = ((pixel - mean) / std).astype(np.float32)
    return levels


def looked_up(pixels: NDArray[Any], levels: Levels) -> NDArray[np.float32]:
    """uint8 (…, 3, S, S) → the same in numbers."""
    numbers = np.empty(pixels.shape, np.float32)
    for channel, table in enumerate(levels):
        numbers[..., channel, :, :] = table[pixels[..., channel, :, :]]
    return numbers
