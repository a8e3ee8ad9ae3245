"""What a model may be expected to do here, and what it did."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geotagger.engine import speed
from geotagger.engine.batching import BatchedEngine
from geotagger.engine.devices import Device
from geotagger.engine.onnx_runner import OnnxRunner
from geotagger.engine.opening import open_engine
from geotagger.engine.pace import Pace
from geotagger.engine.values import Batch, Outputs
from tests.commands import Geotagger

from . import networks


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lanes_that_work_at_once_count_their_time_once() -> None:
    clock = Clock()
    pace = Pace(clock)
    with ExitStack() as first:
        first.enter_context(pace.timed(30))
        clock.now += 1
        with pace.timed(30):
            clock.now += 2
        clock.now += 1
    clock.now += 100  # nobody works
    with pace.timed(20):
        clock.now += 4
    assert pace.rate == pytest.approx(80 / 8)


def test_a_batch_that_fails_and_a_few_photos_say_nothing() -> None:
    clock = Clock()
    pace = Pace(clock)
    with suppress(ZeroDivisionError), pace.timed(1000):
        clock.now += 1
        1 / 0  # noqa: B018
    with pace.timed(31):
        clock.now += 1
    assert pace.rate is None


def test_an_engine_tells_its_rate(tmp_path: Path) -> None:
    engine = open_engine(networks.pack(tmp_path / "tiny"), "cpu")
    assert engine.rate is None
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: engine.run(networks.photos(16, seed)), range(4)))
    assert isinstance(engine, BatchedEngine)
    assert engine.rate is not None
    assert engine.rate > 0


def test_on_a_processor_the_rate_is_the_machines_whatever_else_it_does(tmp_path: Path) -> None:
    """A lane that sleeps is one that others keep from the processor."""

    class Sleepy(OnnxRunner):
        def run(self, batch: Batch) -> Outputs:
            time.sleep(0.2)
            return super().run(batch)

    pack = networks.pack(tmp_path / "tiny")
    engine = BatchedEngine("tiny", [Sleepy(pack.onnx_path, Device("cpu"))], 16)
    for seed in range(4):
        engine.run(networks.photos(16, seed))
    assert engine.rate is not None
    assert engine.rate > 2 * 16 / 0.2


def test_the_probe_is_made_once_and_damaged_caches_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "_file", lambda: tmp_path / "speed.json")
    monkeypatch.setattr(speed, "_PROBE_S", 0.1)
    rate = speed.expected_rate("net", 2.0, "fp32")
    assert rate is not None
    assert rate > 0
    monkeypatch.setattr(speed, "gflop_per_second", lambda _: np.nan)
    assert speed.expected_rate("net", 4.0, "fp32") == pytest.approx(rate / 2)
    speed.remember_rate("net", "fp32", 7.0)
    speed.remember_rate("net", "int8", 9.0)
    assert speed.expected_rate("net", 4.0, "fp32") == 7.0
    assert speed.kept_rate("net", "fp32", "int8") == 9.0
    speed.remember_rate("net", "fp32", 8.0)
    assert speed.kept_rate("net", "fp32", "int8") == 8.0
    for damage in ("", "{}", "[1]", '{"x": 3}', f'{{"{speed._machine()}": [1]}}'):
        (tmp_path / "speed.json").write_text(damage)
        assert speed.kept_rate("net", "fp32") is None
    monkeypatch.setattr(speed, "gflop_per_second", lambda _: 6.0)
    (tmp_path / "speed.json").write_text(f'{{"{speed._machine()}": {{"products": {{"fp32": "fast"}}}}}}')
    assert speed.expected_rate("net", 2.0, "fp32") == 3.0


def test_a_run_is_remembered_and_listed(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for n in range(40):
        picture = Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0110] = "A camera"
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 10:00:{n:02d}"
        picture.save(photos / f"{n}.jpg", exif=exif)
    geotagger = Geotagger(tmp_path)
    networks.pack(tmp_path / "models" / "tiny")
    (before,) = [r for r in geotagger("models", "list", "--json").records if r["name"] == "tiny"]
    geotagger("tag", photos, "--model", "tiny", "--dry-run")
    (after,) = [r for r in geotagger("models", "list", "--json").records if r["name"] == "tiny"]
    assert before["photos_per_second"] is None
    assert after["photos_per_second"] > 0
