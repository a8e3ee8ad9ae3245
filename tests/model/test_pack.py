"""A pack is whole or not there, checks itself on loading, and says what is wrong with it."""

import dataclasses
import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geotagger.cells import CellTable
from geotagger.errors import ModelNotInstalledError, PackError, UsageError
from geotagger.model import cells_csv
from geotagger.model.cells_csv import read_cells
from geotagger.model.manifest import (
    Accuracy,
    FileRecord,
    Manifest,
    ModelSource,
    Variant,
    read_manifest,
    write_manifest,
)
from geotagger.model.mxnet.convert import convert
from geotagger.model.mxnet.params import read_params
from geotagger.model.mxnet.symbol import read_symbol
from geotagger.model.onnx_writer import Graph, Tensor, write_onnx
from geotagger.model.pack import (
    ModelPack,
    find_pack,
    installed_packs,
    load_pack,
    save_manifest,
    verify_pack,
    write_pack,
)
from geotagger.model.preprocessing import Preprocessing, preprocessing_of, table_of
from tests.model.checkpoints import FOLDER, some_cells

MANIFEST = Manifest(
    name="toy",
    version="1",
    licence="none",
    preprocessing=Preprocessing(input_size=32),
    accuracy=(Accuracy("Im2GPS", (1, 25), (16.8, 39.2), 237, "published"),),
    sources=(ModelSource("symbol", "https://example.org/s", 5, "0" * 64),),
    training={"photos": 5, "by": "us", "options": {"epochs": 3}},
    calibration={"photos": 7},
)


def network(target: Path) -> None:
    convert(read_symbol(FOLDER / "gluon-symbol.json"), read_params(FOLDER / "gluon-0001.params"), 32, target)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOTAGGER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def toy(home: Path) -> ModelPack:
    return write_pack(home / "toy", MANIFEST, some_cells(11), network)


def test_a_pack_is_what_was_written(toy: ModelPack) -> None:
    assert (toy.name, toy.version, toy.licence, toy.temperature) == ("toy", "1", "none", 1.0)
    assert toy.preprocessing == MANIFEST.preprocessing
    assert np.array_equal(toy.cells.ids, some_cells(11).ids)
    assert toy.feature_size == 512
    assert toy.onnx_path.is_file()
    assert {path.name for path in toy.folder.iterdir()} == {"pack.toml", "model.onnx", "cells.csv"}
    for told in ("accuracy", "sources", "training", "calibration"):
        assert getattr(toy.manifest, told) == getattr(MANIFEST, told)
    verify_pack(toy)


def test_what_is_unknown_is_left_out(toy: ModelPack) -> None:
    training = {"seed": None, "options": {"epochs": 3, "stop": None}}
    saved = save_manifest(toy, dataclasses.replace(toy.manifest, training=training))
    assert saved.manifest.training == {"options": {"epochs": 3}}


def test_packs_are_found_by_name_and_by_folder(toy: ModelPack, home: Path, tmp_path: Path) -> None:
    assert find_pack("toy").digest == find_pack(home / "toy").digest == find_pack(str(toy.folder)).digest
    assert installed_packs() == [toy.folder]
    other = write_pack(home / "other", dataclasses.replace(MANIFEST, name="its-own"), some_cells(11), network)
    assert find_pack("other").folder == find_pack("its-own").folder == other.folder
    shutil.rmtree(other.folder)
    with pytest.raises(ModelNotInstalledError, match=r"other is not installed \(installed: toy\)"):
        find_pack("other")
    with pytest.raises(ModelNotInstalledError, match="`geotagger models pull rn101-5k500` fetches it"):
        find_pack("rn101-5k500")
    for nothing in ("", ".", "..", "../models/none", str(tmp_path)):
        with pytest.raises(ModelNotInstalledError):
            find_pack(nothing)


@pytest.mark.usefixtures("home")
def test_nothing_is_installed_where_no_folder_is() -> None:
    assert installed_packs() == []
    with pytest.raises(ModelNotInstalledError, match="installed: none"):
        find_pack("toy")


