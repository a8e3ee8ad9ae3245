"""An embedder with a gallery is pulled, imported and run; every failure is one line and leaves no pack."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geotagger import gazetteer
from geotagger.cli.common import two_digits
from geotagger.engine.devices import Device
from geotagger.engine.onnx_runner import OnnxRunner
from geotagger.engine.opening import open_engine
from geotagger.errors import PackError, UsageError
from geotagger.model import catalogue as catalogues
from geotagger.model.catalogue import read_catalogue
from geotagger.model.classifiers import write_classifier
from geotagger.model.fetching import Places, gather
from geotagger.model.gallery import Gallery, check_columns, read_gallery
from geotagger.model.gallery_network import (
    GalleryHead,
    check_pictures,
    chunked_rows,
    write_gallery_network,
)
from geotagger.model.hugging_face import in_cache
from geotagger.model.onnx_extend import read_network
from geotagger.model.onnx_graph import TensorInfo
from geotagger.model.pack import ModelPack, load_pack, verify_pack
from geotagger.partition import classes_of
from tests.model import embedders
from tests.model.conftest import Result
from tests.model.embedders import EDGE, FILES, PLACES, SCALE, WIDTH
from tests.model.server import Served, serving

Geotagger = Callable[..., Result]
HUB = "https://huggingface.co/Toy/places/resolve/main"
CATALOGUE = f"""
[models.toyclip]
kind = "gallery"
version = "1"
description = "a toy"
licence = "MIT"
scale = {SCALE}
files = [
    {{ role = "network", precision = "int8", address = "{HUB}/{FILES["int8"]}", size = 9_000 }},
    {{role = "network", precision = "fp32", address = "{HUB}/{FILES["network"]}", size = 9_999, gflop = 1.0}},
    {{ role = "encoder", address = "{HUB}/{FILES["encoder"]}" }},
    {{ role = "gallery", address = "{HUB}/{FILES["gallery"]}", mirrors = ["MIRROR/gallery.csv"] }},
]
advice = {{ purpose = "tests", recommended = true, gallery_bytes = 9_600 }}

[models.toyclip.input]
size = {EDGE}
crop = "centre"
channels = "RGB"
scale = 1.0
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
resampling = "bicubic"
"""


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return embedders.lay_out(tmp_path / "published")


@pytest.fixture
def hub(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A hub on loopback that has the files, and an empty cache of it."""
    with serving() as served:
        served.content = {
            f"/Toy/places/resolve/main/{name}": (published / name).read_bytes() for name in FILES.values()
        }
        (tmp_path / "catalogue.toml").write_text(CATALOGUE.replace("MIRROR", served.address))
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_TOKEN", "HF_HUB_CACHE"):
            monkeypatch.delenv(name, raising=False)
        yield served


@pytest.fixture
def pull(models_command: Geotagger, hub: Served, tmp_path: Path) -> Geotagger:  # noqa: ARG001
    return lambda *words: models_command(
        "pull", "toyclip", "--catalogue", tmp_path / "catalogue.toml", *words
    )


