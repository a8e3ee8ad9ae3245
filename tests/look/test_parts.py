"""Rows of pictures made elsewhere: whatever happens to the parts, `tag` says what it would have said."""

import os
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
from onnx import TensorProto, helper, numpy_helper

from geotagger.cells import CellTable, leaf_ids, parents
from geotagger.geo import distance_km
from geotagger.model.manifest import Manifest
from geotagger.model.pack import write_pack
from geotagger.model.preprocessing import Preprocessing
from tests.commands import Geotagger
from tests.look.same import assert_same
from tests.model import embedders
from tests.tag.scenes import START, exif_of
from tests.tag.test_pictures import COLOURS, PLACES, colour_pack, colour_photo, pictures

FIELDS = ("status", "latitude", "longitude", "radius_km", "confidence", "rung", "cell")


def estimates(geotagger: Geotagger, *words: Any) -> tuple[dict[str, tuple[Any, ...]], str]:
    """Of `tag`, in an index of its own; and what it said to its owner."""
    index = geotagger.home / f"index-{time.monotonic_ns()}.db"
    said = geotagger("tag", *words, "--write", "none", "--json", "--index", index, code=None)
    return {name: tuple(row[field] for field in FIELDS) for name, row in said.by_name().items()}, said.err


def test_a_part_twice_and_a_part_missing_change_nothing(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 6), tmp_path / "looked"
    plain, _ = estimates(geotagger, folder, "--model", pack)
    geotagger("look", folder, "--model", pack, "--out", out, "--part", "1/3")
    geotagger("look", folder, "--model", pack, "--out", tmp_path / "b", "--part", "1/3")
    for file in (tmp_path / "b").iterdir():
        shutil.copy(file, out / f"again-{file.name}")
    merged, said = estimates(geotagger, folder, "--model", pack, "--looked", out)
    assert_same(merged, plain)
    assert "stand there twice" in said


def test_one_that_is_killed_goes_on_where_its_files_end(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 60), tmp_path / "looked"
    plain, _ = estimates(geotagger, folder, "--model", pack)
    geotagger("look", folder, "--model", pack, "--out", out, "--part", "1/2")
    first = sum(file.stat().st_size > 0 for file in out.iterdir())
    killed = geotagger.start(
        "look", folder, "--model", pack, "--out", out, "--part", "2/2", "--batch-size", 4
    )
    time.sleep(1.5)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    stopped = geotagger.start("look", folder, "--model", pack, "--out", out, "--part", "2/2")
    time.sleep(1.5)
    stopped.send_signal(signal.SIGTERM)
    stopped.communicate(timeout=60)
    said = geotagger("look", folder, "--model", pack, "--out", out, "--part", "2/2", "--json").records[0]
    assert said["kept"] + said["seen"] == said["listed"]
    assert sum(file.suffix == ".parquet" for file in out.iterdir()) > first
    merged, note = estimates(geotagger, folder, "--model", pack, "--looked", out, "--profile")
    assert_same(merged, plain)
    assert "180 photos taken in" in note
    assert "reading and decoding" not in note, "nothing was looked at twice"


def test_two_processes_make_the_rows_of_one(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 8)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    plain, _ = estimates(geotagger, folder, "--model", pack)
    options = ("--model", pack, "--look-processes", "2", "--batch-size", "4", "--json")
    said = geotagger("look", folder, "--out", tmp_path / "two", *options, code=1).records[0]
    assert (said["seen"], said["unreadable"]) == (24, 1)
    merged, note = estimates(geotagger, folder, "--model", pack, "--looked", tmp_path / "two")
    assert_same(merged, plain)
    assert "24 photos taken in, 0 changed since, 0 not here, 1 could not be read there" in note


def test_features_of_rows_stand_in_for_looking_at_references(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 4), tmp_path / "looked"
    for n, (colour, place) in enumerate(PLACES.items()):
        exif = exif_of(START + timedelta(days=n), place)
        (folder / f"known-{colour}.jpg").write_bytes(colour_photo(COLOURS[colour], exif))
    plain, _ = estimates(geotagger, folder, "--model", pack, "--with", "reference")
    geotagger("look", folder, "--model", pack, "--out", out, "--all")
    without = geotagger(
        "look", folder, "--model", pack, "--out", out, "--all", "--features", "--json"
    ).records[0]
    assert (without["kept"], without["seen"]) == (0, 15), "rows without features do not count"
    merged, note = estimates(
        geotagger, folder, "--model", pack, "--with", "reference", "--looked", out, "--profile"
    )
    assert "reading and decoding" not in note, "nothing was looked at twice"
    assert merged.keys() == plain.keys()
    for name, row in merged.items():
        assert row[0] == plain[name][0]
        assert distance_km(row[1], row[2], plain[name][1], plain[name][2]) < 0.1
        assert row[4] == pytest.approx(plain[name][4], abs=0.002), "features are kept as 16 bits"


