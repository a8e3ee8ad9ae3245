"""A converted network gives what MXNet gives; what cannot be converted is refused by name."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geotagger.errors import CheckpointError
from geotagger.model.mxnet.convert import convert
from geotagger.model.mxnet.params import read_params
from geotagger.model.mxnet.symbol import read_symbol
from geotagger.model.onnx_graph import read_graph
from tests.model.checkpoints import FOLDER

Run = Callable[[Path, Path, np.ndarray], dict[str, np.ndarray]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def converted_and_run(symbol: Path, params: Path, images: np.ndarray) -> dict[str, np.ndarray]:
        target = tmp_path / "model.onnx"
        convert(read_symbol(symbol), read_params(params), images.shape[-1], target)
        onnx.checker.check_model(str(target), full_check=True)
        session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, {"data": images}), strict=True))

    return converted_and_run


def assert_the_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.array_equal(np.argsort(-ours)[:, :5], np.argsort(-theirs)[:, :5])


def shared_inputs() -> np.ndarray:
    """The inputs that the README of the reference checkpoints gives."""
    coarse = np.random.RandomState(0).randint(0, 256, (4, 3, 7, 7))
    images = np.kron(coarse, np.ones((1, 1, 32, 32))).astype("float32")
    return images - np.array([123.68, 116.779, 103.939], "float32")[None, :, None, None]


def own_inputs() -> np.ndarray:
    """Those of make_checkpoints.py."""
    coarse = np.random.RandomState(5).randint(0, 256, (2, 3, 8, 8))
    return np.kron(coarse, np.ones((1, 1, 4, 4))).astype("float32") - np.float32(115)


@pytest.mark.parametrize("network", ["resnet-v1", "resnet-v2", "googlenet"])
@pytest.mark.parametrize("version", ["0.9.5", "0.10.0", "0.11.0", "1.9.1"])
def test_agrees_with_the_version_that_saved_it(
    shared_data: Path, run: Run, version: str, network: str
) -> None:
    base = shared_data / "reference" / "mxnet-checkpoints" / version
    out = run(base / f"{network}-symbol.json", base / f"{network}-0012.params", shared_inputs())
    theirs = np.loadtxt(base / f"{network}-softmax.csv", delimiter=",")
    assert_the_same(out["probabilities"], theirs)


@pytest.mark.parametrize(
    ("network", "features"),
    [
        ("windows-0.10.0", 1710),
        ("windows-0.11.0", 1710),
        ("windows-1.1.0", 1710),
        ("windows-1.9.1", 1710),
        ("operators", 16),
        ("inception", 20),
        ("gluon", 512),
    ],
)
def test_agrees_on_every_operator(run: Run, network: str, features: int) -> None:
    out = run(FOLDER / f"{network}-symbol.json", FOLDER / f"{network}-0001.params", own_inputs())
    assert_the_same(out["probabilities"], np.load(FOLDER / f"{network}-softmax.npy"))
    assert out["features"].shape == (2, features)


def test_response_normalisation_follows_the_version_in_the_symbol(run: Run, tmp_path: Path) -> None:
    """The same weights mean something else when the symbol says that 0.10 wrote it."""
    graph = json.loads((FOLDER / "windows-1.9.1-symbol.json").read_bytes())
    graph["attrs"]["mxnet_version"] = ["int", 1000]
    old = tmp_path / "old-symbol.json"
    old.write_text(json.dumps(graph))
    out = run(old, FOLDER / "windows-1.9.1-0001.params", own_inputs())
    assert_the_same(out["probabilities"], np.load(FOLDER / "windows-0.10.0-softmax.npy"))
    assert np.abs(out["probabilities"] - np.load(FOLDER / "windows-1.9.1-softmax.npy")).max() > 1e-3


def test_statistics_that_a_symbol_before_0_9_does_not_list_are_found(run: Run, tmp_path: Path) -> None:
    graph = json.loads((FOLDER / "inception-symbol.json").read_bytes())
    for node in graph["nodes"]:
        node["param"] = node.pop("attrs", {})
        node["inputs"] = [link[:2] for link in node["inputs"][: 3 if node["op"] == "BatchNorm" else None]]
    graph["heads"] = [link[:2] for link in graph["heads"]]
    del graph["attrs"]
    old = tmp_path / "old-symbol.json"
    old.write_text(json.dumps(graph))
    out = run(old, FOLDER / "inception-0001.params", own_inputs())
    assert_the_same(out["probabilities"], np.load(FOLDER / "inception-softmax.npy"))


def test_the_batch_is_open_and_does_not_change_a_result(run: Run) -> None:
    files = FOLDER / "operators-symbol.json", FOLDER / "operators-0001.params"
    both = run(*files, own_inputs())["probabilities"]
    alone = run(*files, own_inputs()[1:])["probabilities"]
    assert np.allclose(both[1:], alone, atol=1e-7)


def test_conversion_writes_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        symbol = read_symbol(FOLDER / "operators-symbol.json")
        convert(symbol, read_params(FOLDER / "operators-0001.params"), 32, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_we_read_of_a_graph_is_what_onnx_reads(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    convert(
        read_symbol(FOLDER / "inception-symbol.json"),
        read_params(FOLDER / "inception-0001.params"),
        32,
        target,
    )
    ours, theirs = read_graph(target), onnx.load(target).graph
    assert [t.name for t in ours.inputs] == [t.name for t in theirs.input] == ["data"]
    assert [t.name for t in ours.outputs] == [t.name for t in theirs.output]
    for mine, its in zip(ours.outputs, theirs.output, strict=True):
        shape = its.type.tensor_type.shape.dim
        assert mine.shape == tuple(d.dim_value or None for d in shape)


Change = Callable[[dict[str, Any]], object]


def refused(tmp_path: Path, graph: Change | None = None, params: Change | None = None, size: int = 32) -> str:
    """The error for the `inception` checkpoint after a change to its symbol or to its weights."""
    symbol = json.loads((FOLDER / "inception-symbol.json").read_bytes())
    weights = dict(read_params(FOLDER / "inception-0001.params"))
    if graph:
        graph(symbol)
    if params:
        params(weights)
    path = tmp_path / "changed-symbol.json"
    path.write_text(json.dumps(symbol))
    with pytest.raises(CheckpointError) as error:
        convert(read_symbol(path), weights, size, tmp_path / "model.onnx")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "model.onnx").exists()
    return str(error.value)


def node_of(graph: dict[str, Any], name: str) -> dict[str, Any]:
    return next(node for node in graph["nodes"] if node["name"] == name)


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    told = refused(tmp_path, graph=lambda graph: node_of(graph, "max").update(op="SpatialTransformer"))
    assert "max is a SpatialTransformer" in told


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    told = refused(tmp_path, params=lambda weights: weights.pop("t2_conv_weight"))
    assert "has no t2_conv_weight" in told


def test_a_weight_of_the_wrong_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    told = refused(tmp_path, params=lambda weights: weights.update(fc_weight=np.zeros((11, 21), "f4")))
    assert "(11, 21)" in told
    assert "(11, 20)" in told


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    told = refused(tmp_path, params=lambda weights: weights.update(fc_bias=np.full(11, bad, "f4")))
    assert "fc_bias" in told


def test_a_negative_variance_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, params=lambda weights: weights.update(a_bn_moving_var=np.full(8, -1, "f4")))
    assert "variance" in told


@pytest.mark.parametrize(
    ("node", "setting", "value"),
    [
        ("stem_conv", "kernel", "(3,)"),
        ("stem_conv", "kernel", "(0, 3)"),
        ("stem_conv", "stride", "(-1, 1)"),
        ("stem_conv", "stride", "(1" + "0" * 30 + ", 1)"),
        ("stem_conv", "num_filter", "1e30"),
        ("stem_conv", "num_group", "0"),
        ("stem_conv", "num_filter", "many"),
        ("stem_conv", "num_filter", "1e400"),
        ("stem_conv", "layout", "NHWC"),
        ("a_bn", "eps", "nan"),
        ("a_bn", "axis", "3"),
        ("max", "pooling_convention", "same"),
        ("max", "pool_type", "lp"),
        ("max", "kernel", "(99, 99)"),
        ("max", "pad", "(3, 3)"),
        ("fc", "num_hidden", "-3"),
        ("mixed", "dim", "7"),
    ],
)
def test_a_setting_that_cannot_be_kept_is_refused(
    tmp_path: Path, node: str, setting: str, value: str
) -> None:
    told = refused(tmp_path, graph=lambda graph: node_of(graph, node)["attrs"].update({setting: value}))
    assert node in told


def test_global_pooling_with_padding_before_1_2_is_refused(tmp_path: Path) -> None:
    def change(graph: dict[str, Any]) -> None:
        graph["attrs"]["mxnet_version"] = ["int", 10100]
        node_of(graph, "pool")["attrs"].update(global_pool="True", pad="(1, 1)")

    assert "before MXNet 1.2" in refused(tmp_path, change)


def test_an_input_too_small_for_the_network_is_refused(tmp_path: Path) -> None:
    assert "is the input size right?" in refused(tmp_path, size=8)


def test_outputs_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    def change(graph: dict[str, Any]) -> None:
        names = [node["name"] for node in graph["nodes"]]
        graph["heads"] = [[names.index("fc"), 0, 0], [names.index("pool"), 0, 0]]

    assert "fc, pool" in refused(tmp_path, change)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_setting_converts_or_is_refused(data: st.DataObject, tmp_path: Path) -> None:
    """No other exception, whatever a symbol says."""
    graph = json.loads((FOLDER / "operators-symbol.json").read_bytes())
    node = data.draw(st.sampled_from([node for node in graph["nodes"] if node.get("attrs")]))
    key = data.draw(st.sampled_from(sorted(node["attrs"])))
    node["attrs"][key] = data.draw(
        st.sampled_from(
            [
                "",
                "()",
                "(1,)",
                "(0, 0)",
                "(-5, 2)",
                "(9, 9)",
                "(9999999999999, 1)",
                "1e30",
                "1e99",
                "True",
                "None",
                "x",
                "0",
                "-1",
            ]
        )
    )
    path = tmp_path / "x-symbol.json"
    path.write_text(json.dumps(graph))
    with suppress(CheckpointError):
        convert(read_symbol(path), read_params(FOLDER / "operators-0001.params"), 32, tmp_path / "x.onnx")
