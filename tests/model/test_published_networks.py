"""GeoCLIP's parts as they are published, held against PyTorch: the heads, scale and gallery of the `geoclip`
wheel, and a tower of full size with random weights. Slow, and with packages that no user needs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geotagger.engine.devices import Device
from geotagger.engine.encoding import PlaceEncoder
from geotagger.engine.onnx_runner import OnnxRunner
from geotagger.model.pack import ModelPack, load_pack
from geotagger.partition import classes_of
from tests.commands import Geotagger

# PyTorch warns of its exporter to ONNX, which needs no further package
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")

EDGE, WIDTH = 224, 512
FloatArray = NDArray[np.float64]


@pytest.fixture(scope="module")
def wheel_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a package registry, 40 MB, or the file that GEOTAGGER_GEOCLIP_WHEEL names."""
    if given := os.environ.get("GEOTAGGER_GEOCLIP_WHEEL"):
        return Path(given)
    folder = tmp_path_factory.mktemp("wheel")
    words = ["download", "--quiet", "--no-deps", "--dest", str(folder), "geoclip==1.3.0"]
    subprocess.run([sys.executable, "-m", "pip", *words], check=False, capture_output=True)
    if not (wheels := list(folder.glob("*.whl"))):
        pytest.skip("geoclip 1.3.0 cannot be fetched; set GEOTAGGER_GEOCLIP_WHEEL to its wheel")
    return wheels[0]


@pytest.fixture(scope="module")
def wheel(wheel_path: Path) -> Any:
    from benchmarks.wheel import open_wheel

    return open_wheel(wheel_path)


