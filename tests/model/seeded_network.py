"""The published network with seeded weights, saved and run by MXNet itself.

Run by a Python that has MXNet 1.9.1 (test_mxnet.py makes one):

    PYTHON tests/model/seeded_network.py ../shared/data/reference/rn101-5k500/RN101-5k500-symbol.json FOLDER

Leaves in FOLDER a checkpoint, `inputs.npy` and the `softmax.npy` that MXNet computes for them. The
weights are He-scaled noise; the statistics of each BatchNorm are those of its own input, and the
classifier is scaled so that the softmax is neither flat nor a single class. Imports nothing of geotagger.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
if "bool" not in np.__dict__:  # MXNet 1.9.1 still uses the name that numpy 1.24 dropped
    np.bool = bool

import mxnet as mx  # noqa: E402


def inputs():
    coarse = np.random.RandomState(0).randint(0, 256, (4, 3, 7, 7))
    images = np.kron(coarse, np.ones((1, 1, 32, 32))).astype("float32")
    return images - np.array([123.68, 116.779, 103.939], "float32")[None, :, None, None]


def noise(symbol):
    shapes, _, aux_shapes = symbol.infer_shape(data=(4, 3, 224, 224))
    rng = np.random.RandomState(7)
    args, auxs = {}, {}
    for name, shape in zip(symbol.list_arguments(), shapes, strict=True):
        if name.endswith("_weight"):
            fan_in = int(np.prod(shape[1:]))
            args[name] = rng.standard_normal(shape).astype("float32") * np.float32(np.sqrt(2 / fan_in))
        elif name not in ("data", "softmax_label"):
            low, high = (0.8, 1.2) if name.endswith("_gamma") else (-0.1, 0.1)
            args[name] = rng.uniform(low, high, shape).astype("float32")
    for name, shape in zip(symbol.list_auxiliary_states(), aux_shapes, strict=True):
        auxs[name] = np.full(shape, 0 if name.endswith("mean") else 1, "float32")
    return ({name: mx.nd.array(value) for name, value in values.items()} for values in (args, auxs))


def statistics_of(path, args, auxs, images):
    """One pass of training with momentum 0 leaves each BatchNorm with the statistics of its input;
    MXNet writes them on the way back."""
    graph = json.loads(path.read_text())
    for node in graph["nodes"]:
        if node["op"] == "BatchNorm":
            node["attr"]["momentum"] = "0"
    symbol = mx.sym.load_json(json.dumps(graph))
    wanted = {name: "write" if name == "data" else "null" for name in symbol.list_arguments()}
    gradient = {"data": mx.nd.zeros(images.shape)}
    executor = symbol.bind(
        mx.cpu(), {**args, **given(symbol, images)}, gradient, aux_states=auxs, grad_req=wanted
    )
    executor.forward(is_train=True)
    executor.backward()
    floor = {True: 1e-3, False: -np.inf}
    return {name: mx.nd.maximum(v, floor[name.endswith("var")]) for name, v in executor.aux_dict.items()}


def given(symbol, images):
    values = {"data": mx.nd.array(images), "softmax_label": mx.nd.zeros((len(images),))}
    return {name: value for name, value in values.items() if name in symbol.list_arguments()}


def run(symbol, args, auxs, images):
    used = {name: args[name] for name in symbol.list_arguments() if name in args}
    executor = symbol.bind(mx.cpu(), {**used, **given(symbol, images)}, aux_states=auxs, grad_req="null")
    return executor.forward(is_train=False)[0].asnumpy()


def main():
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    symbol, images = mx.sym.load(str(path)), inputs()
    args, auxs = noise(symbol)
    auxs = statistics_of(path, args, auxs, images)
    features = run(symbol.get_internals()["flatten0_output"], args, auxs, images)
    scores = features @ args["fc1_weight"].asnumpy().T
    args["fc1_weight"] = args["fc1_weight"] * float(2.5 / scores.std())
    mx.model.save_checkpoint(str(folder / "RN101-5k500"), 12, symbol, args, auxs)
    np.save(folder / "inputs.npy", images)
    np.save(folder / "softmax.npy", run(symbol, args, auxs, images))


main()
