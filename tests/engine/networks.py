"""A small network and a pack around it, made on the spot."""

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


def pack(folder: Path, classes: int = 16) -> ModelPack:
    """A pack of that network, its cells strung along the equator."""
    lat, lng = np.linspace(-40, 40, classes), np.linspace(-150, 150, classes)
    cells = CellTable(parents(leaf_ids(lat, lng), 8), lat, lng)
    manifest = Manifest(
        name="tiny", version="1", licence="none", preprocessing=Preprocessing(input_size=EDGE)
    )
    return write_pack(folder, manifest, cells, lambda target: onnx.save(network(classes), str(target)))


def photos(n: int, seed: int = 0) -> NDArray[np.float32]:
    """n inputs of about the size that the published preprocessing gives."""
    rng = np.random.default_rng(seed)
    return rng.normal(scale=60, size=(n, 3, EDGE, EDGE)).astype(np.float32)


def network(classes: int, seed: int = 0) -> onnx.ModelProto:
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
