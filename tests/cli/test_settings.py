"""Settings: the file, the environment, the command line, in rising order."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from geotagger.cli.options import precision_asked
from geotagger.cli.settings import default_map
from geotagger.errors import UsageError


def tree() -> TyperGroup:
    app = typer.Typer()
    models = typer.Typer()

    @app.command()
    def tag(
        min_confidence: float = 0.5,
        track: Annotated[list[str] | None, typer.Option()] = None,
        lines: Annotated[bool, typer.Option("--json")] = False,
    ) -> None:
        print(min_confidence, track, lines)

    @app.command()
    def query(min_confidence: float = 0.0) -> None:
        print(min_confidence)

    @app.command()
    def evaluate(
        context: typer.Context,
        min_confidence: float = 0.5,
        precision: float | None = None,
        lines: Annotated[bool, typer.Option("--json")] = False,
    ) -> None:
        print(min_confidence, precision_asked(context, precision), lines)

    @models.command()
    def pull(retries: int = 3) -> None:
        print(retries)

    @models.command()
    def show() -> None: ...

    app.add_typer(models, name="models")
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(arguments: str, file: str = "", **environment: str) -> str:
        settings = tmp_path / "geotagger.toml"
        settings.write_text(file)
        defaults = default_map(tree(), {"GEOTAGGER_CONFIG": str(settings), **environment})
        tree().main(arguments.split(), standalone_mode=False, default_map=defaults)
        return capsys.readouterr().out.strip()

    return run


def test_a_top_key_reaches_every_command_that_has_the_option(said: Callable[..., str]) -> None:
    assert said("tag", "min-confidence = 0.7").startswith("0.7 ")
    assert said("query", "min-confidence = 0.7") == "0.7"


def test_a_table_reaches_its_command_alone(said: Callable[..., str]) -> None:
    assert said("tag", "[tag]\nmin-confidence = 0.7").startswith("0.7 ")
    assert said("query", "[tag]\nmin-confidence = 0.7") == "0.0"
    assert said("models pull", "[models.pull]\nretries = 9") == "9"


def test_evaluate_tells_what_tag_would_do_with_the_settings_of_tag(said: Callable[..., str]) -> None:
    file = "[tag]\nmin-confidence = 0.7\njson = true\n"
    assert said("evaluate", file) == "0.7 None False"
    assert said("evaluate", file + "[evaluate]\nmin-confidence = 0.6") == "0.6 None False"
    assert said("evaluate", file, GEOTAGGER_TAG_MIN_CONFIDENCE="0.9") == "0.9 None False"
    assert said("evaluate --min-confidence 0.1", file) == "0.1 None False"


def test_a_least_certainty_that_is_typed_goes_before_a_precision_of_the_settings(
    said: Callable[..., str],
) -> None:
    assert said("evaluate", "precision = 0.9") == "0.5 0.9 False"
    assert said("evaluate --min-confidence 0.7", "precision = 0.9") == "0.7 None False"


def test_a_least_certainty_and_a_precision_go_before_each_other_as_they_stand(
    said: Callable[..., str],
) -> None:
    """The one finds the other, so only what goes before counts, whichever of the two it is."""
    file = "[tag]\nprecision = 0.9\n"
    assert said("evaluate", file) == "0.5 0.9 False"
    assert said("evaluate", file + "[evaluate]\nmin-confidence = 0.6") == "0.6 None False"
    assert said("evaluate", file, GEOTAGGER_MIN_CONFIDENCE="0.6") == "0.6 None False"
    assert said("evaluate", file, GEOTAGGER_PRECISION="0.8", GEOTAGGER_TAG_MIN_CONFIDENCE="0.6") == (
        "0.6 None False"
    )
    assert said("evaluate", "min-confidence = 0.6\n" + file) == "0.5 0.9 False"
    assert said("evaluate --precision 0.7", file, GEOTAGGER_MIN_CONFIDENCE="0.6") == "0.6 0.7 False"


def test_a_key_that_nothing_listens_to_because_others_go_before_it_is_no_mistake(
    said: Callable[..., str],
) -> None:
    assert said("evaluate", "precision = 0.9\n[evaluate]\nmin-confidence = 0.6") == "0.6 None False"


def test_the_environment_goes_before_the_file_and_the_command_line_before_both(
    said: Callable[..., str],
) -> None:
    file = "min-confidence = 0.7"
    assert said("query", file, GEOTAGGER_MIN_CONFIDENCE="0.8") == "0.8"
    assert said("query", file, GEOTAGGER_QUERY_MIN_CONFIDENCE="0.9") == "0.9"
    assert said("query --min-confidence 0.1", file, GEOTAGGER_MIN_CONFIDENCE="0.8") == "0.1"


def test_lists_and_flags_are_understood(said: Callable[..., str]) -> None:
    assert said("tag", 'json = true\ntrack = ["a.gpx", "b.gpx"]') == "0.5 ['a.gpx', 'b.gpx'] True"
    tracks = os.pathsep.join(["a.gpx", "b.gpx"])
    assert said("tag", GEOTAGGER_TRACK=tracks, GEOTAGGER_JSON="1") == "0.5 ['a.gpx', 'b.gpx'] True"


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("min-confidense = 1", "'min-confidense'"),
        ("[tagg]\nmodel = 1", "'tagg.model'"),
        ("[tag]\nretries = 1", "'tag.retries'"),
        ("a = ", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(said: Callable[..., str], file: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        said("tag", file)


def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml"):
        default_map(tree(), {"GEOTAGGER_CONFIG": str(tmp_path / "nowhere.toml")})
