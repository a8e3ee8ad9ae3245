"""What a line of text says: a network's probabilities for each of its columns, decoded.

Takes an RGB image and a box, gives the network's input; takes its answer, gives text. The decoding is that
of connectionist temporal classification (Graves et al. 2006), greedily: the likeliest letter of each
column, repetitions as one, blanks left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geotagger.text.detecting import TextBox
from geotagger.text.values import Line

HEIGHT = 48
_NARROWEST, _WIDEST = 32, 1200
_UPRIGHT_COLUMN = 1.6


def is_readable(box: TextBox) -> bool:
    """Text in upright columns is left out: the network reads along lines."""
    return box.height <= _UPRIGHT_COLUMN * box.length


def network_input(image: Image.Image, box: TextBox) -> NDArray[np.float32]:
    """float32 (1, 3, 48, width), BGR in −1…1."""
    width = int(np.clip(round(HEIGHT * box.length / max(box.height, 1.0)), _NARROWEST, _WIDEST))
    quad = tuple(float(value) for value in box.corners.reshape(-1))
    line = image.transform((width, HEIGHT), Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
    values = np.asarray(line, dtype=np.float32)[:, :, ::-1]
    return np.ascontiguousarray((values / 127.5 - 1.0).transpose(2, 0, 1)[None])


def decoded(probabilities: NDArray[np.float32], letters: Sequence[str]) -> Line:
    """Of (columns, letters), letter 0 being the blank."""
    best = probabilities.argmax(axis=1)
    kept = (best > 0) & np.concatenate([[True], best[1:] != best[:-1]])
    text = "".join(letters[n] for n in best[kept])
    sure = probabilities[kept, best[kept]]
    return Line(text.strip(), float(sure.mean()) if len(sure) else 0.0)


def letters_of(listed: str) -> list[str]:
    """The network's letters by number, from what its file lists: the blank first, a space last."""
    letters = [letter.rstrip("\r") for letter in listed.split("\n")]
    if letters and not letters[-1]:
        letters.pop()
    return ["", *letters, " "]