def pictures(n: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(9).normal(size=(n, 3, EDGE, EDGE)).astype(np.float32)


def assert_answers_by_the_formula(pack: ModelPack, rounded: bool = False) -> None:
    outputs = OnnxRunner(pack.onnx_path, Device("cpu")).run(pictures())
    features, shares = embedders.reference(pictures(), rounded)
    gallery = pack.gallery
    assert gallery is not None
    classes = classes_of(pack.cells, gallery.lat, gallery.lng)
    assert (classes >= 0).all()
    sums = np.stack([np.bincount(classes, row, len(pack.cells)) for row in shares])
    assert outputs.features is not None
    assert outputs.points is not None
    assert outputs.point_probabilities is not None
    np.testing.assert_allclose(outputs.features, features, atol=1e-6)
    np.testing.assert_allclose(outputs.probabilities, sums, atol=1e-6)
    np.testing.assert_allclose(
        outputs.point_probabilities, np.take_along_axis(shares, outputs.points, 1), atol=1e-6
    )
    np.testing.assert_allclose(
        np.sort(outputs.point_probabilities)[:, ::-1], np.sort(shares)[:, ::-1][:, :256], atol=1e-6
    )


def test_pull_installs_the_network_the_gallery_and_the_encoder(
    pull: Geotagger, hub: Served, home: Path
) -> None:
    done = pull("--precision", "fp32", "--json")
    assert (done.code, done.records[0]["status"]) == (0, "installed")
    pack = load_pack(home / "toyclip")
    verify_pack(pack)
    assert pack.manifest.gallery is not None
    assert (pack.manifest.gallery.rows, pack.manifest.gallery.points) == (PLACES, 256)
    assert pack.encoder_path is not None
    assert pack.encoder_path.read_bytes() == hub.content[f"/Toy/places/resolve/main/{FILES['encoder']}"]
    assert int(pack.cells.photos.sum()) == PLACES  # type: ignore[union-attr]
    assert {source.role: source.address for source in pack.manifest.sources}["network"].startswith(HUB)
    assert_answers_by_the_formula(pack)


def test_the_costs_are_said_before_anything_is_fetched(pull: Geotagger, hub: Served) -> None:
    hub.content.clear()
    done = pull("--precision", "fp32")
    assert done.code != 0
    said = done.err.splitlines()
    assert said[0].endswith("licence of toyclip: MIT")
    assert "to fetch" in said[1]
    assert "of disk" in said[1]
    assert "photos a second" in said[1]
    assert "404" in said[-1]


def test_the_precisions_of_a_model_are_one_model(pull: Geotagger, home: Path) -> None:
    assert pull().code == 0
    first = load_pack(home / "toyclip")
    assert open_engine(first, "cpu").name == "onnxruntime int8"
    assert_answers_by_the_formula(first, rounded=True)
    assert pull("--precision", "fp32", "--force").code == 0
    second = load_pack(home / "toyclip")
    assert open_engine(second, "cpu").name == "onnxruntime fp32"
    assert second.digest == first.digest
    assert second.manifest.files["model.onnx"] != first.manifest.files["model.onnx"]


def test_an_unpublished_precision_is_refused(pull: Geotagger, hub: Served) -> None:
    done = pull("--precision", "int4")
    assert done.code == 2
    assert "it is in int8, fp32" in done.err
    assert hub.requests == []


def test_a_mirror_answers_where_the_first_address_does_not(pull: Geotagger, hub: Served, home: Path) -> None:
    hub.content["/gallery.csv"] = hub.content.pop(f"/Toy/places/resolve/main/{FILES['gallery']}")
    assert pull().code == 0
    sources = {source.role: source.address for source in load_pack(home / "toyclip").manifest.sources}
    assert sources["gallery"] == hub.url("/gallery.csv")


def test_the_cache_of_the_hub_is_used(pull: Geotagger, hub: Served, published: Path, tmp_path: Path) -> None:
    """Of two commits that of the branch, though somebody asked for the other later."""
    repository = tmp_path / "hf" / "hub" / "models--Toy--places"
    shutil.copytree(published, repository / "snapshots" / "abc")
    other = repository / "snapshots" / "fed" / FILES["int8"]
    other.parent.mkdir(parents=True)
    other.write_bytes(b"another branch's")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert pull().code == 0
    assert hub.requests == []


def test_of_the_cache_of_the_hub_no_other_commit_is_taken_than_the_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    file = tmp_path / "models--Toy--places" / "snapshots" / ("f" * 40) / "x.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"of that commit")
    repository = HUB.removesuffix("main")
    assert in_cache(f"{repository}{'f' * 40}/x.onnx") == file
    assert in_cache(f"{repository}{'a' * 40}/x.onnx") is None


def test_a_file_of_the_cache_that_is_not_what_its_name_says_is_fetched(
    pull: Geotagger, hub: Served, published: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "hf" / "hub" / "models--Toy--places"
    shutil.copytree(published, repository / "snapshots" / "abc")
    (repository / "blobs").mkdir()
    link, blob = repository / "snapshots" / "abc" / FILES["int8"], repository / "blobs" / ("0" * 64)
    link.rename(blob)
    link.symlink_to(blob)
    assert pull().code == 0
    assert [path.rsplit("/", 1)[-1] for path, _ in hub.requests] == ["vision_model_int8.onnx"]


def test_a_folder_of_files_needs_no_network(pull: Geotagger, hub: Served, published: Path) -> None:
    assert pull("--from", published).code == 0
    assert hub.requests == []
    with pytest.raises(UsageError, match="is no folder"):
        gather(read_catalogue()["geoclip"], None, Places(published / FILES["gallery"]))
    (published / FILES["encoder"]).unlink()
    done = pull("--from", published, "--force")
    assert done.code == 2
    assert "location_model.onnx" in done.err.splitlines()[-1]


def test_the_token_goes_to_the_hub_alone(
    pull: Geotagger, hub: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    path = f"/Toy/places/resolve/main/{FILES['int8']}"
    with serving() as elsewhere:
        elsewhere.content["/blob"] = hub.content.pop(path)
        hub.redirects[path] = elsewhere.url("/blob")
        renamed = f"/Toy/places/resolve/main/{FILES['encoder']}"
        hub.content["/New" + renamed] = hub.content.pop(renamed)
        hub.redirects[renamed] = "/New" + renamed  # of a repository that was renamed, on the same host
        assert pull().code == 0
        assert elsewhere.tokens == [None]
    assert ("/New" + renamed, None) in hub.requests
    assert set(hub.tokens) == {"Bearer secret"}


def test_a_checksum_that_the_hub_states_is_held_against_what_came(
    pull: Geotagger, hub: Served, home: Path
) -> None:
    """The hub keeps large files by their SHA-256 and says it where it redirects to their store."""
    path = f"/Toy/places/resolve/main/{FILES['int8']}"
    with serving() as store:
        store.content["/blob"] = content = hub.content.pop(path)
        hub.redirects[path], hub.linked[path] = store.url("/blob"), "0" * 64
        done = pull()
        assert done.code == 3
        assert "its server states 0000" in done.err.splitlines()[-1]
        assert not (home / "toyclip").exists()
        hub.linked[path] = hashlib.sha256(content).hexdigest()
        place = f"/Toy/places/resolve/main/{FILES['encoder']}"
        hub.linked[place] = "1" * 64  # a hub that keeps no store of its own states it with the file
        done = pull()
        assert done.code == 3
        assert "its server states 1111" in done.err.splitlines()[-1]
        hub.linked[place] = hashlib.sha256(hub.content[place]).hexdigest()
        assert pull().code == 0
    checked = {source.role: source.checksum for source in load_pack(home / "toyclip").manifest.sources}
    assert checked == dict.fromkeys(("network", "encoder"), "stated by its server") | {
        "gallery": "as received"
    }


@pytest.mark.parametrize("role", ["int8", "encoder", "gallery"])
def test_a_page_instead_of_a_file_is_refused_and_fetched_again(
    pull: Geotagger, hub: Served, home: Path, role: str
) -> None:
    path = f"/Toy/places/resolve/main/{FILES[role]}"
    good = hub.content[path]
    hub.content[path] = b"<!DOCTYPE html><html><title>Sign in</title></html>"
    done = pull()
    assert done.code == 3
    assert not (home / "toyclip").exists()
    assert FILES[role].split("/")[1] in done.err.splitlines()[-1]
    hub.content[path] = good
    hub.etags[path] = '"mended"'
    assert pull().code == 0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("LAT,LON", "LON,LAT", None),
        ("LAT,LON", "a,b", "names no latitude"),
        ("\n", "\nnan,3\n", "line 2: `nan`, `3` is no place"),
        ("\n", "\n1,2,3\n", "line 2: 3 fields"),
        ("\n", "\n120.5,30\n", "changed places"),
    ],
)
def test_a_faulty_gallery_is_refused_with_its_lines(
    tmp_path: Path, old: str, new: str, told: str | None
) -> None:
    path = tmp_path / "gallery.csv"
    path.write_text("LAT,LON\n10,20\n30,40\n".replace(old, new, 1))
    if told is None:
        gallery = read_gallery(path)
        assert (gallery.lat.tolist(), gallery.lng.tolist()) == ([20, 40], [10, 30])
        return
    with pytest.raises(PackError, match=f"{path}.*{told}"):
        read_gallery(path)


def photographed(country: str, n: int, seed: int = 0) -> Gallery:
    """Places about towns of a country, as photos gather."""
    rng = np.random.default_rng(seed)
    towns = [town for town in gazetteer.places() if town.country == country]
    weights = np.array([float(max(town.population, 1)) for town in towns])
    chosen = rng.choice(len(towns), n, p=weights / weights.sum())
    middle = np.array([(towns[row].latitude, towns[row].longitude) for row in chosen.tolist()])
    return Gallery(*(middle + rng.normal(scale=0.05, size=middle.shape)).T)


@pytest.mark.parametrize("country", ["DE", "CH", "BR", "MT"])
def test_columns_of_one_country_that_changed_places_are_noticed(country: str) -> None:
    """Also those that lie on land then, as Switzerland's in Ethiopia; small islands are no less sound."""
    gallery = photographed(country, 60)
    assert check_columns(gallery, Path("towns.csv")) == ""
    with pytest.raises(PackError, match=r"towns\.csv.*change places"):
        check_columns(Gallery(gallery.lng, gallery.lat), Path("towns.csv"))


def test_places_far_from_people_are_at_most_doubted() -> None:
    """Ships off Arabia, whose places lie in Germany when the columns change; stations on the ice; a grid."""
    rng = np.random.default_rng(0)
    at_sea = Gallery(rng.uniform(11, 14, 120), rng.uniform(48, 52, 120))
    assert "ten times as many people" in check_columns(at_sea, Path("ships.csv"))
    on_the_ice = Gallery(rng.uniform(-80, -70, 60), rng.uniform(-70, 80, 60))
    assert not check_columns(on_the_ice, Path("ice.csv"))
    whole_earth = Gallery(rng.uniform(-80, 80, 60), rng.uniform(-180, 180, 60))
    assert not check_columns(whole_earth, Path("grid.csv"))


def test_a_gallery_of_one_place_tells_nothing_apart() -> None:
    with pytest.raises(PackError, match="one place only"):
        check_columns(Gallery(np.full(9, 48.0), np.full(9, 8.0)), Path("towns.csv"))


def test_the_gap_of_a_place_is_that_to_its_nearest_other() -> None:
    from geotagger.geo import distance_km
    from geotagger.model.gallery import Gallery

    places = embedders.gallery_places()
    gallery = Gallery(places[:, 0], places[:, 1])
    apart = distance_km(places[:, None, 0], places[:, None, 1], places[None, :, 0], places[None, :, 1])
    apart[apart < 1e-9] = np.inf
    exact = apart.min(axis=1)
    assert (gallery.gap_km >= np.minimum(exact, 1_000) * (1 - 1e-9)).all()
    assert np.median(gallery.gap_km / exact) == pytest.approx(1, abs=0.01)
    assert gallery.duplicates == 1


@given(st.lists(st.integers(0, 40), min_size=1, max_size=400), st.randoms(use_true_random=False))
def test_two_levels_of_sums_are_the_sums(classes: list[int], random: Random) -> None:
    values = np.array([random.random() for _ in classes])
    row = np.unique(classes, return_inverse=True)[1].astype(np.int32)
    first, second = chunked_rows(row)
    chunks = np.append(values, 0.0)[first].sum(axis=1)
    np.testing.assert_allclose(
        np.append(chunks, 0.0)[second].sum(axis=1), np.bincount(row, values), rtol=1e-12
    )


ON_TENSORRT = {"Cast", "Div", "Gather", "Gemm", "Max", "Mul", "Pad", "ReduceSum", "Softmax", "Sqrt", "TopK"}
"""Of the operators that docs/operators.md of onnx-tensorrt (TensorRT 8.4) says are supported."""
NOT_ON_COREML = {"Gather", "Pad", "TopK"}
"""Those that coreml_supported_mlprogram_ops.md of ONNX Runtime has not; they run on the CPU there."""


def test_behind_the_tower_are_operators_that_runtimes_say_they_run(tmp_path: Path) -> None:
    tower = read_network(embedders.save(embedders.embedder(), tmp_path / "tower.onnx"))
    rng = np.random.default_rng(0)
    head = GalleryHead(
        rng.normal(size=(900, WIDTH)).astype(np.float32), np.sort(rng.integers(0, 40, 900)), SCALE
    )
    write_gallery_network(tower, head, EDGE, tmp_path / "whole.onnx")
    graph = onnx.load(tmp_path / "whole.onnx").graph
    constants = {tensor.name for tensor in graph.initializer}
    added = [node for node in graph.node if "geotagger/" in "".join((*node.input, *node.output))]
    assert {node.op_type for node in added} - {"Cast"} == ON_TENSORRT - {"Cast"}
    assert {node.op_type for node in added} >= NOT_ON_COREML
    bound = [node for node in added if node.op_type in ("TopK", "Pad", "ReduceSum", "Gather", "Gemm")]
    assert all(node.input[1] in constants for node in bound), "counts, axes, rows and weights are constants"


class TestOwnFiles:
    """`models import --onnx`."""

    @pytest.fixture
    def cells(self, tmp_path: Path) -> Path:
        from tests.model.checkpoints import write_grids

        return write_grids(tmp_path / "grids.txt", 11)

    def arguments(self, network: Path, cells: Path) -> list[object]:
        return ["import", "--onnx", network, "--cells", cells, "--pixels", "imagenet", "--input-size", EDGE]

    def test_a_classifier_becomes_a_pack(
        self, models_command: Geotagger, home: Path, tmp_path: Path, cells: Path
    ) -> None:
        network = embedders.save(embedders.classifier(), tmp_path / "net.onnx")
        done = models_command(*self.arguments(network, cells), "--name", "own")
        assert done.code == 0, done.err
        answers = OnnxRunner(load_pack(home / "own").onnx_path, Device("cpu")).run(pictures()).probabilities
        expected = ort.InferenceSession(str(network)).run(None, {"images": pictures()})[0]
        np.testing.assert_array_equal(answers, expected)

    def test_logits_are_refused_and_normalised_when_told(
        self,
        models_command: Geotagger,
        home: Path,
        tmp_path: Path,
        cells: Path,
    ) -> None:
        network = embedders.save(embedders.classifier(softmax=False), tmp_path / "net.onnx")
        done = models_command(*self.arguments(network, cells), "--name", "own")
        assert done.code == 3
        assert "--normalise softmax" in done.err
        assert not (home / "own").exists()
        assert (
            models_command(*self.arguments(network, cells), "--name", "own", "--normalise", "softmax").code
            == 0
        )
        assert OnnxRunner(load_pack(home / "own").onnx_path, Device("cpu")).run(pictures()).probabilities.sum(
            axis=1
        ) == pytest.approx(1)

    def test_an_answer_that_depends_on_the_batch_is_refused(
        self,
        models_command: Geotagger,
        tmp_path: Path,
        cells: Path,
    ) -> None:
        network = embedders.save(embedders.classifier(batch_bound=True), tmp_path / "net.onnx")
        done = models_command(*self.arguments(network, cells))
        assert done.code == 3
        assert "in a batch get different answers" in done.err

    def test_answers_that_are_not_finite_are_refused(
        self,
        models_command: Geotagger,
        tmp_path: Path,
        cells: Path,
    ) -> None:
        bad = np.full((3 * EDGE * EDGE, 11), np.nan, np.float32)
        network = embedders.save(embedders.classifier(bad), tmp_path / "net.onnx")
        done = models_command(*self.arguments(network, cells))
        assert done.code == 3
        assert f"{network}: answers with numbers that are not finite" in done.err

    def test_what_onnx_runtime_refuses_is_said_of_the_file_that_its_owner_has(
        self, models_command: Geotagger, tmp_path: Path, cells: Path
    ) -> None:
        model = embedders.classifier()
        model.graph.node[-1].op_type = "NoSuchOperator"
        network = embedders.save(model, tmp_path / "net.onnx")
        done = models_command(*self.arguments(network, cells))
        assert done.code == 3
        assert f"{network}: ONNX Runtime cannot run it on cpu: " in done.err
        assert "NoSuchOperator" in done.err
        assert ".unfinished" not in done.err

    def test_a_network_that_reshapes_to_one_picture_is_refused(
        self, models_command: Geotagger, tmp_path: Path, cells: Path
    ) -> None:
        model = embedders.classifier()
        model.graph.node[0].op_type = "Reshape"
        del model.graph.node[0].attribute[:]
        model.graph.node[0].input.append("shape")
        shape = onnx.numpy_helper.from_array(np.array([1, -1], np.int64), "shape")
        model.graph.initializer.append(shape)
        done = models_command(*self.arguments(embedders.save(model, tmp_path / "net.onnx"), cells))
        assert done.code == 3
        assert "an open batch" in done.err

    def test_a_classifier_of_half_precision_becomes_a_pack(
        self, models_command: Geotagger, home: Path, tmp_path: Path, cells: Path
    ) -> None:
        model = embedders.classifier()
        for tensor in (*model.graph.input, *model.graph.output):
            tensor.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
        halves = onnx.numpy_helper.to_array(model.graph.initializer[0]).astype(np.float16)
        model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(halves, "w"))
        done = models_command(
            *self.arguments(embedders.save(model, tmp_path / "net.onnx"), cells), "--name", "half"
        )
        assert done.code == 0, done.err
        answers = OnnxRunner(load_pack(home / "half").onnx_path, Device("cpu")).run(pictures())
        assert answers.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-3)

    def test_an_answer_with_the_rows_and_columns_of_a_convolution_is_flattened(
        self, models_command: Geotagger, home: Path, tmp_path: Path, cells: Path
    ) -> None:
        model = embedders.classifier()
        model.graph.node[-1].output[0] = "flat_scores"
        axes = onnx.numpy_helper.from_array(np.array([2, 3], np.int64), "axes")
        model.graph.initializer.append(axes)
        model.graph.node.append(onnx.helper.make_node("Unsqueeze", ["flat_scores", "axes"], ["scores"]))
        for _ in range(2):
            model.graph.output[0].type.tensor_type.shape.dim.add().dim_value = 1
        network = embedders.save(model, tmp_path / "net.onnx")
        done = models_command(*self.arguments(network, cells), "--name", "own")
        assert done.code == 0, done.err
        answers = OnnxRunner(load_pack(home / "own").onnx_path, Device("cpu")).run(pictures()).probabilities
        expected = ort.InferenceSession(str(network)).run(None, {"images": pictures()})[0]
        np.testing.assert_array_equal(answers, expected[:, :, 0, 0])

    @pytest.mark.parametrize(
        ("outputs", "advice"),
        [
            ([("a", 7, (None, 11))], "an answer of floats"),
            ([("a", 1, (None, None))], "whose width is stated"),
            ([("a", 1, (None, 12))], "the list of cells that the network"),
            ([("a", 1, (None, 11)), ("b", 1, (None, 11))], "with one answer that wide"),
        ],
    )
    def test_of_an_answer_that_does_not_fit_it_is_said_what_to_do(
        self, tmp_path: Path, outputs: list[tuple[str, int, tuple[int | None, ...]]], advice: str
    ) -> None:
        network = read_network(embedders.save(embedders.classifier(), tmp_path / "net.onnx"))
        given = tuple(TensorInfo(*output) for output in outputs)
        network = replace(network, info=replace(network.info, outputs=given))
        with pytest.raises(PackError, match=advice):
            write_classifier(network, 11, EDGE, "none", tmp_path / "written.onnx")

    @pytest.mark.parametrize(
        ("shape", "element", "advice"),
        [
            ((None, EDGE, EDGE, 3), 1, "colours before the rows"),
            ((3, EDGE, EDGE), 1, "with an open batch"),
            ((8, 3, EDGE, EDGE), 1, "with an open batch"),
            ((None, 3, EDGE, EDGE), 2, "uint8 .* an input of floats"),
            ((None, 3, 64, 64), 1, "--input-size 64"),
            ((), 1, "square pictures"),
        ],
    )
    def test_of_an_input_that_does_not_fit_it_is_said_what_to_do(
        self, shape: tuple[int | None, ...], element: int, advice: str
    ) -> None:
        with pytest.raises(PackError, match=advice):
            check_pictures(Path("net.onnx"), TensorInfo("x", element, shape), EDGE)

    def test_an_embedder_of_another_width_than_its_gallery_is_refused(
        self,
        models_command: Geotagger,
        tmp_path: Path,
        published: Path,
    ) -> None:
        network = embedders.save(embedders.embedder(width=6), tmp_path / "net.onnx")
        done = models_command(
            "import", "--onnx", network, "--pixels", "clip", "--input-size", EDGE,
            "--gallery", published / FILES["gallery"], "--encoder", published / FILES["encoder"],
        )  # fmt: skip
        assert done.code == 3
        assert "8 wide" in done.err

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_embeddings_of_a_file_make_the_same_pack(
        self,
        models_command: Geotagger,
        home: Path,
        tmp_path: Path,
        published: Path,
        dtype: type,
    ) -> None:
        first, second = embedders.weights_of_places()
        made = np.sin(embedders.gallery_places() @ first) @ second
        np.save(tmp_path / "made.npy", made.astype(dtype))
        done = models_command(
            "import", "--onnx", published / FILES["network"], "--pixels", "clip", "--input-size", EDGE,
            "--gallery", published / FILES["gallery"], "--embeddings", tmp_path / "made.npy",
            "--logit-scale", SCALE, "--name", "own",
        )  # fmt: skip
        assert done.code == 0, done.err
        assert "1 of the gallery's 300 places stand in it twice" in done.err
        pack = load_pack(home / "own")
        assert pack.encoder_path is None
        assert_answers_by_the_formula(pack)

    @pytest.mark.parametrize(
        ("embeddings", "words", "told"),
        [
            (np.ones((300, WIDTH), np.float32), ("--encoder",), "are not what"),
            (np.ones((300, 9), np.float32), (), "9 wide"),
            (np.ones((299, WIDTH), np.float32), (), "do not belong to a gallery of 300 places"),
            (np.full((300, WIDTH), np.nan, np.float32), (), "made.npy: the embedding of place 1"),
            (np.ones((300, WIDTH), np.float32), ("--logit-scale", "0"), "a number above 0 and up to"),
            (np.ones((300, WIDTH), np.float32), ("--logit-scale", "nan"), "a number above 0"),
            (np.ones((300, WIDTH), np.float32), ("--logit-scale", "1e30"), "1e+30; a number above 0"),
        ],
    )
    def test_what_does_not_belong_together_is_refused(
        self,
        models_command: Geotagger,
        home: Path,
        tmp_path: Path,
        published: Path,
        embeddings: NDArray[np.float32],
        words: tuple[str, ...],
        told: str,
    ) -> None:
        np.save(tmp_path / "made.npy", embeddings)
        done = models_command(
            "import", "--onnx", published / FILES["network"], "--pixels", "clip", "--input-size", EDGE,
            "--gallery", published / FILES["gallery"], "--embeddings", tmp_path / "made.npy", *words,
            *([published / FILES["encoder"]] if words == ("--encoder",) else []),
        )  # fmt: skip
        assert done.code in (2, 3)
        assert told in done.err
        assert len(done.err.strip().splitlines()) == 1
        assert not home.exists() or not list(home.iterdir())

    def test_pixels_have_to_be_told(self, models_command: Geotagger, tmp_path: Path, cells: Path) -> None:
        network = embedders.save(embedders.classifier(), tmp_path / "net.onnx")
        done = models_command("import", "--onnx", network, "--cells", cells)
        assert done.code == 2
        assert "--pixels" in done.err

    def test_weights_in_a_second_file_are_refused(
        self, models_command: Geotagger, tmp_path: Path, cells: Path
    ) -> None:
        onnx.save(
            embedders.classifier(), str(tmp_path / "net.onnx"), save_as_external_data=True, size_threshold=0
        )
        done = models_command(*self.arguments(tmp_path / "net.onnx", cells))
        assert done.code == 3
        assert "second file" in done.err


