"""Writes the tiny checkpoints of tests/model/checkpoints, with what MXNet itself computes for them.

Run by a Python that has MXNet, old or new; each version writes the networks it can:

    python -m venv /tmp/mxnet-venv && /tmp/mxnet-venv/bin/pip install mxnet==1.9.1 numpy==1.23.5
    /tmp/mxnet-venv/bin/python tests/model/make_checkpoints.py tests/model/checkpoints

The committed ones were written by 0.10.0, 0.11.0, 1.1.0 and 1.9.1 (the wheels of the first three
were unpacked and put on PYTHONPATH). Imports nothing of geotagger.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
for gone in ("bool", "int", "float", "object"):  # names that numpy has dropped and MXNet still uses
    if gone not in np.__dict__:
        setattr(np, gone, {"bool": bool, "int": int, "float": float, "object": object}[gone])

import mxnet as mx  # noqa: E402

SIZE, CLASSES = 32, 11
S = mx.sym


def inputs():
    """Two images of 3 × 32 × 32, mean subtracted."""
    coarse = np.random.RandomState(5).randint(0, 256, (2, 3, 8, 8))
    return np.kron(coarse, np.ones((1, 1, 4, 4))).astype("float32") - np.float32(115)


def conv(x, name, filters, kernel=(3, 3), **more):
    return S.Convolution(x, name=name, num_filter=filters, kernel=kernel, **more)


def head(x, classes=CLASSES):
    return S.SoftmaxOutput(S.FullyConnected(S.Flatten(x), num_hidden=classes, name="fc"), name="softmax")


def windows():
    """Local response normalisation and every way of pooling, whose meaning moved with the versions."""
    x = S.Activation(conv(S.Variable("data"), "conv", 6, stride=(3, 3)), act_type="relu")
    x = S.LRN(x, alpha=0.9, beta=0.75, knorm=2, nsize=5, name="lrn")
    parts = []
    for kind in ("max", "avg"):
        for convention in ("valid", "full"):
            for kernel, stride, pad in ((3, 2, 0), (3, 2, 1), (5, 3, 2)):
                name = "_".join(map(str, (kind, convention, kernel, stride, pad)))
                settings = {"kernel": (kernel, kernel), "stride": (stride, stride), "pad": (pad, pad)}
                pooled = S.Pooling(x, pool_type=kind, pooling_convention=convention, name=name, **settings)
                parts.append(S.Flatten(pooled))
    parts.append(S.Flatten(S.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="sum", name="sums")))
    parts.append(S.Flatten(S.Pooling(x, kernel=(3, 3), global_pool=True, pool_type="max", name="peak")))
    return head(S.Concat(*parts, num_args=len(parts), name="all"), 6)


def operators():
    """One of each of the other operators."""
    data = S.BatchNorm(S.Variable("data"), fix_gamma=True, eps=2e-5, name="bn_data")
    x = conv(data, "conv0", 8, stride=(2, 2), pad=(1, 1), no_bias=True)
    x = S.BatchNorm(x, fix_gamma=False, name="bn0")
    x = S.LeakyReLU(x, act_type="prelu", name="prelu")
    y = conv(x, "conv1", 8, num_group=4, dilate=(2, 2), pad=(2, 2))
    y = S.LeakyReLU(y, act_type="leaky", slope=0.1) + S.LeakyReLU(y, act_type="elu", slope=0.3)
    y = y * S.Activation(x, act_type="sigmoid") - S.Activation(y, act_type="tanh")
    z = S.Activation(conv(y, "conv2", 8, kernel=(1, 1)), act_type="softrelu")
    z = S.ElementWiseSum(x, y, z, num_args=3, name="sum")
    z = 1.5 - (z * 0.5 + 2) / 3
    z = S.clip(z, a_min=-1.2, a_max=1.6)
    z = S.broadcast_mul(z, S.sigmoid(S.Pooling(z, kernel=(1, 1), global_pool=True, pool_type="avg")))
    pooled = S.Pooling(z, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="avg", count_include_pad=False)
    flat = S.Reshape(S.BlockGrad(S.identity(pooled)), shape=(0, -1), name="reshape")
    x = S.Dropout(S.FullyConnected(flat, num_hidden=16, name="hidden"), p=0.5)
    return head(S.relu(x) + S.LeakyReLU(x, act_type="selu"))


def inception():
    """Two blocks in the manner of Inception-v3: factorised kernels, branches, mean pooling."""

    def unit(x, name, filters, kernel=(1, 1), stride=(1, 1), pad=(0, 0)):
        x = conv(x, name + "_conv", filters, kernel, stride=stride, pad=pad, no_bias=True)
        return S.Activation(S.BatchNorm(x, eps=0.001, fix_gamma=True, name=name + "_bn"), act_type="relu")

    x = unit(S.Variable("data"), "stem", 8, (3, 3), (2, 2))
    tower = unit(unit(x, "t1", 4), "t2", 8, (1, 7), pad=(0, 3))
    tower = unit(tower, "t3", 8, (7, 1), pad=(3, 0))
    pooled = S.Pooling(x, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool_type="avg", name="mean")
    x = S.Concat(unit(x, "a", 8), tower, unit(pooled, "p", 4), num_args=3, name="mixed")
    x = S.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max", name="max")
    return head(S.Pooling(x, kernel=(7, 7), stride=(1, 1), pool_type="avg", name="pool"))


def gluon():
    """A network that ends before its softmax, as gluon exports them; half and double weights."""
    x = S.Activation(conv(S.Variable("data"), "conv", 8, stride=(4, 4)), act_type="relu")
    return S.FullyConnected(S.flatten(x), num_hidden=CLASSES, name="fc")


def seeded(symbol):
    """He-scaled weights by name, so that every version gets the same."""
    shapes, _, aux_shapes = symbol.infer_shape(data=(2, 3, SIZE, SIZE))
    rng = np.random.RandomState(3)
    args, auxs = {}, {}
    for name, shape in zip(symbol.list_arguments(), shapes, strict=True):
        if name.endswith("weight"):
            args[name] = rng.randn(*shape) * np.sqrt(1.0 / np.prod(shape[1:]))
        elif name not in ("data", "softmax_label"):
            args[name] = rng.uniform(0.1, 0.9, shape)
    for name, shape in zip(symbol.list_auxiliary_states(), aux_shapes, strict=True):
        auxs[name] = rng.uniform(0.5, 2.0, shape) if name.endswith("var") else rng.uniform(-1, 1, shape)
    for name in {"stem_conv_weight", "conv_weight"} & set(args):
        args[name] = args[name] * 0.02  # tames pixels of ±128 where no BatchNorm does
    return args, auxs


def arrays(values, dtypes):
    return {name: mx.nd.array(v, dtype=dtypes.get(name, "float32")) for name, v in values.items()}


def save(folder, name, symbol, dtypes=None):
    args, auxs = seeded(symbol)
    stored = arrays(args, dtypes or {})
    used = {key: mx.nd.array(value.asnumpy().astype("float32")) for key, value in stored.items()}
    used["data"] = mx.nd.array(inputs())
    if "softmax_label" in symbol.list_arguments():
        used["softmax_label"] = mx.nd.zeros((2,))
    executor = symbol.bind(mx.cpu(), used, aux_states=arrays(auxs, {}), grad_req="null")
    out = executor.forward(is_train=False)[0].asnumpy()
    if not symbol.list_outputs()[0].startswith("softmax"):
        out = np.exp(out - out.max(axis=1, keepdims=True))
        out /= out.sum(axis=1, keepdims=True)
    mx.model.save_checkpoint(str(folder / name), 1, symbol, stored, arrays(auxs, {}))
    np.save(str(folder / (name + "-softmax.npy")), out)
    print(name, out.max(axis=1))


def save_dtypes(folder):
    """Every type flag, in the layouts V2 and V3; a scalar and an empty array only in V3."""
    kinds = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")
    some = {kind: mx.nd.array(np.arange(6).reshape(2, 3), dtype=kind) for kind in kinds}
    mx.nd.save(str(folder / "dtypes-v2.params"), some)
    mx.npx.set_np()
    some = {kind: mx.np.array(np.arange(6).reshape(2, 3), dtype=kind) for kind in (*kinds, "bool")}
    some["scalar"] = mx.np.array(2.5, dtype="float32")
    some["nothing"] = mx.np.zeros((0, 4), dtype="float32")
    mx.npx.save(str(folder / "dtypes-v3.params"), some)
    mx.npx.reset_np()
    rows = mx.nd.array(np.eye(3)).tostype("row_sparse")
    mx.nd.save(str(folder / "row-sparse.params"), {"arg:w": rows})
    mx.nd.save(str(folder / "csr.params"), {"arg:w": rows.tostype("default").tostype("csr")})
    mx.nd.save(str(folder / "nameless.params"), [mx.nd.zeros((2,))])


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    save(folder, "windows-" + mx.__version__, windows())
    if mx.__version__ == "1.9.1":
        save(folder, "operators", operators())
        save(folder, "inception", inception())
        save(folder, "gluon", gluon(), {"conv_weight": "float16", "fc_weight": "float64"})
        save_dtypes(folder)


main()
