"""Places to embeddings: the location encoder of a pack, on the processor.

Takes an ONNX file and degrees, gives directions. What a picture's embedding says of a place is the
product of the two. Knows nothing of pictures or packs.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from geotagger.engine.cores import usable_cores
from geotagger.engine.memory import is_of_memory, lack_of
from geotagger.engine.values import first_line
from geotagger.engine.waiting import Waiting
from geotagger.errors import EngineError, PackError
from geotagger.model.plain_files import check_plain

_AT_ONCE = 2_000


class PlaceEncoder:
    """float32 (n, 2), latitude and longitude in degrees, → float32 (n, d)."""

    def __init__(self, network: Path) -> None:
        check_plain(network)
        options = ort.SessionOptions()
        options.log_severity_level = 4  # what matters comes as an exception
        options.intra_op_num_threads = usable_cores()
        try:
            self._session = ort.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no public base
            raise PackError(network, _reason(network, "cannot be run", error)) from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(outputs) < 1:
            raise PackError(network, "takes no list of places; a location encoder takes float (n, 2)")
        self._waiting = Waiting(network.name)
        self._network, self._input, self._output = network, inputs[0].name, outputs[0].name

    def embed(self, lat: NDArray[np.float64], lng: NDArray[np.float64]) -> NDArray[np.float32]:
        """As the encoder gives them, not yet of length 1; PackError where it gives no finite rows."""
        places = np.stack([lat, lng], axis=1).astype(np.float32)
        made: NDArray[np.float32] | None = None
        for start in range(0, len(places), _AT_ONCE):
            rows = self._rows(places[start : start + _AT_ONCE])
            if made is None:
                made = np.empty((len(places), rows.shape[1]), np.float32)
            made[start : start + len(rows)] = rows
        if made is None:
            raise ValueError("there are no places to embed")
        return made

    def _rows(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            rows: Any = self._waiting.answer(
                lambda: self._session.run([self._output], {self._input: places})[0],
                "it has embedded no places",
            )[0]
        except EngineError:
            raise
        except Exception as error:
            raise PackError(self._network, _reason(self._network, "cannot embed places", error)) from None
        if rows.ndim != 2 or len(rows) != len(places) or not np.isfinite(rows).all():
            raise PackError(
                self._network, f"gives {rows.shape} for {len(places)} places, or no finite numbers"
            )
        return np.asarray(rows, np.float32)


def _reason(network: Path, what: str, error: Exception) -> str:
    return lack_of(network) if is_of_memory(error) else f"{what}: {first_line(error)}"