def test_the_digest_changes_with_what_changes_an_estimate_and_with_nothing_else(toy: ModelPack) -> None:
    def digest_with(**changes: Any) -> str:
        return save_manifest(toy, dataclasses.replace(toy.manifest, **changes)).digest

    same = digest_with(description="new words", version="2", accuracy=(), training={})
    assert same == toy.digest
    other = [
        digest_with(temperature=1.5),
        digest_with(preprocessing=dataclasses.replace(toy.preprocessing, scale=255.0)),
    ]
    cells = toy.folder / "cells.csv"
    text = cells.read_text().splitlines()
    fields = text[1].split(",")
    fields[2] = repr(float(fields[2]) + 1e-4)
    cells.write_text("\n".join([text[0], ",".join(fields), *text[2:], ""]))
    other.append(load_pack(toy.folder).digest)
    assert len({toy.digest, *other}) == 4


def test_a_pack_that_is_there_is_replaced_only_when_asked(toy: ModelPack) -> None:
    with pytest.raises(UsageError, match="--force replaces it"):
        write_pack(toy.folder, MANIFEST, some_cells(11), network)
    newer = dataclasses.replace(MANIFEST, version="2")
    assert write_pack(toy.folder, newer, some_cells(11), network, replace=True).version == "2"
    assert [path.name for path in toy.folder.parent.iterdir()] == ["toy"]


def test_weights_beside_the_network_belong_to_the_pack(home: Path) -> None:
    def in_two_files(target: Path) -> None:
        network(target)
        target.with_name("model.onnx.data").write_bytes(b"weights")

    pack = write_pack(home / "toy", MANIFEST, some_cells(11), in_two_files)
    assert pack.manifest.files["model.onnx.data"].bytes == 7
    before = pack.digest
    other = write_pack(home / "other", MANIFEST, some_cells(11), network)
    assert other.digest != before
    (pack.folder / "model.onnx.data").unlink()
    with pytest.raises(PackError, match=r"model\.onnx\.data: the pack lacks this file"):
        load_pack(pack.folder)


def test_what_is_no_pack_is_never_replaced(home: Path) -> None:
    (home / "toy").mkdir(parents=True)
    (home / "toy" / "diary.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not a model pack"):
        write_pack(home / "toy", MANIFEST, some_cells(11), network, replace=True)
    assert (home / "toy" / "diary.txt").read_text() == "mine"


@pytest.mark.parametrize("failing", ["network", "cells", "disk", "interrupted"])
def test_a_failed_writing_leaves_the_old_pack_and_nothing_else(toy: ModelPack, failing: str) -> None:
    def fail(target: Path) -> None:
        target.write_bytes(b"half")
        if failing == "interrupted":
            raise KeyboardInterrupt
        if failing == "disk":
            raise OSError(errno.ENOSPC, "No space left on device")

    before = {path.name: path.read_bytes() for path in toy.folder.iterdir()}
    cells = some_cells(12 if failing == "cells" else 11)
    expected = KeyboardInterrupt if failing == "interrupted" else PackError
    with pytest.raises(expected) as error:
        write_pack(toy.folder, MANIFEST, cells, network if failing == "cells" else fail, replace=True)
    assert ".unfinished" not in str(error.value)
    assert {path.name: path.read_bytes() for path in toy.folder.iterdir()} == before
    assert [path.name for path in toy.folder.parent.iterdir()] == ["toy"]


def test_what_a_killed_writer_left_is_cleared_and_a_pack_it_moved_aside_put_back(toy: ModelPack) -> None:
    home = toy.folder.parent
    for name in (".unfinished-a", ".unfinished-b", ".replaced-c"):
        (home / name).mkdir()
    (home / ".unfinished-a" / "model.onnx").write_bytes(b"half")
    toy.folder.rename(home / ".replaced-c" / "toy")
    for name in (".unfinished-a", ".replaced-c"):
        os.utime(home / name, (0, 0))
    write_pack(home / "other", dataclasses.replace(MANIFEST, name="other"), some_cells(11), network)
    assert sorted(path.name for path in home.iterdir()) == [".unfinished-b", "other", "toy"]
    verify_pack(load_pack(toy.folder))


