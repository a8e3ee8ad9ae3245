"""8-bit pixels in place of numbers: the very same answers, for a quarter of the bytes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from geotagger.engine import opening
from geotagger.engine.devices import Device
from geotagger.engine.onnx_runner import OnnxRunner
from geotagger.engine.opening import open_engine
from geotagger.engine.quantise import quantise
from geotagger.errors import PackError
from geotagger.model.onnx_levels import PIXELS, with_levels
from geotagger.model.preprocessing import LIKE, Preprocessing
from geotagger.photo.levels import levels_of, looked_up
from geotagger.photo.pixels import read_pixels, read_unscaled
from tests.engine import networks

RECIPES = {
    **LIKE,
    "bytes as they are": Preprocessing(scale=255.0, mean=(0.0, 0.0, 0.0)),
    "blue first": Preprocessing(channels="BGR", mean=(1.5, 120.0, 7.25), std=(58.395, 57.12, 57.375)),
}


def pixels(n: int) -> np.ndarray:
    shape = (n, 3, networks.EDGE, networks.EDGE)
    return np.random.default_rng(n).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", RECIPES)
def test_a_photo_has_the_same_numbers_by_either_way(tmp_path: Path, name: str) -> None:
    recipe = RECIPES[name]
    picture = np.random.default_rng(3).integers(0, 256, (250, 301, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    eight = read_unscaled(tmp_path / "a.png", recipe)
    assert (eight.dtype, eight.shape) == (np.uint8, (3, 224, 224))
    numbers = read_pixels(tmp_path / "a.png", recipe)
    assert numbers.nbytes == 4 * eight.nbytes
    assert np.array_equal(looked_up(eight, levels_of(recipe)), numbers)
    mean, std = (np.array(values)[:, None, None] for values in (recipe.mean, recipe.std))
    plain = (eight / 255 * recipe.scale - mean) / std
    np.testing.assert_allclose(numbers, plain, rtol=1e-6, atol=1e-5)


def test_interpolated_pixels_stay_numbers(tmp_path: Path) -> None:
    recipe = Preprocessing(resampling="bilinear-unfiltered")
    Image.new("RGB", (300, 300), (1, 2, 3)).save(tmp_path / "a.png")
    assert read_unscaled(tmp_path / "a.png", recipe).dtype == np.float32


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("kind", ["convolutions", "transformer", "fp16", "int8"])
def test_a_network_that_looks_levels_up_answers_the_same_bits(tmp_path: Path, name: str, kind: str) -> None:
    levels = levels_of(RECIPES[name])
    whole = networks.transformer if kind == "transformer" else networks.convolutions
    network = tmp_path / "model.onnx"
    onnx.save(whole(20), str(network))
    if kind in ("fp16", "int8"):
        made = tmp_path / "variant.onnx"
        quantise(network, made, kind, looked_up(pixels(8), levels))
        network = made
    plain = OnnxRunner(network, Device("cpu")).run(looked_up(pixels(5), levels))
    own = OnnxRunner(network, Device("cpu"), levels=levels).run(pixels(5))
    assert np.array_equal(own.probabilities, plain.probabilities)
    assert plain.features is not None
    assert own.features is not None
    assert np.array_equal(own.features, plain.features)


def test_what_is_added_is_three_operators_and_the_file_stays(tmp_path: Path) -> None:
    network = tmp_path / "model.onnx"
    onnx.save(networks.convolutions(20), str(network))
    before = network.read_bytes()
    made = onnx.load_from_string(with_levels(network, levels_of(Preprocessing())))
    onnx.checker.check_model(made)
    assert [node.op_type for node in made.graph.node[:3]] == ["Cast", "Add", "Gather"]
    assert [one.name for one in made.graph.input] == [PIXELS]
    assert len(made.graph.node) == len(onnx.load(str(network)).graph.node) + 3
    assert network.read_bytes() == before
    network.write_bytes(before[: len(before) // 2])
    with pytest.raises(PackError, match=r"model\.onnx"):
        with_levels(network, levels_of(Preprocessing()))


def test_an_engine_looks_levels_up_itself_where_the_network_does_not(tmp_path: Path) -> None:
    pack = networks.pack(tmp_path / "tiny")
    numbers, eight = open_engine(pack, "cpu", 4), open_engine(pack, "cpu", 4, eight_bit=True)
    photos = pixels(6)
    wanted = numbers.run(looked_up(photos, levels_of(pack.preprocessing)))
    assert np.array_equal(eight.run(photos).probabilities, wanted.probabilities)


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_gpu_is_given_8_bits_alone_also_in_the_trial_of_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eight_bit: bool
) -> None:
    """A session of the processor stands in for one of the GPU."""
    given: list[tuple[type, int]] = []

    class Remembers(OnnxRunner):
        def __init__(self, network: Path, device: Device, threads: int = 1, **others: object) -> None:
            super().__init__(network, Device("cpu"), threads, **others)  # type: ignore[arg-type]
            self.device = str(device)

        def run(self, batch: np.ndarray) -> object:  # type: ignore[override]
            given.append((batch.dtype.type, batch[0].nbytes))
            return super().run(batch)

    pack = networks.pack(tmp_path / "tiny")
    photos = pixels(6)
    numbers = looked_up(photos, levels_of(pack.preprocessing))
    plain = open_engine(pack, "cpu").run(numbers)
    monkeypatch.setattr(opening, "OnnxRunner", Remembers)
    seen = open_engine(pack, "cuda:0", eight_bit=eight_bit).run(photos if eight_bit else numbers)
    assert np.array_equal(seen.probabilities, plain.probabilities)
    assert set(given) == {(np.uint8, photos[0].nbytes) if eight_bit else (np.float32, numbers[0].nbytes)}
