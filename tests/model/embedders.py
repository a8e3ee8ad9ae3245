"""A small embedder in ONNX, what embeds places, and a gallery, laid out as GeoCLIP's files are published."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from geotagger.engine.encoding import PlaceEncoder
from geotagger.model.embedders import EmbedderFiles, import_embedder
from geotagger.model.gallery import read_gallery
from geotagger.model.manifest import Manifest
from geotagger.model.preprocessing import Preprocessing

WIDTH, EDGE, PLACES = 8, 12, 300
SCALE = 7.5

FILES = {
    "network": "onnx/vision_model.onnx",
    "int8": "onnx/vision_model_int8.onnx",
    "encoder": "onnx/location_model.onnx",
    "gallery": "gps_gallery/coordinates_100K.csv",
}


def gallery_places() -> NDArray[np.float64]:
    """Latitudes and longitudes, float64 (300, 2), in crowds as photos are; the last stands twice."""
    rng = np.random.default_rng(5)
    crowds = rng.uniform((-60, -180), (70, 180), size=(12, 2))
    places = crowds[rng.integers(12, size=PLACES)] + rng.normal(scale=0.3, size=(PLACES, 2))
    places[-1] = places[-2]
    return np.round(np.clip(places, (-90, -179.9), (90, 179.9)), 6)


def lay_out(folder: Path) -> Path:
    """The published files below `folder`."""
    for name in FILES.values():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    save(embedder(), folder / FILES["network"])
    save(embedder(rounded=True), folder / FILES["int8"])
    save(encoder(), folder / FILES["encoder"])
    rows = [f"{lat},{lng}" for lat, lng in gallery_places().tolist()]
    (folder / FILES["gallery"]).write_text("\n".join(["LAT,LON", *rows]) + "\n")
    return folder


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def weights_of_pictures(rounded: bool = False) -> NDArray[np.float32]:
    weights = np.random.default_rng(1).normal(size=(3 * EDGE * EDGE, WIDTH)) * 0.1
    return (np.round(weights, 2) if rounded else weights).astype(np.float32)


def weights_of_places() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(2, 16)).astype(np.float32) / 40, rng.normal(size=(16, WIDTH)).astype(np.float32)


def embedder(rounded: bool = False, width: int = WIDTH, opset: int = 14) -> onnx.ModelProto:
    """pixel_values → image_embeds, not of length 1."""
    weights = weights_of_pictures(rounded)[:, :width]
    nodes = [
        helper.make_node("Flatten", ["pixel_values"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "w"], ["image_embeds"]),
    ]
    return _model(
        nodes,
        ("pixel_values", ["batch", 3, EDGE, EDGE]),
        ("image_embeds", ["batch", width]),
        {"w": weights},
        opset,
    )


def encoder() -> onnx.ModelProto:
    """location → location_embeds."""
    first, second = weights_of_places()
    nodes = [
        helper.make_node("MatMul", ["location", "first"], ["turned"]),
        helper.make_node("Sin", ["turned"], ["waves"]),
        helper.make_node("MatMul", ["waves", "second"], ["location_embeds"]),
    ]
    given, taken = ("location", ["n", 2]), ("location_embeds", ["n", WIDTH])
    return _model(nodes, given, taken, {"first": first, "second": second}, 14)


def reference(pictures: NDArray[np.float32], rounded: bool = False) -> tuple[Any, Any]:
    """What the whole network must say, by the formula alone: features and the softmax over the places."""
    features = pictures.reshape(len(pictures), -1).astype(np.float64) @ weights_of_pictures(rounded)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    first, second = weights_of_places()
    embeddings = np.sin(gallery_places() @ first) @ second
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    logits = SCALE * features @ embeddings.T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return features, shares / shares.sum(axis=1, keepdims=True)


def classifier(
    scores: NDArray[np.float32] | None = None,
    softmax: bool = True,
    classes: int = 11,
    batch_bound: bool = False,
) -> onnx.ModelProto:
    """images → scores, by a softmax or as they come; batch_bound: each answer depends on its batch."""
    weights = np.random.default_rng(3).normal(size=(3 * EDGE * EDGE, classes)).astype(np.float32) * 0.1
    nodes = [helper.make_node("Flatten", ["images"], ["flat"], axis=1)]
    arrays = {"w": weights if scores is None else scores}
    last = "flat"
    if batch_bound:
        nodes += [
            helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["flat", "mean"], ["centred"]),
        ]
        last = "centred"
    nodes.append(helper.make_node("MatMul", [last, "w"], ["raw" if softmax else "scores"]))
    if softmax:
        nodes.append(helper.make_node("Softmax", ["raw"], ["scores"], axis=1))
    return _model(nodes, ("images", ["n", 3, EDGE, EDGE]), ("scores", ["n", classes]), arrays, 14)


def _model(
    nodes: list[onnx.NodeProto],
    given: tuple[str, list[Any]],
    taken: tuple[str, list[Any]],
    arrays: dict[str, NDArray[np.float32]],
    opset: int,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])],
        [helper.make_tensor_value_info(taken[0], TensorProto.FLOAT, taken[1])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def installed(folder: Path, *, reference: bool = False, name: str = "toyclip") -> Path:
    """The same as a pack in `folder`."""
    files = lay_out(folder / "published")
    gallery = read_gallery(files / FILES["gallery"])
    encoder = files / FILES["encoder"]
    parts = EmbedderFiles(
        files / FILES["network"],
        gallery,
        PlaceEncoder(encoder).embed(gallery.lat, gallery.lng),
        SCALE,
        encoder,
    )
    manifest = Manifest(name, "1", "MIT", Preprocessing(input_size=EDGE), reference=reference)
    return import_embedder(parts, folder / name, manifest).folder
