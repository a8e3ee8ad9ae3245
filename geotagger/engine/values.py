"""What an engine is to the rest of the house, and what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import EngineError

Batch = NDArray[np.float32 | np.uint8]
"""float32 as the network wants them, or pixels that the engine looks up (`geotagger/photo/levels.py`)."""
_HEAD, _TAIL = 60, 240
OUTPUT_NAMES = ("probabilities", "features", "points", "point_probabilities")


@dataclass(frozen=True, slots=True)
class Outputs:
    """For n photos: probabilities float32 (n, classes), before temperature; features float32 (n, d),
    what the network's last layer sees, None where it has no such output. Of a network that compares with a
    gallery, points int64 (n, k), its likeliest places, and point_probabilities float32 (n, k), of all."""

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32] | None
    points: NDArray[np.int64] | None = None
    point_probabilities: NDArray[np.float32] | None = None

    def __getitem__(self, rows: slice) -> "Outputs":
        return Outputs(*(None if array is None else array[rows] for array in self._arrays()))  # type: ignore[arg-type]

    @staticmethod
    def joined(parts: "Sequence[Outputs]") -> "Outputs":
        """Those of several batches, one after the other; what one lacks, all lack."""
        if len(parts) == 1:
            return parts[0]
        columns = zip(*(part._arrays() for part in parts), strict=True)
        return Outputs(
            *(None if any(a is None for a in column) else np.concatenate(column) for column in columns)  # type: ignore[arg-type]
        )

    def _arrays(self) -> "tuple[NDArray[Any] | None, ...]":
        return self.probabilities, self.features, self.points, self.point_probabilities


class Engine(Protocol):
    """A model, ready to run. `name` says what runs it, in which precision; `devices` where;
    `batch_size` how many photos a call takes best, and `lanes` how many calls at once keep all there
    is at work; `notes` what the owner should know, a line each; `rate` how many photos a second it has looked
    at so far, None where those were too few to tell."""

    @property
    def name(self) -> str: ...
    @property
    def devices(self) -> tuple[str, ...]: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def lanes(self) -> int: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def rate(self) -> float | None: ...

    def run(self, batch: Batch) -> Outputs:
        """float32 (n, 3, S, S), or uint8 where it was opened for such; any n, from any thread. A photo's
        result is the same bits whatever batch it is in. EngineError when the device fails."""
        ...

    def leave(self) -> None:
        """Nobody wants an answer any more: what runs is given up, with StoppedError."""
        ...

    def close(self) -> None: ...


class Runner(Protocol):
    """A network in one lane: a GPU, or a share of the processor's cores. Runs batches of any one
    size, one at a time."""

    @property
    def device(self) -> str: ...

    def run(self, batch: Batch) -> Outputs:
        """OutOfMemoryError when the batch does not fit, EngineError when the device fails."""
        ...


class OutOfMemoryError(Exception):
    """The device has no room for a batch of this size; a smaller one may fit."""


class CannotOpenError(EngineError):
    """A runtime does not take a network. `network`: its file, or its name; `reason`: why, without that."""

    def __init__(self, network: object, reason: str) -> None:
        super().__init__(network, reason)
        self.network, self.reason = network, reason

    def __str__(self) -> str:
        return f"{self.network}: {self.reason}"


class NoRoomError(CannotOpenError):
    """There is no memory for the network, which may be as good as any."""


def first_line(error: Exception, network: Path | None = None) -> str:
    """What a runtime says first, which is what happened; of a long line, as with the signature of a function
    that failed, the beginning and the end. network: a file that is told anyway, here by its name alone."""
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    if network is not None:
        line = line.replace(str(network), network.name)
    return line if len(line) <= _HEAD + _TAIL else f"{line[:_HEAD]} … {line[-_TAIL:]}"
