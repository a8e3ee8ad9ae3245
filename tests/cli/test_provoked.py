"""Everything a user, a shell or a disk can do to a command ends in one line and the right exit code."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import Geotagger
from tests.tag.scenes import Scene, walk_through_town


@pytest.fixture
def scene(geotagger: Geotagger, tmp_path: Path) -> Scene:
    scene = walk_through_town(tmp_path / "photos", 4)
    geotagger("tag", scene.folder)
    return scene


def shell(geotagger: Geotagger, redirected: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command with its output redirected as a shell would."""
    script = f'exec "$@" {redirected}'
    command = ["sh", "-c", script, "sh", *geotagger.command(*arguments)]
    done = subprocess.run(
        command, env=geotagger.environment, cwd=geotagger.home, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("closed", [">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["tag", "query", "runs"])
def test_closed_streams_are_no_fault(geotagger: Geotagger, scene: Scene, closed: str, command: str) -> None:
    where = [scene.folder] if command == "tag" else []
    assert shell(geotagger, closed, command, *where).returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("words", [["query", "--json"], ["query"], ["runs"], ["--help"]])
@pytest.mark.usefixtures("scene")
def test_an_answer_that_cannot_be_written_is_told(geotagger: Geotagger, words: list[str]) -> None:
    done = shell(geotagger, ">/dev/full", *words)
    assert done.returncode == 1
    assert done.stderr == "geotagger: standard output cannot be written (No space left on device)\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_run_whose_report_is_lost_goes_on_and_says_so(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", 4)
    done = shell(geotagger, ">/dev/full", "tag", scene.folder, "--json")
    assert done.returncode == 1
    assert "the work goes on without" in done.stderr
    assert "4 kept: unchanged" in geotagger("tag", scene.folder).out


def test_a_damaged_index_is_left_as_it_was(geotagger: Geotagger, scene: Scene) -> None:
    whole = geotagger.index.read_bytes()
    for spoiled in (whole[:20_000], whole[:50], whole[:4096], whole[:8192] + bytes(range(256)) * 400):
        geotagger.index.write_bytes(spoiled)
        said = geotagger("tag", scene.folder, "--model", "none", code=5)
        assert "damaged" in said.err
        assert len(said.err.splitlines()) == 1
        assert geotagger.index.read_bytes() == spoiled


@pytest.mark.parametrize("command", ["tag", "query", "runs", "undo", "why"])
def test_a_folder_is_no_index(geotagger: Geotagger, scene: Scene, command: str) -> None:
    photo = scene.folder / "IMG_0001.jpg"
    where = {"tag": [scene.folder, "--model", "none"], "why": [photo]}.get(command, [])
    said = geotagger(command, *where, "--index", scene.folder, code=5)
    assert len(said.err.splitlines()) == 1


def test_an_index_of_the_future_is_refused(geotagger: Geotagger, scene: Scene) -> None:
    with sqlite3.connect(geotagger.index) as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    assert "newer geotagger" in geotagger("tag", scene.folder, code=5).err


def test_to_undo_without_an_index_makes_none(geotagger: Geotagger) -> None:
    assert "nothing to undo" in geotagger("undo", "--yes", code=2).err
    assert not geotagger.index.exists()


def test_a_wrong_value_names_the_setting_that_it_came_from(geotagger: Geotagger) -> None:
    geotagger.environment["GEOTAGGER_MIN_CONFIDENCE"] = "high"
    assert "GEOTAGGER_MIN_CONFIDENCE = 'high'" in geotagger("runs", code=2).err
    del geotagger.environment["GEOTAGGER_MIN_CONFIDENCE"]
    (geotagger.home / "geotagger.toml").write_text('[tag]\nwrite = "nowhere"\n')
    said = geotagger("tag", ".", code=2).err
    assert "geotagger.toml: tag.write = 'nowhere': 'nowhere' is not one of" in said
    assert len(said.splitlines()) == 1


def test_one_value_of_an_option_that_takes_several_needs_no_list(geotagger: Geotagger, scene: Scene) -> None:
    (geotagger.home / "geotagger.toml").write_text('exclude = "IMG_0001*"\n')
    assert "3 photos" in geotagger("tag", scene.folder).out


def test_cron_has_no_home_no_language_and_no_terminal(geotagger: Geotagger, scene: Scene) -> None:
    bare = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": geotagger.environment["XDG_STATE_HOME"]}
    command = geotagger.command("tag", scene.folder, "--index", geotagger.index, "--quiet", "--model", "none")
    done = subprocess.run(command, env=bare, cwd="/", stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.ordinary_user
def test_an_index_in_a_closed_folder_cannot_be_read(
    geotagger: Geotagger, scene: Scene, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    commands = [["tag", scene.folder, "--model", "none"], ["query"], ["runs"], ["undo"]]
    try:
        told = [geotagger(*words, "--index", closed / "index.db", code=5).err for words in commands]
    finally:
        closed.chmod(0o755)
    for words, said in zip(commands, told, strict=True):
        assert len(said.splitlines()) == 1, words
        assert "the index cannot be read (Permission denied)" in said, words


WARNING = """
import subprocess, sys
import numpy
from geotagger.cli import main
from geotagger.model import pack
def warning():
    numpy.float64(1) / numpy.float64(0)
    subprocess.run([sys.executable, "-c", "import numpy; numpy.float64(1) / numpy.float64(0)"], check=True)
    return []
pack.installed_packs = warning
main(["models", "list"])
"""


@pytest.mark.parametrize(("options", "is_shown"), [((), False), (("-W", "default"), True)])
def test_what_libraries_warn_of_is_shown_to_programmers_alone(
    geotagger: Geotagger, options: tuple[str, ...], *, is_shown: bool
) -> None:
    command = [sys.executable, *options, "-c", WARNING]
    environment = {k: v for k, v in geotagger.environment.items() if k != "PYTHONWARNINGS"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert ("RuntimeWarning" in done.stderr) is is_shown
