"""From an embedder to a network that answers in cells: one graph.

    embedder → its length 1 → product with the gallery's embeddings × scale → softmax over the gallery
        → the 256 likeliest places (`points`, `point_probabilities`)
        → the sum of each cell (`probabilities`)

so `features` is the embedding, and what is believed of a cell is what is believed of the gallery's places
in it (GeoCLIP, Vivanco Cepeda et al. 2023, section 3, compares in the same way and takes the first place).
Takes files and arrays, writes a file. Knows nothing of downloads or packs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from geotagger.errors import PackError
from geotagger.model.onnx_extend import PREFIX, ForeignNetwork, check_free_names, extend
from geotagger.model.onnx_graph import FLOAT, FLOAT16, TensorInfo
from geotagger.model.onnx_writer import Graph, Tensor

POINTS = 256
_CHUNK = 16
"""Places of a cell that are summed in one step. Sums are gathered in two levels, because TensorRT refuses
a scatter with more indices than outputs, and because float32 sums of sums are as exact."""
_LEAST_LENGTH = 1e-12


@dataclass(frozen=True, eq=False)
class GalleryHead:
    """embeddings: float32 (rows, d), of length 1. classes: int (rows,), the class of each place.
    scale: what the cosine is multiplied with before the softmax."""

    embeddings: NDArray[np.float32]
    classes: NDArray[np.int32]
    scale: float


def write_gallery_network(embedder: ForeignNetwork, head: GalleryHead, input_size: int, target: Path) -> None:
    """Writes the whole graph at `target`; PackError says what of the embedder does not fit."""
    pictures, embedding = _ends_of(embedder, head, input_size)
    check_free_names(embedder, ("data", "probabilities", "features", "points", "point_probabilities"))
    before = input_graph(pictures, input_size)
    after = Graph()
    at = Tensor(embedding.name, (head.embeddings.shape[1],))
    if embedding.element == FLOAT16:
        at = after.emit("Cast", [at.name], at.shape, PREFIX + "float", to=TensorProto.FLOAT)
    features = _of_length_1(after, at)
    rows = len(head.classes)
    weights = after.constant(PREFIX + "gallery", head.embeddings)
    logits = after.emit(
        "Gemm", [features.name, weights], (rows,), PREFIX + "logits", transB=1, alpha=float(head.scale)
    )
    places = after.emit("Softmax", [logits.name], (rows,), PREFIX + "places", axis=1)
    cells = _sum_by_class(after, places, head.classes)
    after.name_output(cells, "probabilities")
    after.name_output(features, "features")
    _likeliest(after, places)
    extend(embedder, before, after, target)


def input_graph(pictures: TensorInfo, input_size: int) -> Graph:
    """The input `data`, and what gives it to the network under the name and in the type that it wants."""
    graph = Graph(input=Tensor("data", (3, input_size, input_size)))
    if pictures.name == "data":
        return graph
    kind = TensorProto.FLOAT16 if pictures.element == FLOAT16 else TensorProto.FLOAT
    graph.emit("Cast", ["data"], (3, input_size, input_size), pictures.name, to=kind)
    return graph


def _ends_of(embedder: ForeignNetwork, head: GalleryHead, input_size: int) -> tuple[TensorInfo, TensorInfo]:
    """The one input and the output that is the embedding: the one of the gallery's width."""
    info, width = embedder.info, head.embeddings.shape[1]
    if len(info.inputs) != 1:
        names = ", ".join(tensor.name for tensor in info.inputs)
        raise PackError(embedder.path, f"takes {names}; a network of pictures takes one input")
    pictures = info.inputs[0]
    check_pictures(embedder.path, pictures, input_size)
    fitting = [
        tensor
        for tensor in info.outputs
        if tensor.element in (FLOAT, FLOAT16) and len(tensor.shape) == 2 and tensor.shape[1] in (width, None)
    ]
    named = [tensor for tensor in fitting if tensor.name == "image_embeds"] or fitting
    if len(named) != 1:
        given = ", ".join(f"{t.name} {tuple('n' if d is None else d for d in t.shape)}" for t in info.outputs)
        raise PackError(
            embedder.path,
            f"gives {given}, and the gallery's embeddings are {width} wide; "
            "give the embeddings that belong to this network",
        )
    return pictures, named[0]


