import pickle
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.engine import onnx_build, onnx_runner, opening
from geotagger.engine.batching import BatchedEngine, best_batch_size
from geotagger.engine.opening import open_engine
from geotagger.engine.values import Batch, OutOfMemoryError, Outputs
from geotagger.errors import EngineError, UsageError
from geotagger.model.pack import ModelPack

from . import networks

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelPack:
    return networks.pack(tmp_path_factory.mktemp("packs") / "tiny")


def test_an_engine_gives_probabilities_and_features(tiny: ModelPack) -> None:
    engine = open_engine(tiny, "cpu")
    outputs = engine.run(networks.photos(5))
    assert outputs.probabilities.shape == (5, 16)
    assert outputs.probabilities.sum(axis=1) == pytest.approx(1)
    assert outputs.features is not None
    assert outputs.features.shape == (5, networks.FEATURES)
    assert engine.devices == ("cpu",)
    assert engine.name == "onnxruntime fp32"


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 3))
def test_a_photo_comes_out_the_same_in_every_batch(
    tiny: ModelPack, photos: int, batch_size: int, seed: int
) -> None:
    """The same bits, whatever the size of the batch, the place in it, and the company."""
    batch = networks.photos(photos, seed)
    alone = _engine(tiny, 1).run(batch)
    together = _engine(tiny, batch_size).run(batch)
    assert np.array_equal(alone.probabilities, together.probabilities)
    assert alone.features is not None
    assert together.features is not None
    assert np.array_equal(alone.features, together.features)
    order = np.random.default_rng(seed).permutation(photos)
    shuffled = _engine(tiny, batch_size).run(batch[order])
    assert np.array_equal(shuffled.probabilities, together.probabilities[order])


_engines: dict[int, Any] = {}


def _engine(pack: ModelPack, batch_size: int) -> Any:
    if batch_size not in _engines:
        _engines[batch_size] = open_engine(pack, "cpu", batch_size)
    return _engines[batch_size]


class FakeRunner:
    """Gives each photo's sum as the probability of every class; has room for `room` photos."""

    def __init__(
        self, device: str, room: int = 100, barrier: threading.Barrier | None = None, classes: int = 1
    ) -> None:
        self.device = device
        self.classes = classes
        self.room = room
        self.sizes: list[int] = []
        self._barrier = barrier

    def run(self, batch: Batch) -> Outputs:
        if self._barrier is not None:
            self._barrier.wait(timeout=10)
        if len(batch) > self.room:
            raise OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(batch))
        return Outputs(np.repeat(batch.sum(axis=(1, 2, 3))[:, None], self.classes, axis=1), None)


def test_every_batch_has_the_same_size() -> None:
    runner = FakeRunner("cuda:0")
    engine = BatchedEngine("fake", [runner], 4)
    batch = networks.photos(11)
    assert np.array_equal(engine.run(batch).probabilities[:, 0], batch.sum(axis=(1, 2, 3)))
    assert runner.sizes == [4, 4, 4]


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    runner = FakeRunner("cuda:0", room=5)
    engine = BatchedEngine("fake", [runner], 16)
    batch = networks.photos(21)
    assert np.array_equal(engine.run(batch).probabilities[:, 0], batch.sum(axis=(1, 2, 3)))
    assert engine.batch_size == 4
    assert set(runner.sizes) == {4}
    assert engine.notes[-1] == "cuda:0: out of memory, going on with batches of 4"
    with pytest.raises(EngineError, match="not enough memory for a single photo"):
        BatchedEngine("fake", [FakeRunner("cuda:0", room=0)], 2).run(batch)


def test_several_devices_are_fed_evenly_and_at_once() -> None:
    barrier = threading.Barrier(3)  # passes only when all three run at the same time
    runners = [FakeRunner(f"cuda:{i}", barrier=barrier) for i in range(3)]
    engine = BatchedEngine("fake", runners, 4)
    assert (engine.batch_size, engine.lanes) == (4, 3)
    batch = networks.photos(24)
    assert np.array_equal(engine.run(batch).probabilities[:, 0], batch.sum(axis=(1, 2, 3)))
    assert [sum(runner.sizes) for runner in runners] == [8, 8, 8]
    engine.close()


def test_the_batch_size_is_the_smallest_that_is_about_as_fast_as_any() -> None:
    def found(seconds: dict[int, float], room: int = 1000) -> int:
        now = [0.0]

        class Timed(FakeRunner):
            def run(self, batch: Batch) -> Outputs:
                now[0] += seconds[len(batch)]
                return super().run(batch)

        return best_batch_size(Timed("cuda:0", room), (3, 4, 4), sorted(seconds), lambda: now[0])

    assert found({16: 1, 32: 1.5, 64: 2.9, 128: 5.8}) == 64
    assert found({16: 1, 32: 1.99, 64: 3.99}) == 16
    assert found({16: 1, 32: 1.5, 64: 2}, room=40) == 32
    assert found({16: 1, 32: 2}, room=4) == 1