def test_rates_are_told_in_plain_numbers() -> None:
    assert [two_digits(rate) for rate in (0.0000234, 0.634, 4.17, 23.4, 99.4, 99.6, 283, 5205)] == [
        "0.000023", "0.63", "4.2", "23", "99", "100", "283", "5,205",
    ]  # fmt: skip


def test_the_shipped_catalogue_has_geoclip(shared_data: Path) -> None:
    model = read_catalogue()["geoclip"]
    assert (model.kind, model.licence, model.advice.recommended) == ("gallery", "MIT", True)
    assert model.precisions == ("int8", "fp16", "fp32")
    assert model.scale == pytest.approx(np.exp(3.681034803390503))
    gallery = {file.role: file for file in model.files}["gallery"]
    content = (shared_data / "reference" / "cells" / "photo-coordinates-100k.csv").read_bytes()
    assert (gallery.bytes, gallery.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert set(catalogues.ROLES["gallery"]) == {file.role for file in model.files}


def test_list_says_what_a_person_needs_to_choose(models_command: Geotagger) -> None:
    records = {record["name"]: record for record in models_command("list", "--json").records}
    geoclip = records["geoclip"]
    assert geoclip["recommended"]
    assert geoclip["download_bytes"] > 3e8
    assert geoclip["photos_per_second"] > 0
    assert "not known" in records["rn101-5k500"]["caution"]
    assert json.dumps(geoclip)
