"""Small files that somebody names are read within bounds, and nobody waits for a pipe without an end."""

import os
import threading
from pathlib import Path

import pytest

from geotagger.small_files import read_small, toml_of
from tests.commands import Geotagger

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def test_a_file_is_read_whole_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345678")
    assert read_small(tmp_path / "file", 8) == b"12345678"
    with pytest.raises(ValueError, match="larger than 7 bytes"):
        read_small(tmp_path / "file", 7)


@needs_pipes
def test_a_pipe_is_read_to_its_end_and_one_that_nobody_writes_into_is_empty(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read_small(pipe, 100) == b""
    reading, writing = os.pipe()
    writer = threading.Timer(0.3, lambda: (os.write(writing, b"key"), os.close(writing)))
    writer.start()
    assert read_small(Path(f"/dev/fd/{reading}"), 100) == b"key"
    writer.join()
    os.close(reading)


def test_a_key_of_many_parts_and_lists_without_end_are_refused_before_they_take_memory() -> None:
    with pytest.raises(ValueError, match="more than 20 parts"):
        toml_of(b".".join([b"a"] * 100_000) + b" = 1")
    with pytest.raises(ValueError, match="nested too deep"):
        toml_of(b"a = " + b"[" * 100_000)
    assert toml_of(b'a.b = "x.y.z"') == {"a": {"b": "x.y.z"}}


@pytest.mark.parametrize("where", ["GEOTAGGER_CONFIG", "geotagger.toml", "places.toml"])
def test_settings_that_would_fill_the_memory_end_in_one_line(
    geotagger: Geotagger, tmp_path: Path, where: str
) -> None:
    path = tmp_path / "settings.toml"
    if where == "GEOTAGGER_CONFIG":
        geotagger.environment[where] = str(path)
    elif where == "geotagger.toml":
        path = geotagger.home / where
    else:
        path = geotagger.home / "config" / "geotagger" / where
        path.parent.mkdir(parents=True)
    path.write_text(".".join(["a"] * 100_000) + " = 1")
    said = geotagger("place", "home", tmp_path, code=2, timeout=30)
    assert len(said.err.splitlines()) == 1
    assert path.name in said.err
    assert "more than 20 parts" in said.err


IMPORT = ("models", "import", "--name", "m")
EMBEDDER = (*IMPORT, "--onnx", "SOUND", "--pixels", "clip", "--gallery")


@needs_pipes
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("query", "--within", "PIPE"), 2),
        (("handoff", "immich", "http://localhost:1", "--key-file", "PIPE"), 2),
        (("review", "--basemap", "PIPE", "--no-browser"), 2),
        ((*IMPORT, "--symbol", "PIPE", "--params", "SOUND", "--cells", "SOUND"), 3),
        ((*IMPORT, "--onnx", "PIPE", "--cells", "SOUND", "--pixels", "imagenet"), 3),
        ((*IMPORT, "--onnx", "SOUND", "--cells", "PIPE", "--pixels", "imagenet"), 3),
        ((*EMBEDDER, "PIPE", "--embeddings", "SOUND"), 3),
        ((*EMBEDDER, "PLACES", "--embeddings", "PIPE"), 3),
        ((*EMBEDDER, "PLACES", "--encoder", "PIPE"), 3),
        (("models", "list", "--catalogue", "PIPE"), 3),
    ],
    ids=lambda value: "-".join(value[-4:]) if isinstance(value, tuple) else None,
)
def test_no_command_waits_for_a_pipe_that_nobody_writes_into(
    geotagger: Geotagger, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "sound").write_bytes(b"{}")
    (tmp_path / "places.csv").write_text("LAT,LON\n48.85,2.35\n41.38,2.17\n")
    stand_for = {name: tmp_path / name.lower() for name in ("PIPE", "SOUND")}
    stand_for["PLACES"] = tmp_path / "places.csv"
    geotagger("places", "add", "home", "48.85,2.35")
    geotagger("tag", tmp_path, "--model", "none", code=None)
    said = geotagger(*(stand_for.get(word, word) for word in words), code=code, timeout=40)
    assert len(said.err.splitlines()) == 1, said.err
