"""Nothing leaves the machine: what is no download opens no socket, neither we nor a library of ours."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import Geotagger
from tests.tag.scenes import walk_through_town
from tests.tag.test_pictures import colour_pack, pictures

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace, which sees every call, is missing"
)


def sockets(geotagger: Geotagger, log: Path, *command: str) -> tuple[int, list[str]]:
    """The exit code of a command, and the Internet sockets that it and all its threads and children made."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=socket", "-o", str(log), *command],
        env=geotagger.environment,
        cwd=geotagger.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    return done.returncode, [line for line in log.read_text().splitlines() if "AF_INET" in line]


def test_no_command_that_works_on_photos_opens_a_socket(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, photos = colour_pack(tmp_path), pictures(tmp_path / "photos", 2)
    walk_through_town(photos / "walk", photos=24, size=64)
    commands: list[tuple[object, ...]] = [
        ("tag", photos, "--model", pack),
        ("status",),
        ("query", "--near", "Vienna", "--radius", 20_000),
        ("why", min(photos.rglob("*.jpg"))),
        ("evaluate", photos, "--model", pack),
        ("export", "--out", tmp_path / "out.geojson", "--format", "geojson"),
        ("models", "list"),
        ("forget", "--estimates", "--yes", photos),
    ]
    for words in commands:
        assert sockets(geotagger, tmp_path / "log", *geotagger.command(*words)) == (0, []), words


def test_a_socket_would_be_seen(geotagger: Geotagger, tmp_path: Path) -> None:
    opens_one = "import socket; socket.socket()"
    code, made = sockets(geotagger, tmp_path / "log", sys.executable, "-c", opens_one)
    assert code == 0
    assert len(made) == 1
