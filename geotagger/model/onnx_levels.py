"""An ONNX network that is fed with 8-bit pixels: a table of numbers is put in front of it.

Takes a network's file and a table, gives the whole as bytes for a runtime; nothing is written. The numbers
are looked up, not computed, so they are bit for bit what the decoder would have made, on any device and in
any precision. What the network has of its own is copied, never read.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from geotagger.errors import PackError
from geotagger.model.onnx_graph import GRAPH, INPUT, graph_info, mapped, whole
from geotagger.model.onnx_writer import LARGEST_MESSAGE
from geotagger.model.protobuf import fields, fields_of, head, text
from geotagger.photo.levels import LEVELS, Levels

PIXELS = "geotagger-pixels"
"""What the input is called, and what the names of all that is added begin with."""


def with_levels(network: Path, levels: Levels) -> bytes:
    """The network with an input uint8 (n, 3, S, S) in place of `data`. PackError for what is no network."""
    with mapped(network) as data:
        seen = next((tensor for tensor in graph_info(data).inputs if tensor.name == "data"), None)
        if seen is None:
            raise PackError(network, "has no input called data; import or pull the model again")
        around = [field for field in fields(data, 0, len(data)) if field.number != GRAPH]
        (graph,) = fields_of(data, whole(data), GRAPH)
        inside = [
            field
            for field in fields(data, graph.start, graph.end)
            if field.number != INPUT or [text(data, name) for name in fields_of(data, field, 1)] != ["data"]
        ]
        ahead = _lookup(levels, seen.shape).SerializeToString()
        length = len(ahead) + sum(field.end - field.begin for field in inside)
        if length > LARGEST_MESSAGE:
            raise PackError(network, f"{length:,} bytes are more than an ONNX file can hold")
        with memoryview(data) as view:
            return b"".join(
                [
                    *(view[field.begin : field.end] for field in around),
                    head(GRAPH, length),
                    ahead,
                    *(view[field.begin : field.end] for field in inside),
                ]
            )


def _lookup(levels: Levels, shape: tuple[int | None, ...]) -> onnx.GraphProto:
    """Nodes, weights and input, to stand before those of the network. The channels' tables are one, and each
    channel's levels count on from those of the one before."""
    first = np.arange(3, dtype=np.int32).reshape(3, 1, 1) * LEVELS
    tables = {f"{PIXELS}-first": first, f"{PIXELS}-table": levels.reshape(-1)}
    nodes = [
        helper.make_node("Cast", [PIXELS], [f"{PIXELS}-level"], to=TensorProto.INT32),
        helper.make_node("Add", [f"{PIXELS}-level", f"{PIXELS}-first"], [f"{PIXELS}-row"]),
        helper.make_node("Gather", [f"{PIXELS}-table", f"{PIXELS}-row"], ["data"], axis=0),
    ]
    weights = [numpy_helper.from_array(values, name) for name, values in tables.items()]
    pixels = helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, ["n", *shape[1:]])
    graph = helper.make_graph(nodes, "", [pixels], [], weights)
    graph.ClearField("name")  # the network's own stays
    return graph
