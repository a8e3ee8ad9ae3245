"""Fixtures that all rooms share."""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from geotagger.engine.cores import usable_cores
from tests.commands import Geotagger

# how long an example takes is the machine's affair
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# what is compiled once is not compiled again by each of the thousand processes that the tests start
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

WITHOUT_ROOTS_RIGHTS = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-all",
    "--",
)


QUICK = ("tests/test_", "tests/model/", "tests/photo/", "tests/tracks/", "tests/index/")
NOT_QUICK = (
    "tests/test_fuzz",
    "tests/test_gazetteer",
    "tests/test_small_files",
    "tests/index/test_crashes",
    "tests/index/test_questions",
    "tests/index/test_search",
    "tests/index/test_versions",
    "tests/model/test_cells_csv",
    "tests/model/test_fresh_machine",
    "tests/model/test_models_command",
    "tests/model/test_params",
    "tests/model/test_symbol",
    "tests/photo/test_against_exiftool",
    "tests/photo/test_bounds",
    "tests/photo/test_damage",
    "tests/photo/test_pixels",
    "tests/photo/test_previews",
    "tests/tracks/test_hostile",
)
"""What is among them and starts commands, kills processes or reads files by the dozen."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores: much of what the tests do is to wait for the disk, or for a command."""
    return usable_cores() + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of values and readers `quick`."""
    for item in items:
        if item.nodeid.startswith(QUICK) and not item.nodeid.startswith(NOT_QUICK):
            item.add_marker(pytest.mark.quick)


def pytest_collection_finish() -> None:
    """What is there before the first test stays there: it is not looked through again and again."""
    gc.collect()
    gc.freeze()


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test marked `ordinary_user` is about what may not be read or written. Where this process may read and
    write everything, as root may, the test runs in another one that may not."""
    if pyfuncitem.get_closest_marker("ordinary_user") is None:
        return None
    closed = pyfuncitem.funcargs["tmp_path"] / "may-this-process-read-it"
    closed.touch(mode=0)
    has_every_right = os.access(closed, os.R_OK)
    closed.unlink()
    if not has_every_right:
        return None
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and setpriv (util-linux) is not here to take that away")
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*WITHOUT_ROOTS_RIGHTS, *pytest_alone, pyfuncitem.nodeid],
        cwd=pyfuncitem.config.rootpath,
        capture_output=True,
        text=True,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    return True


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data that lies beside the checkout and is no part of the project."""
    folder = Path(os.environ.get("GEOTAGGER_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the development data is not at {folder}; set GEOTAGGER_TEST_DATA")
    return folder


@pytest.fixture
def geotagger(tmp_path: Path) -> Geotagger:
    """The command, with a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return Geotagger(home)
