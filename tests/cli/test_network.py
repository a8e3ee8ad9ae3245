"""Which commands use the network at all, seen by tracing their system calls: every command stands in one of
two tables below, and a new one fails until it does."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from geotagger.cli import build
from geotagger.engine.openvino_runner import is_installed
from tests.commands import Geotagger
from tests.handoff.server import KEY, Library, immich
from tests.model.checkpoints import FOLDER, write_grids
from tests.model.server import serving
from tests.model.test_models_command import CATALOGUE
from tests.tag.scenes import walk_through_town
from tests.tag.test_pictures import colour_pack, pictures
from tests.training.places import make_world

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace, which sees every call, is missing"
)

Words = tuple[object, ...]

ON_THE_NETWORK = {"models pull", "handoff immich", "review", "train run", "train shards", "train fit"}
"""Those that may, when they are asked to; `look` may with `--on ray`."""

PULL = ("models", "pull", "toy")


def offline(tmp_path: Path) -> list[Words]:
    """One of every other command, in an order in which each has something to do; `train run` and what it is
    made of stand below."""
    pack, photos = colour_pack(tmp_path), pictures(tmp_path / "photos", 2)
    walk_through_town(photos / "walk", photos=24, size=64)
    one, out = min(photos.rglob("IMG_*.jpg")), tmp_path / "out"
    track, listed = tmp_path / "walk.gpx", tmp_path / "list.csv"
    track.write_text(
        '<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg><trkpt lat="48.2" lon="16.37">'
        "<time>2024-05-17T10:00:00Z</time></trkpt></trkseg></trk></gpx>"
    )
    rows = [f"{path},48.2,16.3{n}\n" for n, path in enumerate(photos.rglob("*.jpg"))]
    listed.write_text("path,latitude,longitude\n" + "".join(rows))
    return [
        ("tag", photos, "--model", pack, "--track", track, "--clock", "Scene One=+0", "--write-names"),
        ("tag", photos, "--model", pack),
        *([("tag", photos, "--model", pack, "--engine", "openvino", "--again")] if is_installed() else []),
        ("look", photos, "--model", pack, "--out", tmp_path / "rows"),
        ("tag", photos, "--model", pack, "--looked", tmp_path / "rows", "--look-processes", 2, "--again"),
        ("place", "48.2,16.37", one),
        ("status",),
        ("query", "--near", "Vienna", "--radius", 20_000),
        ("why", one),
        ("evaluate", photos, "--model", pack),
        ("export", "--out", tmp_path / "out.geojson"),
        ("export", "--out", tmp_path / "out.html"),
        ("export", "--photos", tmp_path / "public", "--coarsen", "5km"),
        ("datasette", "--out", tmp_path / "metadata.json"),
        ("clocks",),
        ("tracks",),
        ("roots",),
        ("runs",),
        ("places", "add", "home", "48.2,16.37"),
        ("places", "list"),
        ("places", "remove", "home"),
        ("handoff", "photoprism"),
        ("handoff", "memories"),
        ("models", "list"),
        ("models", "show", pack),
        ("models", "import", *checkpoint(tmp_path), "--name", "imported", "--input-size", 32),
        ("models", "quantize", pack, "--photos", photos),
        ("train", "cells", listed, "--work", out),
        ("train", "pack", "--help"),
        ("undo", "--yes"),
        ("forget", "--estimates", "--yes", photos),
    ]


def checkpoint(folder: Path) -> list[Path]:
    return [FOLDER / "gluon-symbol.json", FOLDER / "gluon-0001.params", write_grids(folder / "grids.txt", 11)]


ALL_IN_ONE = """
import json, os, sys
from geotagger.cli import main
for number, words in enumerate(json.loads(sys.argv[1])):
    os.chdir(f"{sys.argv[2]}/{number}")
    try:
        main(words)
        code = 0
    except SystemExit as end:
        code = end.code
    print(number, code, file=sys.stderr, flush=True)