def test_cells_that_break_their_promises_are_not_written(home: Path) -> None:
    table = some_cells(11)
    wrong = CellTable(table.ids, table.lat + 20, table.lng)
    with pytest.raises(PackError, match=r"line 2: the mean .* is not inside the cell"):
        write_pack(home / "toy", MANIFEST, wrong, network)
    assert not home.exists() or list(home.iterdir()) == []


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("temperature = 1.0", "temperature = 0", "temperature must be a number above 0"),
        ("temperature = 1.0", "temperature = nan", "temperature must be a number above 0"),
        ("temperature = 1.0", 'temperature = "warm"', "temperature must be a number above 0"),
        ("temperature = 1.0", "", "temperature is missing"),
        ("format = 1", "format = 2", "a newer geotagger made this pack"),
        ('name = "toy"', 'name = "../toy"', "name must be a name"),
        ("size = 32", "size = 64", "its input is data (n, 3, 32, 32)"),
        ("size = 32", "size = 0", "line 11: input: size must be"),
        ('crop = "centre"', 'crop = "left"', "line 12: input: crop must be one of centre, squash"),
        ("scale = 256.0", "scale = -1", "line 14: input: scale must be above 0"),
        ("scale = 256.0", "", "input: scale is missing"),
        ("scale = 256.0", "scale = 256.0\nzoom = 1", "zoom is not known"),
        ("123.68,", "", "mean must be three numbers"),
        ("classes = 11", "classes = 12", "there are 12 cells, but the network gives"),
        ("suspect = 0", "suspect = 3", "output.suspect is 3, but cells.csv has 0 leaf cells"),
        ('[files."model.onnx"]', '[files."other.onnx"]', "lacks model.onnx"),
        ('[files."model.onnx"]', '[files."../model.onnx"]', "not a file of the pack's own folder"),
        ("photos = 237", 'photos = "many"', "accuracy.photos must be a whole number"),
        ("[[accuracy]]", "[accuracy]", "accuracy must be a list of tables"),
        ('role = "symbol"', "", "source lacks role"),
        ('sha256 = "', 'sha256 = "x', "is not a SHA-256 checksum"),
        ("[input]", "[input", "not TOML"),
    ],
)
def test_a_wrong_manifest_is_refused_by_file_and_line(toy: ModelPack, old: str, new: str, told: str) -> None:
    edit(toy.folder / "pack.toml", old, new)
    with pytest.raises(PackError) as error:
        verify_pack(load_pack(toy.folder))
    assert told in str(error.value)
    assert str(error.value).startswith(str(toy.folder))
    assert "\n" not in str(error.value)


def test_a_hand_edited_preprocessing_is_taken(toy: ModelPack) -> None:
    edit(toy.folder / "pack.toml", "scale = 256.0", "scale = 255")
    changed = load_pack(toy.folder)
    assert changed.preprocessing.scale == 255
    assert changed.digest != toy.digest


LONG = ".".join(["a"] * 100_000)


@pytest.mark.parametrize(
    "bomb",
    [
        f"{LONG} = 1",
        f"[{LONG}]",
        f"x = {{{LONG} = 1}}",
        LONG.replace(".", " . ") + " = 1",
        LONG.replace("a", '"."') + " = 1",
        LONG.replace("a", "'x'") + " = 1",
        f'x = {{a = """b"""", {LONG} = 1}}',
        f'x = {{a = """b\\"""", {LONG} = 1}}',
        f"x = {{a = '''b'''', {LONG} = 1}}",
        f"x = '\\'\n{LONG} = 1",
        "x" * (1 << 20) + " = 1",
        "# a comment\n" * 100_000,
    ],
    ids=range(12),
)
def test_a_manifest_that_would_take_much_memory_is_refused_before_it_does(toy: ModelPack, bomb: str) -> None:
    (toy.folder / "pack.toml").write_text(bomb)
    begun = time.process_time()
    with pytest.raises(PackError, match=r"pack\.toml: (a key of more than 20 parts|larger than 1,048,576)"):
        load_pack(toy.folder)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "hard", ['"\\"' * 300_000, "'" * 1_000_000, '"' * 1_000_000, "a" * 1_000_000, '"""\\' * 200_000]
)
def test_text_that_is_no_manifest_is_told_in_time(toy: ModelPack, hard: str) -> None:
    (toy.folder / "pack.toml").write_text(hard)
    begun = time.process_time()
    with pytest.raises(PackError, match=r"pack\.toml"):
        load_pack(toy.folder)
    assert time.process_time() - begun < 10


