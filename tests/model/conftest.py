"""`geotagger models` in this process, with a home of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from geotagger.cli import models
from geotagger.model import download
from tests.commands import know_the_machine


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOTAGGER_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    know_the_machine(tmp_path / "cache")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    return tmp_path / "models"


@pytest.fixture
def models_command(home: Path) -> Callable[..., Result]:
    app = typer.Typer()
    models.register(app)
    assert not home.exists()

    def run(*words: object) -> Result:
        result = CliRunner().invoke(app, ["models", *map(str, words)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return Result(result.exit_code, result.stdout, result.stderr)

    # a second command at the top keeps typer from dropping the group's name
    app.command("other")(lambda: None)
    return run
