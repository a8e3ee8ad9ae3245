"""Somebody else's ONNX network with nodes of ours before and after it, in one file.

Takes an ONNX file and a Graph of what is added, gives a file. The network's own nodes and weights are
copied as byte ranges, never loaded: a gigabyte costs a few megabytes of memory. Everything of ours has
names that begin with `geotagger/`, so that nothing meets. Knows nothing of what networks compute.
"""

import io
import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onnx import helper

from geotagger.errors import PackError
from geotagger.model.manifest import FULL_PRECISION
from geotagger.model.onnx_graph import (
    GRAPH,
    INITIALIZER,
    INPUT,
    NODE,
    OUTPUT,
    GraphInfo,
    graph_info,
    mapped,
    whole,
)
from geotagger.model.onnx_writer import (
    LARGEST_MESSAGE,
    RESERVED,
    Graph,
    value_info,
    weights_length,
    write_weights,
)
from geotagger.model.protobuf import Field, MalformedError, fields, fields_of, head, read_varint, text

PREFIX = "geotagger/"
LEAST_OPSET = 13
"""ReduceSum takes its axes as an input from 13 on; older networks have to be exported again."""

_OPSETS = 8  # ModelProto.opset_import
_COPIED_AT_ONCE = 1 << 22


@contextmanager
def blaming(network: Path, folder: Path) -> Iterator[None]:
    """What is wrong with a pack's network that is made of this one is said of the file that its owner has."""
    try:
        yield
    except PackError as error:
        raise error.of(network) if error.path == str(folder / "model.onnx") else error from None


@dataclass(frozen=True, slots=True)
class ForeignNetwork:
    """A network as its file tells it. opset: of the standard operators. taken: of the names that a pack's
    inputs and outputs have, those that this network uses for tensors of its own. scales_by_batch: whether it
    was quantised in a way that scales what it sees by the largest number of a whole batch."""

    path: Path
    info: GraphInfo
    opset: int
    taken: frozenset[str]
    scales_by_batch: bool = False

    def precision_of(self, stated: str) -> str:
        """What pack.toml is to say of its precision, where `stated` is what somebody said of it."""
        return "int8" if self.scales_by_batch and stated == FULL_PRECISION else stated


def read_network(path: Path) -> ForeignNetwork:
    """What the file tells; PackError for one that nothing can be added to, and why."""
    with mapped(path) as data:
        taken: set[str] = set()
        scales = False
        (graph,) = fields_of(data, whole(data), GRAPH)
        for field in fields(data, graph.start, graph.end):
            if field.number == INITIALIZER and any(fields_of(data, field, 13)):  # external_data
                raise PackError(
                    path, "keeps its weights in a second file; save it as one ONNX file and import that"
                )
            if field.number == NODE:
                names = {text(data, output) for output in fields_of(data, field, 2)}
                if any(name.startswith(PREFIX) for name in names):
                    raise PackError(path, "was made by geotagger; import the network it was made of")
                taken |= names.intersection(RESERVED)
                scales |= any(text(data, op) == "DynamicQuantizeLinear" for op in fields_of(data, field, 4))
        network = ForeignNetwork(path, graph_info(data), _opset(data), frozenset(taken), scales)
    if network.opset < LEAST_OPSET:
        raise PackError(
            path,
            f"is of opset {network.opset}, and {LEAST_OPSET} is the least that can be built on; "
            "export it again with a newer opset",
        )
    return network


def check_free_names(network: ForeignNetwork, names: Iterable[str]) -> None:
    """PackError where a name that we give is one of the network's own."""
    if clash := sorted(network.taken.intersection(names)):
        raise PackError(
            network.path, f"calls tensors of its own {', '.join(clash)}; save it with other names for them"
        )


def extend(network: ForeignNetwork, before: Graph, after: Graph, target: Path) -> None:
    """Writes `network` with the nodes of `before` ahead of it and of `after` behind it. The inputs of
    the whole are `before.input`, its outputs `after.outputs`; PackError where it gets too large."""
    assert before.input is not None
    with mapped(network.path) as data:
        around = [field for field in fields(data, 0, len(data)) if field.number != GRAPH]
        (graph,) = fields_of(data, whole(data), GRAPH)
        inside = [f for f in fields(data, graph.start, graph.end) if f.number not in (INPUT, OUTPUT)]
    ahead = helper.make_graph(before.nodes, "", [value_info(before.input)], []).SerializeToString()
    behind = helper.make_graph(after.nodes, "", [], [value_info(t) for t in after.outputs])
    behind.ClearField("name")  # the network's own stays
    tail = behind.SerializeToString()
    own = sum(field.end - field.begin for field in inside)
    length = len(ahead) + own + len(tail) + weights_length(before) + weights_length(after)
    if length > LARGEST_MESSAGE:
        raise PackError(network.path, f"{length:,} bytes are more than an ONNX file can hold")
    with network.path.open("rb") as source, target.open("wb") as file:
        _copy(source, file, around)
        file.write(head(GRAPH, length) + ahead)
        _copy(source, file, inside)
        file.write(tail)
        write_weights(file, before)
        write_weights(file, after)


def _copy(source: io.BufferedReader, file: io.BufferedWriter, ranges: list[Field]) -> None:
    for field in ranges:
        source.seek(field.begin)
        left = field.end - field.begin
        while left:
            block = source.read(min(left, _COPIED_AT_ONCE))
            if not block:
                raise MalformedError
            file.write(block)
            left -= len(block)


def _opset(data: mmap.mmap) -> int:
    """OperatorSetIdProto: domain = 1, version = 2; no domain means the standard operators."""
    for opset in fields_of(data, whole(data), _OPSETS):
        parts = {f.number: f for f in fields(data, opset.start, opset.end)}
        if 1 not in parts or parts[1].start == parts[1].end:
            return read_varint(data, parts[2].start, parts[2].end)[0]
    return 0