def test_dots_in_texts_are_no_parts_of_a_key(toy: ModelPack) -> None:
    edit(toy.folder / "pack.toml", 'version = "', 'version = "' + "1." * 50)
    assert load_pack(toy.folder).manifest.version.startswith("1.1.1.")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ["pack.toml", "model.onnx", "cells.csv"])
def test_a_pipe_in_a_pack_is_refused_and_not_waited_for(toy: ModelPack, name: str) -> None:
    (toy.folder / name).unlink()
    os.mkfifo(toy.folder / name)
    with pytest.raises(PackError, match=rf"{name}: .*pipe|{name}: has"):
        verify_pack(load_pack(toy.folder))


def damage(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (damage("model.onnx", lambda data: data[:-1]), r"model\.onnx: has [\d,]+ bytes where pack.toml says"),
        (damage("model.onnx", lambda data: b"\xff" * len(data)), r"model\.onnx: not a whole ONNX file"),
        (damage("model.onnx", lambda data: bytes(len(data))), r"model\.onnx: not a whole ONNX file"),
        (lambda folder: (folder / "model.onnx").unlink(), r"model\.onnx: the pack lacks this file"),
        (lambda folder: (folder / "cells.csv").unlink(), r"cells\.csv: the pack lacks this file"),
        (
            damage("cells.csv", lambda data: data[: data.index(b"\n10,") + 1]),
            r"output.classes is 11, but cells.csv has 10 cells",
        ),
        (
            damage("cells.csv", lambda data: data.replace(b",4", b",4.7E+064,4", 1)),
            r"cells\.csv: line 2: 8 fields",
        ),
    ],
)
def test_a_damaged_file_is_refused(toy: ModelPack, harm: Callable[[Path], object], told: str) -> None:
    harm(toy.folder)
    with pytest.raises(PackError, match=told) as error:
        load_pack(toy.folder)
    assert "\n" not in str(error.value)


def test_cells_are_read_at_once_only_where_they_have_changed(
    toy: ModelPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(cells_csv, "read_cells", lambda path: read.append(path) or read_cells(path))
    same = load_pack(toy.folder)
    assert read == []
    assert same.cells is same.cells
    damage("cells.csv", lambda data: data.replace(b"\n0,", b"\n00,", 1))(toy.folder)
    with pytest.raises(PackError, match=r"cells\.csv: line 2: class `00` where 0 is due"):
        load_pack(toy.folder)
    assert read == [toy.folder / "cells.csv"] * 2


def test_a_changed_network_of_the_same_size_is_found_by_verifying(toy: ModelPack) -> None:
    data = bytearray(toy.onnx_path.read_bytes())
    data[-1] ^= 1
    toy.onnx_path.write_bytes(data)
    with pytest.raises(PackError, match=r"model\.onnx: changed since the pack was written"):
        verify_pack(load_pack(toy.folder))


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mutated_network_is_loaded_or_refused(toy: ModelPack, data: st.DataObject) -> None:
    """The head of the file, where nodes, inputs and outputs stand; weights are not read."""
    whole = toy.onnx_path.read_bytes()
    mutated = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, 700))] = data.draw(st.integers(0, 255))
    try:
        toy.onnx_path.write_bytes(mutated)
        load_pack(toy.folder)
    except PackError:
        pass
    finally:
        toy.onnx_path.write_bytes(whole)


