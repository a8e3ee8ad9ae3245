"""`look --on ray` on a cluster of two raylets of a core each: `pytest -m ray`, where Ray is installed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Geotagger
from tests.look.same import assert_same
from tests.look.test_parts import estimates
from tests.tag.test_pictures import colour_pack, pictures

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]
CHECKOUT = Path(__file__).parents[2]


_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
each = {"num_cpus": 1, "object_store_memory": 150 << 20}
cluster = Cluster(initialize_head=True, head_node_args={**each, "include_dashboard": False})
cluster.add_node(**each)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install '.[cluster]'")
    environment = {"PYTHONPATH": str(CHECKOUT), "RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", _CLUSTER],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        address = running.stdout.readline().strip()
        assert address
        yield {**environment, "RAY_ADDRESS": address}
        running.communicate("", timeout=60)


def look(geotagger: Geotagger, cluster: dict[str, str], *words: Any) -> "subprocess.Popen[bytes]":
    geotagger.environment.update(cluster)
    return geotagger.start("look", *words, "--on", "ray", "--json")


def test_rows_from_a_cluster_give_the_plain_runs_estimates(
    geotagger: Geotagger, tmp_path: Path, cluster: dict[str, str]
) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 20), tmp_path / "looked"
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    plain, _ = estimates(geotagger, folder, "--model", pack)
    run = look(geotagger, cluster, folder, "--model", pack, "--out", out)
    said, complaints = run.communicate(timeout=400)
    assert run.returncode == 1, complaints.decode()
    assert b'"seen": 60' in said
    assert b"broken.jpg" in complaints or b'"unreadable": 1' in said
    assert b"Traceback" not in complaints
    merged, note = estimates(geotagger, folder, "--model", pack, "--looked", out)
    assert_same(merged, plain)
    assert "60 photos taken in" in note


def test_an_actor_that_is_killed_costs_nothing(
    geotagger: Geotagger, tmp_path: Path, cluster: dict[str, str]
) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 300), tmp_path / "looked"
    plain, _ = estimates(geotagger, folder, "--model", pack)
    run = look(geotagger, cluster, folder, "--model", pack, "--out", out, "--batch-size", 4)
    until = time.monotonic() + 300
    while not (actors := _actors()) and time.monotonic() < until:
        assert run.poll() is None, run.stderr and run.stderr.read()
        time.sleep(0.05)
    os.kill(actors[0], signal.SIGKILL)
    said, complaints = run.communicate(timeout=500)
    assert run.returncode == 0, complaints.decode()
    assert b'"seen": 900' in said
    merged, _ = estimates(geotagger, folder, "--model", pack, "--looked", out)
    assert_same(merged, plain)


def _actors() -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if b"ray::MapWorker" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def test_an_address_from_outside_is_one_line(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 1)
    geotagger.environment["RAY_ADDRESS"] = "ray://127.0.0.1:10001"
    said = geotagger("look", folder, "--model", pack, "--out", tmp_path / "out", "--on", "ray", code=2)
    assert "ray job submit" in said.err