def check_pictures(path: Path, pictures: TensorInfo, input_size: int) -> None:
    """PackError where the input is not float (n, 3, S, S) or open in those places."""
    wanted = (None, 3, input_size, input_size)
    shape = pictures.shape
    fits = len(shape) == 4 and all(a in (None, b) or b is None for a, b in zip(shape, wanted, strict=True))
    if pictures.element not in (FLOAT, FLOAT16) or not fits:
        described = f"{_type_of(pictures.element)} ({', '.join('n' if d is None else str(d) for d in shape)})"
        edge = input_size
        raise PackError(
            path,
            f"its input {pictures.name} is {described}, not float32 (n, 3, {edge}, {edge}); "
            f"{_what_to_do(pictures, edge)}",
        )
    if pictures.name == "data" and pictures.element == FLOAT16:
        raise PackError(path, "its float16 input is called data; save it with another name for it")
    if shape[0] is not None:
        raise PackError(path, f"takes {shape[0]} pictures at a time; export it with an open batch")


def _what_to_do(pictures: TensorInfo, edge: int) -> str:
    shape = pictures.shape
    if pictures.element not in (FLOAT, FLOAT16):
        return "export it with an input of floats"
    if len(shape) == 3:
        return "export it with an open batch, the first of four axes"
    if len(shape) == 4 and shape[3] == 3 and shape[1] != 3:
        return "export it with the colours before the rows (NCHW)"
    if len(shape) == 4 and shape[1] in (None, 3) and shape[2] == shape[3]:
        return f"--input-size {shape[2]} if that is the edge of its pictures"
    return f"export it for square pictures of three colours, of an edge of {edge} or --input-size"


def _type_of(element: int) -> str:
    return "float32" if element == FLOAT else str(TensorProto.DataType.Name(element)).lower()


def _of_length_1(graph: Graph, x: Tensor) -> Tensor:
    squares = graph.emit("Mul", [x.name, x.name], x.shape, PREFIX + "squares")
    axis = graph.constant(PREFIX + "axis", np.array([1], np.int64))
    total = graph.emit("ReduceSum", [squares.name, axis], (1,), PREFIX + "total", keepdims=1)
    length = graph.emit("Sqrt", [total.name], (1,), PREFIX + "length")
    least = graph.constant(PREFIX + "least", np.array([_LEAST_LENGTH], np.float32))
    bounded = graph.emit("Max", [length.name, least], (1,), PREFIX + "bounded")
    return graph.emit("Div", [x.name, bounded.name], x.shape, PREFIX + "direction")


def _sum_by_class(graph: Graph, places: Tensor, classes: NDArray[np.int32]) -> Tensor:
    """The sum of each class: rows gathered in chunks and summed, then the chunks of each class."""
    first, second = chunked_rows(classes)
    chunks = _gather_and_sum(graph, places, first, "chunks")
    return _gather_and_sum(graph, chunks, second, "cells")


def _gather_and_sum(graph: Graph, x: Tensor, rows: NDArray[np.int64], name: str) -> Tensor:
    """x (n, m) and one zero behind it → (n, len(rows)), each the sum of a row of columns."""
    ends = graph.constant(PREFIX + name + "_ends", np.array([0, 0, 0, 1], np.int64))
    longer = graph.emit("Pad", [x.name, ends], (x.shape[0] + 1,), PREFIX + name + "_padded")
    columns = graph.constant(PREFIX + name + "_of", rows)
    apart = graph.emit("Gather", [longer.name, columns], rows.shape, PREFIX + name + "_apart", axis=1)
    axis = graph.constant(PREFIX + name + "_axis", np.array([2], np.int64))
    return graph.emit("ReduceSum", [apart.name, axis], (len(rows),), PREFIX + name, keepdims=0)


def chunked_rows(classes: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows make each chunk, int64 (chunks, 16), and which chunks make each class, int64 (classes,
    most chunks of one); what is not filled points one behind the last, where a zero stands."""
    counts = np.bincount(classes)
    per_class = -(-counts // _CHUNK)
    first_chunk = np.cumsum(per_class) - per_class
    order = np.argsort(classes, kind="stable")
    rank = np.arange(len(classes)) - (np.cumsum(counts) - counts)[classes[order]]
    chunks = np.full((int(per_class.sum()), _CHUNK), len(classes), dtype=np.int64)
    chunks[first_chunk[classes[order]] + rank // _CHUNK, rank % _CHUNK] = order
    widest = int(per_class.max())
    steps = np.arange(widest)
    cells = np.where(steps < per_class[:, None], first_chunk[:, None] + steps, len(chunks))
    return chunks, cells.astype(np.int64)


def _likeliest(graph: Graph, places: Tensor) -> None:
    count = min(POINTS, places.shape[0])
    size = graph.constant(PREFIX + "count", np.array([count], np.int64))
    probabilities, rows = graph.free(PREFIX + "likeliest"), graph.free(PREFIX + "likeliest_rows")
    graph.emit_pair("TopK", [places.name, size], (probabilities, rows), axis=1, largest=1, sorted=1)
    graph.name_output(Tensor(rows, (count,), TensorProto.INT64), "points")
    graph.name_output(Tensor(probabilities, (count,)), "point_probabilities")
