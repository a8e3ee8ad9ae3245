"""A small network and a pack around it, made on the spot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from geotagger.cells import CellTable, leaf_ids, parents
from geotagger.model.manifest import Manifest
from geotagger.model.pack import ModelPack, write_pack
from geotagger.model.preprocessing import Preprocessing

EDGE = 32
FEATURES = 24
BLOCKS, WIDTH, PATCH = 2, 32, 8


def pack(
    folder: Path, classes: int = 16, network: Callable[[int], onnx.ModelProto] | None = None
) -> ModelPack:
    """A pack of that network, its cells strung along the equator."""
    lat, lng = np.linspace(-40, 40, classes), np.linspace(-150, 150, classes)
    cells = CellTable(parents(leaf_ids(lat, lng), 8), lat, lng)
    manifest = Manifest(
        name="tiny", version="1", licence="none", preprocessing=Preprocessing(input_size=EDGE)
    )
    model = (network or convolutions)(classes)
    return write_pack(folder, manifest, cells, lambda target: onnx.save(model, str(target)))


def photos(n: int, seed: int = 0) -> NDArray[np.float32]:
    """n inputs of about the size that the published preprocessing gives."""
    rng = np.random.default_rng(seed)
    return rng.normal(scale=60, size=(n, 3, EDGE, EDGE)).astype(np.float32)


def convolutions(classes: int, seed: int = 0) -> onnx.ModelProto:
    """Two convolutions with a shortcut, pooled, and a classifier: a ResNet's parts in little."""
    rng = np.random.default_rng(seed)
    weights: list[onnx.TensorProto] = []

    def weight(name: str, *shape: int) -> str:
        values = rng.normal(size=shape) * np.sqrt(2 / max(1, int(np.prod(shape[1:]))))
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    nodes = [
        helper.make_node("Mul", ["data", "unit"], ["scaled"]),
        helper.make_node(
            "Conv", ["scaled", weight("w1", FEATURES, 3, 3, 3)], ["c1"], strides=[2, 2], pads=[1] * 4
        ),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", weight("w2", FEATURES, FEATURES, 3, 3)], ["c2"], pads=[1] * 4),
        helper.make_node("Add", ["c2", "r1"], ["a2"]),
        helper.make_node("Relu", ["a2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node(
            "Gemm", ["features", weight("w3", classes, FEATURES), weight("b3", classes)], ["logits"], transB=1
        ),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    weights.append(numpy_helper.from_array(np.array(1 / 64, dtype=np.float32), "unit"))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, EDGE, EDGE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES]),
        ],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def transformer(classes: int, seed: int = 0) -> onnx.ModelProto:
    """A vision transformer in little, with norms before its products, as exporters lay one out."""
    rng = np.random.default_rng(seed)
    weights: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    tokens = (EDGE // PATCH) ** 2

    def weight(values: NDArray[np.floating] | NDArray[np.integer]) -> str:
        kind = np.int64 if np.issubdtype(values.dtype, np.integer) else np.float32
        weights.append(numpy_helper.from_array(values.astype(kind), f"w{len(weights)}"))
        return weights[-1].name

    def op(kind: str, *inputs: str, output: str = "", **settings: object) -> str:
        output = output or f"t{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [output], **settings))
        return output

    def linear(x: str, into: int, out: int) -> str:
        product = op("MatMul", x, weight(rng.normal(size=(into, out)) / np.sqrt(into)))
        return op("Add", weight(rng.normal(size=out) * 0.1), product)

    def norm(x: str) -> str:
        return op("LayerNormalization", x, weight(np.ones(WIDTH)), weight(np.zeros(WIDTH)), axis=-1)

    patches = op(
        "Conv",
        op("Mul", "data", weight(np.array(1 / 64.0))),
        weight(rng.normal(size=(WIDTH, 3, PATCH, PATCH)) / np.sqrt(3 * PATCH**2)),
        strides=[PATCH, PATCH],
    )
    x = op("Transpose", op("Reshape", patches, weight(np.array([0, WIDTH, tokens]))), perm=[0, 2, 1])
    x = op("Add", x, weight(rng.normal(size=(tokens, WIDTH)) * 0.1))
    for _ in range(BLOCKS):
        seen = norm(x)
        query, key, value = (linear(seen, WIDTH, WIDTH) for _ in range(3))
        attention = op("Softmax", op("MatMul", query, op("Transpose", key, perm=[0, 2, 1])), axis=-1)
        x = op("Add", x, linear(op("MatMul", attention, value), WIDTH, WIDTH))
        x = op("Add", x, linear(op("Relu", linear(norm(x), WIDTH, 4 * WIDTH)), 4 * WIDTH, WIDTH))
    op("ReduceMean", norm(x), axes=[1], keepdims=0, output="features")
    head = rng.normal(size=(classes, WIDTH)), rng.normal(size=classes)
    logits = op("Gemm", "features", weight(head[0]), weight(head[1]), transB=1)
    op("Softmax", logits, axis=1, output="probabilities")
    graph = helper.make_graph(
        nodes,
        "transformer",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, EDGE, EDGE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", WIDTH]),
        ],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
