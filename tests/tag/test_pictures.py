"""`geotagger tag` with a model: pictures that a small network can tell apart, places it knows."""

import io
import struct
import subprocess
import sys
import zlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from geotagger.cells import CellTable, leaf_ids, parents
from geotagger.geo import distance_km
from geotagger.model.manifest import Manifest
from geotagger.model.pack import write_pack
from geotagger.model.preprocessing import Preprocessing
from tests.commands import Geotagger
from tests.tag.scenes import START, exif_of

EDGE = 16
COLOURS = {"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230)}
PLACES = {"red": (38.7223, -9.1393), "green": (59.3293, 18.0686), "blue": (-33.8688, 151.2093)}


def colour_pack(folder: Path, name: str = "colours", sharpness: float = 0.1) -> Path:
    """A network that answers with the colour channel that is brightest, one city a colour."""
    lat, lng = (np.array([place[axis] for place in PLACES.values()]) for axis in (0, 1))
    cells = CellTable(parents(leaf_ids(lat, lng), 12), lat, lng)
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32) * np.float32(sharpness), "weight")
    nodes = [
        helper.make_node("GlobalAveragePool", ["data"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, EDGE, EDGE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3]),
        ],
        [weight],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    manifest = Manifest(name, "1", "none", Preprocessing(input_size=EDGE))
    return write_pack(folder / name, manifest, cells, lambda target: onnx.save(network, str(target))).folder


def colour_photo(value: tuple[int, int, int], exif: bytes) -> bytes:
    noise = Image.effect_noise((400, 300), 30).convert("RGB")
    file = io.BytesIO()
    Image.blend(noise, Image.new("RGB", (400, 300), value), 0.8).save(file, "JPEG", exif=exif)
    return file.getvalue()


def pictures(folder: Path, each: int = 5) -> Path:
    """Photos without any metadata."""
    folder.mkdir()
    for colour, value in COLOURS.items():
        for n in range(each):
            (folder / f"{colour}-{n}.jpg").write_bytes(colour_photo(value, b""))
    return folder