def test_a_silent_fall_back_to_the_cpu_is_an_error(tiny: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU build of ONNX Runtime on a machine without CUDA: it lists the provider and runs elsewhere."""

    class Fallen:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(
        ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(ort, "InferenceSession", Fallen)
    with pytest.raises(
        EngineError, match=r"--device cuda:0: ONNX Runtime fell back to CPUExecutionProvider"
    ) as e:
        open_engine(tiny, "cuda:0")
    assert "\n" not in str(e.value)
    assert "--device cpu" in str(e.value)


@pytest.mark.parametrize("device", ["cuda", "cuda:0,1", "tensorrt", "coreml", "directml", "openvino"])
def test_a_device_that_this_build_lacks_is_one_line(
    tiny: ModelPack, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(EngineError, match=r"has no .*ExecutionProvider") as caught:
        open_engine(tiny, device)
    assert "\n" not in str(caught.value)


def test_auto_goes_on_with_the_cpu_and_says_why(tiny: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoGpu(onnx_runner.OnnxRunner):
        def __init__(self, network: Path, device: Any, threads: int = 1, **_: Any) -> None:
            if device.kind != "cpu":
                raise EngineError("libcudnn is missing")
            super().__init__(network, device, threads)

    monkeypatch.setattr(opening, "OnnxRunner", NoGpu)
    monkeypatch.setattr(opening, "available", {"cuda": True}.get)
    monkeypatch.setattr(opening, "nvidia_gpus", lambda: 1)
    engine = open_engine(tiny, "auto")
    assert engine.devices == ("cpu",)
    assert engine.notes == ("running on the CPU: cuda:0 is left out: libcudnn is missing",)


def test_auto_leaves_out_a_gpu_that_another_program_has_filled(
    tiny: ModelPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy(onnx_runner.OnnxRunner):
        def __init__(self, network: Path, device: Any, threads: int = 1, **_: Any) -> None:
            if device.number == 1:
                raise EngineError("out of memory")
            super().__init__(network, opening.Device("cpu"), threads)
            self.device = str(device)

    monkeypatch.setattr(opening, "OnnxRunner", Busy)
    monkeypatch.setattr(opening, "available", {"cuda": True}.get)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    engine = open_engine(tiny, "auto", 4)
    assert engine.devices == ("cuda:0", "cuda:2")
    assert engine.notes == ("cuda:1 is left out: out of memory",)


def test_a_gpu_beside_the_cpu_build_is_told(tiny: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "nvidia_gpus", lambda: 1)
    monkeypatch.setattr(opening, "available", lambda _: False)
    engine = open_engine(tiny, "auto")
    assert engine.devices == ("cpu",)
    (note,) = engine.notes
    assert "CPU build" in note
    assert "onnxruntime-gpu[cuda,cudnn]" in note


def test_two_builds_over_each_other_are_told(tiny: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_build, "builds", lambda: {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"})
    (note,) = open_engine(tiny, "cpu").notes
    assert note.startswith("onnxruntime 1.32.0 and onnxruntime-gpu 1.31.1 are installed over each other")
    assert "the one in use is the CPU build" in note


def test_no_message_sends_anybody_to_a_strangers_package() -> None:
    """On the Python package index `geotagger` is somebody else's."""
    told = [
        str(path)
        for folder in ("geotagger", "training", "docs")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".md") and 'install "geotagger' in path.read_text(encoding="utf-8")
    ]
    assert not told


def test_one_session_is_opened_for_each_gpu(tiny: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[Any, Sequence[Any]]] = []

    class Session:
        def __init__(self, path: str, _options: Any, providers: Sequence[Any], **_: Any) -> None:
            opened.append((path, providers))

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

        def get_outputs(self) -> list[Any]:
            return []

    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(ort, "InferenceSession", Session)
    engine = open_engine(tiny, "cuda:0,2", 8)
    assert engine.devices == ("cuda:0", "cuda:2")
    assert (engine.batch_size, engine.lanes) == (8, 4), "each GPU computes a batch while it copies another"
    assert [providers[0][1]["device_id"] for _, providers in opened] == ["0", "2"]


def test_a_network_that_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(EngineError, match="ONNX Runtime cannot run it on cpu") as caught:
        onnx_runner.OnnxRunner(broken, opening.Device("cpu"))
    assert "\n" not in str(caught.value)
    sent = pickle.loads(pickle.dumps(caught.value))  # as by processes that look
    assert str(sent) == str(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"device": "gpu"}, "--device gpu"),
        ({"engine": "caffe"}, "--engine caffe"),
        ({"batch_size": 0}, "--batch-size"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(tiny: ModelPack, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        open_engine(tiny, **options)


def test_what_the_engine_says_while_it_runs_is_told(tiny: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    from geotagger.tag.network import Network
    from geotagger.tag.options import TagOptions

    said: list[str] = []
    runner = FakeRunner("cuda:0", room=5, classes=tiny.manifest.classes)
    engine = BatchedEngine("fake", [runner], 16, ["cuda:1 is left out: busy"])
    monkeypatch.setattr(opening, "open_engine", lambda *_, **__: engine)
    network = Network(tiny, TagOptions(paths=("/photos",)), said.append)
    network.say(networks.photos(3))
    assert said == ["cuda:1 is left out: busy"]
    network.close()
    assert said[1:] == [
        "cuda:0: out of memory, going on with batches of 8",
        "cuda:0: out of memory, going on with batches of 4",
    ]
