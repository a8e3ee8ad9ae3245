"""One use of an operator in an MXNet symbol: its settings, its inputs and its stored weights, read
strictly.

Settings are texts as Python wrote them; every one that is read is checked, and every weight is
held against the shape the network needs. Errors name the operator. Knows nothing of what an
operator does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import CheckpointError
from geotagger.model.mxnet.symbol import Symbol, SymbolNode
from geotagger.model.onnx_writer import Graph, Tensor

Shape = tuple[int, ...]
_LARGEST_FLOAT32, _LARGEST_INT32 = 3.4028234e38, (1 << 31) - 1
_CHUNK = 1 << 22  # numbers looked at together, so that a check costs no second copy of a weight


@dataclass
class Call:
    """One use of an operator. `inputs` has a tensor for each input that is computed, and None
    for each that is a variable, whose values `weight` gives."""

    symbol: Symbol
    node: SymbolNode
    graph: Graph
    inputs: Sequence[Tensor | None]
    params: Mapping[str, NDArray[Any]]

    @property
    def version(self) -> int:
        return self.symbol.version

    @property
    def name(self) -> str:
        return self.node.name

    def wrong(self, what: str) -> CheckpointError:
        return CheckpointError(self.symbol.path, f"{self.node.op} {self.name}: {what}; it was not imported")

    def tensor(self, i: int = 0) -> Tensor:
        tensor = self.inputs[i] if i < len(self.inputs) else None
        if tensor is None:
            raise self.wrong(f"input {i} is a variable where a computed value is expected")
        return tensor

    def images(self) -> Tensor:
        tensor = self.tensor()
        if len(tensor.shape) != 3:
            raise self.wrong(f"its input has the shape {('n', *tensor.shape)}, not that of images")
        return tensor

    def variable(self, i: int, suffix: str) -> str:
        """The name of the variable at input i. Up to 0.8 a symbol did not list the statistics
        of a BatchNorm; their names are the operator's with a suffix."""
        if i >= len(self.node.inputs):
            return f"{self.name}_{suffix}"
        giver = self.symbol.nodes[self.node.inputs[i][0]]
        if not giver.is_variable:
            raise self.wrong(f"its {suffix} is computed by {giver.name}, where a stored weight is expected")
        return giver.name

    def values(self, i: int, suffix: str, shape: Shape) -> NDArray[Any]:
        name = self.variable(i, suffix)
        if name not in self.params:
            raise self.wrong(f"the params file has no {name}")
        array = self.params[name]
        if array.shape != shape:
            raise self.wrong(
                f"{name} has the shape {array.shape} in the params file, the network needs {shape}"
            )
        flat = array.reshape(-1)
        for start in range(0, flat.size, _CHUNK):
            if not np.isfinite(flat[start : start + _CHUNK]).all():
                raise self.wrong(
                    f"{name} holds numbers that are infinite or no numbers; the weights are damaged"
                )
        return array

    def weight(self, i: int, suffix: str, shape: Shape) -> str:
        """The same as a weight of the graph, under its own name; shared weights once."""
        values = self.values(i, suffix, shape)
        name = self.variable(i, suffix)
        if self.graph.weights.get(name) is not values:
            name = self.graph.constant(name, values)
        return name

    def emit(self, op: str, inputs: Sequence[str], shape: Shape, **settings: Any) -> Tensor:
        if not all(edge > 0 for edge in shape):
            raise self.wrong(f"its output would have the shape {('n', *shape)}; is the input size right?")
        return self.graph.emit(op, inputs, shape, self.name, **settings)

    def setting(self, key: str) -> str | None:
        text = self.node.attrs.get(key, "None").strip()
        return None if text == "None" else text

    def number(self, key: str, default: float | None = None) -> float:
        text = self.setting(key)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = None
        if value is None or not abs(value) <= _LARGEST_FLOAT32:
            raise self.wrong(f"{key} = {text} is not a number that the network can hold")
        return value

    def whole(self, key: str, default: int | None = None) -> int:
        value = self.number(key, default)
        if value != int(value) or abs(value) > _LARGEST_INT32:
            raise self.wrong(f"{key} = {value} is not a whole number of 32 bits")
        return int(value)

    def flag(self, key: str, default: bool = False) -> bool:
        text = self.setting(key)
        if text is None:
            return default
        if text not in ("True", "true", "1", "False", "false", "0"):
            raise self.wrong(f"{key} = {text} is neither True nor False")
        return text in ("True", "true", "1")

    def wholes(self, key: str) -> tuple[int, ...]:
        """`(3, 3)`, `[3,3]`, `(3L, 3L)` of Python 2, or `3`; empty when not set."""
        parts = (self.setting(key) or "").strip("()[] ").replace("L", "").split(",")
        try:
            values = tuple(int(part) for part in parts if part.strip())
        except ValueError:
            values = (_LARGEST_INT32 + 1,)
        if any(abs(value) > _LARGEST_INT32 for value in values):
            raise self.wrong(f"{key} = {self.setting(key)} is not a tuple of whole numbers of 32 bits")
        return values

    def pair(self, key: str, default: int | None, least: int) -> tuple[int, int]:
        values = self.wholes(key)
        if not values and default is not None:
            values = (default, default)
        if len(values) != 2 or min(values) < least:
            raise self.wrong(f"{key} = {self.setting(key)} is not a pair of numbers from {least} up")
        return values[0], values[1]

    def word(self, key: str, default: str | None, choices: Sequence[str]) -> str:
        text = self.setting(key) or default
        if text is None or text not in choices:
            raise self.wrong(f"{key} = {text} cannot be imported (known: {', '.join(choices)})")
        return text
