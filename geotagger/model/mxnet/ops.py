"""What each MXNet operator means, in ONNX.

One function an operator: takes a call of it (settings, inputs, weights), adds nodes to the graph,
gives the tensor that results. Settings and defaults are those of the dmlc::Parameter structures
in MXNet's src/operator. An operator or a setting that is not known raises CheckpointError with
its name: a network that is converted half is worse than none.
"""

import math
from collections.abc import Callable

import numpy as np

from geotagger.model.mxnet.call import Call
from geotagger.model.onnx_writer import Tensor

# Versions in which an operator changed its meaning, found by running the same symbol in each.
_LRN_WINDOW_MENDED = 1100
_GLOBAL_POOLING_WITHOUT_PADDING = 10200


def _same(call: Call) -> Tensor:
    """What changes nothing when a network only predicts."""
    return call.tensor()


def _dropout(call: Call) -> Tensor:
    call.word("mode", "training", ("training",))
    return call.tensor()


def _cast(call: Call) -> Tensor:
    call.word("dtype", None, ("float32", "float16", "float64"))
    return call.tensor()


def _convolution(call: Call) -> Tensor:
    images = call.images()
    call.word("layout", "NCHW", ("NCHW",))
    kernel, stride = call.pair("kernel", None, 1), call.pair("stride", 1, 1)
    dilate, pad = call.pair("dilate", 1, 1), call.pair("pad", 0, 0)
    filters, groups = call.whole("num_filter"), call.whole("num_group", 1)
    channels = images.shape[0]
    if groups < 1 or channels % groups or filters < 1 or filters % groups:
        raise call.wrong(f"{groups} groups do not divide {channels} channels and {filters} filters")
    inputs = [images.name, call.weight(1, "weight", (filters, channels // groups, *kernel))]
    if not call.flag("no_bias"):
        inputs.append(call.weight(2, "bias", (filters,)))
    height, width = (
        (edge + 2 * p - d * (k - 1) - 1) // s + 1
        for edge, p, d, k, s in zip(images.shape[1:], pad, dilate, kernel, stride, strict=True)
    )
    return call.emit(
        "Conv",
        inputs,
        (filters, height, width),
        kernel_shape=kernel,
        strides=stride,
        pads=[*pad, *pad],
        dilations=dilate,
        group=groups,
    )


def _batch_norm(call: Call) -> Tensor:
    x = call.tensor()
    if call.whole("axis", 1) != 1:
        raise call.wrong("axis must be 1, the channels")
    shape = x.shape[:1]
    mean, variance = call.weight(3, "moving_mean", shape), call.weight(4, "moving_var", shape)
    epsilon = call.number("eps", 1e-3)
    if float(call.values(4, "moving_var", shape).min()) + epsilon <= 0:
        raise call.wrong("a moving variance is below 0; the weights are damaged")
    if call.flag("fix_gamma", True):
        gamma = call.graph.constant(f"{call.name}_ones", np.ones(shape, np.float32))
    else:
        gamma = call.weight(1, "gamma", shape)
    beta = call.weight(2, "beta", shape)
    return call.emit("BatchNormalization", [x.name, gamma, beta, mean, variance], x.shape, epsilon=epsilon)


_ACTIVATIONS = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softrelu": "Softplus",
    "softsign": "Softsign",
}


def _activation(call: Call) -> Tensor:
    x = call.tensor()
    kind = call.word("act_type", None, tuple(_ACTIVATIONS))
    return call.emit(_ACTIVATIONS[kind], [x.name], x.shape)


def _function(op: str) -> Callable[[Call], Tensor]:
    def convert(call: Call) -> Tensor:
        x = call.tensor()
        return call.emit(op, [x.name], x.shape)

    return convert


def _leaky_relu(call: Call) -> Tensor:
    x = call.tensor()
    kind = call.word("act_type", "leaky", ("leaky", "elu", "prelu", "rrelu", "selu"))
    if kind == "prelu":
        slopes = call.values(1, "gamma", x.shape[:1]).reshape(-1, *(1,) * (len(x.shape) - 1))
        slope = call.graph.constant(call.variable(1, "gamma"), slopes)
        return call.emit("PRelu", [x.name, slope], x.shape)
    if kind == "selu":
        return call.emit("Selu", [x.name], x.shape)
    alpha = call.number("slope", 0.25)
    if kind == "rrelu":  # the middle of its random slopes, as MXNet takes it to predict
        alpha = (call.number("lower_bound", 0.125) + call.number("upper_bound", 0.334)) / 2
    return call.emit("Elu" if kind == "elu" else "LeakyRelu", [x.name], x.shape, alpha=alpha)


def _pooling(call: Call) -> Tensor:
    images = call.images()
    call.word("layout", "NCHW", ("NCHW",))
    kind = call.word("pool_type", "max", ("max", "avg", "sum"))
    channels, *edges = images.shape
    pad = call.pair("pad", 0, 0)
    if call.flag("global_pool"):
        if call.version < _GLOBAL_POOLING_WITHOUT_PADDING and any(pad):
            raise call.wrong("global pooling with padding, as it was before MXNet 1.2, cannot be imported")
        op = "GlobalMaxPool" if kind == "max" else "GlobalAveragePool"
        pooled = call.emit(op, [images.name], (channels, 1, 1))
        return _times(call, pooled, math.prod(edges)) if kind == "sum" else pooled
    kernel, stride = call.pair("kernel", None, 1), call.pair("stride", 1, 1)
    full = call.word("pooling_convention", "valid", ("valid", "full")) == "full"
    reach = [edge + 2 * p - k for edge, p, k in zip(edges, pad, kernel, strict=True)]
    out = [(-(-r // s) if full else r // s) + 1 for r, s in zip(reach, stride, strict=True)]
    # how far the last window stands out of the padded image, under the `full` convention
    beyond = [max(0, (o - 1) * s - r) for o, s, r in zip(out, stride, reach, strict=True)]
    if any(p + b >= k for p, b, k in zip(pad, beyond, kernel, strict=True)):
        raise call.wrong(f"a window of {kernel} would lie wholly in the padding")
    ends = [p + b for p, b in zip(pad, beyond, strict=True)]
    window = {"kernel_shape": kernel, "strides": stride}
    shape = (channels, *out)
    if kind == "max":
        return call.emit("MaxPool", [images.name], shape, pads=[*pad, *ends], **window)
    if not call.flag("count_include_pad", True) and kind == "avg":
        return call.emit(
            "AveragePool", [images.name], shape, pads=[*pad, *ends], count_include_pad=0, **window
        )
    # the padding counts in the mean, what stands out beyond it does not
    padded = _pad_zeros(call, images, pad) if any(pad) and any(beyond) else images
    begin = (0, 0) if any(beyond) else pad
    pooled = call.emit(
        "AveragePool",
        [padded.name],
        shape,
        pads=[*begin, *(beyond if any(beyond) else pad)],
        count_include_pad=0 if any(beyond) else 1,
        **window,
    )
    if kind == "sum" and any(beyond):
        raise call.wrong("a sum over windows that stand out of the image cannot be imported")
    return _times(call, pooled, math.prod(kernel)) if kind == "sum" else pooled


def _pad_zeros(call: Call, images: Tensor, pad: tuple[int, int]) -> Tensor:
    channels, height, width = images.shape
    y, x = pad
    amounts = np.array([0, 0, y, x, 0, 0, y, x], dtype=np.int64)
    pads = call.graph.constant(f"{call.name}_pads", amounts)
    return call.emit("Pad", [images.name, pads], (channels, height + 2 * y, width + 2 * x))


def _times(call: Call, x: Tensor, factor: float) -> Tensor:
    return call.emit("Mul", [x.name, _scalar(call, factor)], x.shape)


def _scalar(call: Call, value: float) -> str:
    return call.graph.constant(f"{call.name}_scalar", np.array(value, np.float32))


def _flatten(call: Call) -> Tensor:
    x = call.tensor()
    if len(x.shape) == 1:
        return x
    return call.emit("Flatten", [x.name], (math.prod(x.shape),), axis=1)


def _fully_connected(call: Call) -> Tensor:
    if not call.flag("flatten", True) and len(call.tensor().shape) > 1:
        raise call.wrong("flatten = False on more than one dimension cannot be imported")
    x = _flatten(call)
    hidden = call.whole("num_hidden")
    inputs = [x.name, call.weight(1, "weight", (hidden, x.shape[0]))]
    if not call.flag("no_bias"):
        inputs.append(call.weight(2, "bias", (hidden,)))
    return call.emit("Gemm", inputs, (hidden,), transB=1)


def _reshape(call: Call) -> Tensor:
    """0 keeps a dimension, one −1 takes what is left; the batch must stay the first."""
    x = call.tensor()
    wanted = call.wholes("shape") or call.wholes("target_shape")
    if not wanted or min(wanted) < -1 or call.flag("reverse"):
        raise call.wrong(f"shape = {call.setting('shape')} cannot be imported")
    size = math.prod(x.shape)
    if any(edge == 0 and i >= len(x.shape) for i, edge in enumerate(wanted[1:])):
        raise call.wrong(f"shape = {wanted} keeps a dimension that its input has not")
    rest = [x.shape[i] if edge == 0 else edge for i, edge in enumerate(wanted[1:])]
    if rest.count(-1) == 1 and wanted[0] == 0:
        stated_size = math.prod(edge for edge in rest if edge != -1)
        rest = [size // stated_size if edge == -1 else edge for edge in rest]
    if wanted[0] not in (0, -1) or -1 in rest or math.prod(rest) != size:
        raise call.wrong(f"shape = {wanted} does not keep the {size} numbers of each photo together")
    target = call.graph.constant(f"{call.name}_shape", np.array([-1, *rest], dtype=np.int64))
    return call.emit("Reshape", [x.name, target], tuple(rest))


def _concat(call: Call) -> Tensor:
    parts = [call.tensor(i) for i in range(len(call.inputs))]
    axis = call.whole("dim", 1) - 1
    shapes = {part.shape[:axis] + part.shape[axis + 1 :] for part in parts}
    if (
        not 0 <= axis < len(parts[0].shape)
        or len({len(part.shape) for part in parts} | {0}) != 2
        or len(shapes) != 1
    ):
        raise call.wrong(f"the shapes {', '.join(str(part.shape) for part in parts)} do not fit together")
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return call.emit("Concat", [part.name for part in parts], tuple(shape), axis=axis + 1)


def _elementwise(op: str) -> Callable[[Call], Tensor]:
    def convert(call: Call) -> Tensor:
        parts = [call.tensor(i) for i in range(len(call.inputs))]
        try:
            shape = np.broadcast_shapes(*(part.shape for part in parts))
        except ValueError:
            shape = ()
        if len({len(part.shape) for part in parts}) != 1 or len(shape) != len(parts[0].shape):
            raise call.wrong(f"the shapes {', '.join(str(part.shape) for part in parts)} do not fit together")
        total = parts[0]
        for part in parts[1:]:
            total = call.emit(op, [total.name, part.name], shape)
        return total

    return convert


def _with_scalar(op: str, *, scalar_first: bool = False) -> Callable[[Call], Tensor]:
    def convert(call: Call) -> Tensor:
        x = call.tensor()
        pair = [x.name, _scalar(call, call.number("scalar"))]
        return call.emit(op, pair[::-1] if scalar_first else pair, x.shape)

    return convert


def _clip(call: Call) -> Tensor:
    x = call.tensor()
    bounds = [_scalar(call, call.number(key)) for key in ("a_min", "a_max")]
    return call.emit("Clip", [x.name, *bounds], x.shape)


def _lrn(call: Call) -> Tensor:
    images = call.images()
    size = call.whole("nsize")
    if size < 1 or size % 2 == 0:
        raise call.wrong(f"nsize = {size} must be odd")
    alpha, beta, knorm = call.number("alpha", 1e-4), call.number("beta", 0.75), call.number("knorm", 2.0)
    if call.version < _LRN_WINDOW_MENDED:
        return _lrn_of_old(call, images, size, alpha, beta, knorm)
    return call.emit("LRN", [images.name], images.shape, size=size, alpha=alpha, beta=beta, bias=knorm)


def _lrn_of_old(call: Call, x: Tensor, size: int, alpha: float, beta: float, knorm: float) -> Tensor:
    """Up to 0.10 the window of a channel near the first one began at the first and was still
    `size` long (mshadow, ChannelPoolingExp; measured with 0.10.0 against 0.11.0). The sum of
    squares over such windows is a 1 × 1 convolution with a matrix of ones and zeros."""
    channels = x.shape[0]
    window = np.zeros((channels, channels, 1, 1), np.float32)
    for c in range(channels):
        start = max(0, c - size // 2)
        window[c, start : start + size] = alpha / size
    ones = call.graph.constant(f"{call.name}_window", window)
    bias = call.graph.constant(f"{call.name}_knorm", np.full(channels, knorm, np.float32))
    squares = call.emit("Mul", [x.name, x.name], x.shape)
    sums = call.emit("Conv", [squares.name, ones, bias], x.shape, kernel_shape=(1, 1))
    powers = call.emit("Pow", [sums.name, _scalar(call, -beta)], x.shape)
    return call.emit("Mul", [x.name, powers.name], x.shape)


def _softmax(call: Call) -> Tensor:
    x = call.tensor()
    if len(x.shape) != 1:
        raise call.wrong(
            f"its input has the shape {('n', *x.shape)}; a softmax over classes needs (n, classes)"
        )
    if call.whole("axis", -1) not in (-1, 1) or call.number("temperature", 1.0) != 1.0:
        raise call.wrong("a softmax over another axis or with a temperature cannot be imported")
    return call.emit("Softmax", [x.name], x.shape, axis=1)


SOFTMAX_OPERATORS = ("SoftmaxOutput", "Softmax", "SoftmaxActivation", "softmax")


def _table() -> dict[str, Callable[[Call], Tensor]]:
    meanings: dict[Callable[[Call], Tensor], str] = {
        _same: "identity _copy BlockGrad stop_gradient make_loss MakeLoss",
        _dropout: "Dropout",
        _cast: "Cast cast amp_cast",
        _convolution: "Convolution Convolution_v1",
        _batch_norm: "BatchNorm BatchNorm_v1 CuDNNBatchNorm",
        _activation: "Activation",
        _function("Relu"): "relu",
        _function("Sigmoid"): "sigmoid",
        _function("Tanh"): "tanh",
        _leaky_relu: "LeakyReLU",
        _pooling: "Pooling Pooling_v1",
        _flatten: "Flatten flatten",
        _fully_connected: "FullyConnected",
        _reshape: "Reshape reshape",
        _concat: "Concat concat",
        _elementwise(
            "Add"
        ): "elemwise_add _Plus _plus _add broadcast_add broadcast_plus ElementWiseSum add_n",
        _elementwise("Sub"): "elemwise_sub _Minus _minus _sub broadcast_sub broadcast_minus",
        _elementwise("Mul"): "elemwise_mul _Mul _mul broadcast_mul",
        _elementwise("Div"): "elemwise_div _Div _div broadcast_div",
        _elementwise("Max"): "_Maximum _maximum broadcast_maximum",
        _with_scalar("Add"): "_plus_scalar _PlusScalar",
        _with_scalar("Sub"): "_minus_scalar _MinusScalar",
        _with_scalar("Sub", scalar_first=True): "_rminus_scalar _RMinusScalar",
        _with_scalar("Mul"): "_mul_scalar _MulScalar",
        _with_scalar("Div"): "_div_scalar _DivScalar",
        _with_scalar("Div", scalar_first=True): "_rdiv_scalar _RDivScalar",
        _clip: "clip",
        _lrn: "LRN",
        _softmax: " ".join(SOFTMAX_OPERATORS),
    }
    return {op: convert for convert, ops in meanings.items() for op in ops.split()}


OPERATORS = _table()
