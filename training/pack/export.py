"""From a trained network to a model pack: ONNX by torch.onnx, or another head on a pack's own graph.

Gives functions that write `model.onnx` to a path, as `geotagger.model.pack.write_pack` wants them: input
`data`, outputs `probabilities` and `features`. Knows nothing of cells or of how training went.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from geotagger.model.preprocessing import Preprocessing
from training.fit.from_pack import nodes_for
from training.fit.networks import Classifier
from training.fit.recipe import Recipe

_OPSET = 17
Writer = Callable[[Path], None]
Triple = tuple[float, float, float]


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """What `tag` must do to a photo so that the network sees what it was trained on."""
    return Preprocessing(
        input_size=recipe.input_size,
        crop="centre",
        channels="RGB",
        scale=255.0,
        mean=recipe.mean,
        std=recipe.std,
        resampling=recipe.resampling,
    )


def pixel_statistics(preprocessing: Preprocessing) -> tuple[Triple, Triple]:
    """mean and std of pixels 0…255 that do what a pack's preprocessing does with its own scale."""
    factor = 255.0 / preprocessing.scale
    (m0, m1, m2), (s0, s1, s2) = preprocessing.mean, preprocessing.std
    return (m0 * factor, m1 * factor, m2 * factor), (s0 * factor, s1 * factor, s2 * factor)


def network_writer(network: Classifier, input_size: int) -> Writer:
    """Writes the network as ONNX; any number of photos at once."""

    def write(path: Path) -> None:
        whole = _Probabilities(network).eval().cpu()
        sample = torch.zeros(2, 3, input_size, input_size)
        names = ["probabilities", "features"]
        with warnings.catch_warnings(), torch.no_grad():
            # the newer exporter needs a package more and gives the same graph
            warnings.simplefilter("ignore")
            torch.onnx.export(
                whole,
                (sample,),
                str(path),
                input_names=["data"],
                output_names=names,
                dynamic_axes={name: {0: "n"} for name in ("data", *names)},
                opset_version=_OPSET,
                dynamo=False,
            )

    return write


def head_writer(pack_onnx: Path, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Writer:
    """Writes the graph of a pack up to its features, with a new linear layer (classes, d) behind."""

    def write(path: Path) -> None:
        model = onnx.load(str(pack_onnx))
        graph = model.graph
        kept = nodes_for(graph, "features")
        used = {name for node in kept for name in node.input}
        weights = [tensor for tensor in graph.initializer if tensor.name in used]
        weights += [
            numpy_helper.from_array(weight, "head_weight"),
            numpy_helper.from_array(bias, "head_bias"),
        ]
        kept += [
            helper.make_node("Gemm", ["features", "head_weight", "head_bias"], ["head_logits"], transB=1),
            helper.make_node("Softmax", ["head_logits"], ["probabilities"], axis=1),
        ]
        outputs = [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(weight)]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", weight.shape[1]]),
        ]
        made = helper.make_graph(kept, "geotagger", list(graph.input), outputs, weights)
        whole = helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version)
        onnx.checker.check_model(whole)
        onnx.save(whole, str(path))

    return write


class _Probabilities(nn.Module):
    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.backbone(data)
        logits = [head(features) for head in self.network.heads]
        return self.network.combined(logits).softmax(1), features
