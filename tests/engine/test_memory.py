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
    return tmp_path


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{text}\n")


def test_free_is_what_the_system_and_its_limits_leave(machine: Path) -> None:
    """Limits of version 2, of the group that this process is in and of those above it."""
    root, own = machine / "cgroup", machine / "own"
    own.write_text("0::/system.slice/job\n")
    assert memory.free_bytes(root, own) == 4_000_000 * 1024
    group(root, memory_max="max", memory_current=5)
    assert memory.free_bytes(root, own) == 4_000_000 * 1024
    group(root / "system.slice/job", memory_max=1_000_005, memory_current=5)
    assert memory.free_bytes(root, own) == 1_000_000
    group(root / "system.slice", memory_max=900_000, memory_current=200_000)
    assert memory.free_bytes(root, own) == 700_000
    group(root / "other.slice", memory_max=1, memory_current=0)
    assert memory.free_bytes(root, own) == 700_000
    (machine / "meminfo").write_text("nonsense")
    assert memory.free_bytes(root, own) is None


def test_limits_of_version_1_bind_too(machine: Path) -> None:
    root, own = machine / "cgroup", machine / "own"
    own.write_text("3:cpuset:/\n2:memory:/docker/abc\n0::/\n")
    unlimited = 9_223_372_036_854_771_712
    group(root / "memory", memory_limit_in_bytes=unlimited, memory_usage_in_bytes=7)
    assert memory.free_bytes(root, own) == 4_000_000 * 1024
    group(root / "memory/docker/abc", memory_limit_in_bytes=500_000, memory_usage_in_bytes=100_000)
    assert memory.free_bytes(root, own) == 400_000


def test_what_a_group_may_swap_comes_on_top(machine: Path) -> None:
    """As systemd lays it out: a service with limits of its own in a slice with limits of its own."""
    root, own = machine / "cgroup", machine / "own"
    own.write_text("0::/system.slice/tag.service\n")
    slices = root / "system.slice"
    group(slices, memory_max="max", memory_current=900_000_000)
    group(slices / "tag.service", memory_max=2_000_000_000, memory_current=500_000_000)
    room = 1_500_000_000
    assert memory.free_bytes(root, own) == room
    for folder, most, used, more in (
        (slices / "tag.service", "max", 0, 1_024_000_000),
        (slices, 700_000_000, 100_000_000, 600_000_000),
        (slices / "tag.service", 300_000_000, 0, 300_000_000),
    ):
        (folder / "memory.swap.max").write_text(f"{most}\n")
        (folder / "memory.swap.current").write_text(f"{used}\n")
        assert memory.free_bytes(root, own) == room + more


def test_a_limit_of_version_1_may_stand_for_memory_and_swap_together(machine: Path) -> None:
    """As Docker lays it out with --memory 2g --memory-swap 2500m; the list names what only the host sees."""
    root, own = machine / "cgroup", machine / "own"
    own.write_text("9:memory:/docker/0f3\n8:cpu,cpuacct:/docker/0f3\n0::/system.slice/containerd.service\n")
    folder = root / "memory"
    group(folder, memory_limit_in_bytes=2_000_000_000, memory_usage_in_bytes=400_000_000)
    assert memory.free_bytes(root, own) == 1_600_000_000
    for name, number in (("limit", 2_500_000_000), ("usage", 500_000_000)):
        (folder / f"memory.memsw.{name}_in_bytes").write_text(f"{number}\n")
    assert memory.free_bytes(root, own) == 2_000_000_000


def test_files_that_a_group_only_remembers_do_not_fill_it(machine: Path) -> None:
    """A container that has read more photos than its limit holds is as good as empty."""
    root, own = machine / "cgroup", machine / "own"
    own.write_text("0::/\n")
    group(root, memory_max=1_000_000, memory_current=999_000, memory_stat="anon 9\ninactive_file 900000")
    assert memory.free_bytes(root, own) == 901_000
    own.write_text("4:memory:/\n")
    group(
        root / "memory", memory_limit_in_bytes=1_000_000, memory_usage_in_bytes=999_000,
        memory_stat="inactive_file 1\ntotal_inactive_file 800000",
    )  # fmt: skip
    assert memory.free_bytes(root, own) == 801_000


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
