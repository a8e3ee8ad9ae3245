"""Networks that others have trained: their weights, what they were fed, a head on them, and what regularises
their training. The weights here are drawn, not learned: nothing can be fetched in a test."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")
timm = pytest.importorskip(
    "timm", reason="timm is not installed: pip install '.[backbones]'", exc_type=(ImportError, RuntimeError)
)

import onnxruntime  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from geotagger.errors import TrainingError, UsageError  # noqa: E402
from geotagger.model.pack import find_pack  # noqa: E402
from geotagger.photo.decode import Picture  # noqa: E402
from geotagger.photo.prepare import prepare  # noqa: E402
from tests.training import small  # noqa: E402
from tests.training.places import make_world  # noqa: E402
from tests.training.test_loop import assert_equal, weights  # noqa: E402
from training.data.images import training_crop  # noqa: E402
from training.fit import checkpoint  # noqa: E402
from training.fit.networks import build  # noqa: E402
from training.fit.recipe import preset  # noqa: E402
from training.fit.timm_networks import expected_input, randomly_augmented  # noqa: E402

ROOT = Path(__file__).parents[2]
PROGRAM = (
    "from tests.training.conftest import let_torchvision_load; let_torchvision_load(); "
    "from geotagger.cli import main; main()"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of whole classifiers of 1000 classes, as timm publishes them."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(7)
    for name in ("test_vit", "test_resnet", "test_convnext"):
        save_file(timm.create_model(name).state_dict(), folder / f"{name}.safetensors")
    return folder


def geotagger(*words: object, code: int = 0) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(str(word) for word in words)],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext"])
def test_a_network_begins_with_the_weights_of_a_file(files: Path, name: str) -> None:
    """Its features are those of timm's own network with these weights."""
    file = files / f"{name}.safetensors"
    torch.manual_seed(0)
    network = build(f"timm/{name}", 5, input_size=160, start=str(file)).eval()
    theirs = timm.create_model(name, checkpoint_path=str(file)).eval()
    data = torch.randn(3, 3, 160, 160)
    with torch.no_grad():
        wanted = theirs.forward_head(theirs.forward_features(data), pre_logits=True)
        torch.testing.assert_close(network.backbone(data), wanted)