def exported(module: Any, given: Any, target: Path, names: tuple[str, str]) -> Path:
    """As ONNX, with an open batch."""
    torch.onnx.export(
        module.eval(),
        given,
        str(target),
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_axes={names[0]: {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    return target


@pytest.fixture(scope="module")
def small_tower(wheel: Any) -> Any:
    """Something that sees, of 768 numbers, and the published head behind it."""

    class Tower(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.patches, self.mlp = torch.nn.Conv2d(3, 768, 56, 56), wheel.mlp

        def forward(self, pixels: Any) -> Any:
            return self.mlp(self.patches(pixels).mean((2, 3)) * 5)

    return Tower().eval()


@pytest.fixture(scope="module")
def pack(wheel: Any, small_tower: Any, tmp_path_factory: pytest.TempPathFactory) -> ModelPack:
    """Made of the wheel's parts by the command, as `models pull geoclip` makes one."""
    home = tmp_path_factory.mktemp("home")
    network = exported(small_tower, torch.zeros(1, 3, EDGE, EDGE), home / "t.onnx", ("pixels", "seen"))
    encoder = exported(wheel.encoder, torch.zeros(3, 2), home / "l.onnx", ("location", "embeds"))
    rows = [f"{lat!r},{lng!r}" for lat, lng in zip(wheel.lat.tolist(), wheel.lng.tolist(), strict=True)]
    (home / "gallery.csv").write_text("\n".join(["LAT,LON", *rows]) + "\n")
    geotagger = Geotagger(home)
    done = geotagger(
        "models", "import", "--onnx", network, "--gallery", home / "gallery.csv", "--encoder", encoder,
        "--logit-scale", wheel.scale, "--pixels", "clip", "--name", "geoclip", timeout=600,
    )  # fmt: skip
    assert "of the gallery's 100,000 places stand in it twice" in done.err
    return load_pack(home / "models" / "geoclip")


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(6, 3, EDGE, EDGE)).astype(np.float32)


@pytest.fixture(scope="module")
def answers(pack: ModelPack, pictures: NDArray[np.float32]) -> Any:
    return OnnxRunner(pack.onnx_path, Device("cpu")).run(pictures)


def unit(rows: Any) -> FloatArray:
    rows = np.asarray(rows, dtype=np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def formula(features: FloatArray, embeddings: FloatArray, scale: float) -> FloatArray:
    """What is published, in float64: the softmax of scaled cosines."""
    logits = scale * features @ embeddings.T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def in_classes(pack: ModelPack, shares: FloatArray) -> FloatArray:
    gallery = pack.gallery
    assert gallery is not None
    classes = classes_of(pack.cells, gallery.lat, gallery.lng)
    return np.stack([np.bincount(classes, row, len(pack.cells)) for row in shares])


def test_the_published_head_and_scale_give_the_formula(
    pack: ModelPack, answers: Any, wheel: Any, small_tower: Any, pictures: NDArray[np.float32]
) -> None:
    """All but the encoder, in float64."""
    with torch.no_grad():
        features = unit(small_tower.double()(torch.tensor(pictures, dtype=torch.float64)).numpy())
    np.testing.assert_allclose(answers.features, features, atol=1e-5)
    assert pack.encoder_path is not None
    embeddings = unit(PlaceEncoder(pack.encoder_path).embed(wheel.lat, wheel.lng))
    shares = formula(features, embeddings, wheel.scale)
    np.testing.assert_allclose(answers.probabilities, in_classes(pack, shares), atol=1e-5)
    in_points = np.take_along_axis(shares, answers.points, axis=1)
    np.testing.assert_allclose(answers.point_probabilities, in_points, atol=1e-5)
    most = np.sort(shares, axis=1)[:, ::-1][:, : answers.points.shape[1]]
    np.testing.assert_allclose(np.sort(answers.point_probabilities)[:, ::-1], most, atol=1e-5)


def test_the_encoder_is_as_near_to_the_formula_as_float32_comes(pack: ModelPack, wheel: Any) -> None:
    """The angles of its finest capsule are thousands of radians, and float32 knows those to 1e-4 only: two
    float32 runs of the same weights differ by that much, whatever runs them."""
    lat, lng = wheel.lat[:2000], wheel.lng[:2000]
    degrees = torch.tensor(np.stack([lat, lng], axis=1))
    with torch.no_grad():
        exact = unit(wheel.encoder.double()(degrees).numpy())
        wheel.encoder.float()
        single = unit(wheel.encoder(degrees.float()).numpy())
    assert pack.encoder_path is not None
    ours = unit(PlaceEncoder(pack.encoder_path).embed(lat, lng))
    rounding = np.abs(single - exact).max()
    assert np.abs(ours - exact).max() < 3 * rounding < 1e-3


def test_likeliest_places_are_those_of_the_published_formula(
    pack: ModelPack, answers: Any, wheel: Any, small_tower: Any, pictures: NDArray[np.float32]
) -> None:
    """With the encoder in PyTorch, in float64: what rounding moves is far below what tells places apart."""
    with torch.no_grad():
        features = unit(small_tower.double()(torch.tensor(pictures, dtype=torch.float64)).numpy())
        degrees = torch.tensor(np.stack([wheel.lat, wheel.lng], axis=1))
        exact = wheel.encoder.double()
        parts = [exact(degrees[n : n + 5000]).numpy() for n in range(0, len(degrees), 5000)]
        wheel.encoder.float()
    shares = formula(features, unit(np.concatenate(parts)), wheel.scale)
    np.testing.assert_allclose(answers.probabilities, in_classes(pack, shares), atol=1e-3)
    assert (shares.argmax(axis=1) == answers.points[:, 0]).all()


@pytest.fixture(scope="module")
def full_tower(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """CLIP's ViT-L/14 with random weights, and its ONNX file, 1.2 GB."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
        image_size=EDGE, patch_size=14, projection_dim=WIDTH, attn_implementation="eager",
    )  # fmt: skip
    module = transformers.CLIPVisionModelWithProjection(config).eval()

    class Embeds(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, pixel_values: Any) -> Any:
            return self.module(pixel_values).image_embeds

    target = tmp_path_factory.mktemp("tower") / "vision_model.onnx"
    return module, exported(Embeds(), torch.zeros(1, 3, EDGE, EDGE), target, ("pixel_values", "image_embeds"))


def test_a_tower_of_full_size_sees_what_transformers_sees(
    full_tower: tuple[Any, Path], wheel: Any, pictures: NDArray[np.float32], tmp_path: Path
) -> None:
    module, network = full_tower
    made = imported_apart(network, wheel, tmp_path)
    features = OnnxRunner(made.onnx_path, Device("cpu")).run(pictures[:2]).features
    with torch.no_grad():
        seen = unit(module(torch.tensor(pictures[:2])).image_embeds.numpy())
    assert features is not None
    np.testing.assert_allclose(features, seen, atol=1e-5)


def imported_apart(network: Path, wheel: Any, folder: Path) -> ModelPack:
    """The pack, made in a process of its own that must stay under 500 MB; what running it takes is another
    matter."""
    np.save(
        folder / "e.npy", np.random.default_rng(1).normal(size=(len(wheel.lat), WIDTH)).astype(np.float32)
    )
    np.save(folder / "places.npy", np.stack([wheel.lat, wheel.lng]))
    script = f"""
import resource
from pathlib import Path
import numpy as np
from geotagger.model.embedders import EmbedderFiles, import_embedder
from geotagger.model.gallery import Gallery
from geotagger.model.manifest import Manifest
from geotagger.model.preprocessing import LIKE
resource.setrlimit(resource.RLIMIT_DATA, (500 << 20, 500 << 20))
folder = Path({str(folder)!r})
lat, lng = np.load(folder / "places.npy")
files = EmbedderFiles(Path({str(network)!r}), Gallery(lat, lng), np.load(folder / "e.npy"), 39.7)
import_embedder(files, folder / "pack", Manifest("geoclip", "1", "MIT", LIKE["clip"]))
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return load_pack(folder / "pack")
