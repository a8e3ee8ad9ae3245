"""Whether a pack's network answers as it must, found by running it, before anybody relies on it.

Takes a pack, raises PackError that says what is wrong with the answers: shapes, numbers that are not
finite or negative, sums that are not one, an answer that depends on the batch that a picture is in.
Every answer of a later run is looked at too; this finds the faults of a whole network at once.
"""

import numpy as np

from geotagger.engine.devices import Device
from geotagger.engine.memory import check_room
from geotagger.engine.onnx_runner import OnnxRunner
from geotagger.engine.values import Batch, CannotOpenError, NoRoomError, OutOfMemoryError, Outputs
from geotagger.engine.waiting import Waiting
from geotagger.engine.watch import fault_of
from geotagger.errors import EngineError, PackError, StoppedError
from geotagger.model.pack import ModelPack

_BATCH = 3
_SAME = {"fp32": 1e-4, "fp16": 2e-2, "int8": 5e-2}
"""How far an answer alone may be from the same answer in a batch. INT8 networks scale what they see by
the largest number of a whole batch, so theirs move."""


def check_answers(pack: ModelPack) -> None:
    """Runs the network on pictures of noise, on the processor. NoRoomError where there is no memory for that:
    then the file is not at fault, and what was fetched is kept."""
    edge = pack.preprocessing.input_size
    batch = np.random.default_rng(0).normal(size=(_BATCH, 3, edge, edge)).astype(np.float32)
    check_room(pack.name, pack.onnx_path)
    runner = _opened(pack)
    alone = _answer(pack, runner, batch[1:2])
    try:
        together = _answer(pack, runner, batch)
    except (StoppedError, NoRoomError):
        raise
    except EngineError:
        raise PackError(
            pack.onnx_path,
            f"looks at one picture and not at {_BATCH} together; export it with an open batch",
        ) from None
    _check(pack, together, batch)
    _check(pack, alone, batch[1:2])
    moved = float(np.abs(alone.probabilities[0] - together.probabilities[1]).sum()) / 2
    most = _SAME.get(pack.manifest.precision, _SAME["int8"])
    if moved > most:
        raise PackError(
            pack.onnx_path,
            f"a picture alone and the same picture in a batch get different answers "
            f"({moved:.1%} of the probability moves); export it with an open batch and in evaluation mode",
        )


def _opened(pack: ModelPack) -> OnnxRunner:
    """A pack that is not whole yet lies under a name that nobody knows, which no line may have."""
    try:
        return OnnxRunner(pack.onnx_path, Device("cpu"))
    except NoRoomError as error:
        raise NoRoomError(pack.name, error.reason) from None
    except CannotOpenError as error:
        raise PackError(pack.onnx_path, error.reason) from None


def _answer(pack: ModelPack, runner: OnnxRunner, batch: Batch) -> Outputs:
    waiting = Waiting(pack.name)
    try:
        return waiting.answer(lambda: runner.run(batch), "its network has not answered", None, runner)[0]
    except OutOfMemoryError as error:
        raise NoRoomError(pack.name, str(error)) from None


def _check(pack: ModelPack, outputs: Outputs, batch: Batch) -> None:
    if wrong := fault_of(outputs, len(batch), len(batch), pack.manifest.classes):
        raise PackError(pack.onnx_path, "; ".join(filter(None, wrong)))
