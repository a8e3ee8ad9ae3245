"""An ONNX graph under construction, and its writing without holding the weights in memory.

Takes nodes and arrays, gives a file: opset 17, one message, each weight copied from its array
straight into the file (onnx.proto; wire format: protobuf.dev, "Encoding"). Shapes are known
without the batch, which stays open. Knows nothing of MXNet.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from geotagger import __version__
from geotagger.errors import CheckpointError
from geotagger.model.protobuf import head

OPSET = 17
RESERVED = ("data", "probabilities", "features", "points", "point_probabilities")
"""What a pack's inputs and outputs are called."""
_IR_VERSION = 8  # the one that came with opset 17
LARGEST_MESSAGE = (1 << 31) - 1  # of protocol buffers
_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
_CHUNK = 1 << 22  # numbers converted at a time


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value in the graph; `shape` is that for one photo, `element` its TensorProto.DataType."""

    name: str
    shape: tuple[int, ...]
    element: int = TensorProto.FLOAT


@dataclass
class Graph:
    """Nodes in the order they run. A tensor that leaves the graph is renamed by `name_output`."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    input: Tensor | None = None
    outputs: list[Tensor] = field(default_factory=list)
    _taken: set[str] = field(
        default_factory=lambda: {"data", "probabilities", "features", "points", "point_probabilities", ""}
    )

    def emit(
        self, op: str, inputs: Sequence[str], shape: tuple[int, ...], name: str, **settings: Any
    ) -> Tensor:
        name = self.free(name)
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **settings))
        return Tensor(name, shape)

    def emit_pair(self, op: str, inputs: Sequence[str], outputs: tuple[str, str], **settings: Any) -> None:
        """A node of two results, whose names are free."""
        self.nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], **settings))

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A weight under a name of its own."""
        name = self.free(name)
        self.weights[name] = values
        return name

    def free(self, name: str) -> str:
        """The name, or one like it that nothing in the graph has yet."""
        wanted, n = name, 1
        while wanted in self._taken or wanted in self.weights:
            n += 1
            wanted = f"{name}_{n}"
        self._taken.add(wanted)
        return wanted

    def name_output(self, tensor: Tensor, name: str) -> Tensor:
        """Makes `tensor` an output called `name` and gives it as it is called now."""
        named = Tensor(name, tensor.shape, tensor.element)
        self.outputs.append(named)
        if self.input is not None and tensor.name == self.input.name:
            self.nodes.append(helper.make_node("Identity", [tensor.name], [name], name=name))
            return named
        for node in self.nodes:
            for names in (node.input, node.output):
                for i, used in enumerate(names):
                    if used == tensor.name:
                        names[i] = name
        return named


def write_onnx(graph: Graph, path: Path) -> None:
    """Writes the graph; weights become float32, but for int64 ones, which are shapes."""
    assert graph.input is not None
    proto = helper.make_graph(
        graph.nodes,
        "network",
        [value_info(graph.input)],
        [value_info(tensor) for tensor in graph.outputs],
    )
    shell = helper.make_model_gen_version(
        onnx.GraphProto(),
        producer_name="geotagger",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    shell.ir_version = _IR_VERSION
    shell.ClearField("graph")
    body = proto.SerializeToString()
    length = len(body) + weights_length(graph)
    if length > LARGEST_MESSAGE:
        raise CheckpointError(path, f"{length:,} bytes of weights are more than an ONNX file can hold")
    with path.open("wb") as file:
        file.write(shell.SerializeToString())
        file.write(head(_GRAPH, length))
        file.write(body)
        write_weights(file, graph)


def weights_length(graph: Graph) -> int:
    """How many bytes `write_weights` will write."""
    length = 0
    for name, array in graph.weights.items():
        tensor, size = _tensor_head(name, array)
        length += len(head(_INITIALIZER, len(tensor) + size)) + len(tensor) + size
    return length


def write_weights(file: io.BufferedIOBase, graph: Graph) -> None:
    """The weights as fields of a GraphProto, each copied from its array straight into the file."""
    for name, array in graph.weights.items():
        tensor, size = _tensor_head(name, array)
        file.write(head(_INITIALIZER, len(tensor) + size) + tensor)
        _write_numbers(file, array)


def value_info(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, tensor.element, ["n", *tensor.shape])


def _tensor_head(name: str, array: NDArray[Any]) -> tuple[bytes, int]:
    """A TensorProto up to its numbers, and how many bytes those take."""
    kind = _stored(array)
    code = TensorProto.INT64 if kind == np.int64 else TensorProto.FLOAT
    size = array.size * kind.itemsize
    described = TensorProto(dims=array.shape, data_type=code, name=name).SerializeToString()
    return described + head(_RAW_DATA, size), size


def _write_numbers(file: io.BufferedIOBase, array: NDArray[Any]) -> None:
    kind = _stored(array)
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        file.write(np.ascontiguousarray(flat[start : start + _CHUNK], dtype=kind).data)


def _stored(array: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype("<i8") if array.dtype == np.int64 else np.dtype("<f4")
