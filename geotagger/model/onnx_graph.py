"""What goes into an ONNX file and what comes out of it, read without its weights.

A ModelProto is a protocol-buffers message (onnx.proto). The file is mapped and each weight skipped by
its length, so that a file of any size is looked at in a millisecond, before anything pays for loading it.
"""

import errno
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from geotagger.errors import PackError
from geotagger.model.plain_files import check_plain
from geotagger.model.protobuf import Field, MalformedError, fields, fields_of, read_varint, text

FLOAT, INT64, FLOAT16 = 1, 7, 10  # TensorProto.DataType
GRAPH = 7  # ModelProto
NODE, INITIALIZER, INPUT, OUTPUT = 1, 5, 11, 12  # GraphProto


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


def read_graph(path: Path) -> GraphInfo:
    """Inputs (those that are no weights) and outputs; PackError for what is no ONNX file."""
    with mapped(path) as data:
        return graph_info(data)


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file's bytes; PackError where it cannot be read or what is done with them finds no message."""
    check_plain(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except FileNotFoundError:
        raise PackError(path, "no such file; import or pull the model again") from None
    except OSError as error:
        lack = f"; its {path.stat().st_size / 1e6:.0f} MB find no room" if error.errno == errno.ENOMEM else ""
        raise PackError(path, f"cannot be read ({error.strerror}{lack})") from None
    except (MalformedError, ValueError):
        raise PackError(path, "not a whole ONNX file; import or pull the model again") from None


def graph_info(data: mmap.mmap) -> GraphInfo:
    inputs: list[TensorInfo] = []
    outputs: list[TensorInfo] = []
    weights: set[str] = set()
    for graph in fields_of(data, whole(data), GRAPH):
        for field in fields(data, graph.start, graph.end):
            if field.number == INPUT:
                inputs.append(_tensor_info(data, field))
            elif field.number == OUTPUT:
                outputs.append(_tensor_info(data, field))
            elif field.number == INITIALIZER:
                weights.update(text(data, name) for name in fields_of(data, field, 8))
    if not outputs:
        raise MalformedError
    return GraphInfo(tuple(t for t in inputs if t.name not in weights), tuple(outputs))


def whole(data: mmap.mmap) -> Field:
    """The file as the one message that it is."""
    return Field(0, 0, 0, len(data))


def _tensor_info(data: mmap.mmap, info: Field) -> TensorInfo:
    """ValueInfoProto: name = 1, type = 2 → tensor_type = 1 → elem_type = 1, shape = 2 → dim = 1 →
    dim_value = 1."""
    name, element, shape = "", 0, []
    for field in fields(data, info.start, info.end):
        if field.number == 1:
            name = text(data, field)
        elif field.number == 2:
            for tensor in fields_of(data, field, 1):
                for part in fields(data, tensor.start, tensor.end):
                    if part.number == 1:
                        element = read_varint(data, part.start, part.end)[0]
                    elif part.number == 2:
                        shape = [_dimension(data, dimension) for dimension in fields_of(data, part, 1)]
    return TensorInfo(name, element, tuple(shape))


def _dimension(data: mmap.mmap, dimension: Field) -> int | None:
    for value in fields_of(data, dimension, 1):
        return read_varint(data, value.start, value.end)[0]
    return None
