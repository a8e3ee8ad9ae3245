"""What a pack's network must take and give, held against pack.toml, without reading a weight.

Takes an ONNX file and a Manifest, raises PackError that names the file. Knows nothing of runtimes.
"""

from pathlib import Path

from geotagger.errors import PackError
from geotagger.model.manifest import Manifest
from geotagger.model.onnx_graph import FLOAT, INT64, GraphInfo, TensorInfo, read_graph


def check_network(path: Path, manifest: Manifest) -> None:
    """PackError where inputs or outputs are not what pack.toml says."""
    graph = read_graph(path)
    edge = manifest.preprocessing.input_size
    wanted = TensorInfo("data", FLOAT, (None, 3, edge, edge))
    if graph.inputs != (wanted,):
        raise PackError(
            path, f"its input is {_described(graph.inputs)}, not float32 data (n, 3, {edge}, {edge})"
        )
    probabilities = graph.output("probabilities")
    classes = manifest.classes
    if probabilities != TensorInfo("probabilities", FLOAT, (None, classes)):
        raise PackError(
            path,
            f"there are {classes:,} cells, but the network gives {_described(graph.outputs)}; "
            f"it must give float32 probabilities (n, {classes}), one for each cell",
        )
    features = graph.output("features")
    if features is not None and (
        features.element != FLOAT or len(features.shape) != 2 or not features.shape[1]
    ):
        raise PackError(path, f"its features are {_described((features,))}, not float32 (n, d)")
    _check_points(path, graph, manifest)


def _check_points(path: Path, graph: GraphInfo, manifest: Manifest) -> None:
    record = manifest.gallery
    count = record.points if record else 0
    wanted = {
        "points": TensorInfo("points", INT64, (None, count)),
        "point_probabilities": TensorInfo("point_probabilities", FLOAT, (None, count)),
    }
    for name, tensor in wanted.items():
        given = graph.output(name)
        if record is None and given is not None:
            raise PackError(path, f"gives {name}, but pack.toml has no [gallery] that they are rows of")
        if record is not None and given != tensor:
            said = _described((given,)) if given else "missing"
            raise PackError(path, f"its {name} are {said}, where pack.toml says (n, {count})")


def _described(tensors: tuple[TensorInfo, ...]) -> str:
    return " and ".join(
        f"{t.name} ({', '.join('n' if d is None else str(d) for d in t.shape)})"
        + ("" if t.element == FLOAT else f" of ONNX type {t.element}")
        for t in tensors
    )
