import dataclasses
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from geotagger.cli.models import quantize
from geotagger.engine import opening
from geotagger.engine.agreement import Agreement, compare, split
from geotagger.engine.cores import lanes_of
from geotagger.engine.opening import open_engine
from geotagger.engine.openvino_runner import is_installed
from geotagger.engine.quantise import quantise
from geotagger.errors import EngineError, UsageError
from geotagger.model.manifest import Variant
from geotagger.model.pack import ModelPack, load_pack, save_manifest, verify_pack

from . import networks
from .networks import photos

needs_openvino = pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed")


@pytest.fixture
def tiny(tmp_path: Path) -> ModelPack:
    return networks.pack(tmp_path / "tiny")


def with_variant(pack: ModelPack, precision: str, passed: bool = True) -> ModelPack:
    file = f"model.{precision}.onnx"
    quantise(pack.onnx_path, pack.folder / file, precision, photos(16))
    variant = Variant(precision, file, precision, checks={"passed": passed, "faster": True})
    return save_manifest(pack, dataclasses.replace(pack.manifest, variants=(variant,)))


@pytest.mark.parametrize(("precision", "most"), [("int8", 0.1), ("fp16", 0.01)])
def test_a_variant_says_nearly_what_the_network_says(tiny: ModelPack, precision: str, most: float) -> None:
    pack = with_variant(tiny, precision)
    plain = open_engine(pack, "cpu", variant="fp32").run(photos(20, seed=9)).probabilities
    other = open_engine(pack, "cpu", engine="onnxruntime", variant=precision).run(photos(20, seed=9))
    assert 0 < np.abs(plain - other.probabilities).sum(axis=1).max() / 2 < most
    assert other.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert other.features is not None


def test_the_classifier_stays_in_float(tiny: ModelPack) -> None:
    import onnx

    pack = with_variant(tiny, "int8")
    graph = onnx.load(str(pack.folder / "model.int8.onnx")).graph
    fed_by = {name: node.op_type for node in graph.node for name in node.output}
    (classifier,) = (node for node in graph.node if node.op_type == "Gemm")
    assert "DequantizeLinear" not in {fed_by.get(name) for name in classifier.input}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert all(fed_by.get(node.input[0]) == "DequantizeLinear" for node in convolutions)


def operators(path: Path) -> Counter[str]:
    import onnx

    return Counter(node.op_type for node in onnx.load(str(path)).graph.node)


class TestTransformer:
    """INT8 of a vision transformer."""

    @pytest.fixture
    def pack(self, tmp_path: Path) -> ModelPack:
        return networks.pack(tmp_path / "vit", network=networks.transformer)

    @pytest.fixture
    def variant(self, pack: ModelPack) -> ModelPack:
        file = "model.int8.onnx"
        how = quantise(pack.onnx_path, pack.folder / file, "int8", photos(1))
        made = Variant("int8", file, "int8", {"passed": True, "faster": True}, {"kind": how})
        return save_manifest(pack, dataclasses.replace(pack.manifest, variants=(made,)))

    def test_the_products_of_the_tower_are_integers_and_nothing_else(self, variant: ModelPack) -> None:
        plain, made = operators(variant.onnx_path), operators(variant.folder / "model.int8.onnx")
        assert made["MatMulInteger"] == 6 * networks.BLOCKS
        # of two activations, queries with keys and weights with values; and the head
        assert made["MatMul"] + made["Gemm"] == 2 * networks.BLOCKS + 1
        for kept in ("Softmax", "LayerNormalization", "Conv", "Relu", "ReduceMean"):
            assert made[kept] == plain[kept] > 0
        assert not {"QLinearAdd", "QLinearSoftmax", "DequantizeLinear"} & made.keys()

    def test_it_says_nearly_the_same_and_the_same_in_every_batch(self, variant: ModelPack) -> None:
        batch = photos(11, seed=4)
        plain = open_engine(variant, "cpu", variant="fp32").run(batch)
        engine = open_engine(variant, "cpu", 4)
        assert (engine.name, engine.batch_size) == ("onnxruntime int8", 1)
        assert "one photo at a time" in engine.notes[0]
        together = engine.run(batch).probabilities
        assert 0 < np.abs(together - plain.probabilities).sum(axis=1).max() / 2 < 0.05
        alone = np.concatenate([engine.run(batch[n : n + 1]).probabilities for n in range(len(batch))])
        assert np.array_equal(together, alone)

    def test_a_network_of_convolutions_is_none(self, tiny: ModelPack) -> None:
        assert quantise(tiny.onnx_path, tiny.folder / "x.onnx", "int8", photos(4)) == "static"

    def test_the_command_checks_it(self, pack: ModelPack, shared_data: Path) -> None:
        app = typer.Typer()
        quantize.register(app)
        app.command("other")(lambda: None)
        folder = str(shared_data / "photos" / "streets-71")
        words = ["quantize", str(pack.folder), "--photos", folder, "--calibration", "8", "--checks", "16"]
        done = CliRunner().invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        (variant,) = load_pack(pack.folder).manifest.variants
        assert variant.calibration["kind"] == "dynamic"
        assert variant.checks["photos"] == 16
        assert 0.9 < variant.checks["top1"] <= 1


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_a_photo_comes_out_the_same_in_every_int8_batch(tiny: ModelPack, engine: str) -> None:
    pack = with_variant(tiny, "int8")
    batch = photos(7, seed=3)
    alone = open_engine(pack, "cpu", 1, engine=engine, variant="int8").run(batch)
    for size in (2, 3, 4, 7, 8):
        together = open_engine(pack, "cpu", size, engine=engine, variant="int8").run(batch)
        assert np.array_equal(alone.probabilities, together.probabilities)


