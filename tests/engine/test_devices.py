from pathlib import Path

import pytest

from geotagger.engine.cores import cgroup_quota, usable_cores
from geotagger.engine.devices import Device, nvidia_gpus, parse_devices
from geotagger.errors import UsageError


def test_device_names_stand_for_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,5")
    assert nvidia_gpus() == 3
    assert parse_devices("auto") == ()
    assert parse_devices("CPU") == (Device("cpu"),)
    assert parse_devices("cuda") == (Device("cuda", 0), Device("cuda", 1), Device("cuda", 2))
    assert parse_devices("cuda:0,2,0") == (Device("cuda", 0), Device("cuda", 2))
    assert parse_devices("directml") == (Device("directml", 0),)
    assert parse_devices("coreml") == (Device("coreml"),)
    assert [str(d) for d in parse_devices("tensorrt:1")] == ["tensorrt:1"]


@pytest.mark.parametrize("text", ["", "gpu", "cuda:x", "cuda:0,,1", "cpu:0", "auto:1", "cuda:-1"])
def test_other_names_are_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="--device"):
        parse_devices(text)


@pytest.mark.parametrize(("visible", "count"), [("", 0), ("-1", 0), ("GPU-1,GPU-2", 2)])
def test_hidden_gpus_do_not_count(monkeypatch: pytest.MonkeyPatch, visible: str, count: int) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert nvidia_gpus() == count


def test_the_cgroup_bounds_the_cores(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    inner = root / "user" / "job"
    inner.mkdir(parents=True)
    own.write_text("0::/user/job\n")
    assert cgroup_quota(root, own) is None
    (inner / "cpu.max").write_text("max 100000\n")
    assert cgroup_quota(root, own) is None
    (root / "user" / "cpu.max").write_text("150000 100000\n")
    assert cgroup_quota(root, own) == 1.5
    (inner / "cpu.max").write_text("50000 100000\n")
    assert cgroup_quota(root, own) == 0.5


def test_the_older_cgroups_bound_the_cores_too(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    folder = root / "cpu" / "docker"
    folder.mkdir(parents=True)
    own.write_text("5:memory:/docker\n4:cpu,cpuacct:/docker\n")
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cgroup_quota(root, own) is None
    (folder / "cpu.cfs_quota_us").write_text("300000\n")
    assert cgroup_quota(root, own) == 3


def test_there_is_always_a_core() -> None:
    assert usable_cores() >= 1
