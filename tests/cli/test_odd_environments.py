"""Homes that may not be read, names that no file can have, terminals that know no letters: one line."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer import Exit

from geotagger.cli.common import ends_cleanly, escape_what_output_lacks
from geotagger.cli.settings import default_map
from geotagger.engine.memory import is_of_memory
from geotagger.errors import GeotaggerError
from geotagger.export.writing import write
from geotagger.model.catalogue import read_catalogue
from geotagger.model.fetching import Places, gather
from geotagger.model.pack import find_pack, installed_packs
from geotagger.tracks import load_tracks

from .test_settings import tree

NO_FILES = Path("/" + "a" * 300)
"""To look there fails as in a folder that may not be read, for root, too."""


@pytest.fixture(autouse=True)
def closed_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "GEOTAGGER_MODELS"):
        monkeypatch.setenv(name, str(NO_FILES))


def test_in_a_home_that_cannot_be_read_are_no_settings_and_no_models() -> None:
    assert default_map(tree(), {})["tag"] == {}
    assert installed_packs() == []


@pytest.mark.parametrize(
    "look",
    [
        lambda: find_pack(str(NO_FILES)),
        lambda: find_pack("some"),
        lambda: gather(read_catalogue()["geoclip"], None, Places(NO_FILES)),
        lambda: load_tracks([NO_FILES]),
        lambda: write(["x"], NO_FILES / "x.csv", "csv"),
        lambda: write(["x"], NO_FILES, "csv"),
    ],
)
def test_what_cannot_be_looked_at_is_named_in_a_line(look: Callable[[], object]) -> None:
    with pytest.raises(GeotaggerError, match=r"\A.+\Z"):
        look()


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_letters_that_the_terminal_lacks_are_escapes(monkeypatch: pytest.MonkeyPatch, errors: str) -> None:
    """`surrogateescape` is what Python takes under LC_ALL=POSIX."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=errors)
    monkeypatch.setattr(sys, "stdout", output)
    escape_what_output_lacks()
    print("± 5 km")
    output.flush()
    assert output.buffer.getvalue() == b"\\xb1 5 km\n"  # type: ignore[attr-defined]


def test_a_library_that_finds_no_room_ends_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    @ends_cleanly
    def command() -> None:
        raise ImportError("/lib/onnx.so: failed to map segment from shared object")

    with pytest.raises(Exit, match="1"):
        command()
    assert "not enough memory to go on" in capsys.readouterr().err


def test_a_file_system_that_lets_no_library_run_lacks_no_memory() -> None:
    """As one that is mounted `noexec`."""
    error = ImportError("/lib/onnx.so: failed to map segment from shared object: Operation not permitted")
    assert not is_of_memory(error)