"""


def traced(log: Path, calls: str, command: list[str], geotagger: Geotagger) -> "subprocess.Popen[str]":
    tracer = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={calls}", "-o", str(log)]
    return subprocess.Popen(
        [*tracer, *command],
        env={**geotagger.environment, "PYTHONPATH": os.getcwd()},
        cwd=geotagger.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_no_other_command_makes_a_socket_and_models_pull_asks_its_catalogues_address_alone(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    commands = offline(tmp_path)
    names = {" ".join(name) for name in leaves(build())}
    tried = {name for name in names for words in commands if " ".join(map(str, words)).startswith(name)}
    assert names == tried | ON_THE_NETWORK, "a command that stands in no table here"
    with serving() as served:
        served.content.update({f"/{path.name}": path.read_bytes() for path in checkpoint(tmp_path)})
        (tmp_path / "catalogue.toml").write_text(CATALOGUE.replace("ADDRESS", served.address))
        commands.append((*PULL, "--catalogue", tmp_path / "catalogue.toml"))
        for number in range(len(commands)):
            (tmp_path / "marks" / str(number)).mkdir(parents=True)
        told = json.dumps([[str(word) for word in words] for words in commands])
        command = [sys.executable, "-c", ALL_IN_ONE, told, str(tmp_path / "marks")]
        process = traced(tmp_path / "log", "socket,connect,chdir", command, geotagger)
        _, said = process.communicate(timeout=250)
        host = served.address.removeprefix("http://")
    codes = dict(re.findall(r"^(\d+) (\d+)$", said, re.M))
    assert len(codes) == len(commands), said
    assert not {commands[int(n)] for n, code in codes.items() if code != "0"}, said
    made: dict[int, list[str]] = {}
    now = -1
    for line in (tmp_path / "log").read_text().splitlines():
        if mark := re.search(r"chdir\(\".*/marks/(\d+)\"\)", line):
            now = int(mark[1])
        elif "AF_INET" in line:
            made.setdefault(now, []).append(line)
    assert made.pop(len(commands) - 1, None)
    assert not made, [(commands[number], lines[:3]) for number, lines in made.items()]
    assert addresses(tmp_path / "log", "connect") == {host}


def leaves(command: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", {})
    return [leaf for name, one in below.items() for leaf in leaves(one, (*above, name))] or [above]


def addresses(log: Path, call: str) -> set[str]:
    """Host and port of every Internet address that a call was about."""
    pattern = rf"{call}\(\d+, {{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?\"([0-9a-f.:]+)\""
    return {f"{host}:{port}" for port, host in re.findall(pattern, log.read_text())}


def test_a_socket_would_be_seen(geotagger: Geotagger, tmp_path: Path) -> None:
    opens_one = "import socket; socket.create_server(('127.0.0.1', 0))"
    process = traced(tmp_path / "log", "socket,bind", [sys.executable, "-c", opens_one], geotagger)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert "AF_INET" in (tmp_path / "log").read_text()
    assert addresses(tmp_path / "log", "bind") == {"127.0.0.1:0"}


def test_handoff_immich_asks_the_named_server_and_no_other(geotagger: Geotagger, tmp_path: Path) -> None:
    photos = walk_through_town(tmp_path / "photos", photos=6, size=32).folder
    geotagger("tag", photos, "--model", "none")
    key = tmp_path / "key"
    key.write_text(KEY)
    with immich(Library()) as library:
        words = ("handoff", "immich", library.address, "--key-file", key)
        process = traced(tmp_path / "log", "network", geotagger.command(*words), geotagger)
        _, said = process.communicate(timeout=100)
        assert process.returncode in (0, 1), said
        assert library.calls
        host = library.address.removeprefix("http://")
        assert addresses(tmp_path / "log", "connect") == {host}
    assert "listen(" not in (tmp_path / "log").read_text()


def test_review_answers_on_the_loopback_address_and_asks_nobody(geotagger: Geotagger, tmp_path: Path) -> None:
    photos = walk_through_town(tmp_path / "photos", photos=6, size=32).folder
    geotagger("tag", photos, "--model", "none")
    command = geotagger.command("review", "--no-browser", "--json")
    process = traced(tmp_path / "log", "network", command, geotagger)
    assert process.stdout is not None
    try:
        address = json.loads(process.stdout.readline())["address"]
        world = {"south": -90, "west": -180, "north": 90, "east": 180, "zoom": 3}
        for path, query in (("", {}), ("api/state", {}), ("api/clusters", world), ("api/outings", {})):
            assert httpx.get(address + path, params=query).status_code == 200
    finally:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        process.communicate(timeout=30)
    assert {bound.rpartition(":")[0] for bound in addresses(tmp_path / "log", "bind")} == {"127.0.0.1"}
    assert not addresses(tmp_path / "log", "connect")


def test_training_on_files_asks_nobody_and_on_an_address_that_alone(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")
    photos = walk_through_town(tmp_path / "photos", photos=24, size=64).folder
    with serving() as served:
        served.content.update({f"/{path.name}": path.read_bytes() for path in photos.iterdir()})
        for base, asked in ((str(photos), set()), (served.address, {served.address.removeprefix("http://")})):
            listed = tmp_path / "list.csv"
            rows = [f"{base}/{path.name},48.{n},16.3\n" for n, path in enumerate(sorted(photos.iterdir()))]
            listed.write_text("path,latitude,longitude\n" + "".join(rows))
            work = tmp_path / f"work-{len(asked)}"
            geotagger("train", "cells", listed, "--work", work, "--t1", 5, "--t2", 1)
            command = geotagger.command("train", "shards", "--work", work)
            process = traced(tmp_path / "log", "network", command, geotagger)
            _, said = process.communicate(timeout=200)
            assert process.returncode == 0, said
            assert addresses(tmp_path / "log", "connect") == asked
            assert "listen(" not in (tmp_path / "log").read_text()


MAIN = "from geotagger.cli import main; main()"
SMALL = (
    "--input-size 32 --short-side 48 --epochs 1 --batch 16 --micro-batch 16 --val 0.1 --test 0.1 --device cpu"
)


@pytest.mark.slow
def test_training_from_photos_to_a_pack_asks_nobody(geotagger: Geotagger, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
    make_world(tmp_path / "photos", photos_a_place=20, places=3)
    run = ("train", tmp_path / "photos", "--out", tmp_path / "pack", "--network", "resnet10", *SMALL.split())
    for words in (run, ("train", "fit", "--work", f"{tmp_path}/pack.work", "--device", "cpu")):
        process = traced(tmp_path / "log", "network", geotagger.command(*words), geotagger)
        _, said = process.communicate(timeout=280)
        assert process.returncode == 0, said
        # a library binds ::1 once to see whether this machine has IPv6, and lets it go
        assert not addresses(tmp_path / "log", "connect") | addresses(tmp_path / "log", "sendto")
        assert "listen(" not in (tmp_path / "log").read_text()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed: pip install '.[backbones]'")
def test_training_from_what_timm_publishes_asks_its_hub_alone(geotagger: Geotagger, tmp_path: Path) -> None:
    make_world(tmp_path / "photos", photos_a_place=20, places=3)
    words = ("train", tmp_path / "photos", "--out", tmp_path / "pack", "--network", "timm/resnet10t.c3_in1k")
    let_load = "from tests.training.conftest import let_torchvision_load; let_torchvision_load()"
    with serving() as hub:
        geotagger.environment["HF_ENDPOINT"] = hub.address
        code = f"{let_load}; {MAIN}"
        command = [sys.executable, "-c", code, *map(str, words), "--from", "timm", *SMALL.split()]
        process = traced(tmp_path / "log", "network", command, geotagger)
        _, said = process.communicate(timeout=280)
        host = hub.address.removeprefix("http://")
    assert (process.returncode, "Traceback" in said) == (1, False), said
    assert "the weights that timm publishes could not be had" in said
    assert hub.requests
    assert addresses(tmp_path / "log", "connect") == {host}


@pytest.mark.ray
@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install '.[cluster]'")
def test_look_on_ray_asks_this_machine_and_what_ray_asks_of_clouds_alone(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """Ray asks for itself where it runs: the address at which clouds answer, and the name server for Google's
    name of the same. To 8.8.8.8 it sends nothing: it sees which address of its own leads there."""
    pack, photos = colour_pack(tmp_path), pictures(tmp_path / "photos", 2)
    words = ("look", photos, "--model", pack, "--out", tmp_path / "rows", "--on", "ray")
    process = traced(tmp_path / "log", "network", geotagger.command(*words), geotagger)
    _, said = process.communicate(timeout=280)
    assert process.returncode == 0, said
    asked = addresses(tmp_path / "log", "connect")
    assert asked
    for address in asked - {"169.254.169.254:80", "8.8.8.8:53"} - {f"{host}:53" for host in name_servers()}:
        host = address.rpartition(":")[0].removeprefix("::ffff:")
        # an address is this machine's where something can be bound to it
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()


def name_servers() -> list[str]:
    return re.findall(r"^nameserver (\S+)", Path("/etc/resolv.conf").read_text(), re.M)
