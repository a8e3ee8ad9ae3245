"""What the program says of itself and of words that it cannot take."""

import os
import re
import subprocess

import pytest

from geotagger import __version__
from tests.commands import Geotagger
from tests.reference import reference


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


PYTHONS_WORDS = re.compile(r"[<\[](bool|int|str|float|list|path)\b|<=x|x>=|Value error|Input should")


@pytest.mark.parametrize("words", ["--help", "tag --help", "query --help", "train run --help"])
def test_help_has_no_words_of_python(geotagger: Geotagger, words: str) -> None:
    assert not PYTHONS_WORDS.search(geotagger(*words.split()).out)


FIRST_SCREEN = {
    "tag": "PATH --dry-run --write --min-confidence --track --model --exclude --quiet --json --help",
    "why": "PHOTO --track --model --within --index --json --help",
    "evaluate": "PATH --hide --seed --whole-days --track --model --calibrate",
    "place": "FILE --write --overwrite --json --help",
    "undo": "RUN --only --dry-run --yes --json --help",
    "forget": "PATH --estimates --dry-run --yes --json --help",
}


@pytest.mark.parametrize("command", FIRST_SCREEN)
def test_the_first_screen_of_help_shows_what_most_people_need(geotagger: Geotagger, command: str) -> None:
    geotagger.environment["COLUMNS"] = "80"
    lines = geotagger(command, "--help").out.splitlines()
    assert max(map(len, lines)) <= 80
    screen = lines[:24]
    assert any(f"Example: geotagger {command} " in line for line in screen)
    shown = {line.split()[1] for line in screen if line.startswith("│") and line[2:6].strip()}
    assert set(FIRST_SCREEN[command].split()) - {"PATH", "PHOTO", "FILE", "RUN"} <= shown
    assert any("[required]" in line for line in screen) or command in ("evaluate", "undo", "place")


def test_the_first_panel_of_tag_ends_with_the_first_screen_at_its_narrowest(geotagger: Geotagger) -> None:
    """Options that few people need stand in the panels below."""
    geotagger.environment["COLUMNS"] = "80"
    lines = geotagger("tag", "--help").out.splitlines()
    ends = [number for number, line in enumerate(lines, 1) if line.startswith("╰")]
    titles = [line.strip("╭─╮ ") for line in lines if line.startswith("╭")]
    assert ends[1] <= 24
    assert titles[:3] == ["Arguments", "Options", "Writing"]
    assert {"Evidence", "Which photos", "Engine", "The run itself"} <= set(titles)


def test_help_tells_defaults_as_the_settings_make_them(geotagger: Geotagger) -> None:
    (geotagger.home / "geotagger.toml").write_text("min-confidence = 0.8\n")
    geotagger.environment["COLUMNS"] = "80"
    assert "[default: 0.8]" in geotagger("tag", "--help").out


def test_the_reference_has_no_words_of_python() -> None:
    assert not PYTHONS_WORDS.search(reference())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("tag . --min-confidence high", "'--min-confidence': 'high' is not a number"),
        ("tag . --min-confidence 7", "'--min-confidence': 7 is too large; 1 or less is wanted"),
        ("tag . --batch-size 0", "'--batch-size': 0 is too small; 1 or more is wanted"),
        ("tag . --batch-size 1.5", "'--batch-size': '1.5' is not a whole number"),
        ("tag . --write xyz", "'--write': 'xyz' is not one of 'auto', 'exif', 'sidecar', 'none'"),
        ("query --source cameras", "'--source': 'cameras' is not one of"),
        ("evaluate . --seed one", "'--seed': 'one' is not a whole number"),
        ("train run . --out p --epochs many", "'--epochs': 'many' is not a number"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(geotagger: Geotagger, words: str, told: str) -> None:
    geotagger.environment["COLUMNS"] = "200"
    assert told in geotagger(*words.split(), code=2).err


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("min-confidence = [1]", "[1] is not a number"),
        ('json = "maybe"', "'maybe' is not true or false"),
        ("index = 3", "3 is not a path"),
    ],
)
def test_a_wrong_setting_is_told_in_plain_words(geotagger: Geotagger, setting: str, told: str) -> None:
    (geotagger.home / "geotagger.toml").write_text(setting)
    del geotagger.environment["GEOTAGGER_INDEX"]
    assert geotagger("runs", code=2).err.rstrip().endswith(told)


@pytest.mark.parametrize(
    "words",
    [
        ["tag", "gone"],
        ["tag", ".", "--track", "gone.gpx"],
        ["look", "gone", "--out", "rows"],
        ["evaluate", "gone"],
        ["evaluate", ".", "--track", "gone.gpx"],
        ["query", "--within", "gone.geojson"],
        ["handoff", "memories", "gone"],
        ["handoff", "photoprism", "gone"],
        ["evaluate", ".", "--precision", "0.9", "--min-confidence", "0.8"],
        ["export", "--out", "places.foo"],
    ],
)
def test_what_is_not_there_and_what_contradicts_itself_is_wrong_usage(
    geotagger: Geotagger, words: list[str]
) -> None:
    said = geotagger(*words, code=2).err.splitlines()[-1]
    assert any(part in said for part in ("gone", "not both", "--format: geojson, kml, kmz"))


@pytest.mark.parametrize("words", ["query --help", "--help", "models --help"])
def test_a_reader_of_the_help_that_goes_away_is_no_error(geotagger: Geotagger, words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            geotagger.command(*words.split()),
            env=geotagger.environment,
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
