"""From any ONNX classifier and its list of cells to a pack.

Takes files on disk, leaves a whole pack or nothing. The network's one input becomes `data`, its answer
`probabilities`, made to sum to one where it is asked for. Knows nothing of runtimes.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from geotagger.errors import PackError
from geotagger.model.cells_csv import read_cells
from geotagger.model.gallery_network import check_pictures, input_graph
from geotagger.model.manifest import Manifest
from geotagger.model.onnx_extend import (
    PREFIX,
    ForeignNetwork,
    blaming,
    check_free_names,
    extend,
    read_network,
)
from geotagger.model.onnx_graph import FLOAT, FLOAT16, TensorInfo
from geotagger.model.onnx_writer import Graph, Tensor
from geotagger.model.pack import ModelPack, check_free, write_pack

Normalise = Literal["none", "softmax", "sum"]


def import_classifier(
    network: Path,
    cells: Path,
    folder: Path,
    manifest: Manifest,
    *,
    normalise: Normalise = "none",
    replace: bool = False,
    check: Callable[[ModelPack], object] | None = None,
) -> ModelPack:
    """normalise: `softmax` for a network that gives logits, `sum` for one whose scores are in proportion.
    Raises PackError that names the file at fault, UsageError where `folder` is taken."""
    check_free(folder, replace)
    foreign, table = read_network(network), read_cells(cells)
    manifest = dataclasses.replace(manifest, precision=foreign.precision_of(manifest.precision))

    def write(target: Path) -> None:
        write_classifier(foreign, len(table), manifest.preprocessing.input_size, normalise, target)

    with blaming(network, folder):
        return write_pack(folder, manifest, table, write, check=check, replace=replace)


def write_classifier(
    network: ForeignNetwork, classes: int, input_size: int, normalise: Normalise, target: Path
) -> None:
    """Writes the network with a pack's names; PackError says what of it does not fit."""
    info = network.info
    if len(info.inputs) != 1:
        names = ", ".join(tensor.name for tensor in info.inputs)
        raise PackError(network.path, f"takes {names}; a network of pictures takes one input")
    check_pictures(network.path, info.inputs[0], input_size)
    answer, seen = _answer_of(network, classes), _features_of(network, classes)
    after = Graph()
    is_flat = len(answer.shape) == 2
    if normalise == "none" and answer.name == "probabilities" and answer.element == FLOAT and is_flat:
        after.outputs.append(Tensor(answer.name, (classes,)))
    else:
        check_free_names(network, ["probabilities"])
        scores = Tensor(answer.name, (classes,))
        if not is_flat:
            scores = after.emit("Flatten", [answer.name], (classes,), PREFIX + "flat", axis=1)
        if answer.element == FLOAT16:
            scores = after.emit("Cast", [scores.name], (classes,), PREFIX + "float", to=FLOAT)
        after.name_output(_normalised(after, scores, normalise), "probabilities")
    if seen is not None:
        after.outputs.append(Tensor(seen.name, (seen.shape[1] or 0,)))
    extend(network, input_graph(info.inputs[0], input_size), after, target)


def _answer_of(network: ForeignNetwork, classes: int) -> TensorInfo:
    """The output that is called probabilities, or else the only one as wide as there are cells; (n, classes,
    1, 1), what a convolution gives instead of a matrix, is as good."""
    info = network.info
    as_wide = [
        t
        for t in info.outputs
        if len(t.shape) >= 2 and t.shape[1] == classes and all(d == 1 for d in t.shape[2:])
    ]
    fitting = [t for t in as_wide if t.element in (FLOAT, FLOAT16)]
    named = [tensor for tensor in fitting if tensor.name == "probabilities"] or fitting
    if len(named) != 1:
        given = ", ".join(f"{t.name} {tuple('n' if d is None else d for d in t.shape)}" for t in info.outputs)
        what = "export it with one answer that wide, or call the one to be taken `probabilities`"
        if as_wide and not fitting:
            what = "export it with an answer of floats"
        elif not fitting and any(None in t.shape[1:] for t in info.outputs):
            what = "export it with an answer whose width is stated"
        elif not fitting:
            what = "give the list of cells that the network was trained on"
        raise PackError(network.path, f"gives {given}, and the list has {classes:,} cells; {what}")
    return named[0]


def _features_of(network: ForeignNetwork, classes: int) -> TensorInfo | None:
    seen = network.info.output("features")
    fits = seen is not None and seen.element == FLOAT and len(seen.shape) == 2 and seen.shape[1]
    return seen if fits and seen is not None and seen.shape[1] != classes else None


def _normalised(graph: Graph, scores: Tensor, normalise: Normalise) -> Tensor:
    if normalise == "softmax":
        return graph.emit("Softmax", [scores.name], scores.shape, PREFIX + "softmax", axis=1)
    if normalise == "none":
        return graph.emit("Identity", [scores.name], scores.shape, PREFIX + "answer")
    axis = graph.constant(PREFIX + "axis", np.array([1], np.int64))
    total = graph.emit("ReduceSum", [scores.name, axis], (1,), PREFIX + "total", keepdims=1)
    return graph.emit("Div", [scores.name, total.name], scores.shape, PREFIX + "shares")
