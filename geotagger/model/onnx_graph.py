"""What goes into an ONNX file and what comes out of it, read without its weights.

A ModelProto is a protocol-buffers message (onnx.proto; wire format: protobuf.dev, "Encoding").
The file is mapped and each weight skipped by its length, so that a file of any size
is looked at in a millisecond, before anything pays for loading it.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geotagger.errors import PackError

FLOAT = 1  # TensorProto.DataType
_GRAPH, _INITIALIZER, _INPUT, _OUTPUT = 7, 5, 11, 12
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """element: TensorProto.DataType. shape: None for a dimension that is left open."""

    name: str
    element: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class GraphInfo:
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def output(self, name: str) -> TensorInfo | None:
        return next((tensor for tensor in self.outputs if tensor.name == name), None)


class _MalformedError(Exception):
    pass


def read_graph(path: Path) -> GraphInfo:
    """Inputs (those that are no weights) and outputs; PackError for what is no ONNX file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _graph_of(data)
    except FileNotFoundError:
        raise PackError(f"{path}: no such file; import or pull the model again") from None
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror})") from None
    except (_MalformedError, ValueError):
        raise PackError(f"{path}: not a whole ONNX file; import or pull the model again") from None


def _graph_of(data: mmap.mmap) -> GraphInfo:
    inputs: list[TensorInfo] = []
    outputs: list[TensorInfo] = []
    weights: set[str] = set()
    for number, start, end in _fields(data, 0, len(data)):
        if number != _GRAPH:
            continue
        for part, at, stop in _fields(data, start, end):
            if part == _INPUT:
                inputs.append(_tensor_info(data, at, stop))
            elif part == _OUTPUT:
                outputs.append(_tensor_info(data, at, stop))
            elif part == _INITIALIZER:
                weights.update(_text(data, a, b) for n, a, b in _fields(data, at, stop) if n == 8)
    if not outputs:
        raise _MalformedError
    return GraphInfo(tuple(t for t in inputs if t.name not in weights), tuple(outputs))


def _tensor_info(data: mmap.mmap, start: int, end: int) -> TensorInfo:
    """ValueInfoProto: name = 1, type = 2 → tensor_type = 1 → elem_type = 1, shape = 2 → dim = 1 →
    dim_value = 1."""
    name, element, shape = "", 0, []
    for number, at, stop in _fields(data, start, end):
        if number == 1:
            name = _text(data, at, stop)
        elif number == 2:
            for _, tensor_at, tensor_stop in _only(data, at, stop, 1):
                for key, a, b in _fields(data, tensor_at, tensor_stop):
                    if key == 1:
                        element = _varint(data, a, b)[0]
                    elif key == 2:
                        shape = [_dimension(data, c, d) for _, c, d in _only(data, a, b, 1)]
    return TensorInfo(name, element, tuple(shape))


def _dimension(data: mmap.mmap, start: int, end: int) -> int | None:
    for _, at, stop in _only(data, start, end, 1):
        return _varint(data, at, stop)[0]
    return None


def _only(data: mmap.mmap, start: int, end: int, number: int) -> Iterator[tuple[int, int, int]]:
    return (entry for entry in _fields(data, start, end) if entry[0] == number)


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field of a message: its number, and where its value starts and ends."""
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        wire = key & 7
        if wire == _VARINT:
            _, stop = _varint(data, at, end)
        elif wire == _BYTES:
            length, at = _varint(data, at, end)
            stop = at + length
        elif wire in (_FIXED64, _FIXED32):
            stop = at + (8 if wire == _FIXED64 else 4)
        else:
            raise _MalformedError
        if stop > end:
            raise _MalformedError
        yield key >> 3, at, stop
        at = stop


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise _MalformedError


def _text(data: mmap.mmap, start: int, end: int) -> str:
    return data[start:end].decode("utf-8")
