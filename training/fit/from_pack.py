"""The network of a model pack as a PyTorch module, to be trained on.

Reads model.onnx and rebuilds its graph from `data` to `features`, weight by weight, so that whatever
made the pack (an import from MXNet, an earlier training) can be fine-tuned. The layer
after `features` becomes the head. Gives the pack's own outputs to 1e-4.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from geotagger.errors import TrainingError
from geotagger.model.pack import ModelPack
from training.fit.networks import Classifier

_STATISTICS = {3, 4}  # inputs of BatchNormalization that are measured, not learned


def classifier_of(pack: ModelPack) -> Classifier:
    """The pack's whole network, backbone and head."""
    model = onnx.load(str(pack.onnx_path))
    backbone = OnnxBackbone(model.graph, str(pack.onnx_path))
    weight, bias = _head(model.graph, str(pack.onnx_path))
    network = Classifier(backbone, weight.shape[1], weight.shape[0])
    head = cast(nn.Linear, network.heads[0])
    head.weight.data.copy_(weight)
    head.bias.data.copy_(bias)
    return network


def with_classes(network: Classifier, classes: int, parents: Sequence[Tensor] = ()) -> Classifier:
    """The same backbone under fresh heads."""
    return Classifier(network.backbone, network.width, classes, parents)


@dataclass(frozen=True, slots=True)
class _Node:
    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class OnnxBackbone(nn.Module):
    """An ONNX graph up to its output `features`. Weights are parameters under their ONNX names."""

    def __init__(self, graph: onnx.GraphProto, source: str) -> None:
        super().__init__()
        if "features" not in {output.name for output in graph.output}:
            raise TrainingError(
                f"{source}: gives no features to train a head on; import or pull the model again"
            )
        nodes = nodes_for(graph, "features")
        self._nodes: list[_Node] = []
        unknown = sorted({node.op_type for node in nodes} - set(_OPERATORS))
        if unknown:
            raise TrainingError(f"{source}: its operators {', '.join(unknown)} cannot be trained here")
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        constants |= {
            n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in nodes if n.op_type == "Constant"
        }
        self._held: dict[str, str] = {}
        for node in nodes:
            if node.op_type == "Constant":
                continue
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            self._nodes.append(_Node(node.op_type, tuple(node.input), node.output[0], attributes))
            for place, name in enumerate(node.input):
                if name in constants and name not in self._held:
                    self._hold(
                        name, constants[name], node.op_type == "BatchNormalization" and place in _STATISTICS
                    )

    def _hold(self, name: str, value: Any, is_statistic: bool) -> None:
        key = "w_" + "".join(c if c.isalnum() else "_" for c in name)
        while hasattr(self, key):
            key += "_"
        tensor = torch.from_numpy(np.array(value))
        if tensor.is_floating_point() and not is_statistic:
            self.register_parameter(key, nn.Parameter(tensor))
        else:
            self.register_buffer(key, tensor)
        self._held[name] = key

    def forward(self, data: Tensor) -> Tensor:
        values: dict[str, Tensor] = {"data": data}
        for node in self._nodes:
            inputs = [
                getattr(self, self._held[name]) if name in self._held else values[name]
                for name in node.inputs
                if name
            ]
            if node.op == "BatchNormalization":
                x, gamma, beta, mean, variance = inputs
                values[node.output] = F.batch_norm(
                    x, mean, variance, gamma, beta, self.training, 0.1, node.attributes.get("epsilon", 1e-5)
                )
            else:
                values[node.output] = _OPERATORS[node.op](inputs, node.attributes, self.training)
        return values["features"]


