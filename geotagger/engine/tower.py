"""Which products of a network are its tower's: those that INT8 makes faster without harming what is said.

A transformer's tower ends at its last residual sum. What stands behind it (the last norm, the head, the
product with a gallery, the softmax) decides between answers that lie close together, and stays in float; so
do the sums and norms, and products of two activations, as attention has them. Takes a graph, gives names of
nodes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

PRODUCTS = ("MatMul", "Gemm")
_OF_WEIGHTS = ("Identity", "Transpose", "Cast", "Reshape", "Unsqueeze")
"""What exporters do to weights before they are used."""


@dataclass(frozen=True, slots=True)
class Tower:
    """products: the nodes, each with weights of its own. weights: how many numbers those have; convolved:
    how many the convolutions have."""

    products: tuple[str, ...]
    weights: int
    convolved: int

    @property
    def is_of_transformer(self) -> bool:
        """Whether products do most of the work, not convolutions."""
        return self.weights > self.convolved


def name_nodes(graph: onnx.GraphProto) -> None:
    """Gives every node a name of its own: exporters leave them out, and the quantiser goes by them."""
    names: set[str] = set()
    for n, node in enumerate(graph.node):
        if not node.name or node.name in names:
            node.name = f"geotagger/node_{n}"
        names.add(node.name)


def tower_of(graph: onnx.GraphProto) -> Tower:
    """Of a graph whose nodes have names and stand in the order they run."""
    size = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            size[node.output[0]] = next((math.prod(a.t.dims) for a in node.attribute if a.name == "value"), 0)
        elif node.op_type in _OF_WEIGHTS and node.input[0] in size:
            size[node.output[0]] = size[node.input[0]]
    inside = _before_last_sum(graph.node, size)
    products, weights, convolved = [], 0, 0
    for node in inside:
        own = [size[name] for name in node.input[:2] if name in size]
        if node.op_type in PRODUCTS and len(own) == 1:
            products.append(node.name)
            weights += own[0]
        elif node.op_type == "Conv":
            convolved += sum(own)
    return Tower(tuple(products), weights, convolved)


def _before_last_sum(nodes: Sequence[onnx.NodeProto], weights: dict[str, int]) -> list[onnx.NodeProto]:
    """The nodes that the last sum of two activations rests on; none where there is no such sum."""
    sums = [
        node for node in nodes if node.op_type == "Add" and not any(name in weights for name in node.input)
    ]
    if not sums:
        return []
    needed = set(sums[-1].input)
    inside = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            inside.append(node)
    return inside[::-1]
