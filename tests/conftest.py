"""Fixtures that all rooms share."""

import os
from pathlib import Path

import pytest

from tests.commands import Geotagger


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