def nodes_for(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """The nodes that `output` is made by, in the graph's order."""
    makers = {name: node for node in graph.node for name in node.output}
    wanted, seen = [output], set()
    while wanted:
        name = wanted.pop()
        node = makers.get(name)
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            wanted += list(node.input)
    return [node for node in graph.node if id(node) in seen]


def _head(graph: onnx.GraphProto, source: str) -> tuple[Tensor, Tensor]:
    """Weight (classes, d) and bias (classes,) of the linear layer behind the features."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Gemm" and node.input[0] == "features" and node.input[1] in constants:
            weight = torch.from_numpy(np.array(numpy_helper.to_array(constants[node.input[1]])))
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            weight = weight if transposed else weight.T.contiguous()
            bias = torch.zeros(len(weight))
            if len(node.input) > 2:
                bias = torch.from_numpy(np.array(numpy_helper.to_array(constants[node.input[2]])))
            return weight, bias
    raise TrainingError(f"{source}: no linear layer stands behind the features")


_Operator = Callable[[list[Tensor], dict[str, Any], bool], Tensor]


def _padded(x: Tensor, attributes: dict[str, Any], value: float) -> Tensor:
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    return F.pad(x, (left, right, top, bottom), value=value) if any((top, left, bottom, right)) else x


def _conv(inputs: list[Tensor], attributes: dict[str, Any], _: bool) -> Tensor:
    pads = tuple(attributes.get("pads", (0, 0, 0, 0)))
    x, symmetric = inputs[0], pads[:2] == pads[2:]
    if not symmetric:
        x = _padded(x, attributes, 0.0)
    return F.conv2d(
        x,
        inputs[1],
        inputs[2] if len(inputs) > 2 else None,
        stride=tuple(attributes.get("strides", (1, 1))),
        padding=pads[:2] if symmetric else 0,
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=attributes.get("group", 1),
    )


def _max_pool(inputs: list[Tensor], attributes: dict[str, Any], _: bool) -> Tensor:
    return F.max_pool2d(
        _padded(inputs[0], attributes, float("-inf")),
        tuple(attributes["kernel_shape"]),
        tuple(attributes.get("strides", (1, 1))),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


def _average_pool(inputs: list[Tensor], attributes: dict[str, Any], _: bool) -> Tensor:
    x = inputs[0]
    kernel, strides = tuple(attributes["kernel_shape"]), tuple(attributes.get("strides", (1, 1)))
    ceil = bool(attributes.get("ceil_mode", 0))
    sums = F.avg_pool2d(_padded(x, attributes, 0.0), kernel, strides, ceil_mode=ceil, divisor_override=1)
    ones = torch.ones_like(x[:1, :1])
    padding = 1.0 if attributes.get("count_include_pad", 0) else 0.0
    counts = F.avg_pool2d(
        _padded(ones, attributes, padding), kernel, strides, ceil_mode=ceil, divisor_override=1
    )
    return sums / counts


def _gemm(inputs: list[Tensor], attributes: dict[str, Any], _: bool) -> Tensor:
    a = inputs[0].T if attributes.get("transA") else inputs[0]
    b = inputs[1].T if attributes.get("transB") else inputs[1]
    product = (a @ b) * float(attributes.get("alpha", 1.0))
    return product + inputs[2] * float(attributes.get("beta", 1.0)) if len(inputs) > 2 else product


def _lrn(inputs: list[Tensor], attributes: dict[str, Any], _: bool) -> Tensor:
    return F.local_response_norm(
        inputs[0],
        attributes["size"],
        alpha=attributes.get("alpha", 1e-4),
        beta=attributes.get("beta", 0.75),
        k=attributes.get("bias", 1.0),
    )


def _reduce_mean(inputs: list[Tensor], attributes: dict[str, Any], _: bool) -> Tensor:
    axes = inputs[1].tolist() if len(inputs) > 1 else list(attributes["axes"])
    return inputs[0].mean(axes, keepdim=bool(attributes.get("keepdims", 1)))


_OPERATORS: dict[str, _Operator] = {
    "Add": lambda i, *_: i[0] + i[1],
    "AveragePool": _average_pool,
    "BatchNormalization": lambda i, *_: i[0],  # in OnnxBackbone.forward, which knows the statistics
    "Concat": lambda i, a, _: torch.cat(i, a["axis"]),
    "Constant": lambda i, *_: i[0],  # held as a buffer
    "Conv": _conv,
    "Div": lambda i, *_: i[0] / i[1],
    "Dropout": lambda i, a, t: F.dropout(i[0], float(i[1]) if len(i) > 1 else a.get("ratio", 0.5), t),
    "Flatten": lambda i, a, _: i[0].flatten(a.get("axis", 1)),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda i, *_: i[0].mean((2, 3), keepdim=True),
    "Identity": lambda i, *_: i[0],
    "LRN": _lrn,
    "MaxPool": _max_pool,
    "Mul": lambda i, *_: i[0] * i[1],
    "ReduceMean": _reduce_mean,
    "Relu": lambda i, *_: F.relu(i[0]),
    "Reshape": lambda i, *_: i[0].reshape([n or i[0].shape[k] for k, n in enumerate(i[1].tolist())]),
    "Squeeze": lambda i, *_: i[0].flatten(1),
    "Sub": lambda i, *_: i[0] - i[1],
}
