import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

import onnxruntime  # noqa: E402

from geotagger.cells import CellTable, centres  # noqa: E402
from geotagger.errors import UsageError  # noqa: E402
from geotagger.model.importing import import_checkpoint  # noqa: E402
from geotagger.model.manifest import Manifest  # noqa: E402
from geotagger.model.pack import ModelPack, write_pack  # noqa: E402
from geotagger.model.preprocessing import Preprocessing  # noqa: E402
from training.fit.from_pack import classifier_of, with_classes  # noqa: E402
from training.fit.networks import NAMES, build, published_name  # noqa: E402
from training.pack.export import head_writer, network_writer  # noqa: E402

PARENTS = [torch.arange(12) // 4, torch.arange(12) // 6]


def cells(count: int) -> CellTable:
    ids = (np.arange(count, dtype=np.uint64) * np.uint64(1 << 50) + np.uint64(1 << 60)) | np.uint64(1 << 48)
    lat, lng = centres(ids)
    return CellTable(ids, lat, lng)


def answers(path: Path, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    probabilities, features = session.run(["probabilities", "features"], {"data": data})
    return np.asarray(probabilities), np.asarray(features)


QUICK = ("resnet10", "resnet10-v2", "googlenet")


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name not in QUICK)]
)
def test_every_network_gives_in_onnx_what_it_gives_in_pytorch(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(name, 12, PARENTS)
    with torch.no_grad():
        network.train()(torch.randn(8, 3, 64, 64))  # running statistics of their own
    network.eval()
    network_writer(network, 64)(tmp_path / "a.onnx")
    network.eval()
    data = np.random.default_rng(0).normal(size=(5, 3, 64, 64)).astype(np.float32)
    probabilities, features = answers(tmp_path / "a.onnx", data)
    with torch.no_grad():
        wanted = network.combined(network(torch.from_numpy(data))).softmax(1)
    np.testing.assert_allclose(probabilities, wanted.numpy(), atol=1e-4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert features.shape == (5, network.width)


def test_resnet_101_v2_is_the_published_symbol_weight_by_weight(shared_data: Path) -> None:
    """Names and shapes of all 516 variables but the data and the label."""
    symbol = json.loads((shared_data / "reference/rn101-5k500/RN101-5k500-symbol.json").read_text())
    theirs = {node["name"] for node in symbol["nodes"] if node["op"] == "null"} - {"data", "softmax_label"}
    network = build("resnet101-v2", 15_527)
    ours = {name: value for key, value in network.state_dict().items() if (name := published_name(key))}
    assert set(ours) == theirs
    for node in symbol["nodes"]:
        if node["op"] == "Convolution":
            attributes = node["attr"]
            kernel = tuple(json.loads(attributes["kernel"].replace("(", "[").replace(")", "]")))
            shape = tuple(ours[f"{node['name']}_weight"].shape)
            assert (shape[0], shape[2:]) == (int(attributes["num_filter"]), kernel)
    learned = sum(p.numel() for p in network.parameters())
    assert learned == pytest.approx(74.3e6, rel=0.002)
    assert not network.backbone.bn_data.weight.requires_grad


@pytest.fixture(scope="module")
def published_like(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelPack:
    """A tiny v2 ResNet as MXNet saved it, imported."""
    folder = tmp_path_factory.mktemp("packs")
    source = shared_data / "reference/mxnet-checkpoints/1.9.1"
    grids = folder / "grids.txt"
    lines = (shared_data / "reference/rn101-5k500/grids.txt").read_text().splitlines()[:50]
    grids.write_text("\n".join(lines) + "\n")
    return import_checkpoint(
        source / "resnet-v2-symbol.json",
        source / "resnet-v2-0012.params",
        grids,
        folder / "tiny",
        Manifest("tiny", "1", "made for this project"),
    )


def mxnet_input() -> np.ndarray:
    x = np.kron(np.random.RandomState(0).randint(0, 256, (4, 3, 7, 7)), np.ones((1, 1, 32, 32)))
    return (x - np.array([123.68, 116.779, 103.939])[None, :, None, None]).astype(np.float32)


def test_weights_go_from_mxnet_through_a_pack_to_pytorch(
    published_like: ModelPack, shared_data: Path
) -> None:
    """The outputs that MXNet 1.9.1 itself computed, to 1e-4."""
    wanted = np.loadtxt(
        shared_data / "reference/mxnet-checkpoints/1.9.1/resnet-v2-softmax.csv", delimiter=",", ndmin=2
    )
    network = classifier_of(published_like).eval()
    with torch.no_grad():
        found = network.combined(network(torch.from_numpy(mxnet_input()))).softmax(1).numpy()
    np.testing.assert_allclose(found, wanted.reshape(found.shape), atol=1e-4)


def test_new_cells_keep_the_backbone(published_like: ModelPack) -> None:
    network = classifier_of(published_like)
    data = torch.from_numpy(mxnet_input())
    with torch.no_grad():
        wanted = network.eval().backbone(data)
        other = with_classes(network, 7).eval()
        assert other(data)[0].shape == (4, 7)
        torch.testing.assert_close(other.backbone(data), wanted)
    assert all(p.requires_grad for p in other.backbone.parameters())


def test_batch_statistics_of_a_pack_go_on_learning(published_like: ModelPack) -> None:
    backbone = classifier_of(published_like).backbone
    statistics = {n: b.clone() for n, b in backbone.named_buffers() if b.is_floating_point()}
    backbone.train()(torch.from_numpy(mxnet_input()))
    assert statistics
    assert all((b != statistics[n]).any() for n, b in backbone.named_buffers() if n in statistics)


def test_a_pack_of_our_own_can_be_trained_on(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = build("resnet10", 12, PARENTS).eval()
    manifest = Manifest("ours", "1", "none", Preprocessing(input_size=64, mean=(0.0, 0.0, 0.0), scale=1.0))
    pack = write_pack(tmp_path / "ours", manifest, cells(12), network_writer(network, 64))
    data = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        wanted = network.eval().backbone(data)
        torch.testing.assert_close(classifier_of(pack).eval().backbone(data), wanted, atol=1e-4, rtol=1e-3)


def test_another_head_leaves_the_features_as_they_are(published_like: ModelPack, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    width = published_like.feature_size
    assert width
    weight, bias = rng.normal(size=(9, width)).astype(np.float32), rng.normal(size=9).astype(np.float32)
    head_writer(published_like.onnx_path, weight, bias)(tmp_path / "a.onnx")
    probabilities, features = answers(tmp_path / "a.onnx", mxnet_input())
    _, wanted = answers(published_like.onnx_path, mxnet_input())
    np.testing.assert_array_equal(features, wanted)
    logits = features @ weight.T + bias
    soft = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(probabilities, soft / soft.sum(axis=1, keepdims=True), atol=1e-5)


def test_an_unknown_network_names_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="known are resnet10, resnet18, resnet50"):
        build("resnet17", 3)


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_100", "vit_tiny_patch16_224"])
def test_timm_names_work_where_timm_is_and_say_so_where_not(name: str, tmp_path: Path) -> None:
    """One plain, one with a layer behind its pooled features, one that is made for a size of image."""
    try:
        import timm  # noqa: F401
    except (ImportError, RuntimeError):
        with pytest.raises(UsageError, match="timm"):
            build(f"timm/{name}", 3)
        return
    torch.manual_seed(0)
    network = build(f"timm/{name}", 12, input_size=64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    images, classes, losses = torch.randn(12, 3, 64, 64), torch.arange(12), []
    for _ in range(8):
        loss = torch.nn.functional.cross_entropy(network(images)[0], classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5
    network_writer(network, 64)(tmp_path / "a.onnx")
    probabilities, features = answers(tmp_path / "a.onnx", images[:5].numpy())
    with torch.no_grad():
        wanted = network.eval()(images[:5])[0].softmax(1)
    np.testing.assert_allclose(probabilities, wanted.numpy(), atol=1e-5)
    assert features.shape == (5, network.width)


def test_a_size_that_a_timm_network_cannot_have_is_told() -> None:
    pytest.importorskip("timm", reason="timm is not installed", exc_type=(ImportError, RuntimeError))
    with pytest.raises(UsageError, match="levit_128s cannot see images of 50 pixels"):
        build("timm/levit_128s", 3, input_size=50)
