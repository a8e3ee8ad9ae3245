"""ExifTool as the judge of what is in a file. Tests that need it skip where it is not installed."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def tags(path: Path, *options: str) -> dict[str, Any]:
    """Group and name → value, numbers as numbers."""
    return tags_of([str(path)], *options)[0]


def tags_of(paths: Sequence[str], *options: str) -> list[dict[str, Any]]:
    """The same of many files, in their order."""
    run = subprocess.run(
        ["exiftool", "-j", "-n", "-G1", "-a", *options, *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    records: list[dict[str, Any]] = json.loads(run.stdout)
    return records


def run(*arguments: str) -> None:
    subprocess.run(["exiftool", "-q", *arguments], capture_output=True, check=True)


def binary(path: Path, tag: str) -> bytes:
    return subprocess.run(["exiftool", "-b", f"-{tag}", str(path)], capture_output=True, check=False).stdout
