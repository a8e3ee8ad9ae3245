"""What the program says of itself and of words that it cannot take."""

import pytest

from geotagger import __version__
from tests.commands import Geotagger


def test_the_version_needs_no_command(geotagger: Geotagger) -> None:
    assert geotagger("--version").out == f"geotagger {__version__}\n"


@pytest.mark.parametrize(
    "words", ["--help", "-h", "tag --help", "models pull -h", "train run --help", "--version"]
)
def test_a_mistake_in_the_settings_keeps_nobody_from_help(geotagger: Geotagger, words: str) -> None:
    (geotagger.home / "geotagger.toml").write_text("bogus = 1\n")
    assert geotagger(*words.split()).err == ""


@pytest.mark.parametrize("words", ["runs", "tag .", "train cells . --work w"])
def test_a_mistake_in_the_settings_stops_every_command(geotagger: Geotagger, words: str) -> None:
    (geotagger.home / "geotagger.toml").write_text("bogus = 1\n")
    said = geotagger(*words.split(), code=2)
    assert said.err.splitlines() == [
        "geotagger: geotagger.toml: no command has the setting 'bogus'; see `geotagger --help`"
    ]
