"""A user of the library, with a home of their own."""

from pathlib import Path

import pytest

from tests.tag.scenes import Scene, walk_through_town


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the index and the locks lie."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for what in ("DATA", "STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{what}_HOME", str(home / what.lower()))
    monkeypatch.setenv("GEOTAGGER_MODELS", str(home / "models"))
    return home


@pytest.fixture
def town(tmp_path: Path) -> Scene:
    """Twelve photos, half of them without GPS."""
    return walk_through_town(tmp_path / "photos", 12)