@needs_openvino
def test_openvino_agrees_with_onnx_runtime(tiny: ModelPack) -> None:
    plain = open_engine(tiny, "cpu").run(photos(9))
    other = open_engine(tiny, "cpu", engine="openvino")
    assert other.name == "openvino fp32"
    outputs = other.run(photos(9))
    assert np.abs(outputs.probabilities - plain.probabilities).max() < 1e-5
    assert outputs.features is not None
    assert plain.features is not None
    assert np.abs(outputs.features - plain.features).max() < 1e-3


@needs_openvino
def test_the_first_inferences_of_a_process_may_come_together(tiny: ModelPack) -> None:
    """OpenVINO's bindings, left to themselves, wait for ever when several threads are their first users."""
    script = f"""
from pathlib import Path
import numpy as np
from geotagger.engine.opening import open_engine
from geotagger.model.pack import load_pack
engine = open_engine(load_pack(Path({str(tiny.folder)!r})), "cpu", 1, engine="openvino", threads=8)
assert engine.lanes == 8
engine.run(np.zeros((64, 3, {networks.EDGE}, {networks.EDGE}), np.float32))
engine.close()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("cores", "lanes", "per_lane"), [(1, 1, 1), (2, 2, 1), (16, 16, 1), (17, 8, 2), (24, 12, 2), (64, 16, 4)]
)
def test_a_lane_is_a_core_until_there_are_many(cores: int, lanes: int, per_lane: int) -> None:
    assert lanes_of(cores) == (lanes, per_lane)


def test_only_a_variant_that_passed_is_taken_unasked(
    tiny: ModelPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "is_installed", lambda: False)
    assert open_engine(with_variant(tiny, "int8", passed=False), "cpu").name == "onnxruntime fp32"
    pack = with_variant(tiny, "int8", passed=True)
    assert open_engine(pack, "cpu").name == "onnxruntime int8"
    assert open_engine(pack, "cpu", variant="fp32").name == "onnxruntime fp32"
    assert open_engine(with_variant(tiny, "fp16"), "cpu").name == "onnxruntime fp32"


def test_a_variant_that_the_pack_lacks_is_one_line(tiny: ModelPack) -> None:
    with pytest.raises(EngineError, match=r"has no variant int8 .* models quantize tiny --photos DIR"):
        open_engine(tiny, "cpu", variant="int8")
    with pytest.raises(UsageError, match="runs on the CPU"):
        open_engine(tiny, "cuda:0", engine="openvino")


def test_a_network_that_cannot_be_quantised_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no network")
    with pytest.raises(EngineError, match="cannot be turned into int8"):
        quantise(tmp_path / "model.onnx", tmp_path / "model.int8.onnx", "int8", photos(4))
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_agreement_counts_photos_that_move_far(tiny: ModelPack) -> None:
    engine = open_engine(tiny, "cpu")
    same = compare(engine, engine, photos(10), lambda _: (np.full(10, 10.0), np.full(10, 20.0)))
    assert (same.top1, same.moved_far, same.variation_most, same.passed) == (1.0, 0.0, 0.0, True)
    places = iter([(np.zeros(100), np.zeros(100)), (np.zeros(100), np.r_[np.zeros(98), 1.0, 1.0])])
    moved = compare(engine, engine, photos(100), lambda _: next(places))
    assert moved.moved_far == 0.02
    assert moved.shift_km_median == 0
    assert not moved.passed


def test_photos_that_calibrate_do_not_check() -> None:
    assert split(400, 64, 256) == (range(64), range(64, 320))
    for count in range(2, 200):
        calibrate, check = split(count, 64, 100)
        assert not set(calibrate) & set(check)
        assert len(calibrate) >= 1
        assert len(check) >= 1
        assert max(check) < count


def test_quantize_makes_checks_and_keeps_a_variant(
    tiny: ModelPack, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = typer.Typer()
    quantize.register(app)
    app.command("other")(lambda: None)
    folder = str(shared_data / "photos" / "streets-71")
    done = CliRunner().invoke(
        app, ["quantize", str(tiny.folder), "--photos", folder, "--calibration", "16", "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["photos"] == 55
    assert told["variant"] == "int8"
    pack = load_pack(tiny.folder)
    verify_pack(pack)
    (variant,) = pack.manifest.variants
    assert variant.calibration["photos"] == 16
    assert variant.checks["top1"] == told["top1"]
    few = CliRunner().invoke(app, ["quantize", str(tiny.folder), "--photos", str(tiny.folder)])
    assert few.exit_code == 1
    monkeypatch.undo()


def test_the_verdict_is_told(tiny: ModelPack) -> None:
    told = Agreement(200, 0.985, 0.01, 0.2, 0.3, 12.0, 0.005, 50.0, 14.0, "openvino int8")
    lines = "\n".join(quantize._report_lines(tiny, "int8", told))
    assert "98.5% of 200 photos" in lines
    assert "× 3.57" in lines
    assert "uses int8 from now on" in lines
    for worse in ({"moved_far": 0.02}, {"rate": 10.0}):
        lines = "\n".join(quantize._report_lines(tiny, "int8", dataclasses.replace(told, **worse)))
        assert "only when asked for" in lines