def test_a_variant_finds_its_place_in_the_manifest(toy: ModelPack) -> None:
    (toy.folder / "model-int8.onnx").write_bytes(b"quantised")
    variant = Variant("int8", "model-int8.onnx", "int8", {"top1_agreement": 0.995}, {"photos": 300})
    saved = save_manifest(toy, dataclasses.replace(toy.manifest, variants=(variant,)))
    assert saved.manifest.variants == (variant,)
    assert saved.manifest.files["model-int8.onnx"].bytes == 9
    assert saved.digest == toy.digest
    (toy.folder / "model-int8.onnx").write_bytes(b"quant")
    with pytest.raises(PackError, match=r"model-int8\.onnx: has 5 bytes"):
        load_pack(toy.folder)


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="this system does not count bytes read")
def test_loading_reads_no_weights(home: Path) -> None:
    """Of a network of 100 MB not a hundredth is read."""
    graph = Graph(input=Tensor("data", (3, 32, 32)))
    pooled = graph.emit("GlobalAveragePool", ["data"], (3, 1, 1), "pool")
    flat = graph.emit("Flatten", [pooled.name], (3,), "flat", axis=1)
    weights = graph.constant("w", np.zeros((11, 3), np.float32))
    graph.constant("unused", np.zeros((50, 500_000), np.float32))
    graph.name_output(graph.emit("Gemm", [flat.name, weights], (11,), "fc", transB=1), "scores")
    graph.outputs.clear()
    graph.name_output(graph.emit("Softmax", ["scores"], (11,), "softmax", axis=1), "probabilities")
    big = write_pack(
        home / "big",
        dataclasses.replace(MANIFEST, name="big"),
        some_cells(11),
        lambda t: write_onnx(graph, t),
    )
    assert big.onnx_path.stat().st_size > 100_000_000
    before = _bytes_read()
    load_pack(big.folder)
    assert _bytes_read() - before < 1_000_000


def _bytes_read() -> int:
    """By this process, from files and pipes."""
    return int(Path("/proc/self/io").read_text().split()[1])


manifests = st.builds(
    Manifest,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    version=st.text(max_size=20),
    licence=st.text(max_size=40),
    preprocessing=st.builds(
        Preprocessing,
        input_size=st.integers(1, 8192),
        crop=st.sampled_from(["centre", "squash"]),
        channels=st.sampled_from(["RGB", "BGR"]),
        scale=st.floats(1e-6, 1e6),
        mean=st.tuples(*[st.floats(-1e6, 1e6)] * 3),
        std=st.tuples(*[st.floats(1e-6, 1e6)] * 3),
        resampling=st.sampled_from(
            ["bilinear", "box", "hamming", "bicubic", "lanczos", "bilinear-unfiltered"]
        ),
    ),
    temperature=st.floats(1e-3, 1e3),
    description=st.text(max_size=40),
    classes=st.integers(1, 10**6),
    suspect=st.integers(0, 10**6),
    features=st.none() | st.integers(1, 10**6),
    files=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True),
        st.builds(
            FileRecord, bytes=st.integers(0, 2**40), sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
        ),
        max_size=3,
    ),
    sources=st.lists(
        st.builds(
            ModelSource, role=st.text(), address=st.text(), bytes=st.integers(0, 2**40), sha256=st.text()
        ),
        max_size=2,
    ).map(tuple),
    variants=st.lists(
        st.builds(Variant, name=st.text(), file=st.text(), precision=st.text()), max_size=2
    ).map(tuple),
    training=st.dictionaries(
        st.text(min_size=1), st.integers(-(2**60), 2**60) | st.text() | st.booleans(), max_size=3
    ),
)


@given(manifest=manifests)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_manifest_reads_back(manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(tmp_path / "pack.toml", manifest)
    assert read_manifest(tmp_path / "pack.toml") == manifest


def test_preprocessing_reads_back_and_can_be_switched() -> None:
    published = Preprocessing()
    assert preprocessing_of(table_of(published)) == published
    assert dataclasses.replace(published, scale=255.0, crop="squash").scale == 255.0
    with pytest.raises(UsageError, match="std must be above 0"):
        dataclasses.replace(published, std=(1.0, 0.0, 1.0))
