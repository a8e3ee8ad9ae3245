"""What every answer of a network must be, and how long one is waited for.

Takes what a Runner gives for a batch; raises EngineError in one line that names the model. A network is
somebody else's file: an answer that is no probability would be written into photos as a certainty, and
one that never comes would keep the archive's lock for ever. Knows no runtime.
"""

from collections import deque
from statistics import median

import numpy as np

from geotagger.engine.values import Batch, Outputs, Runner
from geotagger.engine.waiting import Waiting
from geotagger.errors import EngineError

SUM_TOLERANCE = 1e-3

LEAST_PATIENCE_S = 60
PATIENCE_MEDIANS = 20
"""A batch may take as many times what batches of its size took on its device, but never less than
LEAST_PATIENCE_S: a machine that swaps, or that other programs are busy on, is not a broken one."""

_BATCHES_REMEMBERED = 64


def fault_of(outputs: Outputs, pictures: int, rows: int, classes: int) -> tuple[str, str] | None:
    """What is wrong with the answers for a batch of so many `rows`, of which the first `pictures` count, and
    what an importer of the network may do about it; None where nothing is."""
    p = outputs.probabilities
    if p.shape != (rows, classes) or p.dtype.kind != "f":
        return f"answers {p.dtype} {p.shape} for {rows} pictures and {classes} places", ""
    others = (outputs.features, outputs.points, outputs.point_probabilities)
    if any(other is not None and other.shape[:1] != (rows,) for other in others):
        return f"answers other than one row a picture for {rows} pictures", ""
    p = p[:pictures]
    if not np.isfinite(p).all():
        return "answers with numbers that are not finite", ""
    if (p < 0).any():
        return "answers with negative numbers", "`--normalise softmax` if these are logits"
    sums = p.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - 1)
    if (off > SUM_TOLERANCE).any():
        return (
            f"answers that sum to {sums[off.argmax()]:.4g}, not to 1",
            "`--normalise softmax` if these are logits, `--normalise sum` if they are in proportion",
        )
    if outputs.features is not None and not np.isfinite(outputs.features[:pictures]).all():
        return "features that are not finite", ""
    return None


class Watch:
    """Watches the answers of one model. Any lane may ask at any time."""

    def __init__(self, model: str, classes: int, waiting: Waiting | None = None) -> None:
        self._model, self._classes = model, classes
        self.waiting = waiting or Waiting(model)
        self._seconds: dict[tuple[str, int], deque[int]] = {}

    def answers(self, runner: Runner, batch: Batch, pictures: int) -> Outputs:
        """Those for the first `pictures` of the batch; the rest fills it up. The first batch of its size on
        its device may take an hour: some runtimes compile then. Raises EngineError, StoppedError."""
        taken = self._seconds.setdefault((runner.device, len(batch)), deque(maxlen=_BATCHES_REMEMBERED))
        patience = max(LEAST_PATIENCE_S, PATIENCE_MEDIANS * median(taken)) if taken else None
        lacking = f"its network has not answered on {runner.device}"
        outputs, seconds = self.waiting.answer(lambda: runner.run(batch), lacking, patience, runner)
        taken.append(seconds)
        if wrong := fault_of(outputs, pictures, len(batch), self._classes):
            raise EngineError(f"model {self._model}: its network gives {wrong[0]}; nothing of it is used")
        return outputs[:pictures]
