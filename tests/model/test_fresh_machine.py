"""From nothing to a tagged folder with GeoCLIP, as the README says it: the shipped catalogue, and a hub on
loopback that lays out the published files, with a small tower in place of the large one."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from tests.commands import Geotagger
from tests.model.server import serving

HUB = "/Xenova/geoclip-large-patch14/resolve/main"
VIENNA = (48.2083, 16.37)
WIDTH = 64
NETWORK = f"{HUB}/onnx/vision_model_int8.onnx"


def weights_of_places() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Waves of half a degree: places farther apart than that are nothing to each other."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 2 * WIDTH)).astype(np.float32) * 2, rng.normal(size=(2 * WIDTH, WIDTH)).astype(
        "f"
    )


def model(
    nodes: list[onnx.NodeProto], given: tuple[str, list[Any]], taken: str, **arrays: NDArray[np.float32]
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])],
        [helper.make_tensor_value_info(taken, TensorProto.FLOAT, ["n", WIDTH])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(made.SerializeToString())


def small_encoder() -> bytes:
    first, second = weights_of_places()
    nodes = [
        helper.make_node("MatMul", ["location", "first"], ["turned"]),
        helper.make_node("Sin", ["turned"], ["waves"]),
        helper.make_node("MatMul", ["waves", "second"], ["location_embeds"]),
    ]
    return model(nodes, ("location", ["n", 2]), "location_embeds", first=first, second=second)


def small_tower() -> bytes:
    """Whatever it sees, it takes for Vienna."""
    first, second = weights_of_places()
    vienna = np.sin(np.array([VIENNA], np.float32) @ first) @ second
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "w", "b"], ["image_embeds"]),
    ]
    weights = np.random.default_rng(0).normal(size=(3, WIDTH)).astype(np.float32) * 1e-3
    return model(nodes, ("pixel_values", ["n", 3, 224, 224]), "image_embeds", w=weights, b=vienna[0])


def lay_out_photos(folder: Path) -> None:
    """Forty of twenty minutes, of which the first two know where they were taken."""
    folder.mkdir()
    for n in range(40):
        colour = (5 * n, 255 - 5 * n, 90)
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "A maker", "A camera"
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 10:{n // 2:02d}:{n % 2 * 30:02d}"
        if n < 2:
            exif.get_ifd(0x8825).update(
                {1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 12.0)}  # Vienna
            )
        Image.new("RGB", (320, 240), colour).save(folder / f"{n:02}.jpg", exif=exif)


def test_from_the_readme_to_a_tagged_folder(tmp_path: Path, shared_data: Path) -> None:
    gallery = shared_data / "reference" / "cells" / "photo-coordinates-100k.csv"
    photos = tmp_path / "Photos"
    lay_out_photos(photos)
    geotagger = Geotagger(tmp_path)
    with serving() as served:
        geotagger.environment |= {"HF_ENDPOINT": served.address, "no_proxy": "127.0.0.1"}
        served.content = {
            NETWORK: small_tower(),
            f"{HUB}/onnx/location_model.onnx": small_encoder(),
            f"{HUB}/gps_gallery/coordinates_100K.csv": gallery.read_bytes(),
        }
        served.faults[f"{HUB}/gps_gallery/coordinates_100K.csv"] = [1_000_000]

        without = geotagger("tag", photos, "--dry-run")
        assert "`geotagger models pull geoclip` fetches one (347 MB)" in without.err

        pulled = geotagger("models", "pull", "geoclip", timeout=300)
        said = pulled.err.splitlines()
        assert said[0].endswith("licence of geoclip: MIT")
        costs = said[1]
        for part in (
            "geoclip in int8",
            "347 MB to fetch",
            "552 MB of disk",
            "1.00 GB of memory",
            "photos a second",
        ):
            assert part in costs
        assert "geoclip is installed" in said[-1]
        ranges = [asked for path, asked in served.requests if path.endswith(".csv")]
        assert ranges == [None, "bytes=1000000-"]

    tagged = geotagger("tag", photos, "--json")
    written = [record for record in tagged.records if record["status"] == "written"]
    assert len(written) == 38
    assert {record["model"] for record in written} == {"geoclip"}
    assert all(abs(record["latitude"] - 48.2) < 1 for record in written)
    (listed,) = [r for r in geotagger("models", "list", "--json").records if r["name"] == "geoclip"]
    assert (listed["status"], listed["recommended"], listed["licence"]) == ("installed", True, "MIT")
    assert listed["photos_per_second"] > 0
    assert listed["classes"] == 12_664