def test_a_gallerys_places_come_back(geotagger: Geotagger, tmp_path: Path) -> None:
    published = embedders.lay_out(tmp_path / "published")
    names = embedders.FILES
    geotagger(
        "models", "import", "--onnx", published / names["network"], "--pixels", "clip", "--input-size",
        embedders.EDGE, "--gallery", published / names["gallery"], "--encoder", published / names["encoder"],
        "--logit-scale", embedders.SCALE, "--name", "toyclip",
    )  # fmt: skip
    folder, out = pictures(tmp_path / "photos", 5), tmp_path / "looked"
    plain, _ = estimates(geotagger, folder, "--model", "toyclip")
    geotagger("look", folder, "--model", "toyclip", "--out", out)
    merged, note = estimates(geotagger, folder, "--model", "toyclip", "--looked", out, "--profile")
    assert "reading and decoding" not in note
    assert_same(merged, plain)
    assert len({row[1:3] for row in plain.values()}) >= 3


def test_of_thousands_of_cells_the_estimates_are_the_plain_runs(geotagger: Geotagger, tmp_path: Path) -> None:
    pack = many_cells(tmp_path, 5000)
    folder, out = tmp_path / "photos", tmp_path / "looked"
    folder.mkdir()
    # of these colours none leaves two cells that the last bits decide between
    rng = np.random.default_rng(9)
    for n in range(30):
        red, green, blue = (int(value) for value in rng.integers(0, 255, 3))
        (folder / f"{n}.jpg").write_bytes(colour_photo((red, green, blue), b""))
    plain, _ = estimates(geotagger, folder, "--model", pack)
    geotagger("look", folder, "--model", pack, "--out", out)
    merged, note = estimates(geotagger, folder, "--model", pack, "--looked", out, "--profile")
    assert "reading and decoding" not in note
    for name, row in merged.items():
        assert row[0] == plain[name][0]
        assert distance_km(row[1], row[2], plain[name][1], plain[name][2]) < 1.0
        assert row[4] == pytest.approx(plain[name][4], abs=0.005)
    assert np.ptp([row[4] for row in plain.values()]) > 0.2, "sure and unsure ones"


def many_cells(folder: Path, count: int) -> Path:
    """A network that says something of every one of many cells, which occur unequally often."""
    rng = np.random.default_rng(8)
    lat = np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, count * 2)))
    lng = rng.uniform(-180, 180, count * 2)
    rows = np.sort(np.unique(parents(leaf_ids(lat, lng), 9), return_index=True)[1][:count])
    cells = CellTable(
        parents(leaf_ids(lat[rows], lng[rows]), 9), lat[rows], lng[rows], rng.integers(50, 2000, len(rows))
    )
    weight = rng.normal(size=(3, len(rows))).astype(np.float32) * np.float32(1.5)
    bias = np.log(cells.photos / cells.photos.sum()).astype(np.float32)  # type: ignore[operator,union-attr]
    nodes = [
        helper.make_node("GlobalAveragePool", ["data"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "many",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(rows)])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    pixels = Preprocessing(input_size=16, mean=(127.0,) * 3, std=(64.0,) * 3)
    return write_pack(
        folder / "many", Manifest("many", "1", "none", pixels), cells, lambda to: onnx.save(network, str(to))
    ).folder


@pytest.mark.ordinary_user
def test_a_folder_that_one_node_does_not_see_is_named_and_left_to_tag(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 3), tmp_path / "looked"
    closed = folder / "closed"
    pictures(closed, 2)
    plain, _ = estimates(geotagger, folder, "--model", pack)
    closed.chmod(0)
    try:
        said = geotagger("look", folder, "--model", pack, "--out", out, code=1)
    finally:
        closed.chmod(0o755)
    assert f"{closed}: " in said.err
    assert "1 folders cannot be read" in said.err
    merged, _ = estimates(geotagger, folder, "--model", pack, "--looked", out)
    assert_same(merged, plain)


def test_a_folder_for_rows_that_cannot_be_is_one_line(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 1)
    said = geotagger("look", folder, "--model", pack, "--out", folder / "red-0.jpg", code=2)
    assert said.err.count("\n") == 1
    assert os.fspath(folder / "red-0.jpg") in said.err
