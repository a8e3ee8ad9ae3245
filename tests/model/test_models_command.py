"""`geotagger models` lists, shows, pulls and imports; every failure is one line and an exit code."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from geotagger.cli.models.listing import table_of_models
from geotagger.model.catalogue import read_catalogue, shipped_catalogue
from geotagger.model.pack import load_pack, verify_pack
from tests.model.checkpoints import FOLDER, write_grids
from tests.model.conftest import Result
from tests.model.server import Served, serving

CATALOGUE = """
[models.toy]
version = "0001"
description = "a toy"
licence = "none stated"
files = [
    { role = "symbol", address = "ADDRESS/gluon-symbol.json" },
    { role = "params", address = "ADDRESS/gluon-0001.params" },
    { role = "cells", address = "ADDRESS/grids.txt" },
]
accuracy = [{ test_set = "Im2GPS", photos = 237, km = [1, 25], percent = [16.8, 39.2], origin = "published" }]
training = { photos = 33900000 }

[models.toy.input]
size = 32
crop = "centre"
channels = "RGB"
scale = 255.0
mean = [1, 2, 3]
std = [1, 1, 1]
resampling = "box"
"""


Geotagger = Callable[..., Result]


@pytest.fixture
def geotagger(models_command: Geotagger) -> Geotagger:
    return models_command


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {
        "--symbol": FOLDER / "gluon-symbol.json",
        "--params": FOLDER / "gluon-0001.params",
        "--cells": write_grids(tmp_path / "grids.txt", 11),
    }


@pytest.fixture
def served(files: dict[str, Path], tmp_path: Path) -> Iterator[Served]:
    with serving() as served:
        served.content = {f"/{path.name}": path.read_bytes() for path in files.values()}
        (tmp_path / "catalogue.toml").write_text(CATALOGUE.replace("ADDRESS", served.address))
        yield served


def words(files: dict[str, Path]) -> list[object]:
    return [word for option in files.items() for word in option]


def test_a_checkpoint_is_imported_by_options(
    geotagger: Geotagger, files: dict[str, Path], home: Path
) -> None:
    done = geotagger(
        "import", *words(files), "--name", "toy", "--input-size", 32, "--licence", "MIT", "--json"
    )
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert done.records[0]["status"] == "installed"
    pack = load_pack(home / "toy")
    verify_pack(pack)
    assert (pack.version, pack.licence, len(pack.cells)) == ("0001", "MIT", 11)
    assert {source.role: source.bytes for source in pack.manifest.sources} == {
        option.removeprefix("--"): path.stat().st_size for option, path in files.items()
    }


def test_files_without_options_are_told_apart(
    geotagger: Geotagger, files: dict[str, Path], home: Path
) -> None:
    done = geotagger("import", *reversed(files.values()), "--input-size", 32)
    assert done.code == 0
    assert load_pack(home / "gluon").name == "gluon"


def test_importing_twice_needs_force(geotagger: Geotagger, files: dict[str, Path]) -> None:
    command = ["import", *words(files), "--input-size", 32]
    assert geotagger(*command).code == 0
    again = geotagger(*command)
    assert again.code == 2
    assert "--force replaces it" in again.err
    assert geotagger(*command, "--force").code == 0


@pytest.mark.parametrize(
    ("leave_out", "told"),
    [
        ("--symbol", "not given: --symbol"),
        ("--params", "not given: --params"),
        ("--cells", "not given: --cells"),
    ],
)
def test_a_missing_file_is_asked_for(
    geotagger: Geotagger, files: dict[str, Path], leave_out: str, told: str
) -> None:
    del files[leave_out]
    done = geotagger("import", *words(files))
    assert done.code == 2
    assert told in done.err


def test_wrong_words_end_with_2(geotagger: Geotagger, files: dict[str, Path]) -> None:
    assert geotagger("import", *words(files), "--name", "../x").code == 2
    assert geotagger("import", *words(files), "--input-size", 0).code == 2
    assert geotagger("import", *files.values(), files["--cells"]).code == 2


def test_a_list_of_other_cells_is_refused(geotagger: Geotagger, files: dict[str, Path], home: Path) -> None:
    write_grids(files["--cells"], 12)
    done = geotagger("import", *words(files), "--input-size", 32)
    assert done.code == 3
    assert "11 classes" in done.err
    assert "12 cells" in done.err
    assert done.err.count("\n") == 1
    assert not home.exists() or list(home.iterdir()) == []


def test_list_tells_installed_available_and_damaged(
    geotagger: Geotagger, files: dict[str, Path], home: Path
) -> None:
    geotagger("import", *words(files), "--input-size", 32, "--name", "mine")
    geotagger("import", *words(files), "--input-size", 32, "--name", "broken")
    (home / "broken" / "model.onnx").write_bytes(b"")
    (home / "mine").rename(home / "renamed")
    (home / ".unfinished-x").mkdir()
    done = geotagger("list", "--json")
    assert done.code == 0
    assert {r["name"]: r["status"] for r in done.records} == {
        "broken": "damaged",
        "renamed": "installed",
        "geoclip": "available",
        "rn101-5k500": "available",
    }
    plain = geotagger("list")
    assert "renamed\tinstalled\t\t" in plain.out
    (best,) = (line for line in plain.out.splitlines() if line.startswith("geoclip (recommended)\t"))
    assert best.split("\t")[1:5] == ["available", "347 MB", "552 MB", "1.00 GB"]
    assert "34.5 % of Im2GPS3k\tMIT\t" in best
    assert "its two addresses still answer is not known" in plain.out
    assert geotagger("show", "renamed").code == 0
    assert "model.onnx: has 0 bytes" in plain.err


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_of_a_terminal_cuts_no_name_or_figure(geotagger: Geotagger, width: int) -> None:
    records = [json.loads(line) for line in geotagger("list", "--json").out.splitlines()]
    file = io.StringIO()
    Console(file=file, width=width).print(table_of_models(records))
    lines = file.getvalue().splitlines()
    assert "…" not in file.getvalue()
    assert max(map(len, lines)) <= width
    for name, figure in (("geoclip", "347 MB"), ("geoclip", "MIT"), ("rn101-5k500", "299 MB")):
        assert any(line.startswith(name + " ") and figure in line for line in lines)


def test_show_tells_where_a_model_comes_from(
    geotagger: Geotagger, files: dict[str, Path], home: Path
) -> None:
    geotagger("import", *words(files), "--input-size", 32, "--name", "mine")
    plain = geotagger("show", "mine", "--verify")
    assert "files verified" in plain.out
    assert "grids.txt" in plain.out
    assert geotagger("show", home / "mine").code == 0
    (record,) = geotagger("show", "mine", "--json").records
    assert (record["classes"], record["suspect"], record["suspect_cells"]) == (11, 0, [])


def test_show_counts_suspect_cells(geotagger: Geotagger, shared_data: Path, home: Path) -> None:
    """Of the published list, with a toy network in place of the published one."""
    import numpy as np

    from geotagger.model.cells_csv import read_cells
    from geotagger.model.manifest import Manifest
    from geotagger.model.onnx_writer import Graph, Tensor, write_onnx
    from geotagger.model.pack import write_pack
    from geotagger.model.preprocessing import Preprocessing

    cells = read_cells(shared_data / "reference" / "rn101-5k500" / "grids.txt")
    graph = Graph(input=Tensor("data", (3, 8, 8)))
    flat = graph.emit("Flatten", ["data"], (192,), "flat", axis=1)
    weights = graph.constant("w", np.zeros((len(cells), 192), np.float32))
    scores = graph.emit("Gemm", [flat.name, weights], (len(cells),), "fc", transB=1)
    graph.name_output(graph.emit("Softmax", [scores.name], scores.shape, "softmax", axis=1), "probabilities")
    manifest = Manifest("published-cells", "1", "none", Preprocessing(input_size=8))
    write_pack(home / "published-cells", manifest, cells, lambda target: write_onnx(graph, target))
    assert "15,527, 49 suspect" in geotagger("show", "published-cells").out
    (record,) = geotagger("show", "published-cells", "--json").records
    assert len(record["suspect_cells"]) == 49
    assert "suspect = 49" in (home / "published-cells" / "pack.toml").read_text()


def test_show_knows_models_that_can_be_pulled(geotagger: Geotagger) -> None:
    done = geotagger("show", "rn101-5k500")
    assert "(available)" in done.out
    assert "16.8 % within 1 km" in done.out
    assert "none stated" in done.out
    assert geotagger("show", "nothing").code == 3


def test_pull_installs_a_whole_pack(geotagger: Geotagger, served: Served, home: Path, tmp_path: Path) -> None:
    done = geotagger("pull", "toy", "--catalogue", tmp_path / "catalogue.toml", "--json")
    assert done.code == 0
    assert done.records[0]["status"] == "installed"
    assert "licence of toy: none stated" in done.err
    pack = load_pack(home / "toy")
    assert (pack.preprocessing.scale, pack.preprocessing.resampling) == (255.0, "box")
    assert pack.manifest.accuracy[0].percent == (16.8, 39.2)
    assert pack.manifest.training == {"photos": 33900000}
    assert [source.checksum for source in pack.manifest.sources] == ["as received"] * 3
    assert pack.manifest.sources[2].bytes == len(served.content["/grids.txt"])
    assert list((tmp_path / "cache").rglob("*.params")) == []
    again = geotagger("pull", "toy", "--catalogue", tmp_path / "catalogue.toml", "--json")
    assert (again.code, again.records[0]["status"]) == (0, "kept")
    assert len(served.requests) == 3


def test_pull_goes_on_after_a_drop_and_gives_the_same_pack(
    geotagger: Geotagger, served: Served, home: Path, tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue.toml"
    assert geotagger("pull", "toy", "--catalogue", catalogue).code == 0
    smooth = load_pack(home / "toy").digest
    shutil.rmtree(home)
    served.faults["/gluon-0001.params"] = [20_000, 0, 0, 0, 0]
    broken = geotagger("pull", "toy", "--catalogue", catalogue)
    assert broken.code == 3
    assert "20,000 bytes are kept" in broken.err
    assert not (home / "toy").exists()
    assert geotagger("pull", "toy", "--catalogue", catalogue).code == 0
    assert served.requests[-2] == ("/gluon-0001.params", "bytes=20000-")
    assert load_pack(home / "toy").digest == smooth


@pytest.mark.parametrize("gone", ["gluon-symbol.json", "gluon-0001.params", "grids.txt"])
def test_pull_of_what_is_gone_leaves_nothing(
    geotagger: Geotagger, served: Served, home: Path, tmp_path: Path, gone: str
) -> None:
    del served.content[f"/{gone}"]
    done = geotagger("pull", "toy", "--catalogue", tmp_path / "catalogue.toml")
    assert done.code == 3
    assert f"{gone}: the server answers 404" in done.err
    assert not home.exists() or list(home.iterdir()) == []


@pytest.mark.parametrize("bad", ["gluon-symbol.json", "gluon-0001.params", "grids.txt"])
def test_what_turns_out_to_be_unusable_is_fetched_again(
    geotagger: Geotagger, served: Served, home: Path, tmp_path: Path, bad: str
) -> None:
    good = served.content[f"/{bad}"]
    served.content[f"/{bad}"] = b"<html>Please log in to this hotel's network</html>"
    done = geotagger("pull", "toy", "--catalogue", tmp_path / "catalogue.toml")
    assert done.code == 3
    assert f"{served.url('/' + bad)}: " in done.err
    assert "nothing was installed" in done.err
    assert str(tmp_path / "cache") not in done.err
    assert not home.exists() or list(home.iterdir()) == []
    served.content[f"/{bad}"] = good
    assert geotagger("pull", "toy", "--catalogue", tmp_path / "catalogue.toml").code == 0
    assert sum(path == f"/{bad}" for path, _ in served.requests) == 2
    assert len(served.requests) == 4


@pytest.mark.usefixtures("served")
def test_a_damaged_pack_is_mended_by_force(geotagger: Geotagger, home: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.toml"
    geotagger("pull", "toy", "--catalogue", catalogue)
    (home / "toy" / "model.onnx").write_bytes(b"")
    damaged = geotagger("pull", "toy", "--catalogue", catalogue)
    assert damaged.code == 3
    assert geotagger("pull", "toy", "--catalogue", catalogue, "--force").code == 0
    verify_pack(load_pack(home / "toy"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[models.toy]", "[models.toy", "not TOML"),
        ('role = "cells"', 'role = "cell"', "one file for each of the roles"),
        ("ADDRESS/grids.txt", "file:///etc/passwd", "is not an http(s) address"),
        ("size = 32", "size = -1", "size must be"),
        ("percent = [16.8, 39.2]", "percent = [16.8]", "differ in length"),
        ('licence = "none stated"', "", "licence is missing"),
        ("[models.toy]", "[models.'a/b']", "cannot name a model"),
    ],
)
def test_a_wrong_catalogue_is_refused(
    geotagger: Geotagger, tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE.replace(old, new).replace("ADDRESS", "http://localhost"))
    done = geotagger("pull", "toy", "--catalogue", path)
    assert done.code in (2, 3)
    assert told in done.err
    assert done.err.count("\n") == 1


def test_the_shipped_catalogue_has_the_published_model() -> None:
    model = read_catalogue()["rn101-5k500"]
    assert {file.role: file for file in model.files}["params"].address.endswith("RN101-5k500-0012.params")
    assert "none stated" in model.licence
    assert model.accuracy[0].percent == (16.8, 39.2, 48.9, 67.9, 82.2)
    assert model.preprocessing.scale == 256
    assert shipped_catalogue().is_file()


def test_the_known_checksum_of_the_published_cells_is_theirs(shared_data: Path) -> None:
    import hashlib

    content = (shared_data / "reference" / "rn101-5k500" / "grids.txt").read_bytes()
    cells = {f.role: f for f in read_catalogue()["rn101-5k500"].files}["cells"]
    assert (cells.bytes, cells.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("version", ["0.9.5", "0.10.0", "0.11.0", "1.9.1"])
@pytest.mark.parametrize("network", ["resnet-v1", "resnet-v2", "googlenet"])
def test_every_reference_checkpoint_is_imported(
    geotagger: Geotagger, shared_data: Path, tmp_path: Path, version: str, network: str
) -> None:
    base = shared_data / "reference" / "mxnet-checkpoints" / version
    cells = write_grids(tmp_path / "fifty.txt", 50)
    done = geotagger("import", base / f"{network}-symbol.json", base / f"{network}-0012.params", cells)
    assert (done.code, done.out) == (0, "")
    assert "50 cells" in done.err
