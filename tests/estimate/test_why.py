"""`why` tells the evidence of a photo that was tagged."""

import json
import shutil
from pathlib import Path

import pytest

from geotagger.cli import main
from geotagger.geo import distance_km


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_why_tells_what_each_evidence_says(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("IMG_7848.jpeg", "IMG_7847.jpeg", "IMG_7852.jpeg", "IMG_7860.jpeg", "IMG_7659.jpeg"):
        shutil.copy(shared_data / "photos" / "dog-signs" / name, photos)
    index = ["--index", str(tmp_path / "index.db"), "--model", "none"]
    assert run("tag", str(photos), *index) == 0
    capsys.readouterr()
    assert run("why", str(photos / "IMG_7848.jpeg"), *index, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stands"] == "camera"
    assert distance_km(told["latitude"], told["longitude"], 43.069, 12.6168) < 1
    assert "neighbours" in told["alone"]
    assert told["sources"]
    assert run("why", str(photos / "IMG_7848.jpeg"), *index) == 0
    said = capsys.readouterr().out
    assert "X the estimate" in said
    assert "camera" in said


def test_why_about_a_photo_that_the_index_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    index = ["--index", str(tmp_path / "index.db"), "--model", "none"]
    assert run("tag", str(tmp_path / "photos"), *index) == 0
    assert run("why", str(tmp_path / "none.jpg"), *index) == 2
    assert "does not know it" in capsys.readouterr().err
