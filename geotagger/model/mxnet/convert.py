"""From an MXNet symbol and its weights to model.onnx.

Takes what `read_symbol` and `read_params` give and the size of the input, writes an ONNX file
with the input `data` (n, 3, S, S) and the outputs `probabilities` and `features` (what the last
fully connected layer sees). Every shape is followed from the input on, so that weights which
do not fit are found here and not by a runtime. Knows nothing of packs or of cells.
"""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from geotagger.errors import CheckpointError
from geotagger.model.mxnet.call import Call
from geotagger.model.mxnet.ops import OPERATORS, SOFTMAX_OPERATORS
from geotagger.model.mxnet.symbol import Symbol, SymbolNode
from geotagger.model.onnx_writer import Graph, Tensor, write_onnx


def convert(symbol: Symbol, params: dict[str, NDArray[Any]], input_size: int, target: Path) -> int:
    """Writes the ONNX file at `target` and gives the number of classes. CheckpointError names
    the operator, the setting or the weight that cannot be converted."""
    graph, classes = build_graph(symbol, params, input_size)
    write_onnx(graph, target)
    return classes


def build_graph(symbol: Symbol, params: dict[str, NDArray[Any]], input_size: int) -> tuple[Graph, int]:
    """The graph alone, and the number of its classes."""
    head = _head_of(symbol)
    graph = Graph()
    made: dict[int, Tensor] = {}
    for i in _needed_for(symbol, head):
        node = symbol.nodes[i]
        if not node.is_variable:
            made[i] = _convert_node(symbol, node, graph, made, params)
        elif _is_network_input(symbol, i, params):
            made[i] = _take_input(symbol, graph, node, input_size)
    if graph.input is None or head not in made:
        raise CheckpointError(symbol.path, "the network computes nothing from an image; it was not imported")
    return graph, _name_outputs(symbol, graph, made[head])


def _convert_node(
    symbol: Symbol, node: SymbolNode, graph: Graph, made: dict[int, Tensor], params: dict[str, NDArray[Any]]
) -> Tensor:
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise CheckpointError(
            symbol.path,
            f"{node.name} is a {node.op}, an operator that cannot be imported; "
            "those of ResNet, GoogLeNet and Inception networks can",
        )
    for giver, output in node.inputs:
        if output != 0:
            raise CheckpointError(
                symbol.path,
                f"{node.name} uses the output {output} of {symbol.nodes[giver].name}, "
                "which cannot be imported",
            )
    return operator(Call(symbol, node, graph, [made.get(giver) for giver, _ in node.inputs], params))


def _head_of(symbol: Symbol) -> int:
    """The place of the node that gives the probabilities."""
    heads = [giver for giver, output in symbol.heads if output == 0]
    if len(heads) > 1:
        heads = [giver for giver in heads if symbol.nodes[giver].op in SOFTMAX_OPERATORS]
    if len(heads) != 1:
        names = ", ".join(symbol.nodes[giver].name for giver, _ in symbol.heads)
        raise CheckpointError(
            symbol.path,
            f"the network has the outputs {names}; which of them gives the probabilities "
            "cannot be told, it was not imported",
        )
    return heads[0]


def _needed_for(symbol: Symbol, head: int) -> list[int]:
    """The nodes that the head depends on, in their order; not the label, which only training needs."""
    needed = {head}
    for i in range(head, -1, -1):
        if i in needed:
            node = symbol.nodes[i]
            used = node.inputs[:1] if node.op in SOFTMAX_OPERATORS else node.inputs
            needed.update(giver for giver, _ in used)
    return sorted(needed)


def _is_network_input(symbol: Symbol, i: int, params: dict[str, NDArray[Any]]) -> bool:
    """A variable that no stored weight fills and that stands where operators take what they work
    on, their first input."""
    name = symbol.nodes[i].name
    return name == "data" or (
        name not in params and any(node.inputs and node.inputs[0][0] == i for node in symbol.nodes)
    )


def _take_input(symbol: Symbol, graph: Graph, node: SymbolNode, input_size: int) -> Tensor:
    if graph.input is not None:
        raise CheckpointError(
            symbol.path,
            f"the network has a second input, {node.name}, that the params file "
            "does not fill; are both files of the same checkpoint?",
        )
    graph.input = Tensor("data", (3, input_size, input_size))
    return graph.input


def _name_outputs(symbol: Symbol, graph: Graph, scores: Tensor) -> int:
    if len(scores.shape) != 1:
        raise CheckpointError(
            symbol.path, f"the output has the shape {('n', *scores.shape)}, not one number for each class"
        )
    if not graph.nodes or graph.nodes[-1].op_type != "Softmax":  # gluon's networks end before it
        scores = graph.emit("Softmax", [scores.name], scores.shape, "softmax", axis=1)
    classifier = next((node for node in reversed(graph.nodes) if node.op_type == "Gemm"), None)
    graph.name_output(scores, "probabilities")
    if classifier is not None:
        seen = classifier.input[0]
        graph.name_output(Tensor(seen, graph.weights[classifier.input[1]].shape[1:]), "features")
    return scores.shape[0]