def test_a_model_places_photos_that_say_nothing_of_themselves(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos")
    said = geotagger("tag", folder, "--model", pack, "--batch-size", "4", "--json").by_name()
    assert len(said) == 15
    for name, record in said.items():
        assert (record["status"], record["rung"], record["model"]) == ("written", "visual", "colours")
        place = PLACES[name.split("-")[0]]
        assert distance_km(record["latitude"], record["longitude"], *place) < 25
        assert record["cell"]
    near = geotagger("query", "--near", "Lisbon", "--radius", "30", "--json").by_name()
    assert set(near) == {f"red-{n}.jpg" for n in range(5)}


def test_a_run_with_nothing_to_do_loads_nothing_that_computes(geotagger: Geotagger, tmp_path: Path) -> None:
    index, folder = tmp_path / "index.db", pictures(tmp_path / "photos", 1)
    words = ["tag", str(folder), "--model", str(colour_pack(tmp_path)), "--index", str(index)]
    geotagger(*words)
    code = (
        "import sys, geotagger.cli\n"
        "try: geotagger.cli.main()\n"
        "finally: print(*{'numpy', 'onnxruntime', 'PIL'} & set(sys.modules), file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "3 kept: unchanged since the last run" in ran.stdout
    assert ran.stderr.strip() == ""


def test_why_finds_the_model_of_the_run_wherever_it_lies(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(geotagger.home), pictures(tmp_path / "photos", 1)
    geotagger("tag", folder, "--model", pack.name, "--write", "none")
    (said,) = geotagger("why", folder / "red-0.jpg", "--json").records
    assert said["run"]
    assert "visual" in said["alone"]
    installed = geotagger.home / "models" / "renamed"
    installed.parent.mkdir()
    pack.rename(installed)
    assert geotagger("why", folder / "red-0.jpg", "--json").records == [said]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_result_does_not_depend_on_the_batch(geotagger: Geotagger, tmp_path: Path, batch_size: int) -> None:
    pack, folder = colour_pack(tmp_path, sharpness=0.001), pictures(tmp_path / "photos")
    options = "--model", pack, "--write", "none", "--json"
    whole = geotagger("tag", folder, *options, "--batch-size", "15").by_name()
    parts = geotagger(
        "tag", folder, *options, "--batch-size", str(batch_size), "--index", tmp_path / "other.db"
    ).by_name()
    assert whole == parts


def test_a_profile_names_the_limit(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 2)
    said = geotagger("tag", folder, "--model", pack, "--profile", "--json")
    assert len(said.records) == 6
    assert "network" in said.err
    assert "the limit: " in said.err


def test_another_model_looks_again_only_when_asked(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "photos", 2)
    first, second = colour_pack(tmp_path, "first"), colour_pack(tmp_path, "second", 0.2)
    geotagger("tag", folder, "--model", first)
    said = geotagger("tag", folder, "--model", second, "--json").records
    assert {(record["status"], record["reason"]) for record in said} == {
        ("kept", "unchanged since the last run")
    }
    again = geotagger("tag", folder, "--model", second, "--again", "--json").records
    assert {(record["status"], record["model"]) for record in again} == {("written", "second")}


def test_a_truncated_picture_is_named_and_the_others_are_placed(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 2)
    whole = (folder / "red-0.jpg").read_bytes()
    (folder / "red-0.jpg").write_bytes(whole[: len(whole) // 2])
    said = geotagger("tag", folder, "--model", pack, "--json", code=1).by_name()
    assert {name for name, record in said.items() if record["status"] == "failed"} == {"red-0.jpg"}
    assert (folder / "red-0.jpg").read_bytes() == whole[: len(whole) // 2]
    # the next run knows it, and only says so
    said = geotagger("tag", folder, "--model", pack, "--json").by_name()
    assert said["red-0.jpg"]["status"] == "skipped"


def test_an_installed_model_is_used_without_asking(geotagger: Geotagger, tmp_path: Path) -> None:
    colour_pack(geotagger.home / "models")
    folder = pictures(tmp_path / "photos", 1)
    assert {record["model"] for record in geotagger("tag", folder, "--json").records} == {"colours"}


def test_screenshots_are_left_alone_unless_asked(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 1)
    Image.new("RGBA", (300, 200), (230, 20, 20, 128)).save(folder / "graphic.png")
    said = geotagger("tag", folder, "--model", pack, "--json").by_name()
    assert said["graphic.png"]["status"] == "skipped"
    said = geotagger("tag", folder, "--model", pack, "--all-images", "--json").by_name()
    assert said["graphic.png"]["status"] in ("written", "indexed")


def test_the_owners_own_photos_can_be_the_reference(geotagger: Geotagger, tmp_path: Path) -> None:
    """The model knows a red picture from Lisbon; this owner takes them in Vienna."""
    pack, folder = colour_pack(tmp_path, sharpness=0.005), tmp_path / "photos"
    folder.mkdir()
    homes = {"red": (48.2, 16.37), "green": (47.07, 15.44), "blue": (46.62, 14.31)}
    for day in range(12):
        for later, (colour, home) in enumerate(homes.items()):
            taken = START + timedelta(days=2 * day, hours=12 * later)
            photo = colour_photo(COLOURS[colour], exif_of(taken, home))
            (folder / f"{colour}-home-{day}.jpg").write_bytes(photo)
    for colour in homes:
        (folder / f"{colour}.jpg").write_bytes(colour_photo(COLOURS[colour], exif_of(None)))
    options = "--model", pack, "--write", "none", "--min-confidence", "0.2", "--json"
    for _ in range(2):  # the second time from what was kept
        said = geotagger("tag", folder, *options, "--reference", "--again").by_name()
        for colour, home in homes.items():
            record = said[f"{colour}.jpg"]
            assert distance_km(record["latitude"], record["longitude"], *home) < 5
    told = geotagger("why", folder / "red.jpg", "--json").records[0]
    assert told["alike"][0]["path"].endswith(".jpg")
    assert "red-home" in told["alike"][0]["path"]
    assert told["latitude"] == pytest.approx(said["red.jpg"]["latitude"], abs=1e-6)
    assert "alike: red-home" in geotagger("why", folder / "red.jpg").out
    without = geotagger("tag", folder, *options, "--index", tmp_path / "other.db").by_name()
    away = distance_km(without["red.jpg"]["latitude"], without["red.jpg"]["longitude"], *homes["red"])
    assert away > 100 or without["red.jpg"]["confidence"] < said["red.jpg"]["confidence"]


def test_a_picture_too_large_to_see_is_placed_by_its_time_and_is_no_failure(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    pack, folder = colour_pack(tmp_path), tmp_path / "photos"
    folder.mkdir()
    for n in range(4):
        known = exif_of(START + timedelta(minutes=n), PLACES["red"])
        (folder / f"known-{n}.jpg").write_bytes(colour_photo(COLOURS["red"], known))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 16, 0, 0, 0, 0)),
        (b"eXIf", exif_of(START + timedelta(seconds=90)).removeprefix(b"Exif\0\0")),
        (b"IDAT", zlib.compress(bytes(100_000))),
        (b"IEND", b""),
    ]
    bodies = [name + data for name, data in chunks]
    (folder / "vast.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(b) - 4) + b + struct.pack(">I", zlib.crc32(b)) for b in bodies)
    )
    done = geotagger("tag", folder, "--model", pack, "--json")
    said = done.by_name()
    assert "vast.png: not looked at, 40000×40000 pixels are too many" in done.err
    assert (said["vast.png"]["status"], said["vast.png"]["rung"]) == ("written", "neighbours")
    assert distance_km(said["vast.png"]["latitude"], said["vast.png"]["longitude"], *PLACES["red"]) < 1
