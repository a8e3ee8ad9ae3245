"""What a network needs is held against what is free before it is loaded."""

from pathlib import Path

import pytest

from geotagger.engine import memory
from geotagger.engine.opening import open_engine
from geotagger.errors import EngineError

from . import networks


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """3 GB free, 1 GB of swap, no limit."""
    (tmp_path / "meminfo").write_text("MemAvailable: 3000000 kB\nSwapFree: 1000000 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    return tmp_path


def test_free_is_what_the_system_and_its_limits_leave(machine: Path) -> None:
    assert memory.free_bytes() == 4_000_000 * 1024
    (machine / "memory.max").write_text("max\n")
    (machine / "memory.current").write_text("5\n")
    assert memory.free_bytes() == 4_000_000 * 1024
    (machine / "memory.max").write_text("1000005\n")
    assert memory.free_bytes() == 1_000_000
    (machine / "meminfo").write_text("nonsense")
    assert memory.free_bytes() is None


def test_a_network_without_room_is_refused_with_both_sizes(machine: Path) -> None:
    network = machine / "model.onnx"
    with network.open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(EngineError, match=r"geoclip needs about 5\.1 GB of memory .* 4\.1 GB are free.*int8"):
        memory.check_room("geoclip", network)
    (machine / "meminfo").write_text("")
    memory.check_room("geoclip", network)
    memory.check_room("geoclip", machine / "missing.onnx")


def test_an_engine_is_not_opened_then(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = networks.pack(machine / "tiny")
    monkeypatch.setattr(memory, "_SMALL", 0)
    open_engine(pack, "cpu").close()
    (machine / "meminfo").write_text("MemAvailable: 1 kB\n")
    with pytest.raises(EngineError, match="tiny needs about"):
        open_engine(pack, "cpu")