def test_transformers_take_their_weights_along_to_another_size(files: Path) -> None:
    network = build("timm/test_vit", 5, input_size=96, start=str(files / "test_vit.safetensors"))
    assert network.backbone.pos_embed.shape[1] == (96 // 16) ** 2 + 1
    assert network(torch.zeros(1, 3, 96, 96))[0].shape == (1, 5)


def test_weights_that_are_not_the_networks_are_refused(files: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes((files / "test_vit.safetensors").read_bytes()[:9000])
    (tmp_path / "text.safetensors").write_text("no weights at all")
    for file, told in (
        (files / "test_resnet.safetensors", "is not of timm/test_vit: it lacks"),
        (tmp_path / "cut.safetensors", "holds no whole weights of timm/test_vit"),
        (tmp_path / "text.safetensors", "holds no whole weights of timm/test_vit"),
        (tmp_path / "nowhere.safetensors", "no such file"),
    ):
        with pytest.raises(TrainingError, match=f"^{file}: {told}") as error:
            build("timm/test_vit", 5, input_size=160, start=str(file))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("test_vit", "norm.bias"),
        ("test_vit", "blocks.0.norm1.weight"),
        ("test_resnet", "conv1.1.running_mean"),
        ("test_convnext", "stages.1.blocks.0.gamma"),
    ],
)
def test_weights_that_a_file_lacks_are_seen_also_where_all_begin_alike(
    files: Path, tmp_path: Path, name: str, lacking: str
) -> None:
    """Biases begin as zeros, norms as ones: what was not read looks as if it had been."""
    state = load_file(files / f"{name}.safetensors")
    del state[lacking]
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(TrainingError, match=f"lacks 1 of [0-9]+ weights, such as {lacking}$"):
        build(f"timm/{name}", 5, input_size=160, start=str(tmp_path / "less.safetensors"))


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"start": "a.safetensors"}, "name it with --network timm/NAME"),
        ({"start": "timm", "network": "resnet50"}, "name it with --network timm/NAME"),
        ({"drop_path": 0.1}, "--drop-path goes with a network of timm"),
        ({"drop_path": 1.0, "network": "timm/test_vit"}, "--drop-path must be"),
        ({"randaugment": 31}, "--randaugment must be from 0 to 30"),
    ],
)
def test_wishes_that_cannot_be_are_wrong_usage(wishes: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        preset("try", **wishes)


def test_a_network_without_branches_has_none_to_drop() -> None:
    with pytest.raises(UsageError, match="leave --drop-path out"):
        build("timm/vgg11", 5, input_size=64, drop_path=0.1)


def test_what_a_network_was_fed_is_what_timm_says() -> None:
    dino = expected_input("timm/vit_small_patch14_dinov2.lvd142m")
    assert (dino.size, dino.resampling, dino.licence) == (518, "bicubic", "apache-2.0")
    assert dino.mean == pytest.approx((123.675, 116.28, 103.53))
    for name in ("timm/no_such", "timm/test_vit.no_such_tag"):
        with pytest.raises(UsageError, match="knows no such network"):
            expected_input(name)


def test_a_head_on_a_networks_own_features_becomes_a_pack(files: Path, tmp_path: Path) -> None:
    """With the size, filter, mean and deviation that its makers fed it."""
    make_world(tmp_path / "photos", photos_a_place=12, places=4)
    file = files / "test_resnet.safetensors"
    words = ("train", tmp_path / "photos", "--network", "timm/test_resnet", "--from", file, "--head-only",
             "--device", "cpu", "--out", tmp_path / "pack", "--json")  # fmt: skip
    (row,) = geotagger(*words)
    assert row["pack"] == str(tmp_path / "pack")
    pack = find_pack(tmp_path / "pack")
    assert (pack.preprocessing.input_size, pack.preprocessing.resampling) == (160, "bilinear")
    assert pack.preprocessing.mean == pack.preprocessing.std == (127.5, 127.5, 127.5)
    assert pack.manifest.training["base"] == "test_resnet 1 (licence: apache-2.0)"
    image = Image.open(next((tmp_path / "photos").rglob("*.jpg"))).convert("RGB")
    batch = prepare(Picture(image), image.size, 1, pack.preprocessing)[None]
    session = onnxruntime.InferenceSession(str(pack.onnx_path), providers=["CPUExecutionProvider"])
    (features,) = session.run(["features"], {"data": batch})
    theirs = timm.create_model("test_resnet", checkpoint_path=str(file)).eval()
    with torch.no_grad():
        wanted = theirs.forward_head(theirs.forward_features(torch.from_numpy(batch)), pre_logits=True)
    np.testing.assert_allclose(features, wanted.numpy(), atol=1e-4)


def test_branches_dropped_and_pictures_changed_at_random_are_repeatable(files: Path, tmp_path: Path) -> None:
    asked = small.prepare(
        tmp_path / "one", network="timm/test_convnext", start=str(files / "test_convnext.safetensors"),
        input_size=64, drop_path=0.3, randaugment=9, epochs=1.0, layer_decay=0.8, optimizer="adamw",
    )  # fmt: skip
    plain = small.prepare(
        tmp_path / "plain", network="timm/test_convnext", start=str(files / "test_convnext.safetensors"),
        input_size=64, epochs=1.0, layer_decay=0.8, optimizer="adamw",
    )  # fmt: skip
    other = Path(shutil.copytree(asked.work, tmp_path / "other"))
    for work in (asked.work, other, plain.work):
        small.fit(work)
    assert_equal(weights(asked.work), weights(other))
    one, two = weights(asked.work), weights(plain.work)
    assert any(not torch.equal(torch.as_tensor(one[name]), torch.as_tensor(two[name])) for name in one)


def test_pictures_are_changed_by_the_seed_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")

    def changed(image: Image.Image, seed: int) -> Image.Image:
        return randomly_augmented(9, image, seed)

    def crop(seed: int) -> np.ndarray:
        return np.array(training_crop(out.getvalue(), 64, np.random.default_rng(seed), "bicubic", changed))

    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    one = crop(5)
    assert torch.equal(torch.rand(3), wanted), "the training's own draws are those it would have had"
    assert (one == crop(5)).all()
    plain = training_crop(out.getvalue(), 64, np.random.default_rng(5), "bicubic")
    assert one.shape == plain.shape
    assert (one != plain).any()


def test_batch_statistics_are_averaged_with_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every number that the averaged network has is the moving average of the network's own, step by step."""
    asked = small.prepare(tmp_path, ema=0.7, epochs=2.0)
    states, save = [], checkpoint.save

    def remember(folder: Path, step: int, identity: object, state: dict[str, object]) -> Path:
        states.append(
            {key: {name: v.double().clone() for name, v in state[key].items()} for key in ("model", "ema")}  # type: ignore[attr-defined]
        )
        return save(folder, step, identity, state)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoint, "save", remember)
    small.fit(asked.work, checkpoint_steps=1)
    with (asked.work / "log.csv").open() as log:
        assert len(states) == int(list(csv.DictReader(log))[-1]["step"]) > 3
    averaged = states[0]["ema"]
    for step, state in enumerate(states[1:], start=1):
        memory = min(0.7, (1 + step) / (10 + step))
        averaged = {name: memory * averaged[name] + (1 - memory) * v for name, v in state["model"].items()}
    last = states[-1]["ema"]
    names = [name for name in last if not name.endswith("num_batches_tracked")]
    assert any(name.endswith("running_var") for name in names)
    for name in names:
        torch.testing.assert_close(averaged[name], last[name], atol=1e-5, rtol=1e-4, msg=name)
